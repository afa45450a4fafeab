//! 20 live runs with pending hooks, and what must be true of them after a fault.

use serde_json::json;

use super::program::Said;
use super::server::LOOPBACK;
use super::{Chance, MENU, Raw, Spawned, Topsided, eventually};

/// Runs at once.
pub(crate) const RUNS: u64 = 20;

/// What a scenario looks at afterwards.
pub(crate) struct Watched<'a> {
    topsided: &'a Topsided,
    pub(crate) chance: Chance,
    /// All runs that must be followed by their hook.
    pub(crate) runs: Vec<u64>,
    /// The greatest number so far.
    last: u64,
}

impl<'a> Watched<'a> {
    /// Writes the menu and the settings.
    pub(crate) fn new(topsided: &'a Topsided, settings: &str, chance: u64) -> Self {
        let directory = |name: &str| {
            std::fs::create_dir_all(topsided.path(name)).unwrap();
            topsided.path(name).display().to_string()
        };
        let (started, closed) = (directory("started"), directory("closed"));
        let command = |name: &str, more: &str| {
            format!(
                r#"
[commands.{name}]
exec = ["sh", "-c", 'touch {started}/$TOPSIDE_RUN; eval "$1"', "sh", "{{script}}"]
timeout = "none"
{more}safe_state = ["sh", "-c", 'echo x >> {closed}/$TOPSIDE_RUN']
[[commands.{name}.args]]
name = "script"
type = "string"
"#
            )
        };
        let menu = [
            command("valve", ""),
            command("tied", "role = \"operator\"\non_disconnect = \"cancel\"\n"),
        ]
        .concat();
        topsided.write("commands.toml", &format!("{MENU}\n{menu}"));
        let limits = "[limits]\nmax_runs = 0\nmax_runs_per_client = 0\nmax_waiting = 0\n";
        topsided.write("server.toml", &format!("{LOOPBACK}{limits}{settings}"));
        Self { topsided, chance: Chance(chance), runs: Vec::new(), last: 0 }
    }

    /// Starts as many runs, of several shapes, and waits until their programs have begun.
    pub(crate) fn open(&mut self, client: &mut Raw, command: &str) -> Vec<u64> {
        let mut runs = Vec::new();
        for n in 0..RUNS {
            let script = match (n + self.chance.below(3)) % 3 {
                0 => "exec sleep 1000",
                1 => "sleep 1000 & wait",
                _ => "while :; do echo line; sleep 0.05; done",
            };
            let run = json!({"command": command, "args": {"script": script}, "wait": false});
            runs.push(client.ok("command/run", run)["runId"].as_u64().unwrap());
        }
        assert!(runs.iter().all(|run| *run > self.last), "{runs:?} after {}", self.last);
        self.last = *runs.iter().max().unwrap();
        for run in &runs {
            self.wait_for(&format!("started/{run}"));
        }
        self.runs.extend(&runs);
        runs
    }

    pub(crate) fn wait_for(&self, name: &str) {
        let path = self.topsided.path(name);
        eventually(&path.display().to_string(), || path.exists());
    }

    pub(crate) fn closed(&self, run: u64) -> bool {
        self.topsided.path(&format!("closed/{run}")).exists()
    }

    /// Every hook has run, and every row is there and final.
    pub(crate) fn all_closed(&self, server: &Spawned) {
        let mut client = server.connect();
        for run in &self.runs {
            let page = client.ok("runs/list", json!({"before": run + 1, "limit": 1}));
            let row = &page["runs"][0];
            assert_eq!(row["runId"], *run, "its row is lost: {row}");
            assert!(row["endedAt"].is_string(), "{row}");
            assert!(self.closed(*run), "its hook has not run: {row}");
        }
    }

    /// The same as [`Watched::all_closed`]; then the server ends in order, and its log has no panic.
    pub(crate) fn all_is_well(&self, server: &mut Spawned) {
        self.all_closed(server);
        server.connect().ok("server/shutdown", json!({}));
        ended(server, 0);
        intact(&self.topsided.run(&["audit", "verify"]));
    }
}

/// It ended with this status, and nothing in it panicked.
pub(crate) fn ended(server: &mut Spawned, status: i32) {
    let said = server.rest();
    assert!(said.iter().all(|line| !line.contains("panic")), "{said:#?}");
    assert_eq!(server.exit(), Some(status), "{said:#?}");
}

pub(crate) fn intact(said: &Said) {
    assert_eq!(said.status, Some(0), "{said:?}");
}

/// Asks for the end of all runs; the answers come when their hooks have run.
pub(crate) fn cancel(client: &mut Raw, runs: &[u64]) -> Vec<u64> {
    runs.iter().map(|run| client.ask("run/cancel", json!({"runId": run}))).collect()
}

pub(crate) fn cancelled(client: &mut Raw, mut asked: Vec<u64>) {
    while !asked.is_empty() {
        let answer = client.recv();
        assert_eq!(answer["result"]["state"], "cancelled", "{answer}");
        asked.retain(|id| answer["id"] != *id);
    }
}

/// A run that cannot be had in a shortage is refused with the reason, and a server that goes on does not say that it
/// ends.
pub(crate) fn says_the_truth(client: &mut Raw) {
    let id = client.ask("command/run", json!({"command": "look"}));
    let answer = client.answer(id);
    if let Some(error) = answer.get("error") {
        assert_ne!(error["data"]["kind"], "closing", "{error}");
        assert!(!error["message"].as_str().unwrap().contains("shutting down"), "{error}");
    }
    assert_eq!(client.run("echo", json!({"text": "here"}))["output"], "here\n");
}
