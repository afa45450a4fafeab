//! A state directory on a disk that gets full.

use serde_json::{Value, json};

use crate::common::{Disk, Raw};

/// What the safe state has been run for.
fn closed(disk: &Disk) -> String {
    std::fs::read_to_string(disk.topsided.path("closed")).unwrap_or_default()
}

fn menu(disk: &Disk, script: &str) {
    let closed = disk.topsided.path("closed");
    disk.topsided.write(
        "commands.toml",
        &format!(
            "{}\n[commands.valve]\nexec = [\"sh\", \"-c\", {script:?}]\ntimeout = \"none\"\n\
             safe_state = [\"sh\", \"-c\", \"echo $TOPSIDE_RUN >> {}\"]\n",
            crate::common::MENU,
            closed.display()
        ),
    );
}

fn states(client: &mut Raw, filter: Value) -> Vec<(u64, String)> {
    let page = client.ok("runs/list", filter);
    let rows = page["runs"].as_array().unwrap().iter();
    rows.map(|row| (row["runId"].as_u64().unwrap(), row["state"].as_str().unwrap().to_owned()))
        .collect()
}

/// It stayed `running`, was lost at the next start, and its safe state was run though it had succeeded.
#[test]
fn a_run_that_ends_while_the_disk_is_full_has_ended_and_is_written_down_once_there_is_room() {
    let Some(disk) = Disk::new() else { return };
    let mut said = disk.topsided.fifo("said");
    let mut gate = disk.topsided.fifo("gate");
    menu(&disk, &format!("echo up > {}; read x < {}", said.path(), gate.path()));
    let mut server = disk.start();
    let (mut client, mut other) = (server.connect(), server.connect());
    let id = client.ask("command/run", json!({"command": "valve"}));
    assert_eq!(said.line(), "up");
    disk.fill();
    gate.open();
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["runId"], &row["state"]), (&json!(1), &json!("succeeded")));

    assert_eq!(states(&mut other, json!({"state": "running"})), []);
    let ended = [(1, "succeeded".to_owned())];
    assert_eq!(states(&mut other, json!({"command": "valve"})), ended);
    assert_eq!(states(&mut other, json!({"state": "succeeded", "limit": 1})), ended);
    assert_eq!(other.ok("run/attach", json!({"runId": 1}))["endedAt"], row["endedAt"]);

    // The files of rows have some room of their own.
    let error = (0..1_000).find_map(|_| {
        let id = other.ask("command/run", json!({"command": "look"}));
        other.answer(id).get("error").cloned()
    });
    let error = error.unwrap();
    assert_eq!(other.run("version", json!({}))["state"], "succeeded");
    assert!(error["message"].as_str().unwrap().contains("disk is full"), "{error}");

    disk.free();
    // The next run that is written down takes what was late with it.
    assert_eq!(other.run("look", json!({}))["state"], "succeeded");
    server.kill();
    let server = disk.start();
    assert_eq!(states(&mut server.connect(), json!({"command": "valve"})), ended);
    assert_eq!(closed(&disk), "");
}

/// It was run at every start until there was room.
#[test]
fn the_safe_state_of_a_lost_run_is_run_once_where_the_disk_is_full_meanwhile() {
    let Some(disk) = Disk::new() else { return };
    let mut said = disk.topsided.fifo("said");
    menu(&disk, &format!("echo up > {}; sleep 1000", said.path()));
    let mut server = disk.start();
    server.connect().ok("command/run", json!({"command": "valve", "wait": false}));
    assert_eq!(said.line(), "up");
    server.kill();
    disk.fill();

    let mut server = disk.start();
    let mut client = server.connect();
    let lost = [(1, "lost".to_owned())];
    assert_eq!(states(&mut client, json!({"command": "valve"})), lost);
    assert_eq!(closed(&disk), "1\n");
    disk.free();
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    server.kill();

    let server = disk.start();
    assert_eq!(states(&mut server.connect(), json!({"command": "valve"})), lost);
    assert_eq!(closed(&disk), "1\n");
}
