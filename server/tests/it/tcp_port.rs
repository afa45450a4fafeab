//! Verbs about keys, and the TCP port, of the real `topsided`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use serde_json::json;

use crate::common::program::{Said, Topsided, run};
use crate::common::server::LOOPBACK;
use crate::common::{Device, eventually, require_root};

fn topsided() -> Topsided {
    let topsided = Topsided::new();
    topsided.write("server.toml", LOOPBACK);
    topsided
}

/// A port of loopback that is reserved as long as the socket lives. It does not listen, so that a
/// server may take the port by its number.
fn reserved_port() -> (OwnedFd, u16) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_reuseaddr(&held, true).unwrap();
    bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap().port();
    (held, port)
}

fn ok(said: Said) -> String {
    assert_eq!(said.status, Some(0), "{said:?}");
    said.stdout
}

fn invited(text: &str) -> Device {
    let invite = text.lines().find(|line| line.starts_with("topside1:")).unwrap();
    Device::of_invite(invite)
}

#[test]
fn an_invite_that_was_made_before_the_server_ran_lets_a_device_in() {
    let topsided = Topsided::new();
    let (_held, port) = reserved_port();
    topsided.write("server.toml", &LOOPBACK.replace("port = 0", &format!("port = {port}")));
    let said = topsided.run(&["invite", "--name", "phone", "--role", "operator"]);
    assert!(said.stderr.contains("it works once one does"), "{said:?}");
    let one_time = invited(&ok(said));
    assert_eq!(one_time.address.port(), port);
    let mut server = topsided.start();
    let line = server.says("listening on TCP");
    assert!(line.contains(&format!("127.0.0.1:{port}")) && line.contains("invites=1"), "{line}");
    let device = one_time.enrol();
    device.connect().ok("ping", json!({}));
}

#[test]
fn invite_on_a_running_server_opens_tcp() {
    let topsided = topsided();
    let mut server = topsided.start();
    let one_time = invited(&ok(topsided.run(&["invite", "--name", "phone", "--role", "viewer"])));
    server.says("listening on TCP");
    let device = one_time.enrol();
    let mut client = device.connect_with_notices();
    let keys = ok(topsided.run(&["keys"]));
    assert!(keys.contains("phone") && keys.contains("active"), "{keys}");
    let digits = device.pin().digits();
    ok(topsided.run(&["revoke", &digits[..8]]));
    assert_eq!(client.told("session/ended")["code"], "revoked");
    let said = topsided.run(&["revoke", &digits[..8]]);
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("revoked already"), "{said:?}");
}

#[test]
fn invite_says_where_the_server_listens_now_and_how_to_stop_that() {
    let topsided = topsided();
    let mut server = topsided.start();
    let said = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    server.says("listening on TCP");
    let listeners = server.connect().ok("server/status", json!({}))["listeners"].take();
    let address = listeners[1]["address"].as_str().unwrap();
    let sentence = format!("the server listens on {address} now, for paired devices only");
    assert!(said.stderr.contains(&sentence) && said.stderr.contains("addresses = []"), "{said:?}");
    assert_eq!(said.stdout.lines().count(), 1, "the string is alone: {said:?}");
    // What it advises closes the port.
    topsided.write("server.toml", "[listen]\naddresses = []\n");
    server.terminate();
    let server = topsided.start();
    let listeners = server.connect().ok("server/status", json!({}))["listeners"].take();
    assert_eq!(listeners.as_array().unwrap().len(), 1, "{listeners}");
}

#[test]
fn a_second_invite_of_one_name_says_that_the_first_stays_valid() {
    let topsided = topsided();
    let _server = topsided.start();
    let invite = || topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    let first = invite();
    assert!(!first.stderr.contains("earlier"), "{first:?}");
    let second = invite();
    let told = "an earlier invite for phone as viewer stays valid too, until ";
    assert!(second.stderr.contains(told), "{second:?}");
    // The key that it names can be revoked.
    let (_, rest) = second.stderr.split_once("`revoke ").unwrap();
    let revoked = ok(topsided.run(&["revoke", rest.split('`').next().unwrap()]));
    assert!(revoked.contains("phone"), "{revoked}");
    invited(&ok(second)).enrol();
    let third = invite();
    assert!(third.stderr.contains("a device called phone is paired already"), "{third:?}");
    assert!(!third.stderr.contains("earlier"), "{third:?}");
}

#[test]
fn an_invite_without_a_role_names_the_roles() {
    let said = topsided().run(&["invite", "--name", "phone"]);
    assert!(said.stderr.contains("--role <viewer|operator|admin>"), "{said:?}");
}

#[test]
fn key_verbs_work_without_a_running_server() {
    let topsided = topsided();
    topsided.write("server.toml", &LOOPBACK.replace("port = 0", "port = 8677"));
    let none = ok(topsided.run(&["keys"]));
    assert!(none.contains("topsided invite"), "{none}");
    let args = ["token", "--name", "cron", "--role", "operator", "--commands", "look,work"];
    ok(topsided.run(&args));
    let keys = ok(topsided.run(&["keys"]));
    assert!(keys.contains("cron") && keys.contains("look,work"), "{keys}");
    ok(topsided.run(&["revoke", "cron"]));
    let keys = ok(topsided.run(&["keys"]));
    assert!(keys.contains("revoked"), "{keys}");
    let said = topsided.run(&["revoke", "corn"]);
    assert!(said.stderr.contains("no key is called `corn`"), "{said:?}");
}

#[test]
fn a_token_is_printed_as_pem_for_other_programs() {
    let topsided = topsided();
    let _server = topsided.start();
    let args = ["token", "--name", "cron", "--role", "viewer", "--commands", "look", "--pem"];
    let pem = ok(topsided.run(&args));
    for part in ["BEGIN PRIVATE KEY", "BEGIN CERTIFICATE"] {
        assert!(pem.contains(part), "{pem}");
    }
    assert!(!pem.contains("topside1:"));
}

#[test]
fn an_invite_is_shown_as_a_qr_code_when_asked() {
    let topsided = topsided();
    let _server = topsided.start();
    let said = ok(topsided.run(&["invite", "--name", "phone", "--role", "viewer", "--qr"]));
    let lines: Vec<&str> = said.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 20 && lines.iter().any(|line| line.contains('█')), "{said}");
    let width = lines[0].chars().count();
    assert!(lines.iter().all(|line| line.chars().count() == width), "{said}");
}

#[test]
fn the_servers_id_is_what_its_invites_say() {
    let topsided = topsided();
    let before = ok(topsided.run(&["id"]));
    let _server = topsided.start();
    let made = ok(topsided.run(&["invite", "--name", "phone", "--role", "viewer"]));
    let invite: topside_shared::invite::Invite = made.trim().parse().unwrap();
    assert_eq!(before.trim(), invite.server.to_string());
    assert_eq!(before, ok(topsided.run(&["id"])));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(topsided.path("state/server.key")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_port_in_use_is_one_line_and_exit_75() {
    let topsided = Topsided::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    topsided.write("server.toml", &LOOPBACK.replace("port = 0", &format!("port = {port}")));
    let mut server = topsided.start();
    let said = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("is in use by another program"), "{said:?}");
    assert!(ok(topsided.run(&["keys"])).contains("no device is paired"), "no invite was made");
    server.terminate();
    ok(topsided.run(&["invite", "--name", "phone", "--role", "viewer"]));
    let said = topsided.run(&[]);
    assert_eq!(said.status, Some(75), "{said:?}");
    let last = said.stderr.lines().last().unwrap();
    let told = format!("topsided: 127.0.0.1:{port} is in use by another program, which `ss -ltnp`");
    assert!(last.starts_with(&told), "{said:?}");
    assert_eq!(said.stderr.matches("topsided: ").count(), 1, "{said:?}");
    // Nothing is left behind, so nothing is in the way of the next start.
    assert!(!topsided.socket().exists());
    drop(taken);
    let mut server = topsided.start();
    server.connect().ok("ping", json!({}));
    server.terminate();
}

#[test]
fn without_addresses_tcp_is_never_opened() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[listen]\naddresses = []\n");
    let _server = topsided.start();
    let said = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("[listen] addresses"), "{said:?}");
}

#[test]
fn the_verbs_refuse_to_touch_what_belongs_to_another_user() {
    if !require_root() {
        return;
    }
    let topsided = topsided();
    let state = topsided.path("state");
    std::fs::create_dir(&state).unwrap();
    std::os::unix::fs::chown(&state, Some(65_534), None).unwrap();
    for args in [&["keys"][..], &["id"], &["invite", "--name", "x", "--role", "viewer"]] {
        let said = topsided.run(args);
        assert_eq!(said.status, Some(1), "{said:?}");
        assert!(said.stderr.contains("belongs to another user (uid 65534)"), "{said:?}");
    }
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
}

#[test]
fn wrong_arguments_of_key_verbs_are_refused_before_anything_happens() {
    let topsided = topsided();
    for (args, said) in [
        (&["invite", "--name", "x", "--role", "king"][..], "viewer, operator, admin"),
        (
            &["invite", "--name", "x", "--role", "viewer", "--ttl", "10x"],
            "a duration such as 30s, 5m or 1h30m",
        ),
        (&["invite", "--role", "viewer"], "--name"),
        (&["token", "--name", "x", "--role", "viewer"], "--commands"),
        (&["invite", "--name", "x", "--role", "viewer"], "port = 0"),
    ] {
        let got = topsided.run(args);
        assert_ne!(got.status, Some(0), "{got:?}");
        assert!(got.stderr.contains(said), "{got:?}");
    }
    assert!(!topsided.path("state/keys.json").exists());
}

#[test]
fn a_damaged_list_of_keys_stops_the_start_and_is_kept() {
    let topsided = topsided();
    let _ = ok(topsided.run(&["keys"]));
    let path = topsided.path("state/keys.json");
    std::fs::write(&path, "{\"version\": 1, \"keys\": [").unwrap();
    let said = topsided.run(&[]);
    assert_eq!(said.status, Some(78), "{said:?}");
    assert!(
        said.stderr.contains("keys.json:1:") && said.stderr.contains("put back a copy"),
        "{said:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\": 1, \"keys\": [");
}

/// A server under a limit of descriptors, as `ulimit -n` sets it.
fn with_descriptors(topsided: &Topsided, most: u32) -> std::process::Command {
    let mut command = topsided.command_by("/bin/sh");
    let script = format!("ulimit -n {most}; exec \"$0\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_topsided")]);
    command
}

#[test]
fn too_few_descriptors_lower_the_session_limit_and_prevent_a_start() {
    let topsided = topsided();
    let said = run(&mut with_descriptors(&topsided, 255));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.stderr.contains("may have 255 files open, and needs 256"), "{said:?}");
    let mut server = topsided.spawn_by(with_descriptors(&topsided, 256));
    let line = server.says("fewer sessions");
    assert!(line.contains("max_sessions=36"), "{line}");
    server.says("server started");
}

/// At the limit of descriptors accepting fails at once, again and again, which filled the log and kept a core busy.
#[test]
fn accepting_pauses_without_descriptors_and_resumes() {
    let topsided = topsided();
    let mut server = topsided.start_by(with_descriptors(&topsided, 256));
    let mut held: Vec<_> = Vec::new();
    let mut first = server.connect();
    first.ok("ping", json!({}));
    // More than there are descriptors for: the system takes them, the server cannot yet.
    for _ in 0..400 {
        held.push(std::os::unix::net::UnixStream::connect(topsided.socket()).unwrap());
    }
    server.says("no connection can be accepted now");
    first.ok("ping", json!({}));
    drop(held);
    // The server closes its ends one by one; a connection that comes before is refused.
    eventually("a connection is served", || {
        let mut client = server.connect();
        let id = client.ask("ping", json!({}));
        let error = client.answer(id)["error"].take();
        assert!(error.is_null() || error["data"]["kind"] == "busy", "{error}");
        error.is_null()
    });
    server.signal(rustix::process::Signal::TERM);
    let lines = server.rest();
    assert!(lines.iter().filter(|line| line.contains("can be accepted")).count() <= 2, "{lines:?}");
}

/// A known source was unknown after a restart.
#[test]
fn a_known_source_is_known_after_a_restart_too() {
    let topsided = Topsided::new();
    let (_held, port) = reserved_port();
    topsided.write("server.toml", &LOOPBACK.replace("port = 0", &format!("port = {port}")));
    let mut server = topsided.start();
    let one_time = invited(&ok(topsided.run(&["invite", "--name", "phone", "--role", "viewer"])));
    let device = one_time.enrol();
    drop(device.connect());
    server.terminate();
    let mut server = topsided.start();
    server.says("listening on TCP");
    let stranger = device.stranger();
    for _ in 0..5 {
        assert!(stranger.refusal().is_some());
    }
    device.connect().ok("ping", json!({}));
}
