//! The figures and the log of a server.

use serde_json::json;
use topside_shared::notices::Notice;

use super::at_every_size;
use crate::app::Event;
use crate::app::tests::logging::{entry, read};
use crate::app::tests::standing::looked_at;
use crate::net::LostReason;

#[test]
fn how_the_server_stands() {
    at_every_size("status", looked_at);
}

#[test]
fn the_rest_of_how_the_server_stands() {
    at_every_size("status-scrolled", |width, height| {
        let mut world = looked_at(width, height);
        world.press("end");
        world
    });
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
        world.notice(Notice::LogEntry(entry(33, "info", "client gone", &json!({"client": 9}))));
        world
    });
}

#[test]
fn the_log_through_its_filters() {
    at_every_size("log-filtered", |width, height| {
        let mut world = read(width, height);
        world.press("backtab");
        world.write("client");
        world.event(Event::Lost(LostReason::Gone));
        world
    });
}
