//! The screens about schedules.

use super::at_every_size;
use crate::app::tests::schedules::opened;

#[test]
fn the_list_of_schedules() {
    at_every_size("schedules", |width, height| {
        let mut world = opened(width, height);
        world.press("down");
        world
    });
}

#[test]
fn a_schedule_in_full() {
    at_every_size("schedule-details", |width, height| {
        let mut world = opened(width, height);
        world.press("enter");
        world
    });
}
