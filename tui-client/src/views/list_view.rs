//! A view that is a list: its keys, clicks, wheel and pasted text are the same for each. The view gives the list, the keys
//! of the rows that pass the filter, and what Enter does.

use std::any::Any;
use std::fmt;

use ratatui::layout::Position;

use crate::app::State;
use crate::app::availability;
use crate::app::view::{Change, HelpKeys, Outcome, View, close, stay};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::widgets::canvas::{Canvas, page};
use crate::widgets::list::{List, ListKey};

/// The keys of every list.
const OF_EVERY_LIST: [HelpKeys; 7] = [
    ("Enter", "Open the chosen row"),
    ("Up Down k j", "Up and down"),
    ("PgUp PgDn", "A page up and down"),
    ("Home End g G", "First and last row"),
    ("/", "Filter: the rows with each typed word"),
    ("r F5", "Ask the server again"),
    ("Esc q", "End the filter; close the list"),
];

/// Those of a list in which every letter goes to the filter.
const OF_TYPED_LIST: [HelpKeys; 5] = [
    ("Enter", "Open the chosen row"),
    ("Up Down Tab", "Up and down"),
    ("PgUp PgDn", "A page up and down"),
    ("Home End", "First and last row"),
    ("Esc", "Close the list"),
];

pub(super) trait ListView: Any + fmt::Debug {
    /// Tells rows apart.
    type Row: Clone + PartialEq;

    fn title(&self, state: &State) -> String;

    /// The action that opens it. Its key closes it.
    fn opened_by(&self) -> Option<Id> {
        None
    }

    fn list(&self) -> &List<Self::Row>;

    fn list_mut(&mut self) -> &mut List<Self::Row>;

    /// The rows that pass the filter.
    fn rows(&self, state: &State) -> Vec<Self::Row>;

    /// Enter on the chosen row; there is one.
    fn enter(&mut self, state: &State) -> Outcome;

    /// A click on the chosen row.
    fn enter_by_click(&mut self, state: &State) -> Outcome {
        self.enter(state)
    }

    /// What the keys do that are not those of every list, for the help.
    fn own_keys(&self) -> Vec<HelpKeys> {
        Vec::new()
    }

    /// A key that is not one of every list.
    fn other_key(&mut self, _key: Key, _state: &State) -> Outcome {
        stay()
    }

    /// A click on a place with a number.
    fn click_number(&mut self, _hit: usize, _state: &State) -> Outcome {
        stay()
    }

    /// Asks the server again.
    fn refresh(&mut self, _state: &State) -> Outcome {
        stay()
    }

    /// A row below the last one is wanted.
    fn beyond(&mut self, state: &State) -> Outcome {
        self.moved(state)
    }

    /// Another row is chosen, perhaps.
    fn moved(&mut self, _state: &State) -> Outcome {
        stay()
    }

    /// The text of the filter has changed.
    fn filtered(&mut self, state: &State) -> Outcome {
        let rows = self.rows(state);
        self.list_mut().first(&rows);
        self.moved(state)
    }

    fn leave(&mut self, _state: &State) -> Outcome {
        close()
    }

    fn change(&mut self, _change: &Change<'_>, _state: &State) -> Outcome {
        stay()
    }

    /// Milliseconds until its content changes without a key.
    fn next_tick(&self, _state: &State) -> Option<u64> {
        None
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position>;

    /// The chosen row.
    fn chosen(&self, state: &State) -> Option<Self::Row> {
        self.list().chosen(&self.rows(state))
    }
}

/// Whether a key that types nothing means the action that opened a view.
fn closes(opened_by: Option<Id>, key: Key, state: &State) -> bool {
    key.typed().is_none() && opened_by.is_some_and(|id| state.keys.means(id, key))
}

/// The list that a key opens in place of the one that is open: the clients (F2), the menu (F3), the runs (F12).
fn other_list(key: Key, state: &State) -> Option<Id> {
    let lists = [Id::Clients, Id::Menu, Id::Runs];
    let means = |id: &Id| state.keys.means(*id, key) && availability::is_possible(state, *id);
    lists.into_iter().find(|id| matches!(key.code, Code::F(_)) && means(id))
}

impl<V: ListView> View for V {
    fn title(&self, state: &State) -> String {
        ListView::title(self, state)
    }

    fn leaves_signs(&self) -> bool {
        !self.list().is_filtering()
    }

    fn help(&self) -> Vec<HelpKeys> {
        let every: &[HelpKeys] =
            if self.list().is_typed() { &OF_TYPED_LIST } else { &OF_EVERY_LIST };
        self.own_keys().into_iter().chain(every.iter().copied()).collect()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let rows = self.rows(state);
        let layout = self.list().layout(state.list_layout(), page(state.view_size()));
        match self.list_mut().key(key, &rows, layout) {
            ListKey::Close => self.leave(state),
            ListKey::Open if rows.is_empty() => stay(),
            ListKey::Open => self.enter(state),
            ListKey::Refresh => self.refresh(state),
            ListKey::Beyond => self.beyond(state),
            ListKey::Filtered => self.filtered(state),
            ListKey::Moved => self.moved(state),
            ListKey::Passed if closes(self.opened_by(), key, state) => self.leave(state),
            ListKey::Passed => match other_list(key, state) {
                Some(id) => self.leave(state).then(move |state| state.act(id)),
                None => self.other_key(key, state),
            },
        }
    }

    fn paste(&mut self, text: &str, state: &State) -> Outcome {
        self.list_mut().paste(text);
        self.filtered(state)
    }

    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        self.click_number(hit, state)
    }

    fn click_row(&mut self, row: usize, state: &State) -> Outcome {
        let rows = self.rows(state);
        let layout = self.list().layout(state.list_layout(), page(state.view_size()));
        let opens = self.list_mut().click(row, &rows, layout);
        if opens { self.enter_by_click(state) } else { self.moved(state) }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        let shown = self.rows(state);
        let layout = self.list().layout(state.list_layout(), page(state.view_size()));
        self.list_mut().wheel(rows, &shown, layout);
        drop(self.moved(state));
    }

    fn change(&mut self, change: &Change<'_>, state: &State) -> Outcome {
        ListView::change(self, change, state)
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        ListView::next_tick(self, state)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        ListView::draw(self, canvas, state)
    }
}
