//! Probe of all saved servers: the last result of each, with its age.
//!
//! The selected server has its own schedule, [`super::probe`]. The others are probed in rounds while the picker is
//! watched, a limited number in each round, those with the oldest result first.

use topside_shared::Time;

use super::chosen;
use super::picker_state::{Known, ProbeResult};
use super::probe::{self, EVERY, FRESH};
use super::routes::{RouteSign, millis};
use crate::app::connection::{ConnectionState, Via};
use crate::app::{Effect, Screen, State};
use crate::config::Profile;
use crate::text::times;

/// Number of servers in one round, each at two addresses at most.
const AT_ONCE: usize = 16;

pub(super) fn keep(state: &mut State, server: &str, via: Via, result: ProbeResult) {
    let at = (state.clock.mono, state.clock.wall);
    let known = state.picker.last.of.entry(server.to_owned()).or_default();
    known.retain(|known| known.via != via);
    known.push(Known { via, result, at });
}

/// Takes the result of a probe of this round.
pub(crate) fn reached(state: &mut State, round: u64, server: &str, via: Via, result: ProbeResult) {
    if round == state.picker.last.round {
        keep(state, server, via, result.clean());
    }
}

/// Drops the results of servers that were changed or removed.
pub(super) fn forget_changed(state: &mut State, old: &[Profile]) {
    let State { picker, servers, .. } = state;
    let same = |name: &String| {
        let named = |profile: &&Profile| profile.name == *name;
        let now = servers.iter().find(named);
        now.is_some() && now == old.iter().find(named)
    };
    picker.last.of.retain(|name, _| same(name));
    picker.last.asked = None;
}

fn vias(state: &State, profile: &Profile) -> Vec<Via> {
    let known = state.picker.last.of(profile);
    let lasting = |via| known.iter().any(|known| known.via == via && known.result.is_lasting());
    probe::addresses(profile, &state.hubs, lasting)
}

/// The servers other than the selected one that can be probed, each with its addresses.
fn others(state: &State) -> impl Iterator<Item = (&Profile, Vec<Via>)> {
    let chosen = chosen(state).map(|profile| &profile.name);
    let others = state.servers.iter().filter(move |profile| Some(&profile.name) != chosen);
    others.map(|profile| (profile, vias(state, profile))).filter(|(_, vias)| !vias.is_empty())
}

fn next(state: &State) -> Vec<(String, Vec<Via>)> {
    let oldest = |profile: &Profile| {
        state.picker.last.of(profile).iter().map(|known| known.at.0 + 1).min().unwrap_or(0)
    };
    let mut next: Vec<(&Profile, Vec<Via>)> = others(state).collect();
    next.sort_by_key(|(profile, _)| oldest(profile));
    next.truncate(AT_ONCE);
    next.into_iter().map(|(profile, vias)| (profile.name.clone(), vias)).collect()
}

pub(super) fn ask_at(state: &State) -> Option<u64> {
    if !matches!((&state.screen, &state.link), (Screen::Picker, ConnectionState::Idle)) {
        return None;
    }
    let at = state.picker.last.asked.map_or(state.clock.mono, |asked| asked + EVERY);
    let is_due = state.picker.asking.is_watched(at) && others(state).next().is_some();
    is_due.then_some(at)
}

/// Begins a round when it is time.
pub(super) fn tick(state: &mut State) -> Option<Effect> {
    ask_at(state).filter(|at| *at <= state.clock.mono)?;
    let round = state.next_serial();
    let servers = next(state);
    state.picker.last.round = round;
    state.picker.last.asked = Some(state.clock.mono);
    Some(Effect::ProbeAll { round, servers })
}

/// The fresh results of the selected server, with their times.
pub(super) fn fresh(state: &State) -> Vec<(Via, ProbeResult, u64)> {
    let known = chosen(state).map_or(&[][..], |profile| state.picker.last.of(profile));
    let is_fresh =
        |known: &&Known| known.result.is_lasting() || state.clock.mono < known.at.0 + FRESH;
    let known = known.iter().filter(is_fresh);
    known.map(|known| (known.via, known.result.clone(), known.at.0)).collect()
}

/// The state of a saved server by its last results, in a few words.
pub(crate) fn standing(state: &State, profile: &Profile) -> (RouteSign, String) {
    if profile.pin.is_none() {
        let has_address = profile.lan.is_some() || profile.internet.is_some();
        let words = if has_address { "not paired" } else { "no address" };
        return (RouteSign::None, words.to_owned());
    }
    // An address that answers is shown first, then a lasting error, and of two equal ones the LAN.
    let rank = |known: &&Known| (known.result.rank(), known.via != Via::Lan);
    let Some(known) = state.picker.last.of(profile).iter().min_by_key(rank) else {
        return (RouteSign::None, probe::unknown(state).to_owned());
    };
    let (sign, words) = match &known.result {
        ProbeResult::Up(ms) => (RouteSign::Up, format!("{} {}", known.via.title(), millis(*ms))),
        ProbeResult::Down { words, lasting, .. } => {
            let sign = if *lasting { RouteSign::Wrong } else { RouteSign::Down };
            (sign, (*words).to_owned())
        }
    };
    (sign, format!("{words}{}", age(state, known.at)))
}

/// The age of a result that is not fresh. While the picker is not watched, the text is the time of the result, which
/// does not change.
fn age(state: &State, (at, wall): (u64, Time)) -> String {
    let now = state.clock.mono;
    match now.saturating_sub(at) {
        age if age < FRESH => String::new(),
        age if state.picker.asking.is_watched(now) => format!(" · {}", times::ago(age)),
        _ => format!(" · at {}", times::clock(wall, &state.zone)),
    }
}
