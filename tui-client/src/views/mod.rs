//! Drawing the state. Nothing here changes it, reads a clock or does I/O.

mod command_form;
mod confirm;
mod console;
mod filter_list;
mod help;
mod key_hints;
mod overlay_frame;
mod palette;
mod picker;
mod row;
pub(crate) mod server;

#[cfg(test)]
pub(crate) mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::mouse::Clicked;
use crate::app::overlay::Overlay;
use crate::app::picker::probe;
use crate::app::server::invite_result;
use crate::app::{Screen, Size, State};
use crate::theme::Theme;
use row::Row;

/// Draws everything; returns where the cursor stands, if anywhere.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let cursor = layers(state, area, buffer);
    state.theme.paint(buffer);
    if state.ascii {
        crate::theme::glyphs::to_ascii(buffer);
    }
    cursor
}

fn layers(state: &State, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let theme = state.theme;
    let size = Size { width: area.width, height: area.height };
    if !size.enough() {
        too_small(size, area, buffer, &theme);
        return None;
    }
    let mut cursor = match &state.screen {
        Screen::Picker => {
            picker::draw(state, area, buffer, &theme);
            None
        }
        Screen::Console(console) => console::draw(state, console, buffer, &theme),
    };
    let said = console::said(state, buffer);
    for overlay in &state.overlays {
        cursor = match overlay {
            Overlay::Help { top } => {
                help::draw(state, *top, area, buffer, &theme);
                None
            }
            Overlay::Palette(palette) => palette::draw(state, palette, area, buffer, &theme),
            Overlay::Confirm(question) => confirm::draw(question, area, buffer, &theme),
            Overlay::Form(filled) => picker::server_form::draw(filled, area, buffer, &theme),
            Overlay::CommandForm(filled) => command_form::draw(filled, None, area, buffer, &theme),
            Overlay::InviteForm(new) => {
                command_form::draw(&new.form, Some(&new.step), area, buffer, &theme)
            }
            Overlay::Reload(shown) => {
                server::reload::draw(state, shown, area, buffer, &theme);
                None
            }
            Overlay::InviteResult(made) => {
                server::invite_result::draw(state, made, area, buffer, &theme);
                None
            }
            Overlay::Invite(pairing) => {
                picker::redeem_invite::draw(state, pairing, area, buffer, &theme)
            }
            Overlay::Keys(view) => server::accepted_keys::draw(state, view, area, buffer, &theme),
            Overlay::Runs(view) => server::run_list::draw(state, view, area, buffer, &theme),
            Overlay::Log(view) => server::log::draw(state, view, area, buffer, &theme),
            Overlay::Clients { at } => {
                server::clients::overlay(state, *at, area, buffer, &theme);
                None
            }
            Overlay::Client(details) => {
                server::client::draw(state, details, area, buffer, &theme);
                None
            }
            Overlay::Notices { top } => {
                server::notices::draw(state, *top, area, buffer, &theme);
                None
            }
            Overlay::Status { top } => {
                server::status::draw(state, *top, area, buffer, &theme);
                None
            }
        };
    }
    console::say_on_top(state, &said, area, buffer, &theme);
    // A remark is never hidden by what made it.
    if !state.overlays.is_empty() && state.remark.is_some() {
        key_hints::draw(state, key_hints::last_row(area), buffer, &theme);
    }
    cursor
}

/// Milliseconds until something drawn changes by itself.
pub(crate) fn changes_in(state: &State) -> Option<u64> {
    if !state.size.enough() {
        // Nothing can be seen, but the wait for the next try goes on.
        return console::link_changes_in(state);
    }
    match state.screen {
        Screen::Picker => {
            let pairing = state.overlays.iter().find_map(|overlay| match overlay {
                Overlay::Invite(pairing) => pairing.changes_in(state.clock.mono),
                _ => None,
            });
            let link = console::link_changes_in(state);
            [link, pairing, probe::changes_in(state)].into_iter().flatten().min()
        }
        Screen::Console(_) => {
            let made = state.overlays.iter().find_map(|overlay| match overlay {
                Overlay::InviteResult(made) => invite_result::changes_in(state, made),
                _ => None,
            });
            [console::changes_in(state), made].into_iter().flatten().min()
        }
    }
}

/// What is drawn at this place, where a click chooses it: a command of the menu, or a row of the picker.
pub(crate) fn clicked(state: &State, column: u16, row: u16) -> Option<Clicked> {
    if !state.overlays.is_empty() || !state.size.enough() {
        return None;
    }
    let at = Position::new(column, row);
    match &state.screen {
        Screen::Picker => picker::clicked(state, at),
        Screen::Console(console) => {
            let name = console::menu::command_at(console, &console.layout(state), at)?;
            Some(Clicked::Command(name.to_owned()))
        }
    }
}

fn too_small(size: Size, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Size { width, height } = Size::LEAST;
    let lines = [
        "terminal too small".to_owned(),
        format!("needs {width} × {height}"),
        format!("has {} × {}", size.width, size.height),
    ];
    for (y, line) in (0..).zip(&lines) {
        let style = if y == 0 { theme.strong } else { theme.dim };
        Row::at(buffer, area, y).left(line, style);
    }
}
