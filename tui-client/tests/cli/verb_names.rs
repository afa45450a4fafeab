//! Names of verbs: earlier names still work, and verbs of two programs give the same answers.

use crate::common::{Place, text};

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
fn keys_of_the_client_and_of_the_server_give_the_same_answer() {
    let place = Place::new();
    let keys = |args: &[&str]| place.verb(args).with(0).out;
    let server = place.serve();
    let phone = ["--name", "phone", "--role", "operator"];
    place.verb(&[&["invite"], &phone[..]].concat()).with(0);
    place.verb(&["token", "--name", "cron", "--role", "viewer", "--commands", "time"]).with(0);
    let told = keys(&["keys"]);
    assert!(told.contains("phone") && told.contains("cron"), "{told}");
    assert_eq!(keys(&["serve", "keys"]), told);

    place.verb(&["serve", "revoke", "phone"]).with(0);
    let without = keys(&["keys"]);
    assert_ne!(without, told);
    assert_eq!(keys(&["serve", "keys"]), without);
    // Without a server, `serve keys` reads its files.
    drop(server);
    assert_eq!(keys(&["serve", "keys"]), without);
}
