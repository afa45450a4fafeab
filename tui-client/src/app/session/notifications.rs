//! Handles the server's notifications.

use topside_shared::Time;
use topside_shared::methods::{Menu, ReloadChanges};
use topside_shared::notifications::{
    Broadcast, ClientsChanged, Closing, Notification, Phase, Urgency,
};
use topside_shared::text::called;

use super::{ask_menu, subscribe, unsubscribe};
use crate::app::console::shutdown_banner::Banner;
use crate::app::console::{Console, Watch, approvals};
use crate::app::view::Change;
use crate::app::{Effect, State, prompt};
use crate::text::sanitize;

/// The reason in the list of clients when one was disconnected by an admin.
const KICKED: &str = "kicked";

pub(super) fn notice(state: &mut State, session: u64, notice: Notification) -> Vec<Effect> {
    let mut effects = state.change_views(&Change::Notice(&notice));
    effects.extend(take(state, session, notice));
    effects
}

fn take(state: &mut State, session: u64, notice: Notification) -> Vec<Effect> {
    let clock = state.clock;
    let Some(console) = state.console_mut() else { return Vec::new() };
    match notice {
        Notification::RunOutput(output) => {
            console.runs.output(&output);
            prompt::printed(console, output.run_id);
        }
        Notification::RunGap(gap) => console.runs.gap(&gap),
        Notification::RunChanged(row) => {
            // Of other clients' runs, only those with a block.
            let known = console.runs.of_run(row.run_id).is_some();
            if known || row.client_id == console.welcome.you.client_id {
                console.runs.changed(&row, clock.mono);
            }
            return approvals::run_changed(state, &row);
        }
        Notification::ClientsChanged(changed) => {
            clients(console, sanitize::changed(changed), clock.wall);
        }
        Notification::Closing(closing) => {
            shutdown_changed(state, sanitize::closing(closing));
        }
        Notification::Reloaded(changed) if other_menu(console, changed.revision) => {
            return state.ask_if_connected(ask_menu());
        }
        Notification::Reloaded(_)
        | Notification::KeysChanged(_)
        | Notification::ScheduleChanged(_)
        | Notification::ApprovalChanged(_) => {}
        Notification::Broadcast(message) => broadcast(state, sanitize::broadcast(message)),
        Notification::Ended(ended) => console.goodbye = Some(sanitize::ended(ended)),
        // The list is incomplete: subscribe again.
        Notification::EventsDropped(dropped)
            if console.watch == Watch::Live(dropped.subscription_id) =>
        {
            console.watch = Watch::Asked;
            let again = [unsubscribe(dropped.subscription_id), subscribe()];
            return again.map(|ask| Effect::Ask { session, ask }).into();
        }
        // The log view handles these.
        Notification::EventsDropped(_) | Notification::LogEntry(_) => {}
    }
    Vec::new()
}

/// Whether the server's menu has another revision than the known one.
pub(super) fn other_menu(console: &Console, revision: u64) -> bool {
    !console.menu_known || console.menu.revision != revision
}

/// Shows what changed in the menu, in a note and a message.
pub(super) fn menu_changed(state: &mut State, old: &Menu) {
    const TITLE: &str = "Menu changed";
    let (note, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return };
    // The behaviour of a command may change without a change of its declaration; then there is nothing to list.
    let words = ReloadChanges::between(old, &console.menu).sentences();
    console.runs.note(note, TITLE, &words, clock);
    // The note is not visible while older output is on the screen.
    if console.runs.pane.is_following() {
        return;
    }
    state.note(match words.is_empty() {
        true => TITLE.to_owned(),
        false => format!("{TITLE}: {}", words.join("; ")),
    });
}

/// Shows a broadcast in a note and a message.
fn broadcast(state: &mut State, broadcast: Broadcast) {
    let title = broadcast.title();
    let Broadcast { message, level, .. } = broadcast;
    let (note, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return };
    console.runs.note(note, &title, std::slice::from_ref(&message), clock);
    let words = format!("{title}: {message}");
    console.notices.push(clock.wall, level == Urgency::Warning, words.clone());
    match level {
        Urgency::Info => state.note(words),
        Urgency::Warning => state.warn(words),
    }
}

/// A shutdown became due, changed or cancelled, or it begins.
pub(super) fn shutdown_changed(state: &mut State, closing: Closing) {
    let (clock, zone) = (state.clock, state.zone.clone());
    let Some(console) = state.console_mut() else { return };
    let before = console.banner.take();
    if closing.phase == Phase::Cancelled {
        let by = match closing.by {
            by if by.is_empty() => by,
            by if by == console.welcome.you.called() => " by you".to_owned(),
            by => format!(" by {by}"),
        };
        let what = before.map(|before| before.then).unwrap_or_default().noun();
        let words = format!("{} stays: its {what} was cancelled{by}", console.name());
        console.notices.push(clock.wall, false, words.clone());
        state.note(words);
        return;
    }
    let banner = Banner::after(before.as_ref(), closing, clock.mono);
    if !before.is_some_and(|before| banner.is_repeated(&before)) {
        let words = banner.words(console.name(), clock, &zone);
        console.notices.push(clock.wall, true, words);
    }
    console.banner = Some(banner);
}

fn clients(console: &mut Console, changed: ClientsChanged, now: Time) {
    for row in changed.joined.into_iter().chain(changed.updated) {
        console.clients.insert(row.client_id, row);
    }
    for left in changed.left {
        let row = console.clients.remove(&left.client_id);
        if left.reason == KICKED
            && let Some(row) = row
        {
            console.notices.push(
                now,
                false,
                format!("{} was disconnected", called(&row.user, row.client_id)),
            );
        }
    }
}
