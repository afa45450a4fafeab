//! The screens about approvals.

use super::at_every_size;
use crate::app::tests::approvals::opened;

#[test]
fn the_list_of_approvals() {
    at_every_size("approvals", opened);
}

#[test]
fn an_approval_in_full() {
    at_every_size("approval-details", |width, height| {
        let mut world = opened(width, height);
        world.press("enter");
        world
    });
}

#[test]
fn the_question_before_a_yes() {
    at_every_size("approval-question", |width, height| {
        let mut world = opened(width, height);
        world.press("y");
        world
    });
}
