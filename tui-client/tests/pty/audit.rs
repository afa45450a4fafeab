//! The screen warns of an audit log that has lost entries.

use super::harness::{Home, Screen, Server, eventually};
use super::session::console;

#[test]
fn a_warning_about_the_audit_log_stays_on_the_screen_until_it_is_closed() {
    let home = Home::new();
    let _server = Server::start(&home);
    drop(console(&home));
    let seen = home.0.path().join("state/audit-seen");
    let file = || std::fs::read_dir(&seen).ok()?.next()?.ok().map(|file| file.path());
    eventually("the end of the audit log is remembered", || file().is_some());
    let more = format!("{{\"seq\":1000000,\"hash\":\"{}\"}}", "1".repeat(64));
    std::fs::write(file().unwrap(), more).unwrap();

    let mut screen = Screen::topside(&home, (120, 30), &[]);
    screen.see("answers in");
    screen.write("\r");
    screen.see_all(&["Notices of this session", "1000000"]);
    screen.write("\x1b");
    screen.until("the page is closed and the warning is among the blocks", |screen| {
        let text = screen.contents();
        text.contains("warning: the audit log") && text.contains("CLIENTS")
    });
}
