//! Help: the keys of the view below it, if there is one, and every action of the screen by its group, from the table of
//! actions. Two columns where there is room.

use ratatui::layout::{Position, Rect};

use crate::app::view::{HelpKeys, Outcome, View, close, stay};
use crate::app::{Effect, Screen, Size, State, availability};
use crate::input::actions::{Action, Danger, Id, get};
use crate::input::key::Key;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, FRAME};
use crate::widgets::row::Row;
use crate::widgets::scrolled_text::ScrolledText;

#[derive(Debug)]
pub(crate) struct Help {
    scroll: ScrolledText,
    /// The title of the view below it, and what the keys do there.
    of_view: Option<(String, Vec<HelpKeys>)>,
}

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let below = state.views.last().map(|view| (view.title(state), view.help()));
    let of_view = below.filter(|(_, keys)| !keys.is_empty());
    state.open(Help { scroll: ScrolledText::default(), of_view });
    Vec::new()
}

/// From this width of the terminal on there are two columns.
const TWO_FROM: u16 = 96;
/// Most columns of one column.
const WIDEST: u16 = 72;
/// Columns between two.
const GAP: u16 = 3;

impl View for Help {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        "Help".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let (rows, page) = self.rows_and_page(state);
        if self.scroll.key(key, rows, page) { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        let (rows, page) = self.rows_and_page(state);
        self.scroll.wheel(by, rows, page);
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let HelpLayout { columns, width, page } = self.layout(state);
        let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
        let height = u16::try_from(rows.min(page)).unwrap_or(u16::MAX).saturating_add(1);
        let count = u16::try_from(columns.len()).unwrap_or(1);
        let inside = canvas.popup(&self.title(state), width * count + GAP * (count - 1), height);
        let (buffer, theme) = (&mut *canvas.buffer, canvas.theme);
        let top = self.scroll.top.min(rows.saturating_sub(page));
        let mut x = inside.x;
        for column in &columns {
            let place = Rect { x, width, ..inside };
            for (y, line) in (0..inside.height.saturating_sub(1)).zip(column.iter().skip(top)) {
                line.draw(&mut Row::at(buffer, place, y), keys_width(width), &theme);
            }
            x += width + GAP;
        }
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        canvas::position(&mut foot, (top, page), rows, &theme);
        let keys = (rows > page).then_some("↑ ↓ scroll").into_iter().chain(["Esc closes"]);
        canvas::keys(&mut foot, keys, &mut canvas.hits, &theme);
        None
    }
}

impl Help {
    fn layout(&self, state: &State) -> HelpLayout {
        HelpLayout::new(state, |width| {
            let of_view = self.of_view.as_ref();
            of_view
                .into_iter()
                .flat_map(|of_view| rows_of_view(of_view, width))
                .chain(rows(state, width))
                .collect()
        })
    }

    /// How many rows there are, and how many of them are on the screen.
    fn rows_and_page(&self, state: &State) -> (usize, usize) {
        let HelpLayout { columns, page, .. } = self.layout(state);
        (columns.iter().map(Vec::len).max().unwrap_or_default(), page)
    }
}

/// The rows in one or two columns.
struct HelpLayout {
    columns: Vec<Vec<HelpLine>>,
    /// Columns of the terminal for each.
    width: u16,
    /// Rows on the screen.
    page: usize,
}

impl HelpLayout {
    fn new(state: &State, rows: impl Fn(u16) -> Vec<HelpLine>) -> Self {
        let Size { width, height } = state.view_size();
        let inside = width.saturating_sub(FRAME.width);
        let page = usize::from(height.saturating_sub(FRAME.height + 1)).max(1);
        if width < TWO_FROM {
            let width = inside.min(WIDEST);
            return Self { columns: vec![rows(width)], width, page };
        }
        let width = ((inside - GAP) / 2).min(WIDEST);
        let mut left = rows(width);
        let right = left.split_off(middle(&left));
        Self { columns: vec![left, right], width, page }
    }
}

/// Where the second column begins: at a group near the middle, if there is one, so that no group is divided for little.
fn middle(rows: &[HelpLine]) -> usize {
    let half = rows.len().div_ceil(2);
    let starts = |at: &usize| matches!(rows[*at], HelpLine::Heading(_));
    let group = (half.saturating_sub(2)..(half + 3).min(rows.len())).find(starts);
    let mut at = group.unwrap_or(half);
    // A further row of an action stays with its first one, and a heading with its group.
    while at < rows.len() && rows[at].continues() {
        at += 1;
    }
    if at > 0 && matches!(rows[at - 1], HelpLine::Heading(_)) { at - 1 } else { at }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HelpLine {
    Heading(String),
    /// An action, or a further row of one, which has no keys or no title.
    Action {
        keys: String,
        title: String,
        /// What it asks before it does harm, or why it is not possible now.
        note: String,
        /// Whether it is possible now.
        possible: bool,
        /// Whether it is the first row of its action.
        begins: bool,
    },
    Text(String),
}

impl HelpLine {
    fn continues(&self) -> bool {
        matches!(self, Self::Action { begins: false, .. })
    }

    fn draw(&self, row: &mut Row<'_>, keys_width: usize, theme: &Theme) {
        match self {
            Self::Heading(text) => {
                row.left(&text.to_uppercase(), theme.title);
            }
            Self::Text(text) => {
                row.left(text, theme.plain);
            }
            Self::Action { keys, title, note, possible, .. } => {
                let (key_style, style) =
                    if *possible { (theme.accent, theme.plain) } else { (theme.dim, theme.dim) };
                row.skip(1).column(keys, keys_width, key_style).skip(1);
                row.left(title, style);
                row.skip(if title.is_empty() { 0 } else { 2 }).left(note, theme.dim);
            }
        }
    }
}

/// Columns of the keys.
fn keys_width(width: u16) -> usize {
    match width {
        70.. => 28,
        46.. => 17,
        _ => 15,
    }
}

/// Actions that share a row.
const PAIRS: &[(Id, Id, &str)] = &[
    (Id::Up, Id::Down, "Up and down"),
    (Id::ToServers, Id::ToWays, "To the servers, to the routes"),
    (Id::PageUp, Id::PageDown, "Page up and down"),
    (Id::LineUp, Id::LineDown, "Line up and down"),
    (Id::Top, Id::End, "To the beginning, to the end"),
    (Id::SelectOlder, Id::SelectNewer, "Select the block above, below"),
    (Id::Fold, Id::FoldAll, "Fold the block, all blocks"),
    (Id::ScrollLeft, Id::ScrollRight, "Scroll sideways"),
    (Id::NextTab, Id::PreviousTab, "Next and previous tab"),
];

/// The keys of the view below the help.
fn rows_of_view((title, keys): &(String, Vec<HelpKeys>), width: u16) -> Vec<HelpLine> {
    let mut rows = vec![HelpLine::Heading(title.clone())];
    for (keys, what) in keys {
        wrapped(keys, what, ("", true), width, &mut rows);
    }
    rows
}

/// All rows, in the order of the registry; a row that is too long continues in the next.
fn rows(state: &State, width: u16) -> Vec<HelpLine> {
    let first: &[&str] = match state.screen {
        Screen::Console(_) => &[
            "Type a command and press Enter; m shows the menu, help NAME one command.",
            "While a program asks, the input line answers it: Enter sends, Ctrl-D ends its input.",
        ],
        Screen::Picker => &["Pick a server on the left and how to reach it on the right."],
    };
    let first = first.iter().flat_map(|text| fit::wrap(text, usize::from(width)));
    let mut rows: Vec<HelpLine> = first.map(HelpLine::Text).collect();
    let mut group = "";
    for action in availability::actions_of(state) {
        if PAIRS.iter().any(|(_, second, _)| *second == action.id) {
            continue;
        }
        let pair = PAIRS.iter().find(|(first, ..)| *first == action.id);
        let title = pair.map_or(action.title, |(.., title)| title);
        let ids = [Some(action.id), pair.map(|(_, second, _)| *second)];
        let keys = ids.into_iter().flatten().map(|id| state.keys.shown(id, " "));
        let keys: Vec<String> = keys.filter(|keys| !keys.is_empty()).collect();
        if keys.is_empty() {
            continue;
        }
        if action.group != group {
            group = action.group;
            rows.push(HelpLine::Heading(group.to_owned()));
        }
        let possible = availability::check(state, action).is_ok();
        wrapped(&keys.join(" "), title, (note(action, possible), possible), width, &mut rows);
    }
    rows
}

/// What an action asks first, or why it is not possible now, in a few words.
fn note(action: &Action, possible: bool) -> &'static str {
    match get(action.id).danger {
        _ if !possible => availability::in_short(action.needs),
        Danger::Asks => "asks first",
        Danger::Name => "wants the server's name typed",
        Danger::None => "",
    }
}

/// The rows of one action. A note without room is left out: the action itself says it at length.
fn wrapped(
    keys: &str,
    title: &str,
    (note, possible): (&str, bool),
    width: u16,
    rows: &mut Vec<HelpLine>,
) {
    let keys_width = keys_width(width);
    let room = usize::from(width).saturating_sub(keys_width + 2);
    let mut keys = fit::wrap(keys, keys_width).into_iter();
    let mut titles = fit::wrap(title, room).into_iter().peekable();
    let mut begins = true;
    loop {
        let (key, title) = (keys.next(), titles.next());
        if key.is_none() && title.is_none() {
            return;
        }
        let title = title.unwrap_or_default();
        let fits = fit::width(&title) + 2 + fit::width(note) <= room;
        let is_last = titles.peek().is_none() && !title.is_empty();
        let note = if is_last && fits { note.to_owned() } else { String::new() };
        let keys = key.unwrap_or_default();
        rows.push(HelpLine::Action { keys, title, note, possible, begins });
        begins = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::World;

    /// "`?` shows the keys", says the console.
    #[test]
    fn the_help_has_every_key_of_its_screen() {
        for world in [World::new(80, 24), World::connected(80, 24)] {
            let rows = rows(&world.state, 72);
            let keys = rows.iter().filter_map(|row| match row {
                HelpLine::Action { keys, .. } => Some(keys.as_str()),
                _ => None,
            });
            let shown: Vec<&str> = keys.flat_map(str::split_whitespace).collect();
            for action in availability::actions_of(&world.state) {
                let keys = world.state.keys.shown(action.id, " ");
                for key in keys.split_whitespace() {
                    assert!(shown.contains(&key), "{key} of `{}` is not in {shown:?}", action.name);
                }
                let has_keys = !action.always.is_empty() || !action.bare.is_empty();
                assert_eq!(!keys.is_empty(), has_keys, "{}", action.name);
            }
        }
    }
}
