//! What each message does: from the uppermost layer down to the screen below.

use super::command_form::{self, FormResult};
use super::confirm::{Confirm, ConfirmAnswer, ConfirmInput, ConfirmedAction};
use super::connection::ConnectionState;
use super::console::{keyboard, submit};
use super::overlay::{self, Overlay};
use super::palette::{Palette, Pick, Picked};
use super::picker::redeem_invite::{self, Done};
use super::picker::server_form::Filled;
use super::picker::{self, probe};
use super::runs::{export, run_list};
use super::server::{accepted_keys, admin, clients, create_invite, log, status};
use super::{
    Clock, Effect, Msg, ProfileEdit, Screen, State, apply_settings, mouse, prompt, runs, session,
};
use crate::app::availability;
use crate::input::actions::{self, Action, Id};
use crate::input::key::Key;

/// Changes the state by one message; what is to be done outside comes back.
pub(crate) fn update(state: &mut State, clock: Clock, msg: Msg) -> Vec<Effect> {
    state.clock = clock;
    let mut effects = take(state, msg);
    effects.extend(prompt::follow(state));
    lay(state);
    effects
}

/// Gives the response pane the room that it has now.
fn lay(state: &mut State) {
    if let Screen::Console(console) = &state.screen {
        let layout = console.layout(state);
        if let Some(console) = state.console_mut() {
            console.lay(&layout);
        }
    }
}

fn take(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => return on_key(state, key),
        Msg::Paste(text) => return paste(state, &text),
        Msg::Wheel { rows, column, row } => mouse::turn(state, rows, column, row),
        Msg::Click(clicked) => mouse::click(state, clicked),
        Msg::Resize(size) => state.size = size,
        Msg::Background(background) => apply_settings::take_background(state, background),
        Msg::Tick => {
            let mut effects = session::tick(state);
            effects.extend(probe::tick(state));
            effects.extend(status::tick(state));
            return effects;
        }
        Msg::Servers(servers) => picker::load(state, servers),
        Msg::ServersPartly(servers, mistake) => picker::load_partly(state, servers, &mistake),
        Msg::ServersUnreadable(why) => picker::unreadable(state, &why),
        Msg::ServersFailed(why) => state.refuse(why),
        Msg::ServersSaved(what) => {
            state.overlays.retain(|overlay| !matches!(overlay, Overlay::Form(_)));
            state.done(what);
        }
        Msg::Probed(here) => state.here = here,
        Msg::Reached { round, via, reach } => probe::reached(state, round, via, reach),
        Msg::Found(found) => picker::found(state, found),
        Msg::Paired { attempt, result } => return redeem_invite::ended(state, attempt, result),
        Msg::Dialled { attempt, welcome, reached, carries } => {
            return session::dialled(state, attempt, *welcome, reached, carries);
        }
        Msg::DialFailed { attempt, failed } => session::dial_failed(state, attempt, failed),
        Msg::Session { session, event } => return session::event(state, session, event),
        Msg::History { server, lines } => {
            if let Some(console) = state.console_mut()
                && console.history_name() == server
            {
                console.input.history.load(lines);
            }
        }
        Msg::Fetching { id, done } => export::fetching(state, id, done),
        Msg::Fetched { id, result } => return export::fetched(state, id, result),
        Msg::Settings { settings, mistakes, asked } => {
            return apply_settings::take(state, *settings, &mistakes, asked);
        }
        Msg::AuditWarning { session, warning } => session::audit_warning(state, session, warning),
        Msg::Done(text) => state.done(text),
        Msg::Failed(text) => state.refuse(text),
    }
    Vec::new()
}

fn on_key(state: &mut State, key: Key) -> Vec<Effect> {
    state.remark = None;
    probe::used(state);
    if !state.size.enough() {
        // Nothing can be seen, so nothing is done but leaving.
        return if key.is_ctrl('c') || key.is_ctrl('d') { vec![quit(state)] } else { Vec::new() };
    }
    if let Some(top) = state.overlays.pop() {
        return overlay_key(state, top, key);
    }
    match state.screen {
        Screen::Picker => match availability::action_of(state, key) {
            Some(action) => run(state, action),
            None => Vec::new(),
        },
        Screen::Console(_) => keyboard::key(state, key),
    }
}

/// A key for an overlay, which was taken off and is put back if it stays.
fn overlay_key(state: &mut State, top: Overlay, key: Key) -> Vec<Effect> {
    let page = overlay::page(state.size);
    let stays = match top {
        // These put themselves back.
        Overlay::Runs(view) => return run_list::key(state, view, key),
        Overlay::Log(view) => return log::key(state, view, key),
        Overlay::Keys(view) => return accepted_keys::key(state, view, key),
        Overlay::InviteForm(new) => return create_invite::form_key(state, new, key),
        Overlay::InviteResult(made) => return create_invite::made_key(state, made, key),
        Overlay::Clients { at } => return clients::list_key(state, at, key),
        Overlay::Client(details) => return clients::key(state, details, key),
        // What is read: any key that does not scroll it closes it.
        mut read @ (Overlay::Help { .. }
        | Overlay::Notices { .. }
        | Overlay::Status { .. }
        | Overlay::Reload(_)) => {
            let (rows, page) = read.rows(state);
            let Some(row) = read.top_mut() else { return Vec::new() };
            match overlay::scroll(*row, rows, page, key) {
                Some(to) => *row = to,
                None => return Vec::new(),
            }
            read
        }
        Overlay::Palette(mut palette) => {
            let rows = palette.rows(state);
            match palette.key(key, &rows, page) {
                Picked::Open => palette.settle(state),
                Picked::Closed => return Vec::new(),
                Picked::Chosen(at) => {
                    let Some(row) = rows.into_iter().nth(at) else { return Vec::new() };
                    match row.why_not {
                        None => return pick(state, row.pick),
                        Some(why) => state.refuse(format!("{}: {why}", row.title)),
                    }
                }
                Picked::Typed(at) => {
                    if let Some(Pick::Command(name)) = rows.into_iter().nth(at).map(|row| row.pick)
                    {
                        command_form::type_line(state, &format!("{name} "));
                        return Vec::new();
                    }
                }
            }
            Overlay::Palette(palette)
        }
        Overlay::Confirm(mut confirm) => match confirm.key(key) {
            ConfirmAnswer::Open => Overlay::Confirm(confirm),
            ConfirmAnswer::No => {
                cancelled(state, confirm);
                return Vec::new();
            }
            ConfirmAnswer::Yes => return confirmed(state, confirm),
        },
        Overlay::Form(mut form) => match form.key(key, &state.servers) {
            Filled::Open => Overlay::Form(form),
            Filled::Closed => return Vec::new(),
            Filled::Save(effect) => {
                state.overlays.push(Overlay::Form(form));
                return vec![effect];
            }
        },
        Overlay::CommandForm(mut form) => match form.key(key) {
            FormResult::Open => Overlay::CommandForm(form),
            FormResult::Run => {
                state.overlays.push(Overlay::CommandForm(form.clone()));
                return command_form::run(state, &form);
            }
            FormResult::Closed { typed } => {
                command_form::keep(state, *form);
                if let Some(line) = typed {
                    command_form::type_line(state, &line);
                }
                return Vec::new();
            }
        },
        Overlay::Invite(mut pairing) => match pairing.key(key) {
            Done::Open => Overlay::Invite(pairing),
            Done::Closed => return Vec::new(),
            Done::Stop { attempt } => {
                state.overlays.push(Overlay::Invite(pairing));
                return vec![Effect::CancelPair { attempt }];
            }
            Done::Use(invite, replacing) => {
                return redeem_invite::begin(state, pairing, invite, replacing);
            }
        },
    };
    state.overlays.push(stays);
    Vec::new()
}

/// A question was answered with no: what was typed comes back.
fn cancelled(state: &mut State, confirm: Confirm) {
    if let ConfirmedAction::Run { line, .. } | ConfirmedAction::Postpone { line, .. } = confirm.then
    {
        // A form still holds it.
        if !matches!(state.overlays.last(), Some(Overlay::CommandForm(_)))
            && let Some(console) = state.console_mut()
            && console.input.editor.is_empty()
        {
            console.input.editor.set(&line);
        }
        state.done("Not sent.");
    }
}

fn confirmed(state: &mut State, confirm: Confirm) -> Vec<Effect> {
    let connected = state.session().is_some();
    match confirm.then {
        ConfirmedAction::Run { line, mut run } => {
            run.confirm = true;
            submit::send(state, &line, &run)
        }
        ConfirmedAction::Postpone { line, run } => admin::postponed(state, &line, run),
        ConfirmedAction::Delete(name) => vec![Effect::Edit(ProfileEdit::Remove(name))],
        ConfirmedAction::Cancel(run) => {
            if let Some(console) = state.console_mut().filter(|_| connected) {
                console.runs.cancelling(run);
            }
            state.ask_if_connected(runs::cancel(run))
        }
        ConfirmedAction::Kick(whom) => {
            let ConfirmInput::Reason { field, .. } = confirm.ask else { return Vec::new() };
            clients::send_away(state, whom, field.text())
        }
        ConfirmedAction::Revoke { key, name } => accepted_keys::revoke(state, key, &name),
        ConfirmedAction::Quit => vec![quit(state)],
        ConfirmedAction::ToPicker => picker::open(state),
        ConfirmedAction::Join(line) => {
            if let Some(console) = state.console_mut() {
                console.input.paste(&line);
            }
            Vec::new()
        }
    }
}

fn pick(state: &mut State, pick: Pick) -> Vec<Effect> {
    match pick {
        Pick::Act(id) => run(state, actions::get(id)),
        Pick::Command(name) => command_form::choose(state, &name),
    }
}

/// Carries out an action, or says why not.
pub(super) fn run(state: &mut State, action: &Action) -> Vec<Effect> {
    if let Err(why) = availability::check(state, action) {
        // Esc has nothing to stop most of the time, and that is no news.
        if action.id != Id::StopTrying {
            state.refuse(why);
        }
        return Vec::new();
    }
    match action.id {
        Id::Help => state.overlays.push(Overlay::Help { top: 0 }),
        Id::Palette => state.overlays.push(Overlay::Palette(Palette::open(state, false))),
        Id::Menu => state.overlays.push(Overlay::Palette(Palette::open(state, true))),
        Id::Runs => return run_list::open(state),
        Id::Notices => state.overlays.push(Overlay::Notices { top: 0 }),
        Id::Status => return status::open(state),
        Id::Log => return log::open(state),
        Id::StopTrying if state.saving.is_some() => return export::stop(state),
        Id::StopTrying => return session::stop_trying(state),
        Id::Mouse => {
            state.mouse = !state.mouse;
            state.done(if state.mouse {
                "Mouse on: the wheel scrolls."
            } else {
                "Mouse off: the terminal selects text by itself."
            });
            return vec![Effect::Mouse(state.mouse)];
        }
        Id::Theme => return apply_settings::next_theme(state),
        Id::ReadSettings => return vec![Effect::ReadSettings],
        Id::OtherBox => prompt::switch(state),
        Id::Unhide => prompt::unhide(state),
        Id::Suspend => return vec![Effect::Suspend],
        Id::Quit => {
            if matches!(state.link, ConnectionState::Dialling(_)) {
                return session::stop_trying(state);
            }
            if state.carries {
                let confirm = keyboard::leaving(state);
                state.overlays.push(Overlay::Confirm(confirm));
                return Vec::new();
            }
            return vec![quit(state)];
        }
        id => {
            return match state.screen {
                Screen::Picker => picker::act(state, id),
                Screen::Console(_) => keyboard::act(state, id),
            };
        }
    }
    Vec::new()
}

fn quit(state: &mut State) -> Effect {
    state.quitting = true;
    Effect::Quit
}

fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    state.remark = None;
    let takes_invites = matches!(state.overlays.last(), None | Some(Overlay::Invite(_)));
    if !takes_invites && redeem_invite::looks_like_one(text) {
        // It holds a key, which must not be seen in a field.
        state.refuse("that is an invite: close this first, then paste it in the picker");
        return Vec::new();
    }
    let mut whole = true;
    match state.overlays.last_mut() {
        Some(Overlay::Form(form)) => form.paste(text),
        Some(Overlay::CommandForm(form)) => whole = form.paste(text),
        Some(Overlay::InviteForm(new)) => whole = new.paste(text),
        Some(Overlay::Invite(pairing)) => pairing.paste(text),
        Some(Overlay::Palette(palette)) => {
            palette.paste(text);
        }
        Some(Overlay::Runs(view)) => view.paste(text),
        Some(Overlay::Log(view)) => view.paste(text),
        Some(Overlay::Keys(view)) => view.paste(text),
        Some(Overlay::Confirm(Confirm { ask: ConfirmInput::Reason { field, .. }, .. })) => {
            field.insert(text.lines().next().unwrap_or_default());
        }
        // A name that must be typed is typed; the rest takes no text.
        Some(_) => {}
        None => {
            if !prompt::paste(state, text) && !redeem_invite::pasted_outside(state, text) {
                keyboard::paste(state, text);
            }
        }
    }
    if !whole {
        state.refuse("Only the first line was taken: a value is one line.");
    }
    Vec::new()
}
