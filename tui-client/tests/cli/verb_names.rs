//! Names of verbs: earlier names still work, and verbs of two programs give the same answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Ended, Place, text};
use crate::require::skipped;

#[test]
fn the_earlier_names_of_cancel_shutdown_work_and_no_help_names_them() {
    let place = Place::new();
    let _server = place.serve();
    for name in ["cancel-shutdown", "call-off", "shutdown-cancel"] {
        place.verb(&["shutdown", "--in", "1h", "--yes"]).with(0);
        let ended = place.verb(&[name]).with(0);
        assert!(ended.out.contains(" stays"), "{ended:?}");
        assert!(place.json(&["status"])["closing"].is_null());
    }
    let help = place.verb(&["help"]).with(0).out;
    assert!(help.contains("cancel-shutdown"), "{help}");
    assert!(!help.contains("call-off") && !help.contains("shutdown-cancel"), "{help}");
    let pages = place.path("man");
    place.topside(&["man", text(&pages)]).output().unwrap();
    let is_page = |name| pages.join("man1").join(format!("topside-{name}.1")).exists();
    assert_eq!(
        ["cancel-shutdown", "call-off", "shutdown-cancel"].map(is_page),
        [true, false, false]
    );
}

#[test]
fn keys_of_topside_topsided_and_topside_serve_give_the_same_answer() {
    let Some(topsided) = topsided() else { return };
    let place = Place::new();
    place.listen();
    let by_topsided = |args: &[&str]| {
        let mut command = Command::new(&topsided);
        let output = command.args(args).envs(place.environment()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let by_topside = |args: &[&str]| place.verb(args).with(0).out;
    let by_all = || {
        let answer = by_topsided(&["keys"]);
        assert_eq!(by_topside(&["keys"]), answer);
        assert_eq!(by_topside(&["serve", "keys"]), answer);
        answer
    };
    let server = place.serve_by(Command::new(&topsided).envs(place.environment()));
    by_topside(&["invite", "--name", "phone", "--role", "operator"]);
    by_topsided(&["token", "--name", "cron", "--role", "viewer", "--commands", "time"]);
    let third = ["--name", "watchdog-script", "--role", "viewer", "--commands", "time"];
    by_topside(&[&["serve", "token"], &third[..]].concat());
    let all = by_all();
    assert!(["phone", "cron", "watchdog-script"].iter().all(|name| all.contains(name)), "{all}");
    let revoked = || by_all().matches(" revoked ").count();
    assert_eq!(revoked(), 0);
    by_topsided(&["revoke", "phone"]);
    assert_eq!(revoked(), 1);
    by_topside(&["revoke", "cron", "--yes"]);
    assert_eq!(revoked(), 2);
    by_topside(&["serve", "revoke", "watchdog-script"]);
    assert_eq!(revoked(), 3);
    let told = by_all();
    // Without a server the verbs of the server read its files.
    drop(server);
    assert_eq!([by_topsided(&["keys"]), by_topside(&["serve", "keys"])], [told.clone(), told]);
}

/// `runs` printed local time without a zone; the others printed UTC.
#[test]
fn printed_times_are_local_with_their_offset_and_json_has_utc() {
    let place = Place::new();
    place.listen();
    let _server = place.serve();
    place.run(&["both"]).with(0);
    place.verb(&["invite", "--name", "phone", "--role", "operator"]).with(0);
    let away = |args: &[&str]| {
        let ended: Ended = place.topside(args).env("TZ", "XST-5:30").output().unwrap().into();
        ended.with(0).out
    };
    for args in [&["keys"][..], &["runs"], &["log"], &["status"], &["serve", "keys"]] {
        let printed = away(args);
        assert!(printed.contains("+05:30"), "{args:?}: {printed}");
        assert!(!printed.contains("Z "), "{args:?}: {printed}");
    }
    let audit = away(&["serve", "audit", "show"]);
    assert!(audit.lines().all(|line| line.contains("+05:30 ")), "{audit}");
    assert_eq!(away(&["keys"]), away(&["serve", "keys"]));
    for args in [["keys", "--json"], ["log", "--json"], ["runs", "--json"]] {
        let printed = away(&args);
        assert!(printed.contains("Z\"") && !printed.contains("+05:30"), "{args:?}: {printed}");
    }
}

/// The server's own program, which a build of the workspace puts beside `topside`.
fn topsided() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_topside")).with_file_name("topsided");
    (program.exists() || skipped("topsided beside topside (build the workspace)"))
        .then_some(program)
}
