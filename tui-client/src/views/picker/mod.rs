//! The picker: servers on the left, the ways to the chosen one on the right, where both have room.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::confirm::Confirm;
use super::{key_hints, message_line};
use crate::app::connection::{ConnectionState, Via};
use crate::app::picker::routes::{self, Route, RouteSign};
use crate::app::picker::{self, all_servers, discovered, filter};
use crate::app::{Clicked, Effect, Hits, LocalServer, ProfileEdit, State};
use crate::connect::DiscoveredServer;
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::field::field;
use crate::widgets::row::{self, Row};

/// Columns of the list beside the ways: at least, and at most.
const LIST: (u16, u16) = (34, 60);
/// Columns of the state of a server where tags stand behind it.
const STATE: usize = 17;
/// From so many columns on the list has tags.
const TAGS_FROM: usize = 41;
/// From so many columns of the ways on the address of each fits beside it.
const WIDE_FROM: u16 = 60;
/// From so many rows on each way has two.
const ROOMY: u16 = 18;
/// Columns of the names of the ways.
const TITLES: usize = 15;
/// Most columns of their addresses, with the gap behind.
const ADDRESSES: usize = 27;

/// Shown while no server is saved.
fn first_steps(state: &State) -> String {
    let (connect, invite) = (state.keys.word(Id::Connect), state.keys.word(Id::Invite));
    format!(
        "{connect} on Same machine opens the console of this machine; where no server runs, one starts \
         inside this program and ends with it. To reach another box, press {invite} and paste its invite."
    )
}

/// Where the two columns stand.
struct Columns {
    servers: Option<Rect>,
    ways: Option<Rect>,
}

fn columns(state: &State, area: Rect) -> Columns {
    let height = area.height.saturating_sub(3 + state.message_rows());
    let body = Rect { y: area.y + 2, height, ..area };
    if !picker::is_wide(state.size) {
        let (servers, ways) =
            if state.picker.on_ways { (None, Some(body)) } else { (Some(body), None) };
        return Columns { servers, ways };
    }
    let left = (area.width * 46 / 100).clamp(LIST.0, LIST.1);
    let ways = Rect { x: area.x + left, width: area.width - left, ..body };
    Columns { servers: Some(Rect { width: left, ..body }), ways: Some(ways) }
}

/// Draws the picker; returns where the cursor is while the filter is typed.
pub(super) fn draw(
    state: &State,
    area: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Option<Position> {
    let theme = &state.theme;
    let mut counts = match state.servers.len() {
        _ if state.unreadable.is_some() => "✗ problem in client.toml".to_owned(),
        0 => "no servers saved".to_owned(),
        1 => "1 server saved".to_owned(),
        n => format!("{n} servers saved"),
    };
    let finds = discovered::listed(state).count();
    if finds > 0 {
        counts.push_str(&format!(" · {finds} found"));
    }
    let marked = picker::marked(state).count();
    if marked > 0 {
        counts = format!("{marked} marked · {counts}");
    }
    let mut title = Row::new(buffer, area);
    title.skip(1).left("Topside", theme.chosen()).skip_right(1).right(&counts, theme.dim);

    let columns = columns(state, area);
    let mut cursor = None;
    if let Some(place) = columns.servers {
        cursor = servers(state, place, buffer, hits);
    }
    if let Some(place) = columns.ways {
        if columns.servers.is_some() {
            row::seam(buffer, place.x, place.y, place.bottom(), theme.rule);
        }
        match picker::chosen_find(state) {
            Some(find) => found_one(state, find, place, buffer, theme),
            None => ways(state, place, buffer, hits),
        }
    }
    let last = key_hints::last_row(area);
    let rows = state.message_rows();
    let y = last.y.saturating_sub(rows);
    // Below a popup it is drawn in the last row.
    if state.views.is_empty() {
        message_line::draw(state, Rect { y, height: rows, ..last }, buffer);
    }
    key_hints::draw(state, last, buffer, theme);
    cursor
}

/// The heading of a column and the line below it: accent where the column has the focus.
fn heading<'b>(
    place: Rect,
    text: &str,
    has_focus: bool,
    buffer: &'b mut Buffer,
    theme: &Theme,
) -> Row<'b> {
    if head(place) > 1 {
        let line = Rect { x: place.x + 1, y: place.y + 1, ..place };
        let line = Rect { width: place.width.saturating_sub(2), height: 1, ..line };
        row::rule(buffer, line, if has_focus { theme.focused_frame } else { theme.rule });
    }
    let style = if has_focus { theme.focused_frame.patch(theme.chosen()) } else { theme.dim };
    let mut row = Row::new(buffer, place);
    row.skip(3).left(text, style);
    row
}

/// Rows from the heading to the first entry: a small screen has none to leave blank.
fn head(place: Rect) -> u16 {
    if place.height < 8 { 1 } else { 2 }
}

/// A row of the list of servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ServerRow {
    Server(usize),
    Blank,
    Found,
}

/// All rows of the list, and which of them stands first, so that the chosen one is on the screen.
fn entries(state: &State, place: Rect) -> (Vec<ServerRow>, usize) {
    let shown = filter::visible(state);
    let found = shown.partition_point(|at| *at <= state.servers.len());
    let mut entries: Vec<ServerRow> = shown.into_iter().map(ServerRow::Server).collect();
    if found < entries.len() {
        entries.splice(found..found, [ServerRow::Blank, ServerRow::Found]);
    }
    let rows = usize::from(place.height.saturating_sub(head(place))).max(1);
    let at = entries.iter().position(|entry| *entry == ServerRow::Server(state.picker.at));
    (entries, (at.unwrap_or(0) + 1).saturating_sub(rows))
}

fn servers(state: &State, place: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Option<Position> {
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
        let x = heads.x();
        let width = u16::try_from(heads.room()).unwrap_or_default();
        cursor = field(buffer, Rect { x, width, height: 1, ..place }, filter, theme.field);
        cursor = cursor.filter(|_| state.picker.is_filtering);
    } else if !narrow {
        heads.skip((name_room + 1).saturating_sub("SERVERS".len()) as u16).left("STATE", theme.dim);
        if has_tags {
            heads.skip((STATE - "STATE".len() + 1) as u16).left("TAGS", theme.dim);
        }
    }
    let (entries, first) = entries(state, place);
    if entries.is_empty() {
        let none = Rect { y: place.y + head(place), height: 1, ..place };
        Row::new(buffer, none).skip(3).left("No server passes the filter.", theme.dim);
    }
    for (y, entry) in (head(place)..place.height).zip(&entries[first..]) {
        let mut row = Row::at(buffer, place, y);
        let at = match entry {
            ServerRow::Server(at) => *at,
            ServerRow::Blank => continue,
            ServerRow::Found => {
                row.skip(3).left("FOUND ON THE LAN", theme.dim);
                continue;
            }
        };
        hits.push((Rect { y: place.y + y, height: 1, ..place }, Clicked::Server(at)));
        let chosen = at == state.picker.at;
        let style = if chosen && focus {
            theme.chosen()
        } else if chosen {
            theme.strong
        } else {
            theme.plain
        };
        let saved = state.servers.get(at);
        let marked = saved.is_some_and(|server| state.picker.marked.contains(&server.name));
        row.skip(1).left(if chosen { "▌" } else { " " }, theme.accent).skip_right(2);
        row.left(if marked { "■" } else { " " }, theme.accent);
        row.column(picker::name(state, at), name_room, style).skip(1);
        let (sign, words) = state_of(state, at);
        let (sign, style) = mark(sign, theme);
        let tags = saved.filter(|_| has_tags).map(|server| &server.tags[..]).unwrap_or_default();
        let room = if tags.is_empty() { row.room() } else { STATE };
        let words = routes::shortened(&words, room.saturating_sub(fit::width(sign)));
        let words = format!("{sign}{}", if narrow { "" } else { &words });
        row.column(&words, room, style);
        let tags: Vec<String> = tags.iter().map(|tag| format!("#{tag}")).collect();
        row.skip(1).left(&tags.join(" "), theme.dim);
    }
    cursor
}

/// How a server of the list stands, as far as that is known.
fn state_of(state: &State, at: usize) -> (RouteSign, String) {
    let saved = state.servers.len();
    let dialling = matches!(state.link, ConnectionState::Dialling(_));
    let (sign, words) = match state.servers.get(at) {
        Some(_) if dialling && at == state.picker.at => return routes::brief(state),
        Some(profile) => return all_servers::standing(state, profile),
        None if at > saved => (RouteSign::None, "not paired"),
        None => match &state.local_server {
            LocalServer::Unknown => (RouteSign::None, "…"),
            LocalServer::Running(_) => (RouteSign::Up, "running"),
            LocalServer::NotRunning => (RouteSign::Idle, "not running"),
            LocalServer::Refused(_) => (RouteSign::Wrong, "unusable"),
        },
    };
    (sign, words.to_owned())
}

fn via_title(via: Via) -> &'static str {
    match via {
        Via::Same => "Same machine",
        Via::Lan => "LAN",
        Via::Internet => "Internet",
        Via::Auto => "Auto",
    }
}

/// Where the address of a way stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// Beside its title, in a column so wide; the words follow.
    Beside(usize),
    /// Beside its title, the words in a row below.
    Above,
    /// Below all ways, of the chosen one only.
    Below,
}

impl Addresses {
    fn of(place: Rect, shown: &[(Via, Route)]) -> Self {
        let longest = shown.iter().map(|(_, way)| fit::width(&way.address)).max().unwrap_or(0);
        match longest {
            0 => Self::Below,
            longest if place.width >= WIDE_FROM => Self::Beside((longest + 2).min(ADDRESSES)),
            _ if place.height >= ROOMY => Self::Above,
            _ => Self::Below,
        }
    }

    /// Rows that a way takes.
    fn rows(self) -> u16 {
        if self == Self::Above { 2 } else { 1 }
    }
}

fn all_ways(state: &State) -> Vec<(Via, Route)> {
    routes::of(state).iter().map(|via| (*via, routes::way(state, *via))).collect()
}

fn ways(state: &State, place: Rect, buffer: &mut Buffer, hits: &mut Hits) {
    let theme = &state.theme;
    let focus = state.picker.on_ways;
    let name = picker::name(state, state.picker.at).to_owned();
    heading(place, &format!("CONNECT TO {name}"), focus, buffer, theme);
    let shown = all_ways(state);
    let addresses = Addresses::of(place, &shown);
    let mut below = Below::default();
    let mut y = head(place);
    for (nth, (via, way)) in shown.into_iter().enumerate() {
        let place_of_way = Rect { y: place.y + y, height: addresses.rows(), ..place };
        hits.push((place_of_way.intersection(place), Clicked::Route(nth)));
        let chosen = routes::chosen_via(state) == Some(via);
        let mut row = Row::at(buffer, place, y);
        row.skip(1).skip_right(1);
        row.left(if chosen { "❯ " } else { "  " }, if focus { theme.accent } else { theme.plain });
        let style = match (chosen, focus) {
            (true, true) => theme.chosen(),
            (true, false) => theme.strong,
            _ if way.why_not.is_some() => theme.dim,
            _ => theme.plain,
        };
        row.column(via_title(via), TITLES, style);
        let style = if matches!(via, Via::Lan | Via::Internet) { theme.plain } else { theme.dim };
        let address_fits = match addresses {
            Addresses::Beside(width) => {
                row.column(&fit::cut(&way.address, width - 1), width, style);
                fit::width(&way.address) < width
            }
            Addresses::Above if !way.address.is_empty() => {
                let fits = fit::width(&way.address) <= row.room();
                row.left(&way.address, style);
                row = Row::at(buffer, place, y + 1);
                row.skip(3).skip_right(1).column("", TITLES, theme.plain);
                fits
            }
            Addresses::Above | Addresses::Below => way.address.is_empty(),
        };
        let (mark, style) = mark(way.sign, theme);
        let room = row.room().saturating_sub(fit::width(mark));
        let words = routes::shortened(&way.words, room);
        row.left(mark, style).left(&words, theme.dim);
        if chosen {
            below = Below { address_fits, words_fit: words == way.words, way: Some(way) };
        }
        y += addresses.rows();
    }
    let rest = Rect { y: place.y + y, height: place.height.saturating_sub(y), ..place };
    below.draw(state, rest, buffer, theme);
}

/// What is said of the chosen way below all of them.
#[derive(Default)]
struct Below {
    way: Option<Route>,
    address_fits: bool,
    words_fit: bool,
}

impl Below {
    fn draw(self, state: &State, place: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some(way) = self.way else { return };
        let mut lines: Vec<(String, Style)> = Vec::new();
        if let Some(why) = &state.unreadable {
            lines.push((why.clone(), theme.plain));
        }
        let nothing_saved = state.servers.is_empty()
            && state.unreadable.is_none()
            && matches!(state.link, ConnectionState::Idle);
        let text = way
            .why_not
            .or(way.advice)
            .or(nothing_saved.then(|| first_steps(state)))
            .or((!self.words_fit).then_some(way.words));
        // Most sentences name the address themselves.
        let named = text.as_ref().is_some_and(|text| text.contains(&way.address));
        if !self.address_fits && !named {
            lines.push((way.address, theme.plain));
        }
        if let Some(text) = text {
            lines.push((text, theme.dim));
        }
        if let Some(pin) = picker::chosen(state).and_then(discovered::pin) {
            lines.push((format!("pin {}", pin.short()), theme.dim));
        }
        write(&lines, place, buffer);
    }
}

/// What is said of a server that was found.
fn found_one(
    state: &State,
    find: &DiscoveredServer,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let focus = state.picker.on_ways;
    heading(place, &format!("FOUND {}", find.name), focus, buffer, theme);
    let addresses: Vec<String> = find.addresses.iter().map(ToString::to_string).collect();
    let (how, add) = (picker::how_to_pair(state, find), state.keys.word(Id::Add));
    let lines = [
        (format!("{} · port {}", addresses.join(", "), find.port), theme.plain),
        (format!("{how}; {add} saves its address."), theme.dim),
    ];
    let top = head(place) - 1;
    let below = Rect { y: place.y + top, height: place.height.saturating_sub(top), ..place };
    write(&lines, below, buffer);
}

/// Paragraphs under what stands above, with a blank row before them where there is room.
fn write(lines: &[(String, Style)], place: Rect, buffer: &mut Buffer) {
    let room = usize::from(place.width.saturating_sub(5)).min(66);
    let mut y = u16::from(place.height > 2);
    for (text, style) in lines {
        let rows = usize::from(place.height.saturating_sub(y));
        if rows == 0 {
            return;
        }
        for line in fit::wrap_rows(text, room, rows) {
            Row::at(buffer, place, y).skip(3).left(&line, *style);
            y += 1;
        }
        // Blank rows between paragraphs are for large screens.
        y += u16::from(place.height > 12);
    }
}

/// The sign and the colour of a state.
pub(super) fn mark(sign: RouteSign, theme: &Theme) -> (&'static str, Style) {
    match sign {
        RouteSign::Up => ("● ", theme.reachable),
        RouteSign::Down | RouteSign::Wrong => ("✗ ", theme.unreachable),
        RouteSign::Idle => ("○ ", theme.untried),
        RouteSign::None => ("", theme.untried),
    }
}

/// Carries out an action of the picker.
pub(super) fn act(state: &mut State, id: Id) -> Vec<Effect> {
    match id {
        Id::Connect if picker::marked(state).next().is_some() => {
            return super::several_boxes::open_marked(state);
        }
        Id::Connect => return picker::connect(state),
        Id::Filter => {
            state.picker.is_filtering = true;
            state.picker.on_ways = false;
        }
        Id::Mark => filter::mark(state),
        Id::MarkAll => filter::mark_all(state),
        Id::Up | Id::Down => {
            let down = id == Id::Down;
            if state.picker.on_ways {
                let (way, count) = (state.picker.way, picker::routes::of(state).len());
                let next = if down { way + 1 } else { way.saturating_sub(1) };
                state.picker.way = next.min(count.saturating_sub(1));
            } else {
                filter::step(state, down);
            }
        }
        Id::OtherColumn => state.picker.on_ways = !state.picker.on_ways,
        Id::ToServers => state.picker.on_ways = false,
        Id::ToWays => state.picker.on_ways = true,
        Id::Delete => {
            if let Some(profile) = picker::chosen(state) {
                let name = profile.name.clone();
                let text = vec!["The server itself is not touched.".to_owned()];
                let title = format!("Forget {name}?");
                state.open(Confirm::choice(title, text, "Forget it", |_| {
                    vec![Effect::Edit(ProfileEdit::Remove(name))]
                }));
            }
        }
        Id::Test => {
            state.local_server = LocalServer::Unknown;
            return picker::probe::test(state);
        }
        _ => {}
    }
    Vec::new()
}
