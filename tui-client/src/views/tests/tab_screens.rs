//! The strip of tabs, over the console and over the picker.

use topside_shared::notifications::{Notification, Phase};

use super::{at_every_size, frame, text};
use crate::app::tests::tabs::{hear, open, two_tabs};
use crate::app::tests::{World, closing, printed, running};
use crate::app::{Event, Msg};
use crate::connect::DisconnectReason;

/// Three tabs: one with a shutdown that is due, one with new output, one without a session; the last one is shown.
fn three_tabs(width: u16, height: u16) -> World {
    let (mut world, garden, clock) = two_tabs(width, height);
    world.enter("temp");
    hear(&mut world, clock, Notification::RunChanged(Box::new(running(31, "temp"))));
    let pump = open(&mut world, "pump");
    hear(&mut world, garden, closing(Phase::Scheduled, 40_000, "moving"));
    hear(&mut world, clock, printed(31, "12 C\n"));
    world.write("half a line");
    world.tell(Msg::Session { session: pump, event: Event::Lost(DisconnectReason::Gone) });
    world
}

#[test]
fn the_strip_shows_a_shutdown_new_output_and_a_lost_session() {
    at_every_size("tabs", three_tabs);
}

#[test]
fn a_new_tab_shows_the_picker_below_the_strip() {
    at_every_size("new-tab", |width, height| {
        let (mut world, ..) = two_tabs(width, height);
        world.press("ctrl-t");
        world
    });
}

/// However many tabs there are, the active one has its name and each has its number.
#[test]
fn nine_tabs_fit_in_forty_columns() {
    let (mut world, ..) = two_tabs(40, 10);
    for nth in 3..=9 {
        let mut profiles = world.state.servers.clone();
        profiles[2].name = format!("box-number-{nth}");
        world.tell(Msg::Servers(profiles));
        open(&mut world, &format!("box-number-{nth}"));
    }
    for key in ["alt-1", "alt-5", "alt-9"] {
        world.press(key);
        let strip = text(&frame(&world.state)).lines().next().unwrap().to_owned();
        let number = &key[4..];
        let active = format!("{number} {}", world.state.name().chars().next().unwrap());
        assert!(strip.contains(&active), "{strip}");
        assert!((1..=9).all(|nth| strip.contains(&nth.to_string())), "{strip}");
    }
}
