//! Picker: selection of a server and of the route to it.

pub(crate) mod all_servers;
pub(crate) mod discovered;
pub(crate) mod filter;
pub(crate) mod fleet;
pub(crate) mod fleet_box;
pub(crate) mod picker_state;
pub(crate) mod probe;
pub(crate) mod routes;

use topside_shared::advice::INVITE_ON_THE_BOX;

use super::connection::{ConnectionState, Dialling, Target, Via};
use super::{Effect, LocalServer, Screen, Size, State, tab_actions};
use crate::config::{Profile, THIS_MACHINE};
use crate::connect::DiscoveredServer;
use crate::input::actions::Id;
use crate::text::sanitize;

/// In a narrower terminal one column is shown at a time.
const BOTH_FROM: u16 = 72;

/// Whether the picker has the keys, with no view above it.
pub(crate) fn is_bare(state: &State) -> bool {
    matches!(state.screen, Screen::Picker) && state.views.is_empty()
}

/// The selected saved server or box of a fleet; none: this machine.
pub(crate) fn chosen(state: &State) -> Option<&Profile> {
    profile(state, state.picker.at)
}

/// The saved server or the box of a fleet at an index of the list.
pub(crate) fn profile(state: &State, at: usize) -> Option<&Profile> {
    state.servers.get(at).or_else(|| fleet::at(state, at).map(|each| &each.profile))
}

/// The saved servers and the boxes of the fleets.
pub(crate) fn profiles(state: &State) -> impl Iterator<Item = &Profile> {
    state.servers.iter().chain(state.fleet.iter().map(|each| &each.profile))
}

/// The name at an index of the list.
pub(crate) fn name(state: &State, at: usize) -> &str {
    let saved = profile(state, at).map(|profile| profile.name.as_str());
    let find = || find_at(state, at).map(|find| find.name.as_str());
    saved.or_else(find).unwrap_or(THIS_MACHINE)
}

/// The discovered server at an index of the list.
fn find_at(state: &State, at: usize) -> Option<&DiscoveredServer> {
    discovered::listed(state).nth(at.checked_sub(first_find(state))?)
}

/// The index of the first discovered server.
pub(crate) fn first_find(state: &State) -> usize {
    state.servers.len() + 1 + state.fleet.len()
}

/// The selected server, if it was only discovered.
pub(crate) fn chosen_find(state: &State) -> Option<&DiscoveredServer> {
    find_at(state, state.picker.at)
}

/// Length of the list.
pub(crate) fn count(state: &State) -> usize {
    first_find(state) + discovered::listed(state).count()
}

/// An entry of the list, which keeps its identity when the list changes.
#[derive(Debug, PartialEq, Eq)]
enum ListPlace {
    Saved(String),
    ThisMachine,
    OfFleet(String),
    Found(String),
}

fn spot(state: &State) -> ListPlace {
    if let Some(each) = fleet::chosen(state) {
        return ListPlace::OfFleet(each.profile.name.clone());
    }
    match (chosen(state), chosen_find(state)) {
        (Some(profile), _) => ListPlace::Saved(profile.name.clone()),
        (None, Some(find)) => ListPlace::Found(find.name.clone()),
        (None, None) => ListPlace::ThisMachine,
    }
}

fn find(state: &State, spot: &ListPlace) -> Option<usize> {
    let saved = state.servers.len();
    match spot {
        ListPlace::Saved(name) => state.servers.iter().position(|profile| profile.name == *name),
        ListPlace::ThisMachine => Some(saved),
        ListPlace::OfFleet(name) => {
            let place = state.fleet.iter().position(|each| each.profile.name == *name);
            place.map(|nth| saved + 1 + nth)
        }
        ListPlace::Found(name) => discovered::listed(state)
            .position(|find| find.name == *name)
            .map(|nth| first_find(state) + nth),
    }
}

/// Why Enter is not possible.
pub(crate) fn why_not(state: &State) -> Option<String> {
    match (routes::chosen_via(state), chosen_find(state)) {
        (Some(via), _) => routes::way(state, via).why_not,
        (None, Some(find)) => Some(how_to_pair(state, &find.name)),
        (None, None) => None,
    }
}

/// How to pair with the server of this name.
pub(crate) fn how_to_pair(state: &State, name: &str) -> String {
    let key = state.keys.word(Id::Invite);
    format!(
        "{name} is not paired: run {INVITE_ON_THE_BOX}; then press {key} and paste what it prints"
    )
}

/// Takes the discovered servers. The selection stays.
pub(crate) fn found(state: &mut State, found: Vec<DiscoveredServer>) {
    let was = spot(state);
    discovered::load(state, found);
    let at = find(state, &was).unwrap_or(state.picker.at);
    settle(state, at, &was);
}

/// Takes the boxes of the fleets. The selection stays.
pub(crate) fn fleet(state: &mut State, boxes: Vec<fleet_box::FleetBoxRow>) -> Vec<Effect> {
    let was = spot(state);
    fleet::load(state, boxes);
    let at = find(state, &was).unwrap_or(state.picker.at);
    settle(state, at, &was);
    vec![Effect::KeepFleet(state.fleet.iter().map(|each| each.profile.clone()).collect())]
}

/// Selects an index, or the nearest one that exists.
fn settle(state: &mut State, at: usize, was: &ListPlace) {
    state.picker.at = at.min(count(state) - 1);
    if spot(state) != *was {
        state.picker.way = 0;
        probe::anew(state, 0);
    }
}

/// The name under which an entry of the list is marked: a saved server, this machine, or a box; none: it was only
/// discovered.
pub(crate) fn markable(state: &State, at: usize) -> Option<&str> {
    (at < first_find(state)).then(|| name(state, at))
}

/// The marked entries, in the order of the list: name, and pin of a saved server or box.
pub(crate) fn marked(state: &State) -> impl Iterator<Item = (&str, Option<&str>)> {
    let pin = |at| profile(state, at)?.pin.as_deref();
    let entries = (0..first_find(state)).map(move |at| (name(state, at), pin(at)));
    entries.filter(|(name, _)| state.picker.marked.contains(*name))
}

pub(crate) fn is_wide(size: Size) -> bool {
    size.width >= BOTH_FROM
}

/// Selects a server, and the first route to it.
pub(crate) fn choose(state: &mut State, at: usize) {
    if at != state.picker.at {
        state.picker.at = at;
        state.picker.way = 0;
        probe::choose(state);
    }
}

/// Dials the selected server, or says why it cannot.
pub(crate) fn connect(state: &mut State) -> Vec<Effect> {
    if let Some(why) = why_not(state) {
        state.refuse(why);
        return Vec::new();
    }
    let Some(via) = routes::chosen_via(state) else { return Vec::new() };
    let target = Target { server: chosen(state).map(|profile| profile.name.clone()), via };
    // A server that is started here is not the saved one.
    let start = target.server.is_none()
        && via == Via::Same
        && state.local_server == LocalServer::NotRunning;
    tab_actions::go_to_server(state, &target, start).unwrap_or_else(|| dial(state, target, start))
}

/// Dials a server. A pending dial is cancelled.
pub(crate) fn dial(state: &mut State, target: Target, start: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    let attempt = state.next_serial();
    let since = state.clock.mono;
    let lost = match std::mem::replace(&mut state.link, ConnectionState::Idle) {
        ConnectionState::Idle => None,
        ConnectionState::Dialling(old) => {
            effects.push(Effect::CancelDial { attempt: old.attempt });
            old.lost
        }
        ConnectionState::Connected { session } => {
            effects.push(Effect::HangUp { session });
            None
        }
        ConnectionState::Lost(lost) => Some(lost),
    };
    state.link =
        ConnectionState::Dialling(Dialling { attempt, target: target.clone(), start, since, lost });
    effects.push(Effect::Dial { attempt, target, start });
    effects
}

/// Selects a server and a route, and dials at once if that is possible.
pub(crate) fn open_at(state: &mut State, name: &str, target: Target) -> Vec<Effect> {
    let place = (0..first_find(state)).find(|at| self::name(state, *at) == name);
    state.picker.at = place.unwrap_or(state.servers.len());
    state.picker.way = routes::of(state).iter().position(|way| *way == target.via).unwrap_or(0);
    state.picker.on_ways = true;
    match why_not(state) {
        Some(why) => {
            state.refuse(why);
            Vec::new()
        }
        None => dial(state, target, false),
    }
}

/// Opens the picker. An open session is closed. If another tab shows the picker, this tab closes.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    if state.tabs.picker().is_some_and(|place| place != state.tabs.current()) {
        let mut effects = tab_actions::close(state);
        effects.extend(tab_actions::open(state));
        return effects;
    }
    let mut effects = Vec::new();
    match std::mem::replace(&mut state.link, ConnectionState::Idle) {
        ConnectionState::Dialling(dial) => {
            effects.push(Effect::CancelDial { attempt: dial.attempt });
        }
        ConnectionState::Connected { session } => effects.push(Effect::HangUp { session }),
        ConnectionState::Idle | ConnectionState::Lost(_) => {}
    }
    state.screen = Screen::Picker;
    state.views.clear();
    effects.extend(shown(state));
    effects
}

/// The picker was opened: its servers are probed again.
pub(crate) fn shown(state: &mut State) -> Vec<Effect> {
    state.local_server = LocalServer::Unknown;
    probe::anew(state, 0);
    let mut effects = probe::ask(state);
    effects.push(Effect::Browse(true));
    effects
}

/// The picker was closed: probes and discovery stop.
pub(crate) fn left(state: &mut State) -> Vec<Effect> {
    probe::stop(state);
    discovered::load(state, Vec::new());
    vec![Effect::Browse(false)]
}

/// The saved servers cannot be read. The message stays until they can.
pub(crate) fn unreadable(state: &mut State, why: &str) {
    let why = sanitize::sentence(why);
    state.refuse(why.clone());
    state.unreadable = Some(why);
}

/// Takes the saved servers of a file that has an error, which hides some of them.
pub(crate) fn load_partly(state: &mut State, servers: Vec<Profile>, mistake: &str) {
    state.unreadable = None;
    load(state, servers);
    unreadable(state, mistake);
}

/// Takes the saved servers. The selection stays.
pub(crate) fn load(state: &mut State, servers: Vec<Profile>) {
    if state.unreadable.take().is_some() {
        state.done("client.toml can be read again.");
    }
    let was = spot(state);
    let before = chosen(state).cloned();
    let old = std::mem::replace(&mut state.servers, servers);
    discovered::relist(state);
    all_servers::forget_changed(state, &old);
    let named = |name: &String| state.servers.iter().position(|server| server.name == *name);
    let boxes = &state.fleet;
    let is_listed = |name: &String| {
        name == THIS_MACHINE
            || named(name).is_some()
            || boxes.iter().any(|each| each.profile.name == *name)
    };
    state.picker.marked.retain(is_listed);
    let wanted = state.picker.wanted.take();
    let added = state
        .servers
        .iter()
        .position(|new| old.iter().all(|old| old.name != new.name))
        .filter(|_| state.servers.len() == old.len() + 1);
    let at = match wanted.as_ref().and_then(named).or(added) {
        _ if old.is_empty() && wanted.is_none() && !state.servers.is_empty() => 0,
        Some(at) => at,
        // The selected server was renamed or removed: its place or the nearest one is selected. This machine stays
        // selected.
        None => find(state, &was).unwrap_or_else(|| {
            let last = state.servers.len().saturating_sub(1);
            if before.is_some() { state.picker.at.min(last) } else { state.picker.at }
        }),
    };
    settle(state, at, &was);
    // The same name may have another address or key; otherwise the results stay. The first list starts the first
    // probe, even if it is empty.
    if wanted.is_some()
        || chosen(state) != before.as_ref()
        || state.local_server == LocalServer::Unknown
    {
        probe::anew(state, 0);
    }
}
