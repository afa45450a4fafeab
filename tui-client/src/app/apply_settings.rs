//! Takes changed settings into the state.

use super::{Effect, State};
use crate::config::Settings;

pub(super) fn take(
    state: &mut State,
    settings: Settings,
    mistakes: &[String],
    asked: bool,
) -> Vec<Effect> {
    state.theme = settings.theme;
    state.ascii = settings.ascii.unwrap_or(false);
    state.keys = settings.keys;
    match mistakes {
        [] if asked => state.done("The settings are as the files say now."),
        [] => {}
        [one] => state.refuse(one.as_str()),
        [first, rest @ ..] => state.refuse(format!("{first} (and {} more)", rest.len())),
    }
    // A mouse that was switched by hand stays so until the file says something else.
    if state.mouse_set == settings.mouse {
        return Vec::new();
    }
    state.mouse_set = settings.mouse;
    state.mouse = settings.mouse;
    vec![Effect::Mouse(settings.mouse)]
}
