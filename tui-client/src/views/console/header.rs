//! Header of the console: server, route, state and role on the left; clients, load and time on the right.
//!
//! **Decision:** the time wakes an idle screen once a minute, at the full minute, and only while it is drawn. A clock that
//! stands still is wrong, and one frame of a few changed cells a minute is no load. The sparkline of the load has no timer of
//! its own: see [`status_poll`](crate::app::console::status_poll).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::State;
use crate::app::connection::{self, ConnectionState};
use crate::app::console::Console;
use crate::app::console::figures::Figure;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::row::Row;
use crate::widgets::sparkline::{bars_from_zero, condensed};

/// Columns of the load of two minutes.
const LOAD: usize = 6;
/// The least load that has the full height: one processor is busy.
const FULL_LOAD: f64 = 1.0;
/// Columns beside the text: one at each end.
const MARGIN: u16 = 2;

/// Texts of the header that have room.
#[derive(Debug, Clone, Default)]
struct Header {
    /// Route, state in words, and role; empty where left out.
    left: [String; 3],
    /// What other users run, where the list of clients does not show it.
    others: String,
    clients: String,
    /// The bars of the load, and the load now.
    load: Option<(String, String)>,
    time: String,
}

impl Header {
    fn new(state: &State, console: &Console, room: usize) -> Self {
        let role = console.welcome.you.role.to_string();
        let (way, words) = (console.way(state), connection::words(state));
        let short = console.via().title().to_owned();
        let wide = |parts: &[String; 3]| {
            let parts = parts.iter().filter(|text| !text.is_empty());
            fit::width(console.name()) + parts.map(|text| 3 + fit::width(text)).sum::<usize>()
        };
        // With little room the details of the way go first, then the role; never the state.
        let all = [way, words.clone(), role.clone()];
        let without_address = [short.clone(), words.clone(), role];
        let without_role = [short, words, String::new()];
        let left = [all, without_address].into_iter().find(|parts| wide(parts) <= room);
        let left = left.unwrap_or(without_role);
        // What is on the right goes before what is on the left is cut.
        let room = room.saturating_sub(wide(&left) + 2);
        Self { left, ..Self::right(state, console, room) }
    }

    /// What stands on the right: the load goes first, then the names of what others run, then the time.
    fn right(state: &State, console: &Console, room: usize) -> Self {
        let clients = match console.clients.len() {
            _ if !state.is_connected() => return Self::default(),
            0 => return Self::default(),
            1 => "1 client".to_owned(),
            n => format!("{n} clients"),
        };
        let time = times::minute(state.clock.wall, &state.zone);
        let [named, counted] = others(console);
        let only = Self { clients, ..Self::default() };
        let timed = Self { time, clients: only.clients.clone(), ..Self::default() };
        let with_named = Self { others: named, ..timed.clone() };
        let forms = [
            Self { load: load(console), ..with_named.clone() },
            with_named,
            Self { others: counted.clone(), ..timed },
            Self { others: counted, ..only.clone() },
            only,
        ];
        forms.into_iter().find(|header| header.right_width() <= room).unwrap_or_default()
    }

    fn right_width(&self) -> usize {
        let load = self.load.as_ref().map_or(0, |(bars, now)| {
            fit::width(LOAD_LABEL) + fit::width(bars) + 1 + fit::width(now)
        });
        let time = if self.time.is_empty() { 0 } else { 3 + fit::width(&self.time) };
        let others = if self.others.is_empty() { 0 } else { 3 + fit::width(&self.others) };
        others + fit::width(&self.clients) + load + time
    }
}

/// What other users run now, with the first of it by name, and counted: `1 running: anna backup`, `1 running`. Both are empty
/// where others run nothing, or the list of clients beside the output shows it.
fn others(console: &Console) -> [String; 2] {
    if console.laid.clients.is_some() {
        return Default::default();
    }
    let others = console.clients.values().filter(|row| !console.is_me(row));
    let mut running = others.flat_map(|row| {
        let runs = row.runs.iter().filter(|run| !run.queued);
        runs.map(move |run| (&row.user, &run.command))
    });
    let Some((user, command)) = running.next() else { return Default::default() };
    let count = 1 + running.count();
    let counted = format!("{count} running");
    let more = if count > 1 { " …" } else { "" };
    let first = format!("{user} {command}");
    [format!("{counted}: {}{more}", fit::cut(&first, OTHERS)), counted]
}

/// Most columns for the name of another user and the command that runs.
const OTHERS: usize = 24;

const LOAD_LABEL: &str = " · load ";

/// The bars of the load and the load now, if the server has sent it.
fn load(console: &Console) -> Option<(String, String)> {
    let now = console.figures.now(Figure::Load)?;
    let samples = condensed(&console.figures.samples(Figure::Load), LOAD);
    Some((bars_from_zero(&samples, LOAD, FULL_LOAD), format!("{now:.1}")))
}

pub(super) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1);
    if let ConnectionState::Lost(lost) = &state.link {
        // The bar below says all of it.
        row.left(console.name(), theme.chosen());
        row.left(&format!(" · {} · {}", console.way(state), lost.brief(state)), theme.warn);
        return;
    }
    let header = Header::new(state, console, row.room());
    if !header.time.is_empty() {
        row.right(&format!(" · {}", header.time), theme.dim);
    }
    if let Some((bars, now)) = &header.load {
        row.right(&format!(" {now}"), theme.dim).right(bars, theme.accent);
        row.right(LOAD_LABEL, theme.dim);
    }
    row.right(&header.clients, theme.dim);
    if !header.others.is_empty() {
        row.right(" · ", theme.dim).right(&header.others, theme.accent);
    }
    let state_style = if state.is_connected() { theme.good } else { theme.warn };
    row.left(console.name(), theme.chosen());
    let [way, words, role] = &header.left;
    let parts = [(way, theme.header), (words, state_style), (role, theme.header)];
    for (text, style) in parts.into_iter().filter(|(text, _)| !text.is_empty()) {
        row.left(" · ", theme.dim).left(text, style);
    }
}

/// Milliseconds until the time in the header changes, while it is drawn.
pub(super) fn changes_in(state: &State, console: &Console) -> Option<u64> {
    let room = usize::from(state.size.width.saturating_sub(MARGIN));
    let has_time = !Header::new(state, console, room).time.is_empty();
    has_time.then(|| times::next_minute(state.clock.wall))
}
