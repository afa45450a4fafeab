//! Routes to the selected server: the address of each, whether it answers, and what to do if not.

use super::picker_state::ProbeResult;
use super::{chosen, discovered, fleet, probe};
use topside_shared::text::host_port;

use crate::app::connection::{ConnectionState, Target, Via};
use crate::app::{LocalServer, State, picker};
use crate::config::Profile;
use crate::connect::{ConnectError, KeyRefused};
use crate::input::actions::Id;
use crate::text::{fit, times};

/// The routes to a saved server, in the order of the screen: without and with a saved hub.
const SAVED: &[Via] = &[Via::Auto, Via::Same, Via::Lan, Via::Internet];
const SAVED_WITH_HUB: &[Via] = &[Via::Auto, Via::Same, Via::Lan, Via::Internet, Via::Hub];
/// The routes to a box of a fleet.
const OF_FLEET: &[Via] = &[Via::Auto, Via::Hub];
/// The routes to this machine; there is no automatic choice.
const HERE: &[Via] = &[Via::Same, Via::Lan, Via::Internet];

/// State of a route, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) address: String,
    pub(crate) sign: RouteSign,
    /// The state in words.
    pub(crate) words: String,
    /// The full sentence if the words are short: what happened, and what to do.
    pub(crate) advice: Option<String>,
    /// Why Enter is not possible.
    pub(crate) why_not: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteSign {
    Up,
    Down,
    /// No server runs there, which is no error.
    Idle,
    /// The server refuses this device, or is another server.
    Wrong,
    None,
}

impl ProbeResult {
    /// The state of a route with this result.
    fn way(&self) -> Route {
        match self {
            Self::Up(ms) => Route::plain(RouteSign::Up, format!("answers in {}", millis(*ms))),
            Self::Down { words, sentence, lasting } => {
                let sign = if *lasting { RouteSign::Wrong } else { RouteSign::Down };
                Route { advice: Some(sentence.clone()), ..Route::plain(sign, *words) }
            }
        }
    }
}

/// Why an address does not lead to the paired server, in a few words.
pub(crate) fn words(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::NoAnswer { .. } => "no answer",
        ConnectError::NotListening { .. } => "refused: nothing listens there",
        ConnectError::NoHost { .. } => "no such host",
        ConnectError::NoRoute { .. } => "no route",
        ConnectError::WrongKey { .. } => "another key: not this server",
        ConnectError::KeyRefused(KeyRefused::Unknown) => {
            "does not know this device: ask for an invite"
        }
        ConnectError::KeyRefused(KeyRefused::Revoked) => {
            "this device was revoked: ask for an invite"
        }
        ConnectError::KeyRefused(KeyRefused::Expired) => "this device's key has expired",
        ConnectError::TurnedAway { .. } => "closed the connection at once",
        ConnectError::NotTopside { .. } => "not a Topside server",
        ConnectError::NotOnLan => "not on this LAN",
        #[cfg(feature = "hub")]
        ConnectError::NoHub { lasting: true, .. } => "the hub refuses this device",
        #[cfg(feature = "hub")]
        ConnectError::NoHub { .. } => "the hub cannot be reached",
        #[cfg(feature = "hub")]
        ConnectError::NotAtHub { .. } => "not at the hub",
        #[cfg(feature = "hub")]
        ConnectError::BusyAtHub { .. } => "busy",
        ConnectError::Version(_) => "another version of the protocol",
        ConnectError::Refused(_) | ConnectError::NotAllowed { .. } => "refused by the server",
        ConnectError::Lost { .. } => "the connection broke",
        ConnectError::Stuck { .. } => "does nothing",
        ConnectError::PrivateKey(_) => "this device's key cannot be used",
        ConnectError::OtherServer { .. } => "another server",
        ConnectError::SocketRemoved { .. } => "its socket was removed",
        ConnectError::NoServer { .. }
        | ConnectError::ForeignDirectory { .. }
        | ConnectError::PathTooLong { .. }
        | ConnectError::Io { .. }
        | ConnectError::Nowhere(_) => "cannot be tried",
    }
}

impl Route {
    fn plain(sign: RouteSign, words: impl Into<String>) -> Self {
        let (address, advice, why_not) = (String::new(), None, None);
        Self { address, sign, words: words.into(), advice, why_not }
    }

    fn unknown(state: &State) -> Self {
        Self::plain(RouteSign::None, probe::unknown(state))
    }

    /// Adds the address where the server was discovered, if it does not answer.
    fn with_hint(self, state: &State, profile: &Profile, hint: Option<&str>) -> Self {
        match (self.sign, hint) {
            (RouteSign::Down | RouteSign::Wrong, Some(at)) => {
                let words = format!("{} · found at {at}", self.words);
                Self { words, advice: Some(moved(state, profile, at)), ..self }
            }
            _ => self,
        }
    }

    fn impossible(words: &str, why_not: String) -> Self {
        Self { why_not: Some(why_not), ..Self::plain(RouteSign::None, words) }
    }
}

/// The routes to the selected server; none if it was only discovered.
pub(crate) fn of(state: &State) -> &'static [Via] {
    if fleet::chosen(state).is_some() {
        return OF_FLEET;
    }
    match (chosen(state), picker::chosen_find(state)) {
        (Some(_), _) if state.hubs.is_empty() => SAVED,
        (Some(_), _) => SAVED_WITH_HUB,
        (None, None) => HERE,
        (None, Some(_)) => &[],
    }
}

pub(crate) fn chosen_via(state: &State) -> Option<Via> {
    let ways = of(state);
    ways.get(state.picker.way.min(ways.len().saturating_sub(1))).copied()
}

/// Host and port of a route, as saved, or the names of the `hubs`.
pub(crate) fn address(profile: &Profile, via: Via, hubs: &[String]) -> Option<String> {
    let (host, port) = match via {
        Via::Lan => (profile.lan.as_deref()?, profile.port),
        Via::Internet => {
            (profile.internet.as_deref()?, profile.internet_port.unwrap_or(profile.port))
        }
        Via::Hub => return (!hubs.is_empty()).then(|| hubs.join(", ")),
        Via::Same | Via::Auto => return None,
    };
    Some(host_port(host, port))
}

pub(crate) fn millis(ms: u64) -> String {
    if ms == 0 { "< 1 ms".to_owned() } else { format!("{ms} ms") }
}

/// The state of a route to the selected server.
pub(crate) fn way(state: &State, via: Via) -> Route {
    let way = match (via, chosen(state)) {
        (Via::Same, None) => same(state),
        (Via::Same, Some(_)) => Route { address: "this machine".to_owned(), ..same(state) },
        (_, None) => Route::impossible(
            &format!("no address saved · {} adds a server", state.keys.word(Id::Add)),
            format!(
                "this machine needs no address: press {} to add a server elsewhere, or {} to paste \
                 an invite",
                state.keys.word(Id::Add),
                state.keys.word(Id::Invite)
            ),
        ),
        (Via::Auto, Some(profile)) => auto(state, profile),
        (_, Some(profile)) => elsewhere(state, profile, via),
    };
    match &state.link {
        ConnectionState::Dialling(dial)
            if dial.target == (Target { server: chosen(state).map(|p| p.name.clone()), via }) =>
        {
            let seconds = times::running(state.clock.mono.saturating_sub(dial.since));
            let what = if dial.start { "starting one" } else { "connecting" };
            let key = state.keys.word(Id::StopTrying);
            let words = format!("{what} … {seconds} · {key} cancels");
            Route { address: way.address, ..Route::plain(RouteSign::None, words) }
        }
        _ => way,
    }
}

/// The state of the selected saved server, in a word or two.
pub(crate) fn brief(state: &State) -> (RouteSign, String) {
    let way = way(state, Via::Auto);
    (way.sign, way.words.replace(" answers in", ""))
}

/// Shortens words to `room` columns: the text after the last ` · ` or `: ` is removed first.
pub(crate) fn shortened(words: &str, room: usize) -> String {
    let mut short = words;
    while fit::width(short) > room
        && let Some(end) = short.rfind(" · ").max(short.rfind(": "))
    {
        short = &short[..end];
    }
    fit::cut(short, room)
}

fn same(state: &State) -> Route {
    match &state.local_server {
        LocalServer::Unknown => Route::plain(RouteSign::None, "looking for a server …"),
        LocalServer::Running(_) if state.embedded_server => {
            Route::plain(RouteSign::Up, "runs inside this program")
        }
        LocalServer::Running(ms) => {
            Route::plain(RouteSign::Up, format!("answers in {}", millis(*ms)))
        }
        LocalServer::NotRunning => {
            let key = state.keys.word(Id::Connect);
            Route::plain(RouteSign::Idle, format!("no server here · {key} starts one"))
        }
        LocalServer::Refused(why) => {
            Route { why_not: Some(why.clone()), ..Route::plain(RouteSign::Down, "cannot be used") }
        }
    }
}

fn elsewhere(state: &State, profile: &Profile, via: Via) -> Route {
    let hint = if via == Via::Lan { discovered::hint(state, profile) } else { None };
    let Some(address) = address(profile, via, &state.hubs) else {
        let what = if via == Via::Lan { "LAN address" } else { "router address" };
        return no_address(state, profile, what, hint.as_deref());
    };
    if profile.pin.is_none() {
        return Route { address, ..not_paired(state, &profile.name) };
    }
    let way =
        state.picker.asking.reach(via).map_or_else(|| Route::unknown(state), ProbeResult::way);
    Route { address, ..way.with_hint(state, profile, hint.as_deref()) }
}

fn no_address(state: &State, profile: &Profile, what: &str, hint: Option<&str>) -> Route {
    let (name, key) = (&profile.name, state.keys.word(Id::Edit));
    match hint {
        Some(at) => {
            Route::impossible(&format!("found at {at} · {key} adds it"), moved(state, profile, at))
        }
        None => Route::impossible(
            &format!("no address saved · {key} adds it"),
            format!("{name} has no {what} yet: press {key} to add it"),
        ),
    }
}

fn moved(state: &State, profile: &Profile, at: &str) -> String {
    let key = state.keys.word(Id::Edit);
    format!("{} was found at {at}: press {key} to save that address", profile.name)
}

fn not_paired(state: &State, name: &str) -> Route {
    let key = state.keys.word(Id::Invite);
    Route::impossible(
        &format!("not paired · {key} pastes an invite"),
        picker::how_to_pair(state, name),
    )
}

/// The automatic route: the LAN first, then the internet, then the hubs. Its state is that of the best.
fn auto(state: &State, profile: &Profile) -> Route {
    let ways: Vec<Via> = [Via::Lan, Via::Internet, Via::Hub]
        .into_iter()
        .filter(|via| address(profile, *via, &state.hubs).is_some())
        .collect();
    let hint = discovered::hint(state, profile);
    let order = match ways[..] {
        _ if fleet::chosen(state).is_some() => "LAN first, then Hub".to_owned(),
        [] => return no_address(state, profile, "address", hint.as_deref()),
        [via] => format!("{} only", via.title()),
        _ => {
            let titles: Vec<&str> = ways.iter().map(|via| via.title()).collect();
            format!("{} first, then {}", titles[0], titles[1..].join(", then "))
        }
    };
    if profile.pin.is_none() {
        return Route { address: order, ..not_paired(state, &profile.name) };
    }
    let known: Vec<&ProbeResult> =
        ways.iter().filter_map(|via| state.picker.asking.reach(*via)).collect();
    let up = ways.iter().find_map(|via| match state.picker.asking.reach(*via) {
        Some(ProbeResult::Up(ms)) => Some((*via, *ms)),
        _ => None,
    });
    let way = if let Some((via, ms)) = up {
        Route::plain(RouteSign::Up, format!("{} answers in {}", via.title(), millis(ms)))
    } else if known.len() < ways.len() {
        Route::unknown(state)
    } else {
        // A lasting error is shown before a timeout.
        let worst = known.iter().min_by_key(|reach| reach.rank());
        worst.map_or_else(|| Route::unknown(state), |reach| reach.way()).with_hint(
            state,
            profile,
            hint.as_deref(),
        )
    };
    Route { address: order, ..way }
}
