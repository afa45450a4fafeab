//! The screens about keys.

use super::at_every_size;
use crate::app::tests::keeping_keys::opened;

#[test]
fn the_list_of_keys() {
    at_every_size("keys", |width, height| {
        let mut world = opened(width, height);
        world.press("down down");
        world
    });
}

#[test]
fn the_question_before_a_key_is_revoked() {
    at_every_size("confirm-revoke", |width, height| {
        let mut world = opened(width, height);
        world.press("down down ctrl-x");
        world
    });
}
