//! The message line, the bar of a shutdown, and the end of a session.

use crate::harness::{Home, Screen, Server};
use crate::session::{console, wanted_name};

/// The row of the screen with this text, and whether it is drawn as a bar of this colour.
fn is_bar(screen: &vt100::Screen, text: &str, colour: u8) -> bool {
    let contents = screen.contents();
    let Some(row) = contents.lines().position(|line| line.contains(text)) else { return false };
    let row = u16::try_from(row).unwrap();
    let cell = |column| screen.cell(row, column).unwrap();
    let mut columns = 0..screen.size().1;
    columns.all(|x| cell(x).inverse() && cell(x).fgcolor() == vt100::Color::Idx(colour))
}

#[test]
fn a_message_disappears_by_itself_on_an_untouched_screen() {
    let home = Home::new();
    let mut screen = console(&home);
    screen.write("\x1bm");
    screen.see_all(&["✓ Mouse off", "? help"]);
    screen.until("the screen without the message", |screen| {
        let text = screen.contents();
        !text.contains("Mouse off") && text.contains("? help")
    });
}

#[test]
fn the_bar_of_a_shutdown_is_above_a_popup_and_red_at_the_end_and_q_leaves_afterwards() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("ks 600 new disk\r");
    let name = wanted_name(&screen.see("to confirm"));
    screen.write(&format!("{name}\r\r"));
    screen.until("a yellow bar", |screen| is_bar(screen, "shuts down in 9:", 3));
    screen.see_all(&["· new disk · ", "F9 postpone"]);
    // Help lies on top, then the form that the bar's key opens.
    screen.write("\x1bOP");
    screen.see("↑ ↓ scroll · Esc closes");
    screen.until("a yellow bar above help", |screen| is_bar(screen, "shuts down in 9:", 3));
    screen.write("\x1b");
    screen.gone("↑ ↓ scroll");
    screen.write("\x1b[20~");
    screen.see("❯ shutdown 15m new disk");
    screen.write("\x15");
    screen.write("5s");
    screen.see("❯ shutdown 5s new disk");
    // An earlier end wants the name.
    screen.write("\x13");
    let name = wanted_name(&screen.see("to confirm"));
    screen.write(&format!("{name}\r\r"));
    screen.until("a red bar", |screen| is_bar(screen, "shuts down in 0:0", 1));
    screen.see_all(&["shut down by", ": new disk", "R reconnect", "P picker", "q quit"]);
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
    assert!(server.succeeded());
}

#[test]
fn after_a_killed_server_q_leaves_without_a_question() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut screen: Screen = console(&home);
    screen.write("echo hello\r");
    screen.see("✓ succeeded");
    server.kill();
    screen.see_all(&["lost at", "R reconnect", "q quit"]);
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
    screen.assert_modes_are_undone();
}
