//! The list of servers: saved ones, this machine, and those that were found on the LAN.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{head, heading, mark};
use crate::app::connection::ConnectionState;
use crate::app::picker::routes::{self, RouteSign};
use crate::app::picker::{self, all_servers, filter, fleet};
use crate::app::tabs::Tab;
use crate::app::{Clicked, Hits, LocalServer, State, Via};
use crate::config::Profile;
use crate::text::{fit, times};
use crate::widgets::field::field;
use crate::widgets::list::{ListLayout, scrolled, window};
use crate::widgets::row::Row;

/// Columns of the state of a server where tags stand behind it.
const STATE: usize = 17;
/// The least number of columns at which the list has tags.
const TAGS_FROM: usize = 41;

/// Columns before the name, of which the last one has the mark: a click there marks.
const MARK: u16 = 3;

/// A row of the list of servers.
#[derive(Clone, PartialEq, Eq)]
enum ServerRow {
    Server(usize),
    Blank,
    Heading(String),
}

/// All rows of the list, and which of them are drawn, so that the chosen one is on the screen.
fn entries(state: &State, place: Rect) -> (Vec<ServerRow>, Range<usize>) {
    let mut entries = Vec::new();
    let mut last = None;
    for at in filter::visible(state) {
        let group = group(state, at);
        if group != last {
            let heading = group.clone().map(ServerRow::Heading);
            entries.extend([ServerRow::Blank].into_iter().chain(heading));
            last = group;
        }
        entries.push(ServerRow::Server(at));
    }
    let rows = usize::from(place.height.saturating_sub(head(place))).max(1);
    let at = entries.iter().position(|entry| *entry == ServerRow::Server(state.picker.at));
    let window = window(entries.len(), (state.picker.top, at.unwrap_or(0)), rows, |_| 1);
    (entries, window)
}

/// The heading above a server; none for saved ones and this machine.
fn group(state: &State, at: usize) -> Option<String> {
    match fleet::at(state, at) {
        Some(each) => Some(each.group()),
        None => (at >= picker::first_find(state)).then(|| "FOUND ON THE LAN".to_owned()),
    }
}

/// Scrolls the rows; the choice stays as long as it is in sight.
pub(in crate::views) fn scroll(state: &mut State, by: i32, layout: ListLayout) {
    let (entries, _) = entries(state, Rect::default());
    let server = |entry: &ServerRow| match entry {
        ServerRow::Server(at) => Some(*at),
        ServerRow::Blank | ServerRow::Heading(_) => None,
    };
    let rows: Vec<Option<usize>> = entries.iter().map(server).collect();
    let (top, next) = scrolled(&rows, Some(&state.picker.at), by, layout);
    state.picker.top = top;
    if let Some(nearest) = next {
        picker::choose(state, nearest);
    }
}

/// Draws the list; returns where the cursor is while the filter is typed.
pub(super) fn draw(
    state: &State,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Option<Position> {
    let theme = &state.theme;
    let focus = !state.picker.on_ways;
    let room = usize::from(place.width.saturating_sub(5));
    // Where words have no room, the sign alone says it.
    let narrow = room < 26;
    let name_room = if narrow { room.saturating_sub(3) } else { (room * 3 / 8).clamp(12, 20) };
    let has_tags = room >= TAGS_FROM && state.servers.iter().any(|server| !server.tags.is_empty());

    let filter = &state.picker.filter;
    let mut cursor = None;
    let mut heads = heading(place, "SERVERS", focus, buffer, theme);
    if state.picker.is_filtering || !filter.is_empty() {
        heads.left("  / ", theme.accent).skip_right(2);
        let place = heads.free();
        cursor = field(buffer, place, filter, theme.field);
        cursor = cursor.filter(|_| state.picker.is_filtering);
    } else if !narrow {
        heads.skip((name_room + 1).saturating_sub("SERVERS".len()) as u16).left("STATE", theme.dim);
        if has_tags {
            heads.skip((STATE - "STATE".len() + 1) as u16).left("TAGS", theme.dim);
        }
    }
    let (entries, window) = entries(state, place);
    if entries.is_empty() {
        let none = Rect { y: place.y + head(place), height: 1, ..place };
        Row::new(buffer, none)
            .skip(3)
            .left("No server passes the filter: Esc clears it.", theme.dim);
    }
    for (y, entry) in (head(place)..place.height).zip(&entries[window.clone()]) {
        let mut row = Row::at(buffer, place, y);
        let at = match entry {
            ServerRow::Server(at) => *at,
            ServerRow::Blank => continue,
            ServerRow::Heading(heading) => {
                row.skip(3).left(heading, theme.dim);
                continue;
            }
        };
        let here = Rect { y: place.y + y, height: 1, ..place };
        let markable = picker::markable(state, at);
        if markable.is_some() {
            hits.push((Rect { width: MARK, ..here }, Clicked::Mark(at)));
        }
        hits.push((here, Clicked::Server(at)));
        let chosen = at == state.picker.at;
        let style = if chosen && focus {
            theme.chosen()
        } else if chosen {
            theme.strong
        } else {
            theme.plain
        };
        let marked = markable.is_some_and(|name| state.picker.marked.contains(name));
        row.skip(1).left(if chosen { "▌" } else { " " }, theme.accent).skip_right(2);
        row.left(if marked { "■" } else { " " }, theme.accent);
        row.column(picker::name(state, at), name_room, style).skip(1);
        let (sign, words, style) = match due_in(state, at) {
            Some(left) => ("▲ ", shutdown(left, row.room()), theme.due),
            None => {
                let (sign, words) = state_of(state, at);
                let (sign, style) = mark(sign, theme);
                (sign, words, style)
            }
        };
        // The tag of a box of a fleet is in the heading above it, and its record needs the room.
        let tags = state.servers.get(at).filter(|_| has_tags).map(tags).unwrap_or_default();
        let room = if tags.is_empty() { row.room() } else { STATE };
        let words = routes::shortened(&words, room.saturating_sub(fit::width(sign)));
        let words = format!("{sign}{}", if narrow { "" } else { &words });
        row.column(&words, room, style);
        row.skip(1).left(&tags, theme.dim);
    }
    let layout = ListLayout { top: window.start, page: window.len().max(1) };
    hits.push((place, Clicked::ServerList(layout)));
    cursor
}

/// The tags of a server: `#garden #pumps`.
pub(in crate::views) fn tags(server: &Profile) -> String {
    let tags: Vec<String> = server.tags.iter().map(|tag| format!("#{tag}")).collect();
    tags.join(" ")
}

/// Words for a shutdown: the time is not cut off where the row is short.
fn shutdown(left: u64, room: usize) -> String {
    let countdown = times::countdown(left);
    let words = format!("shuts down in {countdown}");
    if fit::width(&words) + 2 > room { format!("down in {countdown}") } else { words }
}

/// Milliseconds until a server of the list shuts down, as far as one of the tabs or the hub knows.
fn due_in(state: &State, at: usize) -> Option<u64> {
    if let Some(due) = fleet::at(state, at).and_then(|each| fleet::due_in(state, each)) {
        return Some(due);
    }
    let saved = picker::profile(state, at).map(|profile| &profile.name);
    let tabs = state.tabs.iter().filter(|tab| tab.session().is_some());
    let console = tabs.filter_map(Tab::console).find(|console| {
        let is_saved = saved.is_some() && console.target.server.as_ref() == saved;
        let is_here = at == state.servers.len() && console.via() == Via::Same;
        is_saved || is_here
    });
    console?.due_in(state.clock.mono)
}

/// How a server of the list stands, as far as that is known.
fn state_of(state: &State, at: usize) -> (RouteSign, String) {
    let dialling = matches!(state.link, ConnectionState::Dialling(_));
    let (sign, words) = match (picker::profile(state, at), fleet::at(state, at)) {
        (Some(_), _) if dialling && at == state.picker.at => return routes::brief(state),
        (_, Some(each)) => return fleet::standing(state, each),
        (Some(profile), None) => return all_servers::standing(state, profile),
        (None, None) if at > state.servers.len() => (RouteSign::None, "not paired"),
        (None, None) => return this_machine(state),
    };
    (sign, words.to_owned())
}

/// How the server of this machine stands.
pub(crate) fn this_machine(state: &State) -> (RouteSign, String) {
    let (sign, words) = match &state.local_server {
        LocalServer::Unknown => (RouteSign::None, "…"),
        LocalServer::Running(_) => (RouteSign::Up, "running"),
        LocalServer::NotRunning => (RouteSign::Idle, "not running"),
        LocalServer::Refused(_) => (RouteSign::Wrong, "unusable"),
    };
    (sign, words.to_owned())
}
