//! The picker: servers on the left, the ways to the chosen one on the right.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::hints;
use super::row::Row;
use super::theme::Theme;
use crate::app::link::Via;
use crate::app::picker::{self, Sign, WAYS, Way};
use crate::app::{Here, Size, State, fit};
use crate::config::Profile;

/// Wider than this the picker stays in the middle.
const WIDEST: u16 = 108;
/// Narrower than this only one column is shown at a time.
const BOTH_FROM: u16 = 56;
/// From here on what is said of a way fits beside it.
const WIDE_FROM: u16 = 84;

/// What somebody reads who has saved nothing yet.
const FIRST_STEPS: &str = "Enter on Same machine opens the console of this machine; where no server \
     runs, one starts inside this program and ends with it. To save another box, press a.";

/// Where the two columns stand.
struct Columns {
    servers: Option<Rect>,
    ways: Option<Rect>,
    /// Rows that a way takes.
    way_rows: u16,
}

/// Whether both columns have room.
pub(super) fn is_wide(size: Size) -> bool {
    size.width >= BOTH_FROM
}

fn columns(state: &State, area: Rect) -> Columns {
    let width = area.width.min(WIDEST);
    let x = area.x + (area.width - width) / 2;
    let y = area.y + if area.height >= 30 { area.height / 6 } else { 2 };
    let height = area.bottom().saturating_sub(y + 1);
    let body = Rect::new(x, y, width, height);
    if width < BOTH_FROM {
        let (servers, ways) =
            if state.picker.on_ways { (None, Some(body)) } else { (Some(body), None) };
        return Columns { servers, ways, way_rows: 2 };
    }
    let left = if width >= WIDE_FROM { width * 36 / 100 } else { width / 3 };
    let ways = Rect { x: x + left, width: width - left, ..body };
    let way_rows = if width >= WIDE_FROM { 1 } else { 2 };
    Columns { servers: Some(Rect { width: left, ..body }), ways: Some(ways), way_rows }
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let saved = match state.servers.len() {
        0 => "no servers saved".to_owned(),
        1 => "1 server saved".to_owned(),
        n => format!("{n} servers saved"),
    };
    let mut title = Row::new(buffer, area);
    title.skip(1).left("Topside", theme.chosen()).skip_right(1).right(&saved, theme.dim);

    let columns = columns(state, area);
    if let Some(place) = columns.servers {
        servers(state, place, buffer, theme);
    }
    if let Some(place) = columns.ways {
        ways(state, place, columns.way_rows, buffer, theme);
    }
    hints::draw(state, hints::last_row(area), buffer, theme);
}

fn heading(row: &mut Row<'_>, text: &str, has_focus: bool, theme: &Theme) {
    row.skip(3).left(text, if has_focus { theme.strong } else { theme.dim });
}

/// Rows from the heading to the first entry.
const HEAD: u16 = 2;

/// The first server shown, so that the chosen one is on the screen.
fn first_server(state: &State, place: Rect) -> usize {
    let rows = usize::from(place.height.saturating_sub(HEAD)).max(1);
    (state.picker.at + 1).saturating_sub(rows)
}

fn servers(state: &State, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let focus = !state.picker.on_ways;
    heading(&mut Row::new(buffer, place), "SERVERS", focus, theme);
    let first = first_server(state, place);
    for (y, at) in (HEAD..place.height).zip(first..=state.servers.len()) {
        let mut row = Row::at(buffer, place, y);
        let chosen = at == state.picker.at;
        let style = if chosen && focus {
            theme.chosen()
        } else if chosen {
            theme.strong
        } else {
            theme.plain
        };
        row.skip(1).left(if chosen { "▌ " } else { "  " }, theme.accent).skip_right(2);
        // Where words have no room, the sign alone says it.
        let narrow = row.room() < 26;
        let name_room = if narrow { row.room().saturating_sub(3) } else { row.room() * 55 / 100 };
        row.column(picker::name(state, at), name_room, style).skip(1);
        match state.servers.get(at) {
            Some(profile) => {
                if !narrow {
                    row.left(reach(profile), theme.dim);
                }
            }
            None => {
                let (sign, words, style) = match &state.here {
                    Here::Unknown => ("", "…", theme.dim),
                    Here::Running(_) => ("● ", "running", theme.good),
                    Here::NotRunning => ("○ ", "not running", theme.dim),
                    Here::Refused(_) => ("✗ ", "unusable", theme.bad),
                };
                row.left(sign, style).left(if narrow { "" } else { words }, theme.dim);
            }
        }
    }
}

/// By which ways a saved server could be reached.
fn reach(profile: &Profile) -> &'static str {
    match (&profile.lan, &profile.internet) {
        (Some(_), Some(_)) => "LAN, internet",
        (Some(_), None) => "LAN",
        (None, Some(_)) => "internet",
        (None, None) => "no address",
    }
}

fn via_title(via: Via) -> &'static str {
    match via {
        Via::Same => "Same machine",
        Via::Lan => "LAN",
        Via::Internet => "Internet",
        Via::Auto => "Auto",
    }
}

fn ways(state: &State, place: Rect, rows: u16, buffer: &mut Buffer, theme: &Theme) {
    let focus = state.picker.on_ways;
    let name = picker::name(state, state.picker.at).to_owned();
    heading(&mut Row::new(buffer, place), &format!("CONNECT TO {name}"), focus, theme);
    for (nth, via) in WAYS.into_iter().enumerate() {
        let way = picker::way(state, via);
        let y = HEAD + u16::try_from(nth).unwrap_or(0) * rows;
        let chosen = nth == state.picker.way;
        let mut row = Row::at(buffer, place, y);
        row.skip(1).skip_right(1);
        row.left(if chosen { "❯ " } else { "  " }, if focus { theme.accent } else { theme.plain });
        let style = match (chosen, focus) {
            (true, true) => theme.chosen(),
            (true, false) => theme.strong,
            _ if way.why_not.is_some() => theme.dim,
            _ => theme.plain,
        };
        row.column(via_title(via), 15, style);
        if rows > 1 {
            row.left(&way.address, theme.plain);
            row = Row::at(buffer, place, y + 1);
            row.skip(3).skip_right(1);
        } else if !way.address.is_empty() {
            row.left(&way.address, theme.plain).skip(2);
        }
        say(&mut row, &way, theme);
    }
    let below = HEAD + 3 * rows + 1;
    let way = picker::way(state, WAYS[state.picker.way.min(WAYS.len() - 1)]);
    let text = match way.why_not {
        Some(why) => why,
        None if state.servers.is_empty() => FIRST_STEPS.to_owned(),
        None => return,
    };
    let room = usize::from(place.width.saturating_sub(5)).min(62);
    let rows = usize::from(place.height.saturating_sub(below));
    if rows == 0 {
        return;
    }
    for (y, line) in (below..).zip(fit::wrap_rows(&text, room, rows)) {
        Row::at(buffer, place, y).skip(3).left(&line, theme.dim);
    }
}

fn say(row: &mut Row<'_>, way: &Way, theme: &Theme) {
    let (sign, style): (&str, Style) = match way.sign {
        Sign::Up => ("● ", theme.good),
        Sign::Down => ("○ ", theme.dim),
        Sign::None => ("", theme.dim),
    };
    row.left(sign, style).left(&way.words, theme.dim);
}

/// Chooses what was clicked on.
pub(super) fn click(state: &mut State, at: Position) {
    let area = Rect::new(0, 0, state.size.width, state.size.height);
    let columns = columns(state, area);
    if let Some(place) = columns.servers.filter(|place| place.contains(at)) {
        let row = at.y.saturating_sub(place.y);
        let server = first_server(state, place) + usize::from(row.saturating_sub(HEAD));
        if row >= HEAD && server <= state.servers.len() {
            state.picker.at = server;
            state.picker.on_ways = false;
        }
    } else if let Some(place) = columns.ways.filter(|place| place.contains(at)) {
        let row = at.y.saturating_sub(place.y);
        let way = usize::from(row.saturating_sub(HEAD) / columns.way_rows);
        if row >= HEAD && way < WAYS.len() {
            state.picker.way = way;
            state.picker.on_ways = true;
        }
    }
}
