//! What an admin does to others, on both screens: the one that does it and the one that it is done to.

use super::harness::{Home, Screen, Server};
use super::session::{console, number, see_each_other, wanted_name};

/// Two screens at one server that see each other.
fn two(home: &Home) -> (Server, Screen, Screen) {
    let server = Server::start(home);
    let (first, second) = (console(home), console(home));
    see_each_other(&first, &second);
    (server, first, second)
}

/// Chooses an action in the palette.
pub(crate) fn act(screen: &mut Screen, title: &str) {
    screen.write("\x10");
    screen.see("Actions and commands");
    screen.write(title);
    // The first row that is left, not a row further down that it will pass.
    screen.until("the action alone", |screen| {
        let text = screen.contents();
        let first = text.lines().find(|line| line.contains('▌')).unwrap_or_default();
        // A long title is cut.
        let start: String = title.chars().take(30).collect();
        first.contains(&start) && text.contains("1 of ")
    });
    screen.write("\r");
}

#[test]
fn a_client_is_looked_at_and_sent_away_and_reads_why_and_by_whom() {
    let home = Home::new();
    let (mut server, mut first, mut second) = two(&home);
    let (admin, other) = (number(&first), number(&second));
    let (admin, other) = (admin.trim(), other.trim());
    act(&mut first, "Disconnect a client");
    first.see_all(&["2 clients", "Ctrl-X disconnect"]);
    first.write("\r");
    first.see_all(&["r refresh", " in, ", " out", "nothing", "topside 0."]);
    first.write("\x18");
    first.see_all(&["Disconnect ", &format!("({other})?"), "▐ Cancel ▌", "Enter next"]);
    // Enter after the reason goes to the button, and nothing is sent yet.
    first.write("time for bed\r");
    first.see_all(&["time for bed", "▐▸Disconnect◂▌"]);
    first.write("\r");

    // Not a key is pressed on the second one, which stays as it is.
    second.see_all(&[
        "you were disconnected by",
        &format!("({admin})"),
        "time for bed",
        "R reconnect",
    ]);
    assert!(!second.see("R reconnect").contains("reconnecting"));
    first.until("the other one gone from the list", |screen| {
        let text = screen.contents();
        text.contains("1 client ") && text.contains("was disconnected")
    });
    // He may come back by himself.
    second.write("R");
    second.see(" · connected · ");
    second.write("\x1bn");
    second.see_all(&["Notices of this session", "reconnected to", "time for bed"]);
    server.kill();
}

#[test]
fn a_broadcast_is_shown_and_kept() {
    let home = Home::new();
    let (mut server, mut first, mut second) = two(&home);
    let admin = number(&first);
    act(&mut first, "Broadcast a message");
    first.see_all(&["warning", "message*", "▐ Send ▌"]);
    first.write("dinner is ready\x1b[Z \x13");
    for screen in [&first, &second] {
        screen.see_all(&["warning from ", &format!("({})", admin.trim()), "dinner is ready"]);
    }
    first.see("told 2 clients");
    second.write("\x1bn");
    second.see_all(&["Notices of this session", "▲ ", "dinner is ready"]);
    server.kill();
}

#[test]
fn a_shutdown_is_ordered_postponed_and_cancelled_and_each_step_is_on_both_screens() {
    let home = Home::new();
    let (mut server, mut first, mut second) = two(&home);
    act(&mut first, "Shut the server down, or restart it");
    first.see_all(&["delay", "restart", "reason", "back", "▐ Run ▌"]);
    first.write("600\t\tnew disk, back in 10 min\x13");
    let question = first.see_all(&["to confirm", "1 other client is notified", "back in 10 min"]);
    first.write(&format!("{}\r\r", wanted_name(&question)));
    for screen in [&first, &second] {
        screen.see_all(&["shuts down in 9:", "new disk, back in 10 min"]);
    }
    // The other one puts it off: he is an admin too.
    let by = number(&second);
    let by = format!("({})", by.trim());
    act(&mut second, "Postpone the shutdown");
    second.see("❯ shutdown 15m new disk, back in 10 min");
    second.write("\x13");
    second.see_all(&["Postpone the shutdown?", "▐▸Cancel◂▌"]);
    second.write("\t\r");
    for screen in [&first, &second] {
        screen.see_all(&["shuts down in 14:", "postponed by", &by]);
    }
    act(&mut first, "Cancel the shutdown");
    first.see("cancelled by you");
    second.see_all(&["cancelled by", &format!("({})", number(&first).trim())]);
    second.write("\x1bn");
    second.see_all(&["Notices of this session", "postponed by", "cancelled by"]);
    server.kill();
}

#[test]
fn a_restart_is_announced_as_such_and_both_screens_come_back_to_it() {
    let home = Home::new();
    let (mut server, mut first, second) = two(&home);
    act(&mut first, "Shut the server down, or restart it");
    first.see("▐ Run ▌");
    first.write("\t \tnew menu\x13");
    let question = first.see_all(&["to confirm", "restarts at once", "new menu"]);
    first.write(&format!("{}\r\r", wanted_name(&question)));
    for screen in [&first, &second] {
        screen.see_all(&["it was started anew", " · connected · "]);
    }
    second.see("restarted by");
    server.kill();
}
