//! The routes to the chosen server, and what is said of the chosen one below them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{head, heading, mark};
use crate::app::connection::{ConnectionState, Via};
use crate::app::picker::routes::{self, Route};
use crate::app::picker::{self, fleet};
use crate::app::{Clicked, Hits, State};
use crate::config::Profile;
use crate::connect::DiscoveredServer;
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::row::Row;

/// The least number of columns at which the address of each route fits beside it.
const WIDE_FROM: u16 = 60;
/// The least number of rows at which each route has two.
const ROOMY: u16 = 18;
/// Columns of the names of the routes.
const TITLES: usize = 15;
/// Most columns of their addresses, with the gap behind.
const ADDRESSES: usize = 27;

/// Shown while no server is saved.
fn first_steps(state: &State) -> String {
    let (connect, invite) = (state.keys.word(Id::Connect), state.keys.word(Id::Invite));
    format!(
        "{connect} on this machine opens its console; where no server runs, one starts \
         inside this program and ends with it. To reach another box, press {invite} and paste its invite."
    )
}

fn via_title(via: Via) -> &'static str {
    match via {
        Via::Same => "Same machine",
        Via::Lan => "LAN",
        Via::Internet => "Internet",
        Via::Hub => "Hub",
        Via::Auto => "Auto",
    }
}

/// Where the address of a route stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// Beside its title, in a column so wide; the words follow.
    Beside(usize),
    /// Beside its title, the words in a row below.
    Above,
    /// Below all routes, of the chosen one only.
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

    /// Rows that a route takes.
    fn rows(self) -> u16 {
        if self == Self::Above { 2 } else { 1 }
    }
}

fn all_ways(state: &State) -> Vec<(Via, Route)> {
    routes::of(state).iter().map(|via| (*via, routes::way(state, *via))).collect()
}

/// Draws the routes to a server that can be reached.
pub(super) fn draw(state: &State, place: Rect, buffer: &mut Buffer, hits: &mut Hits) {
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
        let style = if matches!(via, Via::Lan | Via::Internet | Via::Hub) {
            theme.plain
        } else {
            theme.dim
        };
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

/// What is said of the chosen route below all of them.
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
            && state.fleet.is_empty()
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
        if let Some(each) = fleet::chosen(state) {
            lines.extend(fleet::facts(state, each).into_iter().map(|fact| (fact, theme.plain)));
        }
        if let Some(pin) = picker::chosen(state).and_then(Profile::key) {
            lines.push((format!("pin {}", pin.short()), theme.dim));
        }
        write(&lines, place, buffer);
    }
}

/// What is said of a server that was found.
pub(super) fn found_one(
    state: &State,
    find: &DiscoveredServer,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let focus = state.picker.on_ways;
    heading(place, &format!("FOUND {}", find.name), focus, buffer, theme);
    let addresses: Vec<String> = find.addresses.iter().map(ToString::to_string).collect();
    let (how, add) = (picker::how_to_pair(state, &find.name), state.keys.word(Id::Add));
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
