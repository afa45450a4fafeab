//! Files of the audit log that are removed or changed, while a server runs and while none does.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::audit::{entries, entry, some, verify};
use crate::common::{Raw, Spawned, Topsided, require_root};

/// A server with some entries, a client, and an admin who takes notices.
fn running(topsided: &Topsided) -> (Spawned, Raw, Raw) {
    let server = topsided.start();
    let mut admin = server.connect();
    admin.ok("initialize", json!({"notices": true}));
    let mut client = server.connect();
    client.run("work", json!({}));
    (server, client, admin)
}

/// Expects the warning that admins get, and the line in the server's log.
fn alarms(server: &mut Spawned, admin: &mut Raw, what: &str) {
    let told = admin.told("broadcast");
    assert_eq!((&told["level"], &told["by"]), (&json!("warning"), &json!("topsided")));
    let message = told["message"].as_str().unwrap();
    assert!(message.contains(what), "{message}");
    server.says(what);
}

#[test]
fn a_file_that_is_removed_replaced_or_changed_under_the_server_is_noticed_at_the_next_write() {
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 4] = [
        ("removed", |file| fs::remove_file(file).unwrap()),
        ("replaced", |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).unwrap();
            fs::rename(copy, file).unwrap();
        }),
        ("truncated", |file| {
            let half = fs::metadata(file).unwrap().len() / 2;
            fs::OpenOptions::new().write(true).open(file).unwrap().set_len(half).unwrap();
        }),
        ("changed by another program", |file| {
            let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(b"{}\n").unwrap();
        }),
    ];
    for (what, change) in changes {
        let topsided = Topsided::new();
        let state = topsided.path("state");
        let (mut server, mut client, mut admin) = running(&topsided);
        let last = entries(&state).last().unwrap()["seq"].as_u64().unwrap();
        change(&state.join("audit.jsonl"));
        assert_eq!(client.run("work", json!({}))["state"], "succeeded", "{what}");
        alarms(&mut server, &mut admin, &format!("was {what} while the server ran"));
        let missing = entry(&state, "audit/missing", |_| true);
        assert!(missing["result"].as_str().unwrap().contains(what), "{missing}");
        assert!(missing["seq"].as_u64() > Some(last), "no number is used twice");
        entry(&state, "command/run", |_| true);
        let (status, said) = verify(&topsided);
        assert_eq!(status, Some(1), "{what}: {said}");
        assert!(said.contains("the audit log is not intact: seq "), "{what}: {said}");
    }
}

#[test]
fn a_head_that_is_removed_under_the_server_is_noticed_and_made_again() {
    let topsided = Topsided::new();
    let state = topsided.path("state");
    let (mut server, mut client, mut admin) = running(&topsided);
    fs::remove_file(state.join("audit.head")).unwrap();
    client.run("work", json!({}));
    alarms(&mut server, &mut admin, "audit.head was removed while the server ran");
    entry(&state, "audit/missing", |line| line["object"] == "audit.head");
    assert_eq!(verify(&topsided).0, Some(0));
}

#[test]
fn without_its_state_directory_a_server_starts_nothing_that_it_cannot_record() {
    let topsided = Topsided::new();
    let state = topsided.path("state");
    let (mut server, mut client, mut admin) = running(&topsided);
    let moved = topsided.path("moved");
    fs::rename(&state, &moved).unwrap();
    let error = client.refused("command/run", json!({"command": "work"}));
    assert!(error["message"].as_str().unwrap().contains("audit log"), "{error}");
    alarms(&mut server, &mut admin, "was removed while the server ran");
    let (status, said) = verify(&topsided);
    assert_eq!((status, said.contains("nothing has been recorded")), (Some(66), true), "{said}");
    // Another directory of that name gets the next entries, under the numbers that follow.
    fs::create_dir(&state).unwrap();
    client.run("work", json!({}));
    let first = entry(&state, "audit/missing", |_| true);
    assert!(first["seq"].as_u64() > Some(1), "{first}");
    assert_eq!(verify(&topsided).0, Some(1), "entries are missing");
}

#[test]
fn a_head_or_a_log_that_is_gone_is_reported_as_missing() {
    let topsided = some();
    let state = topsided.path("state");
    let head = fs::read(state.join("audit.head")).unwrap();
    let last = entries(&state).len();
    fs::remove_file(state.join("audit.head")).unwrap();
    let (status, said) = verify(&topsided);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("audit.head is missing") && said.contains(&format!("seq {last}")),
        "{said}"
    );
    fs::write(state.join("audit.head"), &head[..40]).unwrap();
    assert_eq!(verify(&topsided).0, Some(1), "a cut head is none");
    fs::remove_file(state.join("audit.head")).unwrap();
    let log = fs::read(state.join("audit.jsonl")).unwrap();
    fs::remove_file(state.join("audit.jsonl")).unwrap();
    let (status, said) = verify(&topsided);
    assert_eq!((status, said.contains("all of it is missing")), (Some(1), true), "{said}");

    // A start tells of it, and goes on.
    let mut server = topsided.start();
    server.says("the audit log was missing at the start of the server");
    entry(&state, "audit/missing", |line| line["seq"] == 1);
    server.signal(Signal::TERM);
    server.exit();
    assert_eq!(verify(&topsided).0, Some(0));

    fs::write(state.join("audit.jsonl"), log).unwrap();
    fs::remove_file(state.join("audit.head")).unwrap();
    let mut server = topsided.start();
    server.says("audit.head was missing or unreadable");
    entry(&state, "audit/missing", |line| line["object"] == "audit.head");
}

#[test]
fn a_log_that_was_never_begun_or_cannot_be_read_is_no_damage() {
    let topsided = Topsided::new();
    let (status, said) = verify(&topsided);
    assert_eq!((status, said.contains("no server has run there")), (Some(66), true), "{said}");
    assert_eq!(topsided.run(&["id"]).status, Some(0));
    assert_eq!(verify(&topsided).0, Some(66), "a key alone is no server that ran");

    if !require_root() {
        return;
    }
    let topsided = some();
    let mut command = topsided.command();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    command.args(["audit", "verify"]).uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    let said = crate::common::program::run(&mut command);
    assert_eq!(said.status, Some(66), "{}", said.stderr);
    assert!(said.stderr.contains("cannot be read"), "{}", said.stderr);

    // Root may read the log of another user's server, as `sudo topsided audit` does, and changes nothing.
    let state = topsided.path("state");
    for file in [state.clone(), state.join("audit.jsonl"), state.join("audit.head")] {
        std::os::unix::fs::chown(&file, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw()))
            .unwrap();
    }
    let (status, said) = verify(&topsided);
    assert_eq!((status, said.contains("Audit log intact")), (Some(0), true), "{said}");
    assert_eq!(topsided.run(&["audit", "show"]).status, Some(0));
}

#[test]
fn admins_are_shown_the_last_entry_on_the_disk_and_others_are_not() {
    let topsided = Topsided::new();
    topsided.write("server.toml", crate::common::server::LOOPBACK);
    let state = topsided.path("state");
    let server = topsided.start();
    let mut client = server.connect();
    client.run("work", json!({}));
    let shown = client.ok("initialize", json!({}))["audit"].take();
    let line = entries(&state).into_iter().find(|line| line["seq"] == shown["seq"]).unwrap();
    assert!(shown["seq"].as_u64() >= line["seq"].as_u64() && shown["seq"].as_u64() > Some(1));
    let log = fs::read_to_string(state.join("audit.jsonl")).unwrap();
    let seq = usize::try_from(shown["seq"].as_u64().unwrap()).unwrap();
    let hash = {
        use sha2::{Digest, Sha256};
        format!("{:x}", Sha256::digest(log.lines().nth(seq - 1).unwrap()))
    };
    assert_eq!(shown["hash"], json!(hash));
    let made = client.ok("key/invite", json!({"name": "phone", "role": "operator"}));
    let phone = crate::common::Device::of_invite(made["invite"].as_str().unwrap()).enrol();
    let welcome = phone.connect().ok("initialize", json!({}));
    assert_eq!(welcome.get("audit"), None::<&Value>);
}
