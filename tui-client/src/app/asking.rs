//! When the chosen server is asked whether it answers, and what it said. One server at a time: the
//! chosen one, while the picker is shown and somebody is looking.

use super::link::{Link, Via};
use super::picker::chosen;
use super::ways::{self, Reach};
use super::{Effect, Screen, State, clean};

/// How long a choice must stand before its server is asked: scrolling through ten asks the last.
pub(crate) const PAUSE: u64 = 250;
/// How often the chosen server is asked.
const EVERY: u64 = 30_000;
/// How often, at most, one that refuses this device is asked.
const REFUSED: u64 = 10_000;
/// Without a key for so long nobody is looking.
const LOOKING: u64 = 120_000;

/// What is known of the chosen server, and when it is asked.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    known: Vec<(Via, Reach)>,
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

impl Asking {
    /// The round whose answers are waited for.
    #[cfg(test)]
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// How an address of the chosen server stands, if that is known.
    pub(crate) fn reach(&self, via: Via) -> Option<&Reach> {
        self.known.iter().find(|(known, _)| *known == via).map(|(_, reach)| reach)
    }
}

/// Forgets what is known, and asks soon: another server is chosen, or the same one has changed.
pub(crate) fn anew(state: &mut State, pause: u64) {
    // What was asked of another one is not heard any more.
    let Asking { used, asked, .. } = state.picker.asking;
    let due = Some(state.clock.mono + pause);
    state.picker.asking = Asking { used, asked, due, ..Asking::default() };
}

/// A person asks for it: all is forgotten and asked at once. A refusal that does not pass by itself is kept
/// for a while, for the server counts each against the address that this device comes from, and shuts that
/// out in the end.
pub(crate) fn test(state: &mut State) -> Vec<Effect> {
    let now = state.clock.mono;
    let Asking { refused, ref mut known, .. } = state.picker.asking;
    let wait = refused.map_or(0, |at| (at + REFUSED).saturating_sub(now));
    if wait == 0 {
        anew(state, 0);
    } else {
        known.retain(|(_, reach)| reach.is_lasting());
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
        let lasting = |via| state.picker.asking.reach(via).is_some_and(Reach::is_lasting);
        vias.extend(
            [Via::Lan, Via::Internet]
                .into_iter()
                .filter(|via| ways::address(profile, *via).is_some() && !lasting(*via)),
        );
    }
    let server = profile.map(|profile| profile.name.clone()).filter(|_| !vias.is_empty());
    vec![Effect::Probe { round, server, vias }]
}

/// When to ask; never while a server is dialled or talked to, and not for long where nobody touches
/// a key.
fn ask_at(state: &State) -> Option<u64> {
    if !matches!((&state.screen, &state.link), (Screen::Picker, Link::Idle)) {
        return None;
    }
    let asking = &state.picker.asking;
    let routine = asking.asked.map(|asked| asked + EVERY);
    asking.due.or(routine.filter(|at| *at <= asking.used + LOOKING))
}

/// Milliseconds until it is time to ask.
pub(crate) fn ask_in(state: &State) -> Option<u64> {
    ask_at(state).map(|at| at.saturating_sub(state.clock.mono))
}

/// Asks, if it is time.
pub(crate) fn tick(state: &mut State) -> Vec<Effect> {
    if ask_at(state).is_some_and(|at| at <= state.clock.mono) { ask(state) } else { Vec::new() }
}

/// A key was pressed: somebody is looking.
pub(crate) fn used(state: &mut State) {
    state.picker.asking.used = state.clock.mono;
}

/// Nobody waits for answers any more.
pub(crate) fn stop(state: &mut State) {
    state.picker.asking = Asking::default();
}

/// An address of the chosen server has answered, or not.
pub(crate) fn reached(state: &mut State, round: u64, via: Via, reach: Reach) {
    if round != state.picker.asking.round {
        return;
    }
    let reach = match reach {
        Reach::Down { words, sentence, lasting } => {
            Reach::Down { words, sentence: clean::sentence(&sentence), lasting }
        }
        up @ Reach::Up(_) => up,
    };
    if reach.is_lasting() {
        state.picker.asking.refused = Some(state.clock.mono);
    }
    let known = &mut state.picker.asking.known;
    known.retain(|(of, _)| *of != via);
    known.push((via, reach));
}
