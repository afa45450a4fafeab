//! Messages of a session: answers, notifications, and its end.

mod notifications;
pub(crate) mod reboot;

use std::collections::BTreeMap;

use topside_shared::SubscriptionId;
use topside_shared::methods::{
    EventsSubscribe, EventsUnsubscribe, InitializeResult, Menu, MenuPages, SubscribeResult, Topic,
};
use topside_shared::notifications::EndCode;
use topside_shared::records::RunRow;

use super::ask::{self, Ask, Reply};
use super::connection::{ConnectionState, Disconnected, Why};
use super::console::approvals::{self, PendingApprovals};
use super::console::figures::Figures;
use super::console::{Console, Watch};
use super::picker::{self, probe};
use super::runs::run_request::attach;
use super::view::Change;
use super::{DialFailed, Effect, Event, LocalServer, Screen, State, Via, tab_actions};
use crate::text::sanitize;

use crate::connect::{CallError, DisconnectReason, Reached, take_page};
use reboot::{CameBack, came_back};

use notifications::{menu_changed, other_menu, shutdown_changed};

/// A dial has succeeded: the console opens, or continues.
pub(crate) fn dialled(
    state: &mut State,
    attempt: u64,
    welcome: InitializeResult,
    reached: Reached,
    embedded_server: bool,
) -> Vec<Effect> {
    let (target, of_box) = match &state.link {
        ConnectionState::Dialling(dial) if dial.attempt == attempt => {
            (dial.target.clone(), dial.lost.as_ref().and_then(Disconnected::of_box))
        }
        // It succeeded just as it was cancelled.
        _ => return vec![Effect::HangUp { session: attempt }],
    };
    let welcome = sanitize::welcome(welcome);
    state.link = ConnectionState::Connected { session: attempt };
    state.embedded_server = embedded_server;
    if reached.via == Via::Same {
        state.local_server = LocalServer::Running(0);
    }
    state.remark = None;
    let clock = state.clock;
    let note = state.next_serial();
    let mut effects = Vec::new();
    let again = state.console().is_some_and(|console| console.target == target);
    if !again {
        let server = target.title().to_owned();
        effects.push(Effect::LoadHistory { server: server.clone() });
        effects.push(Effect::LoadFavourites { server });
        state.views.clear();
        state.screen = Screen::Console(Box::new(Console::new(target, welcome.clone())));
        effects.extend(picker::left(state));
    }
    let mut resumed = Vec::new();
    let mut stays_up = false;
    if let Some(console) = state.console_mut() {
        let came_back = match again {
            true => came_back(of_box, &console.welcome.server, &welcome.server),
            false => CameBack::Same,
        };
        stays_up = came_back == CameBack::StayedUp;
        console.goodbye = None;
        if let Some(shown) = welcome.audit.clone() {
            let server = console.target.server.clone().filter(|_| reached.via != Via::Same);
            let address = reached.address.clone();
            effects.push(Effect::CheckAudit { session: attempt, server, address, shown });
        }
        console.reached = Some(reached);
        console.clients = BTreeMap::new();
        console.watch = Watch::Asked;
        console.approvals = PendingApprovals::default();
        console.menu_known = false;
        let you = &welcome.you;
        let title = format!(
            "{} to {} as {}, {}{}",
            if again { "reconnected" } else { "connected" },
            welcome.server.hostname,
            you.user,
            you.role,
            came_back.words(of_box)
        );
        console.runs.note(note, &title, &[], clock);
        console.notices.push(clock.wall, stays_up, title);
        console.banner = None;
        let closing = welcome.closing.clone();
        console.welcome = welcome;
        resumed = console.runs.resume();
        if let Some(closing) = closing {
            shutdown_changed(state, closing);
        }
    }
    if stays_up {
        effects.extend(state.ask_if_connected(reboot::ask_why()));
    }
    let resumed = resumed.into_iter().map(|(block, run, from)| attach(block, run, from));
    for ask in [ask_menu(), subscribe()].into_iter().chain(resumed) {
        effects.push(Effect::Ask { session: attempt, ask });
    }
    if let Some(console) = state.console_mut() {
        console.figures = Figures::default();
        console.log_asked = false;
    }
    effects.extend(state.change_views(&Change::SessionBegan));
    effects
}

/// The audit log of this server has lost entries: a note and a notice say so. Returns whether the warning was for this
/// session.
pub(crate) fn audit_warning(state: &mut State, session: u64, warning: String) -> bool {
    if !matches!(&state.link, ConnectionState::Connected { session: live } if *live == session) {
        return false;
    }
    let (note, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return false };
    console.runs.note(note, "warning: the audit log", std::slice::from_ref(&warning), clock);
    console.notices.push(clock.wall, true, warning);
    true
}

pub(crate) fn dial_failed(state: &mut State, attempt: u64, failed: DialFailed) {
    // That of the session that was lost, if one was.
    let via = state.console().map(Console::via);
    let ConnectionState::Dialling(dial) = &mut state.link else { return };
    if dial.attempt != attempt {
        return;
    }
    let via = via.unwrap_or(dial.target.via);
    let lost = dial.lost.take();
    if matches!(failed, DialFailed::NoServer(_)) {
        state.local_server = LocalServer::NotRunning;
    }
    let now = state.clock.mono;
    match lost {
        Some(mut lost) => {
            let hopeless = matches!(failed, DialFailed::Hopeless(_));
            lost.failed = Some(failed);
            if lost.retries() && !hopeless {
                lost.plan(now, via);
            }
            state.link = ConnectionState::Lost(lost);
        }
        None => {
            state.link = ConnectionState::Idle;
            probe::again(state);
            // The row of the route says the same.
            state.refuse(match failed {
                DialFailed::NoServer(_) => "no server runs here: Enter starts one".to_owned(),
                DialFailed::Hopeless(sentence) | DialFailed::Other(sentence) => sentence,
            });
        }
    }
}

/// Handles an event of a session; events of another session are ignored.
pub(crate) fn event(state: &mut State, session: u64, event: Event) -> Vec<Effect> {
    if !matches!(&state.link, ConnectionState::Connected { session: live } if *live == session) {
        return Vec::new();
    }
    match event {
        Event::Answer(reply) => reply.apply(state),
        Event::Notice(notice) => notifications::notice(state, session, *notice),
        Event::Lost(reason) => lost(state, &reason),
    }
}

/// Requests the menu, page by page.
pub(crate) fn ask_menu() -> Ask {
    ask_page(MenuPages::default())
}

fn ask_page(mut pages: MenuPages) -> Ask {
    Ask::raw(&pages.request(), move |answer| {
        let page = match answer {
            Ok(raw) => take_page(&mut pages, Ok(raw)),
            Err(CallError::Refused(error)) => take_page(&mut pages, Err(error)),
            Err(error) => Err(error),
        };
        Reply::new(move |state| match page {
            Ok(Some(menu)) => take_menu(state, menu),
            Ok(None) => state.ask_if_connected(ask_page(pages)),
            Err(error) => {
                if let Some(console) = state.console_mut() {
                    console.input.held = false;
                    console.menu_refused = Some(ask::why(&error));
                }
                Vec::new()
            }
        })
    })
}

fn take_menu(state: &mut State, menu: Menu) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    let old = std::mem::replace(&mut console.menu, sanitize::menu(menu));
    let known = std::mem::replace(&mut console.menu_known, true);
    console.menu_refused = None;
    if known && old.revision != console.menu.revision {
        menu_changed(state, &old);
    }
    keep_menu(state)
}

/// Subscribes to clients, runs and the server.
pub(super) fn subscribe() -> Ask {
    let topics = vec![Topic::Clients, Topic::Runs, Topic::Server];
    Ask::new(&EventsSubscribe { topics }, |state, result| {
        let Some(console) = state.console_mut() else { return Vec::new() };
        match result {
            Ok(SubscribeResult { subscription_id, snapshot }) => {
                console.watch = Watch::Live(subscription_id);
                let rows = snapshot.clients.unwrap_or_default().into_iter().map(sanitize::row);
                console.clients = rows.map(|row| (row.client_id, row)).collect();
                let runs = snapshot.runs.unwrap_or_default();
                let is_other =
                    snapshot.server.is_some_and(|server| other_menu(console, server.revision));
                let mut effects = Vec::new();
                if is_other {
                    effects.extend(state.ask_if_connected(ask_menu()));
                }
                if runs.iter().any(RunRow::awaits_approval) {
                    effects.extend(approvals::ask(state));
                }
                effects
            }
            Err(error) => {
                // Without a subscription these rows would never change.
                console.clients.clear();
                console.watch = Watch::Refused(ask::why(&error));
                Vec::new()
            }
        }
    })
}

/// Ends the subscription of a view, if there is one and its session is open.
pub(crate) fn end_subscription(state: &State, id: Option<SubscriptionId>) -> Vec<Effect> {
    id.map_or_else(Vec::new, |id| state.ask_if_connected(unsubscribe(id)))
}

/// Ends a subscription. The answer has no content.
fn unsubscribe(subscription_id: SubscriptionId) -> Ask {
    Ask::new(&EventsUnsubscribe { subscription_id }, |_, _| Vec::new())
}

/// Stores the menu as it is shown, sanitized.
fn keep_menu(state: &State) -> Vec<Effect> {
    let keep = |console: &Console| Effect::KeepMenu {
        server: console.history_name().to_owned(),
        menu: console.menu.clone(),
    };
    state.console().map(keep).into_iter().collect()
}

fn lost(state: &mut State, reason: &DisconnectReason) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    let goodbye = reason.ended().cloned().map(sanitize::ended).or_else(|| console.goodbye.take());
    let why = match goodbye {
        Some(ended) => Why::Ended(ended),
        None => Why::Cut(sanitize::sentence(&reason.to_string())),
    };
    let name = console.name().to_owned();
    let via = console.via();
    console.banner = None;
    console.clients.clear();
    // An Enter that waited for this session's menu is not for the next one.
    console.input.held = false;
    console.runs.lose();
    let ends_server = match &why {
        Why::Ended(ended) => matches!(ended.code, EndCode::Shutdown | EndCode::Restart),
        Why::Cut(_) => true,
    };
    if ends_server && via == Via::Same {
        state.embedded_server = false;
    }
    if let Why::Ended(ended) = &why
        && ended.code == EndCode::Closed
    {
        state.link = ConnectionState::Idle;
        let several = state.tabs.len() > 1;
        let effects = if several { tab_actions::close(state) } else { picker::open(state) };
        state.done(format!("The session with {name} is closed."));
        return effects;
    }
    let mut lost = Disconnected::new(why, state);
    if lost.retries() && !matches!(reason, DisconnectReason::KeyRefused(_)) {
        lost.plan(state.clock.mono, via);
    }
    let (words, note, clock) =
        (format!("{name} {}", lost.what()), state.next_serial(), state.clock);
    state.link = ConnectionState::Lost(lost);
    if let Some(console) = state.console_mut() {
        console.runs.note(note, &words, &[], clock);
        console.notices.push(clock.wall, true, words.clone());
    }
    state.change_views(&Change::SessionEnded(&words))
}
