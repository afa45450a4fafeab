//! Probe of the selected server: whether it answers, and for how long a result is shown. It runs only while the picker
//! is shown.

use super::picker_state::{ProbeResult, ProbeSchedule};
use super::routes;
use super::{all_servers, chosen, fleet};
use crate::app::connection::{ConnectionState, Via};
use crate::app::{Effect, LocalServer, Screen, State};
use crate::config::Profile;

/// How long a selection must stay before it is probed, so that scrolling through ten probes only the last.
const PAUSE: u64 = 250;
/// Interval between probes of the selected server.
pub(super) const EVERY: u64 = 4_000;
/// How long a result is shown. A probe takes less time: [`PROBE_LIMIT`].
pub(super) const FRESH: u64 = 5_000;
pub(crate) const PROBE_LIMIT: u64 = 3_000;
/// Least interval between probes of a server that refuses this device.
const REFUSED: u64 = 10_000;

/// Drops the results and probes soon, after another selection or a change of the server.
pub(crate) fn anew(state: &mut State, pause: u64) {
    // Answers to earlier probes are ignored.
    let ProbeSchedule { used, asked, .. } = state.picker.asking;
    let due = Some(state.clock.mono + pause);
    state.picker.asking = ProbeSchedule { used, asked, due, ..ProbeSchedule::default() };
}

/// Another server was selected: takes its last results, and probes soon.
pub(super) fn choose(state: &mut State) {
    anew(state, PAUSE);
    state.picker.asking.known = all_servers::fresh(state);
}

/// The user asked for a probe: the results are dropped and it starts at once. A refusal that lasts is kept for a
/// while, because the server counts refusals of an address and in the end blocks it.
pub(crate) fn test(state: &mut State) -> Vec<Effect> {
    let now = state.clock.mono;
    let ProbeSchedule { refused, ref mut known, .. } = state.picker.asking;
    let wait = refused.map_or(0, |at| (at + REFUSED).saturating_sub(now));
    if wait == 0 {
        anew(state, 0);
    } else {
        known.retain(|(_, reach, _)| reach.is_lasting());
        let seconds = wait.div_ceil(1000);
        state
            .refuse(format!("a route that refuses this device is not asked again for {seconds} s"));
    }
    ask(state)
}

/// A dial has failed: the results may be outdated.
pub(crate) fn again(state: &mut State) {
    state.picker.asking.due = Some(state.clock.mono + PAUSE);
}

/// Probes the selected server, and the one of this machine. Routes with a lasting result are not probed again until
/// the result is dropped.
pub(crate) fn ask(state: &mut State) -> Vec<Effect> {
    let round = state.next_serial();
    let asking = &mut state.picker.asking;
    asking.round = round;
    asking.due = None;
    asking.asked = Some(state.clock.mono);
    let lasting = |via| state.picker.asking.reach(via).is_some_and(ProbeResult::is_lasting);
    let profile = chosen(state);
    let vias = profile.map_or_else(Vec::new, |profile| addresses(profile, &state.hubs, lasting));
    let server = profile.map(|profile| profile.name.clone()).filter(|_| !vias.is_empty());
    state.picker.asking.waiting.clone_from(&vias);
    vec![Effect::Probe { round, server, vias }]
}

/// The addresses of a paired server that can be probed. One with a lasting error is not probed again automatically,
/// because the server counts refusals.
pub(super) fn addresses(
    profile: &Profile,
    hubs: &[String],
    has_lasting_error: impl Fn(Via) -> bool,
) -> Vec<Via> {
    let is_probed = |via: &Via| {
        profile.pin.is_some()
            && routes::address(profile, *via, hubs).is_some()
            && !has_lasting_error(*via)
    };
    [Via::Lan, Via::Internet, Via::Hub].into_iter().filter(is_probed).collect()
}

/// Time of the next probe: none while a server is dialled or connected, or while the picker is unattended.
fn ask_at(state: &State) -> Option<u64> {
    if !matches!((&state.screen, &state.link), (Screen::Picker, ConnectionState::Idle)) {
        return None;
    }
    let asking = &state.picker.asking;
    // A new round would drop the answers of the one before.
    let pause = if asking.waiting.is_empty() { EVERY } else { EVERY + PROBE_LIMIT };
    let routine = asking.asked.map(|asked| asked + pause);
    asking.due.or(routine.filter(|at| asking.is_watched(*at)))
}

/// When a result becomes too old to be shown. A lasting refusal stays.
fn forget_at(state: &State) -> Option<u64> {
    if !is_shown(state) {
        return None;
    }
    let asking = &state.picker.asking;
    let known = asking.known.iter().filter(|(_, reach, _)| !reach.is_lasting());
    let remote = known.map(|(.., at)| at + FRESH).min();
    // The server of this machine is probed in each round and answers at once.
    let local = asking.asked.map(|asked| asked + FRESH);
    let local =
        local.filter(|at| state.local_server != LocalServer::Unknown && !asking.is_watched(*at));
    remote.into_iter().chain(local).min()
}

fn is_shown(state: &State) -> bool {
    matches!(state.screen, Screen::Picker)
}

/// Milliseconds until the next probe, until a result is dropped, or until a box of a fleet counts as away.
pub(crate) fn changes_in(state: &State) -> Option<u64> {
    let at = ask_at(state).into_iter().chain(forget_at(state)).chain(all_servers::ask_at(state));
    let probes = at.map(|at| at.saturating_sub(state.clock.mono));
    probes.chain(is_shown(state).then(|| fleet::changes_in(state)).flatten()).min()
}

/// Probes when it is time, and drops old results.
pub(crate) fn tick(state: &mut State) -> Vec<Effect> {
    let now = state.clock.mono;
    if forget_at(state).is_some_and(|at| at <= now) {
        let asking = &mut state.picker.asking;
        asking.known.retain(|(_, reach, at)| reach.is_lasting() || now < at + FRESH);
        if !asking.is_watched(now) {
            state.local_server = LocalServer::Unknown;
        }
    }
    let is_time = ask_at(state).is_some_and(|at| at <= now);
    let mut effects = if is_time { ask(state) } else { Vec::new() };
    effects.extend(all_servers::tick(state));
    effects
}

/// The text for an address without a fresh result.
pub(crate) fn unknown(state: &State) -> &'static str {
    if state.picker.asking.is_watched(state.clock.mono) {
        "asking …"
    } else {
        "not asked until a key is pressed"
    }
}

pub(crate) fn used(state: &mut State) {
    state.picker.asking.used = state.clock.mono;
}

pub(crate) fn stop(state: &mut State) {
    state.picker.asking = ProbeSchedule::default();
}

/// Takes the result of a probe of the selected server.
pub(crate) fn reached(state: &mut State, round: u64, via: Via, reach: ProbeResult) {
    if round != state.picker.asking.round {
        return;
    }
    let reach = reach.clean();
    if let Some(name) = chosen(state).map(|profile| profile.name.clone()) {
        all_servers::keep(state, &name, via, reach.clone());
    }
    if reach.is_lasting() {
        state.picker.asking.refused = Some(state.clock.mono);
    }
    let (now, asking) = (state.clock.mono, &mut state.picker.asking);
    asking.waiting.retain(|of| *of != via);
    asking.known.retain(|(of, ..)| *of != via);
    asking.known.push((via, reach, now));
}
