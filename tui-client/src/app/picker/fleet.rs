//! Boxes of the fleets of this device: which are listed, and what each said of itself at the hub. That is a hint, as an
//! announcement on the LAN is: the pin decides.

use std::collections::{HashMap, HashSet};

use topside_shared::text::{MAX_NAME, clean};
use topside_shared::{Pin, Time};

use super::discovered;
use super::fleet_box::{AWAY_AFTER, BoxPresence, FleetBox, FleetBoxRow, Heard, signed};
use super::routes::RouteSign;
use crate::app::State;
use crate::config::Profile;
use crate::text::times;

/// The box at an index of the list: they stand below this machine.
pub(crate) fn at(state: &State, index: usize) -> Option<&FleetBox> {
    state.fleet.get(index.checked_sub(state.servers.len() + 1)?)
}

/// The chosen box of a fleet.
pub(crate) fn chosen(state: &State) -> Option<&FleetBox> {
    at(state, state.picker.at)
}

/// Takes the boxes of all fleets. One that is a saved server too is listed as that.
pub(super) fn load(state: &mut State, rows: Vec<FleetBoxRow>) {
    let now = signed(state.clock.mono);
    let saved: HashSet<Pin> = state.servers.iter().filter_map(Profile::key).collect();
    // A name that another server of the list has too stands behind its fleet.
    let mut names: HashMap<String, usize> = HashMap::new();
    let listed = rows.iter().map(|row| &row.name);
    for name in listed.chain(state.servers.iter().map(|profile| &profile.name)) {
        *names.entry(name.clone()).or_default() += 1;
    }
    let safe = |row: FleetBoxRow| {
        let text = |text: &str| clean(text, MAX_NAME);
        let is_alone = names.get(&row.name) == Some(&1);
        let profile = Profile {
            name: if is_alone {
                text(&row.name)
            } else {
                text(&format!("{}/{}", row.fleet, row.name))
            },
            pin: Some(row.pin.to_string()),
            tags: row.tags.iter().map(|tag| text(tag)).collect(),
            ..Profile::default()
        };
        let heard = row.presence.map(|presence| {
            let at = now - signed(presence.age);
            Heard { presence: BoxPresence { version: text(&presence.version), ..presence }, at }
        });
        FleetBox { profile, fleet: text(&row.fleet), heard }
    };
    let new = rows.into_iter().filter(|row| !saved.contains(&row.pin)).map(safe);
    let mut boxes: Vec<FleetBox> = new.collect();
    boxes.sort_by_cached_key(|each| (each.group(), each.profile.name.clone()));
    state.fleet = boxes;
    discovered::relist(state);
}

/// Milliseconds until a box counts as away.
pub(super) fn changes_in(state: &State) -> Option<u64> {
    let now = state.clock.mono;
    let left = |each: &FleetBox| {
        let heard = each.heard.as_ref().filter(|_| each.is_at_hub(now))?;
        u64::try_from(AWAY_AFTER - heard.age(now)).ok()
    };
    state.fleet.iter().filter_map(left).min()
}

/// Milliseconds until a box shuts down, as it said itself.
pub(crate) fn due_in(state: &State, each: &FleetBox) -> Option<u64> {
    let due = each.live(state.clock.mono)?.shutdown?;
    u64::try_from(due.as_millis() - state.clock.wall.as_millis()).ok()
}

/// When a record came.
fn time(state: &State, heard: &Heard) -> Time {
    Time::from_millis(state.clock.wall.as_millis() - heard.age(state.clock.mono))
}

/// How a box stands: on the LAN, at the hub or away, with its load and its version.
pub(crate) fn standing(state: &State, each: &FleetBox) -> (RouteSign, String) {
    let now = state.clock.mono;
    let pin = each.profile.key();
    let on_lan = state.discovered.iter().any(|find| find.pin.is_some() && find.pin == pin);
    let place = if on_lan { "LAN" } else { "hub" };
    match (each.live(now), &each.heard) {
        (Some(live), _) => {
            let load = live.load.map(|load| format!(" · load {load:.2}")).unwrap_or_default();
            (RouteSign::Up, format!("{place}{load} · {}", live.version))
        }
        (None, _) if on_lan => (RouteSign::Up, place.to_owned()),
        (None, None) => (RouteSign::None, "not seen yet".to_owned()),
        (None, Some(heard)) => {
            let at = times::short_stamp(time(state, heard), state.clock.wall, &state.zone);
            (RouteSign::Idle, format!("away since {at}"))
        }
    }
}

/// What is known of a box, for the side of the list.
pub(crate) fn facts(state: &State, each: &FleetBox) -> Vec<String> {
    let tags: Vec<String> = each.profile.tags.iter().map(|tag| format!(" #{tag}")).collect();
    let mut facts = vec![format!("a box of the fleet {}{}", each.fleet, tags.concat())];
    let Some(heard) = &each.heard else {
        facts.push("the hub has heard nothing of it yet".to_owned());
        return facts;
    };
    let BoxPresence { version, is_up, load, runs, .. } = &heard.presence;
    let runs = match runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    };
    let load = load.map(|load| format!(", load {load:.2}")).unwrap_or_default();
    facts.push(format!("Topside {version}{load}, {runs}"));
    let how = if *is_up { "last heard" } else { "it has stopped" };
    let at = times::stamp(time(state, heard), state.clock.wall, &state.zone);
    facts.push(format!("{how} at {at}"));
    facts
}
