//! The views, and drawing. A popup is a [`View`](crate::app::view::View): one file here, and one row in [`VIEWS`].

pub(crate) mod accepted_keys;
pub(crate) mod admin_forms;
mod approval_details;
mod approvals;
pub(crate) mod client_details;
pub(crate) mod clients;
pub(crate) mod command_form;
pub(crate) mod command_line;
pub(crate) mod confirm;
pub(crate) mod console;
pub(crate) mod create_invite;
mod facts_view;
pub(crate) mod help;
pub(crate) mod invite_result;
mod key_details;
mod key_hints;
mod list_view;
pub(crate) mod log;
mod message_line;
mod notices;
pub(crate) mod palette;
mod picker;
pub(crate) mod redeem_invite;
mod reload;
mod run_details;
pub(crate) mod run_list;
mod save_result;
mod schedule_form;
pub(crate) mod schedules;
mod server_form;
pub(crate) mod several_boxes;
mod status;
mod status_bar;
mod tab_strip;
pub(crate) mod theme_chooser;
mod typed_command;
mod update;
mod verb_answer;

#[cfg(test)]
pub(crate) mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::picker::probe;
use crate::app::{Clicked, Effect, Hits, Screen, Size, State};
use crate::input::actions::Id;
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::row::{self, Row};
pub(crate) use update::update;

/// A view in the table.
pub(crate) struct ViewRow {
    /// Its file or folder below `views/`.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the table with the files"))]
    pub(crate) file: &'static str,
    /// The actions that open it. Other views are opened by the outcome of another view, or by an answer.
    pub(crate) opened_by: &'static [(Id, Open)],
}

type Open = fn(&mut State) -> Vec<Effect>;

#[rustfmt::skip]
pub(crate) const VIEWS: &[ViewRow] = &[
    ViewRow { file: "accepted_keys", opened_by: &[(Id::Keys, accepted_keys::open_list)] },
    ViewRow { file: "approval_details", opened_by: &[] },
    ViewRow { file: "approvals", opened_by: &[(Id::Approvals, approvals::open_list)] },
    ViewRow { file: "client_details", opened_by: &[] },
    ViewRow { file: "clients", opened_by: &[(Id::Clients, console::side_panes::open_clients), (Id::Kick, clients::open_others)] },
    ViewRow { file: "command_form", opened_by: &[(Id::Broadcast, admin_forms::broadcast), (Id::Shutdown, admin_forms::shut_down), (Id::Postpone, admin_forms::postpone)] },
    ViewRow { file: "command_line", opened_by: &[(Id::CommandLine, command_line::open)] },
    ViewRow { file: "confirm", opened_by: &[(Id::Leave, console::keyboard::ask_to_leave)] },
    ViewRow { file: "create_invite", opened_by: &[(Id::MakeInvite, create_invite::open)] },
    ViewRow { file: "facts_view", opened_by: &[] },
    ViewRow { file: "help", opened_by: &[(Id::Help, help::open)] },
    ViewRow { file: "invite_result", opened_by: &[] },
    ViewRow { file: "key_details", opened_by: &[] },
    ViewRow { file: "log", opened_by: &[(Id::Log, log::open_view)] },
    ViewRow { file: "notices", opened_by: &[(Id::Notices, notices::open_list)] },
    ViewRow { file: "palette", opened_by: &[(Id::Palette, palette::open_all), (Id::Menu, console::side_panes::open_menu)] },
    ViewRow { file: "redeem_invite", opened_by: &[(Id::Invite, redeem_invite::open_empty)] },
    ViewRow { file: "reload", opened_by: &[(Id::Reload, reload::open)] },
    ViewRow { file: "run_details", opened_by: &[] },
    ViewRow { file: "run_list", opened_by: &[(Id::Runs, run_list::open_list)] },
    ViewRow { file: "schedules", opened_by: &[(Id::Schedules, schedules::open_list)] },
    ViewRow { file: "server_form", opened_by: &[(Id::Add, server_form::open_add), (Id::Edit, server_form::open_edit), (Id::Duplicate, server_form::open_duplicate)] },
    ViewRow { file: "several_boxes", opened_by: &[(Id::RunOnMarked, several_boxes::open_marked), (Id::RunOnAll, several_boxes::open_all)] },
    ViewRow { file: "status", opened_by: &[(Id::Status, status::open)] },
    ViewRow { file: "theme_chooser", opened_by: &[(Id::Theme, theme_chooser::open)] },
    ViewRow { file: "verb_answer", opened_by: &[] },
];

/// Where the cursor stands, if anywhere, and what can be clicked.
pub(crate) type Drawn = (Option<Position>, Hits);

/// Draws everything. Nothing here changes the state, reads a clock or does I/O.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Drawn {
    let drawn = match state.strip_rows() {
        0 => layers(state, area, buffer),
        rows => below_strip(state, rows, area, buffer),
    };
    state.theme.paint(buffer);
    if state.ascii {
        crate::theme::glyphs::to_ascii(buffer);
    }
    drawn
}

/// Draws the strip of tabs, and the screen below it. The screen has rows of its own, from 0 on: what can be clicked has its
/// place in these.
fn below_strip(state: &State, rows: u16, area: Rect, buffer: &mut Buffer) -> Drawn {
    let body = Rect { height: area.height.saturating_sub(rows), ..area };
    let mut screen = Buffer::empty(body);
    let (cursor, hits) = layers(state, body, &mut screen);
    for at in body.positions() {
        buffer[(at.x, at.y + rows)] = screen[at].clone();
    }
    tab_strip::draw(state, Rect { height: rows, ..area }, buffer);
    (cursor.map(|at| Position { y: at.y + rows, ..at }), hits)
}

fn layers(state: &State, area: Rect, buffer: &mut Buffer) -> Drawn {
    let theme = state.theme;
    let mut hits = Hits::new();
    if !state.terminal.enough() {
        too_small(state.terminal, area, buffer, &theme);
        return (None, hits);
    }
    let cursor = match &state.screen {
        Screen::Picker => picker::draw(state, area, buffer, &mut hits),
        Screen::Console(console) => console::draw(state, console, buffer, &mut hits),
    };
    let Some((top, below)) = state.views.split_last() else { return (cursor, hits) };
    // Only the uppermost view is drawn; all else is dimmed.
    dim(area, buffer, &theme);
    // The bar is drawn again below, in one row.
    let bar = state.console().map(|console| console.layout(state).bar).unwrap_or_default();
    row::clear(buffer, bar);
    let below = below.iter().map(|view| view.title(state)).collect();
    // The last rows are for messages, and the one above them for the bar.
    let height = area.height - (state.size.height - state.view_size().height).min(area.height);
    let room = Rect { height, ..area };
    let (hits, free_from) = (Vec::new(), area.bottom());
    let mut canvas = Canvas { area: room, buffer: &mut *buffer, theme, below, hits, free_from };
    let cursor = top.draw(&mut canvas, state);
    let free_from = if room == area { canvas.free_from } else { area.bottom() };
    let hits = canvas.hits.into_iter().map(|(place, hit)| (place, Clicked::InView(hit)));
    let mut hits = hits.collect();
    let last = key_hints::last_row(area);
    let of_message = state.message_rows_of_views();
    let bar = Rect { y: last.y.saturating_sub(1 + of_message), ..last };
    status_bar::draw(state, bar, buffer, &mut hits);
    if !top.draws_messages() {
        let free_from = free_from.min(last.y - of_message.min(last.y));
        message_line::draw_below(state, free_from, last, buffer);
    }
    (cursor, hits)
}

/// Dims everything behind a popup.
fn dim(area: Rect, buffer: &mut Buffer, theme: &Theme) {
    for at in area.positions() {
        let cell = &mut buffer[at];
        // A blank without a colour is not sent to the terminal again.
        let style = if cell.symbol() == " " { Style::new() } else { theme.behind };
        cell.set_style(Style::reset().patch(style));
    }
}

/// Milliseconds until something drawn changes by itself.
pub(crate) fn changes_in(state: &State) -> Option<u64> {
    let now = state.clock.mono;
    let hidden = state.tabs.hidden().filter_map(|tab| tab.changes_in(now));
    let link = hidden.chain(console::link_changes_in(state)).min();
    if !state.terminal.enough() {
        // Nothing can be seen, but the wait for the next try goes on.
        return link;
    }
    let below = match state.screen {
        Screen::Picker => link.into_iter().chain(probe::changes_in(state)).min(),
        Screen::Console(_) => link.into_iter().chain(console::changes_in(state)).min(),
    };
    let views = state.views.iter().filter_map(|view| view.next_tick(state));
    below.into_iter().chain(views).chain(state.remark_changes_in()).min()
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

#[cfg(test)]
mod table {
    use super::*;

    /// A new view is one new file and one row.
    #[test]
    fn every_file_with_a_view_has_a_row_and_every_row_has_a_file() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/views");
        let has_view = |name: &str| {
            let files = [format!("{name}.rs"), format!("{name}/mod.rs")];
            let text = files.map(|file| std::fs::read_to_string(folder.join(file)));
            text.into_iter()
                .flatten()
                .any(|text| text.contains("impl View for ") || text.contains("impl ListView for "))
        };
        let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let names = entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
        let views = names.filter(|name| name != "mod" && has_view(name));
        let mut files: Vec<String> = views.collect();
        files.sort();
        let rows: Vec<&str> = VIEWS.iter().map(|row| row.file).collect();
        assert_eq!(files, rows);
    }

    #[test]
    fn no_two_views_are_opened_by_one_action() {
        let ids: Vec<Id> = VIEWS.iter().flat_map(|row| row.opened_by).map(|(id, _)| *id).collect();
        let unique: std::collections::HashSet<Id> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len());
    }
}
