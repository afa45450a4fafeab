//! The picker: which server, and by which way.

use super::confirm::{Confirm, Then};
use super::form::Form;
use super::link::{Dialling, Link, Target, Via};
use super::overlay::Overlay;
use super::{Effect, Here, Screen, State, times};
use crate::actions::Id;
use crate::config::{Profile, THIS_MACHINE};

/// The three ways, in their order on the screen.
pub(crate) const WAYS: [Via; 3] = [Via::Same, Via::Lan, Via::Internet];

/// What is chosen.
#[derive(Debug, Default)]
pub(crate) struct Picker {
    /// The server: a saved one, or one past them, this machine.
    pub(crate) at: usize,
    /// The way.
    pub(crate) way: usize,
    /// Whether the arrow keys move among the ways.
    pub(crate) on_ways: bool,
}

/// How a way stands, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where it leads, if that is known.
    pub(crate) address: String,
    pub(crate) sign: Sign,
    /// How it stands, in words.
    pub(crate) words: String,
    /// Why Enter does nothing here.
    pub(crate) why_not: Option<String>,
}

/// The sign before the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// Nobody knows.
    None,
}

/// The saved server that is chosen; none: this machine.
pub(crate) fn chosen(state: &State) -> Option<&Profile> {
    state.servers.get(state.picker.at)
}

/// The name of a place in the list of servers.
pub(crate) fn name(state: &State, at: usize) -> &str {
    state.servers.get(at).map_or(THIS_MACHINE, |profile| &profile.name)
}

fn target(state: &State) -> Target {
    let via = WAYS[state.picker.way.min(WAYS.len() - 1)];
    Target { server: chosen(state).map(|profile| profile.name.clone()), via }
}

/// Chooses the way that leads to the chosen server: a saved one is elsewhere as a rule.
fn choose_way(state: &mut State) {
    let via = match chosen(state) {
        Some(profile) if profile.lan.is_some() => Via::Lan,
        Some(profile) if profile.internet.is_some() => Via::Internet,
        _ => Via::Same,
    };
    state.picker.way = WAYS.iter().position(|way| *way == via).unwrap_or_default();
}

/// The host and port of a way, as saved.
pub(crate) fn address(profile: &Profile, via: Via) -> Option<String> {
    let (host, port) = match via {
        Via::Lan => (profile.lan.as_deref()?, profile.port),
        Via::Internet => {
            (profile.internet.as_deref()?, profile.internet_port.unwrap_or(profile.port))
        }
        Via::Same | Via::Auto => return None,
    };
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// How a way of the chosen server stands.
pub(crate) fn way(state: &State, via: Via) -> Way {
    let plain = |sign: Sign, words: &str| Way {
        address: String::new(),
        sign,
        words: words.to_owned(),
        why_not: None,
    };
    if let Link::Dialling(dial) = &state.link
        && dial.target == (Target { via, ..target(state) })
    {
        let seconds = times::running(state.clock.mono.saturating_sub(dial.since));
        let what = if dial.start { "starting a server here" } else { "connecting" };
        return plain(Sign::None, &format!("{what} … {seconds} · Esc cancels"));
    }
    if via == Via::Same {
        return match &state.here {
            Here::Unknown => plain(Sign::None, "looking for a server …"),
            Here::Running(_) if state.carries => plain(Sign::Up, "runs inside this program"),
            Here::Running(ms) => plain(Sign::Up, &format!("answers in {ms} ms")),
            Here::NotRunning => plain(Sign::Down, "no server here · Enter starts one"),
            Here::Refused(why) => {
                Way { why_not: Some(why.clone()), ..plain(Sign::Down, "cannot be used") }
            }
        };
    }
    let Some(profile) = chosen(state) else {
        return Way {
            why_not: Some(
                "this machine has no address to save: press a to add a server".to_owned(),
            ),
            ..plain(Sign::None, "no address saved · a adds a server")
        };
    };
    match address(profile, via) {
        None => Way {
            why_not: Some(format!(
                "{} has no {} address yet: press e to add it",
                profile.name,
                if via == Via::Lan { "LAN" } else { "router" }
            )),
            ..plain(Sign::None, "no address saved · e adds it")
        },
        Some(address) => Way {
            address,
            why_not: Some(format!(
                "{} over the {} needs pairing, which this version cannot do yet: use Same machine",
                profile.name,
                if via == Via::Lan { "LAN" } else { "internet" }
            )),
            ..plain(Sign::None, "needs pairing · not yet possible")
        },
    }
}

/// Carries out an action of the picker.
pub(crate) fn act(state: &mut State, id: Id) -> Vec<Effect> {
    match id {
        Id::Connect => return connect(state),
        Id::Up | Id::Down => {
            let down = id == Id::Down;
            let (at, count) = if state.picker.on_ways {
                (&mut state.picker.way, WAYS.len())
            } else {
                (&mut state.picker.at, state.servers.len() + 1)
            };
            *at = if down { (*at + 1).min(count - 1) } else { at.saturating_sub(1) };
            if !state.picker.on_ways {
                choose_way(state);
            }
        }
        Id::OtherColumn => state.picker.on_ways = !state.picker.on_ways,
        Id::ToServers => state.picker.on_ways = false,
        Id::ToWays => state.picker.on_ways = true,
        Id::Add => state.overlays.push(Overlay::Form(Box::new(Form::add()))),
        Id::Edit => {
            if let Some(profile) = chosen(state) {
                let form = Form::edit(profile);
                state.overlays.push(Overlay::Form(Box::new(form)));
            }
        }
        Id::Duplicate => {
            if let Some(profile) = chosen(state) {
                let form = Form::duplicate(profile, &state.servers);
                state.overlays.push(Overlay::Form(Box::new(form)));
            }
        }
        Id::Delete => {
            if let Some(profile) = chosen(state) {
                let name = profile.name.clone();
                let text = vec!["The server itself is not touched.".to_owned()];
                let confirm = Confirm::choice(
                    format!("Forget {name}?"),
                    text,
                    "Forget it",
                    Then::Delete(name),
                );
                state.overlays.push(Overlay::Confirm(confirm));
            }
        }
        Id::Test => {
            state.here = Here::Unknown;
            return vec![Effect::Probe];
        }
        _ => {}
    }
    Vec::new()
}

fn connect(state: &mut State) -> Vec<Effect> {
    let target = target(state);
    if let Some(why) = way(state, target.via).why_not {
        state.refuse(why);
        return Vec::new();
    }
    let start = state.here == Here::NotRunning;
    dial(state, target, start)
}

/// Begins to reach a server; what was being reached before is given up.
pub(crate) fn dial(state: &mut State, target: Target, start: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    let attempt = state.next_serial();
    let since = state.clock.mono;
    let lost = match std::mem::replace(&mut state.link, Link::Idle) {
        Link::Idle => None,
        Link::Dialling(old) => {
            effects.push(Effect::CancelDial { attempt: old.attempt });
            old.lost
        }
        Link::Connected { session } => {
            effects.push(Effect::HangUp { session });
            None
        }
        Link::Lost(lost) => Some(lost),
    };
    state.link = Link::Dialling(Dialling { attempt, target: target.clone(), start, since, lost });
    effects.push(Effect::Dial { attempt, target, start });
    effects
}

/// Chooses a server and a way, and reaches it at once if that is possible.
pub(crate) fn open_at(state: &mut State, name: &str, target: Target) -> Vec<Effect> {
    let place = state.servers.iter().position(|profile| profile.name == name);
    state.picker.at = place.unwrap_or(state.servers.len());
    state.picker.way = WAYS.iter().position(|way| *way == target.via).unwrap_or(1);
    state.picker.on_ways = true;
    match way(state, WAYS[state.picker.way]).why_not {
        Some(why) => {
            state.refuse(why);
            Vec::new()
        }
        None => dial(state, target, false),
    }
}

/// Goes to the picker; the session, if one is open, is closed with a goodbye.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    match std::mem::replace(&mut state.link, Link::Idle) {
        Link::Dialling(dial) => effects.push(Effect::CancelDial { attempt: dial.attempt }),
        Link::Connected { session } => effects.push(Effect::HangUp { session }),
        Link::Idle | Link::Lost(_) => {}
    }
    state.screen = Screen::Picker;
    state.overlays.clear();
    state.here = Here::Unknown;
    effects.push(Effect::Probe);
    effects
}

/// Takes the saved servers as they are on the disk now; what was chosen stays chosen.
pub(crate) fn load(state: &mut State, servers: Vec<Profile>) {
    let was = name(state, state.picker.at).to_owned();
    let first = state.servers.is_empty() && !servers.is_empty();
    let added = servers
        .iter()
        .position(|new| state.servers.iter().all(|old| old.name != new.name))
        .filter(|_| servers.len() == state.servers.len() + 1);
    let same = servers.iter().position(|server| server.name == was);
    let count = servers.len();
    state.picker.at = match (added, same) {
        _ if first => 0,
        (Some(added), _) => added,
        (None, Some(same)) => same,
        // It was renamed or removed: what stands in its place now. This machine stays itself.
        (None, None) if was == THIS_MACHINE => count,
        (None, None) => state.picker.at.min(count),
    };
    state.servers = servers;
    choose_way(state);
}
