//! Power cuts: what was not synced is gone at the next start.

use serde_json::json;

use crate::common::power::Power;
use crate::common::{Fifo, Raw, Spawned, Topsided};

/// A command whose `safe_state` writes its run's number into the file `closed`.
fn menu(topsided: &Topsided) {
    let closed = topsided.path("closed");
    topsided.write(
        "commands.toml",
        &format!(
            "{}\n[commands.valve]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\ntimeout = \"none\"\n\
             safe_state = [\"sh\", \"-c\", \"echo $TOPSIDE_RUN >> {}\"]\nmax_concurrent = 1\nqueue = 5\n\
             [[commands.valve.args]]\nname = \"script\"\ntype = \"string\"\n",
            crate::common::MENU,
            closed.display()
        ),
    );
}

fn closed(topsided: &Topsided) -> String {
    std::fs::read_to_string(topsided.path("closed")).unwrap_or_default()
}

/// Starts a run that goes on, and waits until its program does.
fn open_valve(client: &mut Raw, said: &mut Fifo) -> u64 {
    let script = format!("echo up > {}; sleep 1000", said.path());
    let run = json!({"command": "valve", "args": {"script": script}, "wait": false});
    let run = client.ok("command/run", run)["runId"].as_u64().unwrap();
    assert_eq!(said.line(), "up");
    run
}

fn state(server: &Spawned, run: u64) -> String {
    let page = server.connect().ok("runs/list", json!({"before": run + 1, "limit": 1}));
    assert_eq!(
        (&page["runs"][0]["runId"], &page["runs"][0]["command"]),
        (&json!(run), &json!("valve"))
    );
    page["runs"][0]["state"].as_str().unwrap().to_owned()
}

/// The row was in a write-ahead log that was not synced: the hook was forgotten, and numbers began at 1 again.
#[test]
fn a_power_cut_forgets_no_pending_hook_and_repeats_no_number() {
    let topsided = Topsided::new();
    let Some(power) = Power::new(&topsided) else { return };
    menu(&topsided);
    let mut said = topsided.fifo("said");
    let mut server = power.start(&topsided);
    let mut client = server.connect();
    client.run("look", json!({}));
    let run = open_valve(&mut client, &mut said);
    // The row of this one need not be on the disk.
    let last = client.run("look", json!({}))["runId"].as_u64().unwrap();
    power.cut(&mut server);

    let mut server = power.start(&topsided);
    let mut client = server.connect();
    let next = client.run("look", json!({}))["runId"].as_u64().unwrap();
    assert!(next > last, "{next} after {last}");
    assert_eq!(closed(&topsided), format!("{run}\n"));
    assert_eq!(state(&server, run), "lost");
    // The end is on the disk as well: the hook does not run again.
    power.cut(&mut server);
    let server = power.start(&topsided);
    server.connect().run("look", json!({}));
    assert_eq!(closed(&topsided), format!("{run}\n"));
    let verified = topsided.run(&["audit", "verify"]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

/// One that waits for its turn has the row of its start on the disk as well, once it starts.
#[test]
fn a_power_cut_forgets_no_hook_of_a_run_that_was_queued() {
    let topsided = Topsided::new();
    let Some(power) = Power::new(&topsided) else { return };
    menu(&topsided);
    let (mut said, mut queued_said) = (topsided.fifo("said"), topsided.fifo("queued"));
    let mut server = power.start(&topsided);
    let mut client = server.connect();
    let first = open_valve(&mut client, &mut said);
    let script = format!("echo up > {}; sleep 1000", queued_said.path());
    let queued = json!({"command": "valve", "args": {"script": script}, "wait": false});
    let second = client.ok("command/run", queued)["runId"].as_u64().unwrap();
    client.ok("run/cancel", json!({"runId": first}));
    assert_eq!(queued_said.line(), "up");
    power.cut(&mut server);
    let server = power.start(&topsided);
    server.connect().run("look", json!({}));
    assert_eq!(closed(&topsided), format!("{first}\n{second}\n"));
    assert_eq!(
        (state(&server, first), state(&server, second)),
        ("cancelled".into(), "lost".into())
    );
}

/// A client was told of the end, so nothing undoes it.
#[test]
fn a_power_cut_does_not_undo_the_end_of_a_run_with_a_hook() {
    let topsided = Topsided::new();
    let Some(power) = Power::new(&topsided) else { return };
    menu(&topsided);
    let mut server = power.start(&topsided);
    let row = server.connect().run("valve", json!({"script": "exit 0"}));
    power.cut(&mut server);
    let server = power.start(&topsided);
    server.connect().run("look", json!({}));
    assert_eq!(state(&server, row["runId"].as_u64().unwrap()), "succeeded");
    assert_eq!(closed(&topsided), "");
}

/// `runs.db` alone is enough: a back-up, or a repair, may leave the files beside it behind.
#[test]
fn without_the_write_ahead_log_no_pending_hook_is_forgotten() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut said = topsided.fifo("said");
    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("look", json!({}));
    let run = open_valve(&mut client, &mut said);
    server.kill();
    for name in ["runs.db-wal", "runs.db-shm"] {
        std::fs::remove_file(topsided.path("state").join(name)).unwrap();
    }
    let server = topsided.start();
    let next = server.connect().run("look", json!({}))["runId"].as_u64().unwrap();
    assert!(next > run, "{next} after {run}");
    assert_eq!((closed(&topsided), state(&server, run)), (format!("{run}\n"), "lost".to_owned()));
}

#[test]
fn without_runs_db_no_number_repeats() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    // None of these has output on the disk, and the numbers reserved at the start do not suffice.
    for _ in 0..200 {
        client.run("work", json!({}));
    }
    let last = client.run("work", json!({}))["runId"].as_u64().unwrap();
    server.kill();
    for name in ["runs.db", "runs.db-wal", "runs.db-shm"] {
        std::fs::remove_file(topsided.path("state").join(name)).unwrap();
    }
    let server = topsided.start();
    let next = server.connect().run("work", json!({}))["runId"].as_u64().unwrap();
    assert!(next > last, "{next} after {last}");
}

/// The steps of "When something is wrong": stop the server, move the damaged file away, start it again.
#[test]
fn after_a_damaged_runs_db_is_moved_away_no_number_repeats() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    let last = client.run("work", json!({}))["runId"].as_u64().unwrap();
    server.terminate();
    std::fs::write(topsided.path("state/runs.db"), "no database").unwrap();
    let mut server = topsided.start();
    let error = server.connect().refused("command/run", json!({"command": "work"}));
    assert_eq!(error["data"]["kind"], "internal", "{error}");
    server.terminate();
    std::fs::create_dir(topsided.path("state/damaged")).unwrap();
    for file in std::fs::read_dir(topsided.path("state")).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        if name.starts_with("runs.db") {
            std::fs::rename(file.path(), topsided.path("state/damaged").join(name)).unwrap();
        }
    }
    let server = topsided.start();
    let next = server.connect().run("work", json!({}))["runId"].as_u64().unwrap();
    assert_eq!(next, last + 1);
}
