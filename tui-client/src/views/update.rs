//! What each message does: the uppermost view first, else the screen below.

use ratatui::layout::Position;

use super::command_form;
use super::console::{keyboard, side_panes, submit};
use super::help::Help;
use super::notices::NoticesView;
use super::redeem_invite::{self, RedeemInvite};
use super::server_form::ServerForm;
use super::{VIEWS, several_boxes, tab_strip};
use crate::app::connection::ConnectionState;
use crate::app::console::status_poll;
use crate::app::picker::{self, all_servers, filter, probe};
use crate::app::runs::{export, file_sending};
use crate::app::view::{Change, View, stay};
use crate::app::{
    Clicked, Clock, Effect, Msg, Screen, State, apply_settings, availability, console, prompt,
    reconnect, session, tab_actions,
};
use crate::config::history_file::SEVERAL_BOXES;
use crate::input::actions::{self, Action, Id};
use crate::input::key::{Code, Key};
use crate::widgets::canvas::Hit;

/// Changes the state by one message; what is to be done outside comes back.
pub(crate) fn update(state: &mut State, clock: Clock, msg: Msg) -> Vec<Effect> {
    state.clock = clock;
    state.drop_old_remark();
    let msg = match below_strip(state, msg) {
        Ok(msg) => msg,
        Err(effects) => return effects,
    };
    if matches!(msg, Msg::Tick) {
        return state.at_each_tab(|state| handle(state, Msg::Tick));
    }
    let tab = state.tabs.of(&msg);
    let mut effects = state.at_tab(tab, |state| handle(state, msg));
    if tab != state.tabs.current() {
        effects.extend(settle(state));
    }
    effects
}

/// What a message does to its tab, the current one.
fn handle(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = take(state, msg);
    while let Some(id) = state.next_action() {
        effects.extend(run(state, actions::get(id)));
    }
    effects.extend(settle(state));
    effects
}

/// What follows from any change of a tab.
fn settle(state: &mut State) -> Vec<Effect> {
    let mut effects = submit::run_held(state);
    effects.extend(prompt::follow(state));
    effects.extend(status_poll::follow(state));
    state.fit();
    state.tabs.limit_scrollback();
    console::lay(state);
    effects
}

/// A click or a turn of the wheel in the rows of the screen, which begin below the strip of tabs. A click on the strip
/// selects a tab, and goes no further.
fn below_strip(state: &mut State, msg: Msg) -> Result<Msg, Vec<Effect>> {
    let strip = state.strip_rows();
    let below = |at: Position| Position { y: at.y.saturating_sub(strip), ..at };
    match msg {
        Msg::Click(at) if at.y < strip => {
            state.remark = None;
            let tab = tab_strip::tab_at(state, at.x);
            let mut effects = tab.map_or_else(Vec::new, |tab| tab_actions::select(state, tab));
            effects.extend(settle(state));
            Err(effects)
        }
        Msg::Click(at) => Ok(Msg::Click(below(at))),
        Msg::Wheel { rows, at } => Ok(Msg::Wheel { rows, at: below(at) }),
        msg => Ok(msg),
    }
}

/// What a key that selects a tab does, whatever view is open: views belong to their tab.
fn tab_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    if state.tabs.len() < 2 {
        return None;
    }
    if let Some(nth) = state.keys.of(Id::SelectTab).place(key) {
        return Some(tab_actions::select(state, nth));
    }
    let forward = state.keys.means(Id::NextTab, key);
    (forward || state.keys.means(Id::PreviousTab, key)).then(|| tab_actions::step(state, forward))
}

fn take(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => return on_key(state, key),
        Msg::Paste(text) => return paste(state, &text),
        Msg::Wheel { rows, at } => wheel(state, rows, at),
        Msg::Click(at) => return click(state, at),
        Msg::Resize(size) => state.terminal = size,
        Msg::Background(background) => apply_settings::take_background(state, background),
        Msg::Tick => {
            let mut effects = reconnect::tick(state);
            if !state.tabs.current_is_hidden() {
                effects.extend(probe::tick(state));
                effects.extend(state.change_views(&Change::Tick));
            }
            return effects;
        }
        Msg::Servers(servers) => picker::load(state, servers),
        Msg::ServersPartly(servers, mistake) => picker::load_partly(state, servers, &mistake),
        Msg::Hubs(hubs) => state.hubs = hubs,
        Msg::Fleet(boxes) => return picker::fleet(state, boxes),
        Msg::ServersUnreadable(why) => picker::unreadable(state, &why),
        Msg::ServersFailed(why) => state.refuse(why),
        Msg::ServersSaved(what) => {
            state.close_views::<ServerForm>();
            state.done(what);
        }
        Msg::Probed(here) => state.local_server = here,
        Msg::Reached { round, via, reach } => probe::reached(state, round, via, reach),
        Msg::ServerReached { round, server, via, reach } => {
            all_servers::reached(state, round, &server, via, reach);
        }
        Msg::FanOut { id, event } => return several_boxes::event(state, id, event),
        Msg::Found(found) => picker::found(state, found),
        Msg::Paired { attempt, result } => return redeem_invite::ended(state, attempt, result),
        Msg::Dialled { attempt, welcome, reached, embedded_server } => {
            return session::dialled(state, attempt, *welcome, reached, embedded_server);
        }
        Msg::DialFailed { attempt, failed } => session::dial_failed(state, attempt, failed),
        Msg::Session { session, event } => return session::event(state, session, event),
        Msg::History { server, lines } if server == SEVERAL_BOXES => {
            return several_boxes::history(state, lines);
        }
        Msg::History { server, lines } => {
            if let Some(console) = state.console_mut()
                && console.history_name() == server
            {
                console.input.history.load(lines);
            }
        }
        Msg::Fetching { id, done } => export::fetching(state, id, done),
        Msg::Fetched { id, result } => return export::fetched(state, id, result),
        Msg::Paths { typed, paths } => command_form::take_paths(state, typed, paths),
        Msg::Sending { id, name, done, size } => {
            file_sending::progress(state, id, &name, done, size);
        }
        Msg::Sent { id, result } => {
            return submit::files_sent(state, id, result.map(|run| *run));
        }
        Msg::Settings { settings, mistakes, asked } => {
            return apply_settings::take(state, *settings, &mistakes, asked);
        }
        Msg::Panes(panes) => state.panes = panes,
        Msg::Favourites { server, names } => {
            if let Some(console) = state.console_mut()
                && console.history_name() == server
            {
                console.side.favourites = names;
            }
        }
        Msg::AuditWarning { session, warning } => {
            // A view says it until it is closed.
            if session::audit_warning(state, session, warning) {
                state.open(NoticesView::default());
            }
        }
        Msg::Done(text) => state.done(text),
        Msg::Failed(text) => state.refuse(text),
    }
    Vec::new()
}

fn on_key(state: &mut State, key: Key) -> Vec<Effect> {
    probe::used(state);
    state.drop_remark_of_key(key);
    if !state.terminal.enough() {
        // Nothing can be seen, so nothing is done but leaving.
        return if key.is_ctrl('c') || key.is_ctrl('d') { vec![state.quit()] } else { Vec::new() };
    }
    if let Some(effects) = tab_key(state, key) {
        return effects;
    }
    if let Some(id) = above_views(state, key) {
        return run(state, actions::get(id));
    }
    if let Some(effects) = state.with_top(|view, state| view.key(key, state)) {
        return effects;
    }
    if closes_mistake(state, key) {
        state.settings_mistakes.pop_front();
        return Vec::new();
    }
    if matches!(state.screen, Screen::Picker) && filter::key(state, key) {
        return Vec::new();
    }
    match state.screen {
        // Ctrl-C stops what goes on, and `q` ends the program at once.
        Screen::Picker
            if key.is_ctrl('c') && matches!(state.link, ConnectionState::Dialling(_)) =>
        {
            reconnect::stop(state)
        }
        Screen::Picker => match availability::action_of(state, key) {
            Some(action) => run(state, action),
            None => Vec::new(),
        },
        Screen::Console(_) => keyboard::key(state, key),
    }
}

/// What a key opens above any view: the help, and the command line. A sign such as `?` does so where no text is typed.
fn above_views(state: &State, key: Key) -> Option<Id> {
    // The help is closed by its own key.
    let opens = [Id::CommandLine, Id::Help].into_iter().filter(|id| state.keys.means(*id, key));
    let mut opens = opens.filter(|id| *id != Id::Help || state.top_view::<Help>().is_none());
    opens.find(|id| match state.keys.of(*id).bare.contains(&key) {
        true => state.top_leaves_sign(*id),
        false => !state.views.is_empty(),
    })
}

/// Whether a key closes the message about a mistake in the settings, which is shown until it was read. Enter belongs to
/// what is typed, if there is any.
fn closes_mistake(state: &State, key: Key) -> bool {
    let shown = state.remark.is_none() && !state.settings_mistakes.is_empty();
    let typed = state.console().is_some_and(|console| {
        !console.input.editor.is_empty() || console.prompt.is_up() || console.search.is_some()
    });
    let enter = key == Key::plain(Code::Enter) && !typed && !state.picker.is_filtering;
    shown && (key == Key::plain(Code::Esc) || enter)
}

/// Carries out an action, or says why not.
fn run(state: &mut State, action: &Action) -> Vec<Effect> {
    if let Err(why) = availability::check(state, action) {
        // Esc has nothing to stop most of the time, and that is no news.
        if action.id != Id::StopTrying {
            state.refuse(why);
        }
        return Vec::new();
    }
    let mut openers = VIEWS.iter().flat_map(|row| row.opened_by);
    if let Some((_, open)) = openers.find(|(id, _)| *id == action.id) {
        return open(state);
    }
    match action.id {
        Id::StopTrying if state.sending.is_some() => file_sending::stop(state),
        Id::StopTrying if state.saving.is_some() => export::stop(state),
        Id::StopTrying
            if tab_actions::is_new(state) && matches!(state.link, ConnectionState::Idle) =>
        {
            tab_actions::close(state)
        }
        Id::StopTrying => reconnect::stop(state),
        Id::NewTab => tab_actions::open(state),
        // Without one of its keys, as in the palette.
        Id::SelectTab | Id::NextTab => tab_actions::step(state, true),
        Id::PreviousTab => tab_actions::step(state, false),
        Id::CloseTab => keyboard::ask_to_close_tab(state),
        Id::Mouse => {
            state.mouse = !state.mouse;
            state.done(if state.mouse {
                "Mouse on: the wheel scrolls."
            } else {
                "Mouse off: the terminal selects text by itself."
            });
            vec![Effect::Mouse(state.mouse)]
        }
        Id::ReadSettings => vec![Effect::ReadSettings],
        Id::OtherBox => {
            prompt::keyboard::switch(state);
            Vec::new()
        }
        Id::Unhide => {
            prompt::keyboard::unhide(state);
            Vec::new()
        }
        Id::Suspend => vec![Effect::Suspend],
        Id::Quit if state.embedded_server || state.tabs.len() > 1 => keyboard::ask_to_leave(state),
        Id::Quit => vec![state.quit()],
        id => match state.screen {
            Screen::Picker => super::picker::act(state, id),
            Screen::Console(_) => keyboard::act(state, id),
        },
    }
}

fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    let takes_invites = state.views.is_empty() || state.top_view::<RedeemInvite>().is_some();
    if !takes_invites && redeem_invite::looks_like_one(text) {
        // It holds a key, which must not be seen in a field.
        state.refuse("that is an invite: close this first, then paste it in the picker");
        return Vec::new();
    }
    if let Some(effects) = state.with_top(|view, state| view.paste(text, state)) {
        return effects;
    }
    if !prompt::keyboard::paste(state, text) && !redeem_invite::pasted_outside(state, text) {
        keyboard::paste(state, text);
    }
    Vec::new()
}

/// What was drawn there is chosen. A click is never enough to run something:
/// a command opens its form.
fn click(state: &mut State, at: Position) -> Vec<Effect> {
    let hit = state.hits.iter().find(|(place, _)| place.contains(at));
    match hit.map(|(_, clicked)| clicked.clone()) {
        Some(Clicked::Mark(at)) => filter::toggle_mark(state, at),
        Some(Clicked::Server(at)) => {
            state.picker.top = state.server_list().map_or(0, |layout| layout.top);
            if at == state.picker.at && !state.picker.on_ways {
                return run(state, actions::get(Id::Connect));
            }
            picker::choose(state, at);
            state.picker.on_ways = false;
        }
        Some(Clicked::Route(at)) => {
            let was_chosen = state.picker.on_ways && state.picker.way == at;
            state.picker.way = at;
            state.picker.on_ways = true;
            if was_chosen {
                return run(state, actions::get(Id::Connect));
            }
        }
        Some(Clicked::ListRow(nth)) => {
            if let Some(console) = state.console_mut() {
                console.input.take_row(nth);
            }
        }
        Some(Clicked::Menu(row)) => return side_panes::click_menu(state, &row),
        Some(Clicked::Client(id)) => return side_panes::click_client(state, id),
        Some(Clicked::PaneList(pane, _) | Clicked::Pane(pane)) => side_panes::focus(state, pane),
        Some(Clicked::InView(Hit::Number(hit))) => {
            let effects = state.with_top(|view, state| view.click(hit, state));
            return effects.unwrap_or_default();
        }
        Some(Clicked::InView(Hit::Row(row))) => {
            let effects = state.with_top(|view, state| view.click_row(row, state));
            return effects.unwrap_or_default();
        }
        Some(Clicked::Key(key) | Clicked::InView(Hit::Key(key))) => return on_key(state, key),
        Some(Clicked::InView(Hit::Back(view))) => return back_to(state, view),
        Some(Clicked::ServerList(_) | Clicked::InView(Hit::List(_))) | None => {}
    }
    Vec::new()
}

/// Closes the views above one, as Esc does. A view that Esc does not close, such as a form with unsaved text, stays.
fn back_to(state: &mut State, view: usize) -> Vec<Effect> {
    let mut effects = Vec::new();
    // One Esc may only end a filter.
    for _ in 0..2 * state.views.len() {
        if state.views.len() > view + 1 {
            effects.extend(on_key(state, Key::plain(Code::Esc)));
        }
    }
    effects
}

/// The wheel scrolls the uppermost view, else the list or the output under the pointer.
fn wheel(state: &mut State, rows: i32, at: Position) {
    let turn = |view: &mut dyn View, state: &State| {
        view.wheel(rows, state);
        stay()
    };
    if state.with_top(turn).is_some() {
        return;
    }
    let over = state.hits.iter().find(|(place, _)| place.contains(at));
    if let Some((_, Clicked::ListRow(_))) = over
        && let Some(console) = state.console_mut()
    {
        console.input.wheel(rows);
        return;
    }
    if let Some(layout) = state.server_list() {
        return super::picker::scroll(state, rows, layout);
    }
    let list = state.hits.iter().find_map(|(place, clicked)| match clicked {
        Clicked::PaneList(pane, layout) if place.contains(at) => Some((*pane, *layout)),
        _ => None,
    });
    if let Some((pane, layout)) = list {
        return side_panes::wheel(state, pane, rows, layout);
    }
    let Some(console) = state.console_mut().filter(|console| console.laid.pane.contains(at)) else {
        return;
    };
    let steps = rows.unsigned_abs() as usize;
    match rows > 0 {
        true => console.runs.pane.scroll_down(steps),
        false => console.runs.pane.scroll_up(steps),
    }
}
