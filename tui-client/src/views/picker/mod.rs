//! The picker: servers on the left, the routes to the chosen one on the right, where both have room.

mod routes;
mod servers;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::confirm::Confirm;
use super::{key_hints, message_line};
use crate::app::picker::routes::RouteSign;
use crate::app::picker::{self, discovered, filter};
use crate::app::{Effect, Hits, LocalServer, ProfileEdit, State};
use crate::input::actions::Id;
use crate::theme::Theme;
use crate::widgets::row::{self, Row};
pub(super) use servers::{scroll, tags, this_machine};

/// Columns of the list beside the routes: at least, and at most.
const LIST: (u16, u16) = (34, 60);

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
    if !state.fleet.is_empty() {
        counts.push_str(&format!(" · {} in fleets", state.fleet.len()));
    }
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
        cursor = servers::draw(state, place, buffer, hits);
    }
    if let Some(place) = columns.ways {
        if columns.servers.is_some() {
            row::seam(buffer, place.x, place.y, place.bottom(), theme.rule);
        }
        match picker::chosen_find(state) {
            Some(find) => routes::found_one(state, find, place, buffer, theme),
            None => routes::draw(state, place, buffer, hits),
        }
    }
    let last = key_hints::last_row(area);
    let rows = state.message_rows();
    let y = last.y.saturating_sub(rows);
    // Below a popup it is drawn in the last row.
    if state.views.is_empty() {
        message_line::draw(state, Rect { y, height: rows, ..last }, buffer);
    }
    key_hints::draw(state, last, buffer, hits);
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

/// The sign and the colour of a state.
pub(super) fn mark(sign: RouteSign, theme: &Theme) -> (&'static str, Style) {
    match sign {
        RouteSign::Up => ("● ", theme.reachable),
        RouteSign::Down | RouteSign::Wrong => ("✗ ", theme.unreachable),
        RouteSign::Idle => ("○ ", theme.untried),
        RouteSign::None => ("", theme.untried),
    }
}

/// The question before a saved server is forgotten.
pub(super) fn forget_question(name: &str) -> Confirm {
    let text = vec!["The server itself is not touched.".to_owned()];
    let title = format!("Forget {name}?");
    let name = name.to_owned();
    Confirm::choice(title, text, "Forget it", |_| vec![Effect::Edit(ProfileEdit::Remove(name))])
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
        Id::ListTop | Id::ListEnd if !state.picker.on_ways => {
            filter::go(state, if id == Id::ListTop { isize::MIN } else { isize::MAX });
        }
        Id::ListTop | Id::ListEnd => {
            let last = picker::routes::of(state).len().saturating_sub(1);
            state.picker.way = if id == Id::ListTop { 0 } else { last };
        }
        Id::ListPageUp | Id::ListPageDown => filter::page(state, id == Id::ListPageDown),
        Id::OtherColumn => state.picker.on_ways = !state.picker.on_ways,
        Id::ToServers => state.picker.on_ways = false,
        Id::ToWays => state.picker.on_ways = true,
        Id::Delete => {
            if let Some(profile) = picker::chosen(state) {
                let question = forget_question(&profile.name);
                state.open(question);
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
