//! Probe of the chosen server: whether it answers, and for how long an answer is shown. Only while the picker is shown.

use super::routes::{self, ProbeResult};
use super::{all_servers, chosen};
use crate::app::connection::{ConnectionState, Via};
use crate::app::{Effect, LocalServer, Screen, State};

/// How long a choice must stand before its server is asked: scrolling through ten asks the last.
const PAUSE: u64 = 250;
/// How often the chosen server is asked.
pub(super) const EVERY: u64 = 4_000;
/// How long an answer is shown. A probe takes less than this: [`PROBE_LIMIT`].
pub(super) const FRESH: u64 = 5_000;
/// The time in which an address must answer a probe, in milliseconds.
pub(crate) const PROBE_LIMIT: u64 = 3_000;
/// How often, at most, one that refuses this device is asked.
const REFUSED: u64 = 10_000;
/// Without a key for so long the picker counts as unattended.
const LOOKING: u64 = 120_000;

/// What is known of the chosen server, and when it is asked.
#[derive(Debug, Default)]
pub(crate) struct ProbeSchedule {
    /// Each with the time at which it was learnt, by the monotonic clock.
    known: Vec<(Via, ProbeResult, u64)>,
    /// Those that have not answered yet in this round.
    waiting: Vec<Via>,
    /// The round of questions whose answers are waited for.
    round: u64,
    /// When to ask next, where that is not a matter of routine.
    due: Option<u64>,
    /// When it was asked last.
    asked: Option<u64>,
    /// When a key was pressed last.
    used: u64,
    /// When an address last said what does not pass by itself.
    refused: Option<u64>,
}

impl ProbeSchedule {
    /// The round whose answers are waited for.
    #[cfg(test)]
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// How an address of the chosen server stands, if that is known.
    pub(crate) fn reach(&self, via: Via) -> Option<&ProbeResult> {
        self.known.iter().find(|(known, ..)| *known == via).map(|(_, reach, _)| reach)
    }

    /// Whether keys were pressed lately. Where none were, no server is asked.
    pub(super) fn is_watched(&self, now: u64) -> bool {
        now <= self.used + LOOKING
    }
}

/// Forgets what is known, and asks soon: another server is chosen, or the same one has changed.
pub(crate) fn anew(state: &mut State, pause: u64) {
    // What was asked of another one is not heard any more.
    let ProbeSchedule { used, asked, .. } = state.picker.asking;
    let due = Some(state.clock.mono + pause);
    state.picker.asking = ProbeSchedule { used, asked, due, ..ProbeSchedule::default() };
}

/// Another server is chosen: takes over what is known of it, and asks soon.
pub(super) fn choose(state: &mut State) {
    anew(state, PAUSE);
    state.picker.asking.known = all_servers::fresh(state);
}

/// A person asks for it: all is forgotten and asked at once. A refusal that does not pass by itself is kept
/// for a while, for the server counts each against the address that this device comes from, and shuts that
/// out in the end.
pub(crate) fn test(state: &mut State) -> Vec<Effect> {
    let now = state.clock.mono;
    let ProbeSchedule { refused, ref mut known, .. } = state.picker.asking;
    let wait = refused.map_or(0, |at| (at + REFUSED).saturating_sub(now));
    if wait == 0 {
        anew(state, 0);
    } else {
        known.retain(|(_, reach, _)| reach.is_lasting());
        let seconds = wait.div_ceil(1000);
        state.refuse(format!("a way that refuses this device is not asked again for {seconds} s"));
    }
    ask(state)
}

/// A dial has come to nothing: what is known may be old.
pub(crate) fn again(state: &mut State) {
    state.picker.asking.due = Some(state.clock.mono + PAUSE);
}

/// Asks the chosen server, and this machine's own, whether they answer. What does not change by
/// itself is not asked again: forgetting it comes first.
pub(crate) fn ask(state: &mut State) -> Vec<Effect> {
    let round = state.next_serial();
    let asking = &mut state.picker.asking;
    asking.round = round;
    asking.due = None;
    asking.asked = Some(state.clock.mono);
    let mut vias = Vec::new();
    let profile = chosen(state).filter(|profile| profile.pin.is_some());
    if let Some(profile) = profile {
        let lasting = |via| state.picker.asking.reach(via).is_some_and(ProbeResult::is_lasting);
        vias.extend(
            [Via::Lan, Via::Internet]
                .into_iter()
                .filter(|via| routes::address(profile, *via).is_some() && !lasting(*via)),
        );
    }
    let server = profile.map(|profile| profile.name.clone()).filter(|_| !vias.is_empty());
    state.picker.asking.waiting.clone_from(&vias);
    vec![Effect::Probe { round, server, vias }]
}

/// When to ask: never while a server is dialled or connected, and not long after the last key.
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

/// When an answer becomes too old to be shown. What this device was refused does not pass by itself, and stays.
fn forget_at(state: &State) -> Option<u64> {
    if !matches!(state.screen, Screen::Picker) {
        return None;
    }
    let asking = &state.picker.asking;
    let known = asking.known.iter().filter(|(_, reach, _)| !reach.is_lasting());
    let remote = known.map(|(.., at)| at + FRESH).min();
    // The server of this machine is asked in each round and answers at once.
    let local = asking.asked.map(|asked| asked + FRESH);
    let local =
        local.filter(|at| state.local_server != LocalServer::Unknown && !asking.is_watched(*at));
    remote.into_iter().chain(local).min()
}

/// Milliseconds until it is time to ask, or to forget an old answer.
pub(crate) fn changes_in(state: &State) -> Option<u64> {
    let at = ask_at(state).into_iter().chain(forget_at(state)).chain(all_servers::ask_at(state));
    let at = at.min();
    at.map(|at| at.saturating_sub(state.clock.mono))
}

/// Asks, if it is time, and forgets what is too old.
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

/// What is shown of an address that has not answered lately.
pub(crate) fn unknown(state: &State) -> &'static str {
    if state.picker.asking.is_watched(state.clock.mono) {
        "asking …"
    } else {
        "not asked until a key is pressed"
    }
}

/// A key was pressed: the picker is attended.
pub(crate) fn used(state: &mut State) {
    state.picker.asking.used = state.clock.mono;
}

/// Answers of earlier probes are ignored from now on.
pub(crate) fn stop(state: &mut State) {
    state.picker.asking = ProbeSchedule::default();
}

/// An address of the chosen server has answered, or not.
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
