//! The figures and the log of a server.

use super::at_every_size;
use crate::app::tests::standing::looked_at;

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
