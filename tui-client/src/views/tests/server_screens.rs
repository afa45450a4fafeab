//! The figures and the log of a server.

use serde_json::json;
use topside_shared::notifications::Notification;

use super::{at_every_size, frame, text};
use crate::app::tests::World;
use crate::app::tests::log_lines::{entry, read};
use crate::app::tests::status_figures::{looked_at, looked_at_an_older_server};
use crate::app::{Event, Msg, Size};
use crate::connect::DisconnectReason;

#[test]
fn status_of_the_server() {
    at_every_size("status", looked_at);
}

#[test]
fn status_of_the_server_scrolled() {
    at_every_size("status-scrolled", |width, height| {
        let mut world = looked_at(width, height);
        world.press("end");
        world
    });
}

#[test]
fn status_of_an_older_server() {
    at_every_size("status-older-server", looked_at_an_older_server);
}

#[test]
fn the_load_in_the_header() {
    at_every_size("header-load", |width, height| {
        let mut world = looked_at(width, height);
        world.press("esc");
        world
    });
}

/// Its first rows were hidden, and nothing said so.
#[test]
fn what_was_scrolled_is_whole_where_the_terminal_has_grown() {
    let mut world = looked_at(60, 15);
    let head = |world: &World| text(&frame(&world.state)).contains(" now ");
    assert!(head(&world));
    world.press("end");
    assert!(!head(&world));
    world.tell(Msg::Resize(Size { width: 120, height: 40 }));
    assert!(head(&world));
}

#[test]
fn the_log() {
    at_every_size("log", read);
}

#[test]
fn the_log_of_which_a_line_is_read() {
    at_every_size("log-read", |width, height| {
        let mut world = read(width, height);
        world.press("up enter");
        world.notice(Notification::LogEntry(entry(
            33,
            "info",
            "client gone",
            &json!({"client": 9}),
        )));
        world
    });
}

#[test]
fn the_log_through_its_filters() {
    at_every_size("log-filtered", |width, height| {
        let mut world = read(width, height);
        world.press("backtab");
        world.write("client");
        world.event(Event::Lost(DisconnectReason::Gone));
        world
    });
}
