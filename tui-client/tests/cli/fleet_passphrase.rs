//! The passphrase of a fleet's authority: at a terminal, and from a file or standard input.

use serde_json::Value;

use crate::common::{Ended, Place, text};
use crate::hub_server::Hub;
use crate::require::require;
use crate::terminal::Terminal;

const FIRST: &str = "correct horse";
const SECOND: &str = "battery staple";
const CTRL_C: &str = "\u{3}";

fn fleet(place: &Place, args: &[&str]) -> Ended {
    place.verb(&[&["fleet"], args].concat())
}

/// A verb of `topside fleet` that reads these lines.
fn fed(place: &Place, args: &[&str], input: &str) -> Ended {
    let mut child = place.start(&[&["fleet"], args].concat());
    child.write(input);
    child.end()
}

/// A verb of `topside fleet` at a terminal; each question, and what is typed.
fn typed(place: &Place, args: &[&str], answers: &[(&str, &str)]) -> (String, u32) {
    let mut terminal = Terminal::open(place, &[&["fleet"], args].concat());
    for (question, answer) in answers {
        terminal.sees(question);
        terminal.type_text(&format!("{answer}\r"));
    }
    terminal.end()
}

fn row(place: &Place) -> Value {
    place.json(&["fleet", "list"])["fleets"][0].clone()
}

fn key_file(place: &Place) -> String {
    std::fs::read_to_string(place.path("state/fleets/garden/authority.key")).unwrap()
}

/// An admin of a fleet whose authority has the first passphrase.
fn admin(hub: &Hub) -> Place {
    let admin = Place::new();
    let hub = hub.credentials().to_string();
    let create = ["create", "garden", "--as", "anna", "--hub", &hub, "--new-passphrase-file", "-"];
    fed(&admin, &create, &format!("{FIRST}\n")).with(0);
    admin
}

const ASKED: &str = "Passphrase of the authority of garden (not shown): ";
const NEW: &str = "New passphrase (not shown): ";
const AGAIN: &str = "The new passphrase again (not shown): ";

#[test]
fn verbs_that_sign_ask_for_the_passphrase_at_a_terminal() {
    let Some(hub) = Hub::new() else { return };
    let admin = Place::new();
    let string = hub.credentials().to_string();
    let create = ["create", "garden", "--as", "anna", "--hub", &string, "--passphrase"];
    for (new, again, why) in [
        ("1234567", None, "a passphrase has at least 8 characters: nothing was changed"),
        ("", None, "nothing was done"),
        ("12345678", Some("12345679"), "the two passphrases differ: nothing was changed"),
    ] {
        let mut answers = vec![(NEW, new)];
        answers.extend(again.map(|again| (AGAIN, again)));
        let (shown, status) = typed(&admin, &create, &answers);
        assert!(shown.ends_with(&format!("topside: {why}\r\n")), "{shown:?}");
        assert_eq!(status, 126);
        assert!(!admin.path("state/fleets").exists(), "{why}");
    }
    let (shown, status) = typed(&admin, &create, &[(NEW, FIRST), (AGAIN, FIRST)]);
    assert!(shown.contains("Created the fleet garden") && !shown.contains("horse"), "{shown:?}");
    assert_eq!(status, 0);
    assert!(key_file(&admin).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_eq!(
        (&row(&admin)["authority"], &row(&admin)["passphrase"]),
        (&true.into(), &true.into())
    );

    let invite = ["invite", "bert", "--role", "operator"];
    let (shown, status) = typed(&admin, &invite, &[(ASKED, "correct hose")]);
    let wrong =
        "topside: this is not the passphrase of the authority of garden: nothing was changed\r\n";
    assert!(shown.ends_with(wrong) && status == 126, "{shown:?}");
    assert_eq!(fleet(&admin, &["pending"]).with(0).out, "no box waits, and no invite is open\n");
    let mut terminal = Terminal::open(&admin, &[&["fleet"], &invite[..]].concat());
    terminal.sees(ASKED);
    terminal.type_text(CTRL_C);
    let (shown, status) = terminal.end();
    assert!(shown.ends_with("\r\ntopside: nothing was done\r\n") && status == 130, "{shown:?}");
    let (shown, status) = typed(&admin, &invite, &[(ASKED, FIRST)]);
    assert!(shown.contains("topsideme1:") && !shown.contains(FIRST) && status == 0, "{shown:?}");

    // What signs nothing does not ask.
    for verb in ["pending", "people", "boxes", "list"] {
        fleet(&admin, &[verb]).with(0);
    }
}

#[test]
fn without_a_terminal_the_passphrase_comes_from_a_file() {
    let Some(hub) = Hub::new() else { return };
    let admin = admin(&hub);
    let ended = fleet(&admin, &["invite-box"]).with(126);
    let want = "topside: the authority of garden has a passphrase, and there is no terminal to ask for it: give \
                --passphrase-file FILE (- reads standard input)\n";
    assert_eq!(ended.err, want);
    let ended = fleet(&admin, &["passphrase", "garden", "--passphrase-file", "nosuch"]).with(126);
    assert!(ended.err.starts_with("topside: nosuch cannot be read: "), "{ended:?}");
    fed(&admin, &["invite-box", "--passphrase-file", "-"], &format!("{FIRST}\r\nmore")).with(0);
    let ended = fed(&admin, &["invite-box", "--passphrase-file", "-"], "wrong one\n").with(126);
    assert!(ended.err.contains("this is not the passphrase"), "{ended:?}");
    let ended = fed(&admin, &["invite-box", "--passphrase-file", "-"], "\nx").with(126);
    assert!(ended.err.contains("the first line of standard input is empty"), "{ended:?}");
    admin.write("first", FIRST);
    let first = admin.path("first");
    fleet(&admin, &["invite-box", "--passphrase-file", text(&first)]).with(0);

    // The lengths at their limits.
    let set = |new: &str| {
        admin.write("new", new);
        let (first, new) = (admin.path("first"), admin.path("new"));
        let files = ["--passphrase-file", text(&first), "--new-passphrase-file", text(&new)];
        fleet(&admin, &[&["passphrase", "garden"], &files[..]].concat())
    };
    let before = key_file(&admin);
    let ended = set("\u{e4}234567").with(126);
    assert!(ended.err.contains("at least 8 characters"), "{ended:?}");
    let ended = set(&"x".repeat(1025)).with(126);
    assert!(ended.err.contains("at most 1024 bytes"), "{ended:?}");
    assert_eq!(key_file(&admin), before);
    set("\u{e4}2345678").with(0);
    admin.write("first", "\u{e4}2345678");
    set(&"x".repeat(1024)).with(0);
    admin.write("first", &"x".repeat(1024));
    fleet(&admin, &["invite-box", "--passphrase-file", text(&first)]).with(0);
}

#[test]
fn a_passphrase_is_set_changed_and_removed() {
    let Some(hub) = Hub::new() else { return };
    let admin = admin(&hub);
    let answers = [(ASKED, FIRST), (NEW, SECOND), (AGAIN, SECOND)];
    let (shown, status) = typed(&admin, &["passphrase", "garden"], &answers);
    let told = "The authority of garden has a new passphrase on this device\r\n";
    assert!(shown.contains(told) && status == 0, "{shown:?}");
    let first = format!("{FIRST}\n");
    fed(&admin, &["tag", "anna", "wet", "--passphrase-file", "-"], &first).with(126);
    let second = format!("{SECOND}\n");
    fed(&admin, &["tag", "anna", "wet", "--passphrase-file", "-"], &second).with(0);
    // Both on standard input, the old one first.
    let both = ["passphrase", "garden", "--passphrase-file", "-", "--new-passphrase-file", "-"];
    fed(&admin, &both, &format!("{SECOND}\n{FIRST}\n")).with(0);
    let remove = ["passphrase", "garden", "--remove", "--passphrase-file", "-"];
    let ended = fed(&admin, &remove, &second).with(126);
    assert!(ended.err.contains("this is not the passphrase"), "{ended:?}");
    let ended = fed(&admin, &remove, &first).with(0);
    assert_eq!(ended.out, "The authority of garden has no passphrase on this device\n");
    assert!(key_file(&admin).starts_with("-----BEGIN PRIVATE KEY-----\n"));
    fleet(&admin, &["tag", "anna", ""]).with(0);
    let set = ["passphrase", "garden", "--new-passphrase-file", "-"];
    fed(&admin, &set, &first).with(0);
    let ended = fleet(&admin, &["tag", "anna", ""]).with(126);
    assert!(ended.err.contains("--passphrase-file"), "{ended:?}");
    // `create` restores the fleet with its passphrase, and sets none.
    let ended = fleet(&admin, &["create", "garden", "--passphrase"]).with(126);
    assert!(ended.err.contains("`topside fleet passphrase garden`"), "{ended:?}");
    fed(&admin, &["create", "garden", "--passphrase-file", "-"], &first).with(0);
}

#[test]
fn an_exported_authority_keeps_its_passphrase_or_gets_its_own() {
    let Some(hub) = Hub::new() else { return };
    let admin = admin(&hub);
    let kept = admin.path("kept");
    let ended = fleet(&admin, &["export", text(&kept)]).with(0);
    assert!(ended.out.contains("keep it and its passphrase secret"), "{ended:?}");
    let other = admin.path("other");
    let new = ["--passphrase-file", "-", "--new-passphrase-file", "-"];
    let export = [&["export", text(&other)], &new[..]].concat();
    fed(&admin, &export, &format!("{FIRST}\n{SECOND}\n")).with(0);
    for (file, passphrase, wrong) in [(&kept, FIRST, SECOND), (&other, SECOND, FIRST)] {
        let contents = std::fs::read_to_string(file).unwrap();
        assert!(!contents.contains("-----BEGIN PRIVATE KEY-----"), "{contents}");
        let device = Place::new();
        let name = format!("admin of {}", file.file_name().unwrap().to_str().unwrap());
        let import = ["import", text(file), "--as", &name, "--passphrase-file", "-"];
        let ended = fed(&device, &import, &format!("{wrong}\n")).with(126);
        assert!(ended.err.contains("this is not the passphrase"), "{ended:?}");
        assert!(!device.path("state/fleets").exists());
        fed(&device, &import, &format!("{passphrase}\n")).with(0);
        assert_eq!(row(&device)["passphrase"], true);
        fed(&device, &["invite-box", "--passphrase-file", "-"], &format!("{passphrase}\n")).with(0);
    }
    // Without an own one, a plain authority stays plain.
    let remove = ["passphrase", "garden", "--remove", "--passphrase-file", "-"];
    fed(&admin, &remove, &format!("{FIRST}\n")).with(0);
    let plain = admin.path("plain");
    fleet(&admin, &["export", text(&plain)]).with(0);
    fleet(&Place::new(), &["import", text(&plain), "--as", "carl"]).with(0);
}

/// The key is of use without Topside.
#[test]
fn openssl_reads_an_authority_with_a_passphrase() {
    let Some(hub) = Hub::new() else { return };
    if !require("openssl") {
        return;
    }
    let admin = admin(&hub);
    let key = admin.path("state/fleets/garden/authority.key");
    let shown = |passphrase: &str| {
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["pkey", "-noout", "-text", "-in", text(&key), "-passin"]);
        openssl.arg(format!("pass:{passphrase}")).output().unwrap()
    };
    let ended = shown(FIRST);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("ED25519 Private-Key"), "{ended:?}");
    assert!(!shown(SECOND).status.success());
}
