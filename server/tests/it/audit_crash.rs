//! The server killed while it writes the audit log: every change that took effect is in it, and its chain is intact.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audit::entries;
use crate::common::{Chance, Topsided};

/// Clients at once, and what each asks for.
const CLIENTS: usize = 4;
const RUNS: usize = 8;

/// How often it is killed: a few times here, and as often as `just audit-crash` says.
fn rounds() -> u64 {
    let asked = std::env::var("TOPSIDE_AUDIT_ROUNDS").ok();
    asked.map_or(4, |rounds| rounds.parse().expect("TOPSIDE_AUDIT_ROUNDS is a number"))
}

#[test]
fn after_a_kill_all_changes_that_took_effect_are_in_the_audit_log() {
    let topsided = Topsided::new();
    topsided.write(
        "server.toml",
        &format!("{}[limits]\nmax_runs = 0\n", crate::common::server::LOOPBACK),
    );
    let (state, done) = (topsided.path("state"), topsided.path("done"));
    let script = format!("echo $TOPSIDE_RUN >> {}", done.display());
    let mut chance = Chance(rounds());
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        for client in &mut clients {
            for n in 0..RUNS {
                let args = json!({"command": "work", "args": {"script": script}});
                client.ask("command/run", args);
                if n == RUNS / 2 {
                    client.ask("key/invite", json!({"name": "phone", "role": "viewer"}));
                }
            }
        }
        // The moment is so many answers of one client's later.
        for _ in 0..chance.below(RUNS as u64) {
            clients[0].recv();
        }
        server.kill();

        // The next start sets aside what is torn.
        let mut server = topsided.start();
        let mut client = server.connect();
        for key in client.ok("keys/list", json!({}))["keys"].as_array().unwrap() {
            if key["state"] == "invited" {
                client.ok("key/revoke", json!({"keyId": key["keyId"]}));
            }
        }
        let mut ran: BTreeSet<String> = std::fs::read_to_string(&done)
            .unwrap_or_default()
            .lines()
            .map(|run| format!("run #{run}"))
            .collect();
        let page = client.ok("runs/list", json!({"limit": 500}));
        let rows = page["runs"].as_array().unwrap().iter();
        ran.extend(rows.map(|row| format!("run #{}", row["runId"])));
        let keys = client.ok("keys/list", json!({}));
        client.ok("server/shutdown", json!({}));
        assert_eq!(server.exit(), Some(0));
        let verified = topsided.run(&["audit", "verify"]);
        assert_eq!(verified.status, Some(0), "round {round}: {}", verified.stderr);
        let log = entries(&state);
        let told = |action: &str| -> BTreeSet<String> {
            let lines = log.iter().filter(|line| line["action"] == action);
            lines.map(|line| line["object"].as_str().unwrap().to_owned()).collect()
        };
        let begun = told("command/run");
        let missing: Vec<_> = ran.difference(&begun).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} ran and are not told of");
        let invited = told("key/invite");
        for key in keys["keys"].as_array().unwrap() {
            let key: &Value = &key["keyId"];
            assert!(invited.contains(key.as_str().unwrap()), "round {round}: {key} is not told of");
        }
    }
}
