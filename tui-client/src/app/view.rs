//! A view: a popup above the screen, with its own state, keys and drawing. The stack of the open views is in
//! [`State`]; only the uppermost view gets keys.
//!
//! **Invariant:** a view changes only its own state. What it requests of the rest is its [`Outcome`], and one function
//! ([`State::at_view`]) takes a view out of the stack, calls it, puts it back and carries out the outcome.

use std::any::Any;
use std::fmt;

use ratatui::layout::Position;
use topside_shared::methods::Call;
use topside_shared::notifications::Notification;

use super::ask::Ask;
use super::{Clicked, Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::Key;
use crate::widgets::canvas::{Canvas, Hit, ListLayout};

/// One view. Each is one file below `views/` with its state, keys, drawing and hints, and one row in `views::VIEWS`.
///
/// While a method of a view runs that can change it, the stack in the [`State`] is empty: no view can look at another
/// one.
pub(crate) trait View: Any + fmt::Debug {
    /// The title of its frame, and its part of the breadcrumb while another view is above it.
    fn title(&self, state: &State) -> String;

    fn key(&mut self, key: Key, state: &State) -> Outcome;

    fn paste(&mut self, _text: &str, _state: &State) -> Outcome {
        stay()
    }

    /// The left button was pressed on a place that `draw` has numbered.
    fn click(&mut self, _hit: usize, _state: &State) -> Outcome {
        stay()
    }

    /// The left button was pressed on a row of its list.
    fn click_row(&mut self, _row: usize, _state: &State) -> Outcome {
        stay()
    }

    /// The wheel was turned by this many rows, up being negative.
    fn wheel(&mut self, _rows: i32, _state: &State) {}

    /// Whether it draws the messages itself; else they are below it.
    fn draws_messages(&self) -> bool {
        false
    }

    /// Whether `:` opens the command line of Topside above it, and `?` the help: not while text is being typed.
    fn leaves_signs(&self) -> bool {
        false
    }

    /// Whether `?` opens the help above it; in some views that is so although `:` does nothing.
    fn leaves_help(&self) -> bool {
        self.leaves_signs()
    }

    /// What its keys do, for the help.
    fn help(&self) -> Vec<HelpKeys> {
        Vec::new()
    }

    /// Handles a change elsewhere. Every open view gets it, not only the top one.
    fn change(&mut self, _change: &Change<'_>, _state: &State) -> Outcome {
        stay()
    }

    /// Milliseconds until its content changes without a key. Then it gets [`Change::Tick`].
    fn next_tick(&self, _state: &State) -> Option<u64> {
        None
    }

    /// Draws the view; returns the position of the cursor, if it has one.
    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position>;
}

/// Keys, and what they do.
pub(crate) type HelpKeys = (&'static str, &'static str);

/// A change that every open view gets.
#[derive(Debug)]
pub(crate) enum Change<'c> {
    /// Time has passed.
    Tick,
    /// A session has begun.
    SessionBegan,
    /// The session has ended: why.
    SessionEnded(&'c str),
    /// The server has sent this notification.
    Notice(&'c Notification),
}

/// Result of a method of a view.
pub(crate) struct Outcome {
    next: Next,
    action: Option<Action>,
}

/// An action outside the view, after it is back in the stack or closed.
type Action = Box<dyn FnOnce(&mut State) -> Vec<Effect>>;

enum Next {
    Stay,
    Close,
    Replace(Box<dyn View>),
    Open(Box<dyn View>),
}

pub(crate) fn stay() -> Outcome {
    Outcome { next: Next::Stay, action: None }
}

pub(crate) fn close() -> Outcome {
    Outcome { next: Next::Close, action: None }
}

/// Replaces the view.
pub(crate) fn replace(view: impl View) -> Outcome {
    Outcome { next: Next::Replace(Box::new(view)), action: None }
}

/// Keeps the view, and opens another one above it.
pub(crate) fn open(view: impl View) -> Outcome {
    Outcome { next: Next::Open(Box::new(view)), action: None }
}

/// Keeps the view, and carries out an action.
pub(crate) fn act(action: impl FnOnce(&mut State) -> Vec<Effect> + 'static) -> Outcome {
    stay().then(action)
}

/// Keeps the view, and shows why nothing was done.
pub(crate) fn refuse(why: impl Into<String>) -> Outcome {
    let why = why.into();
    act(|state| {
        state.refuse(why);
        Vec::new()
    })
}

impl Outcome {
    /// Adds an action.
    pub(crate) fn then(self, action: impl FnOnce(&mut State) -> Vec<Effect> + 'static) -> Self {
        Self { action: Some(Box::new(action)), ..self }
    }
}

impl Ask {
    /// A request. Its answer goes to the open view of this type. If the view was closed, the answer is dropped.
    pub(crate) fn of_view<V: View, M: Call>(
        params: &M,
        then: impl FnOnce(&mut V, Result<M::Answer, CallError>, &State) -> Outcome + Send + 'static,
    ) -> Self
    where
        M::Answer: Send + 'static,
    {
        Self::new(params, |state, answer| {
            state.with_view(|view, state| then(view, answer, state)).unwrap_or_default()
        })
    }
}

impl State {
    /// Opens a view above all others.
    pub(crate) fn open(&mut self, view: impl View) {
        self.hits.clear();
        self.views.push(Box::new(view));
    }

    /// Whether the sign of this action, `:` or `?`, has its meaning above the top view.
    pub(crate) fn top_leaves_sign(&self, id: Id) -> bool {
        self.views.last().is_some_and(|view| match id {
            Id::Help => view.leaves_help(),
            _ => view.leaves_signs(),
        })
    }

    /// How the list of the uppermost view was drawn last; none before that.
    pub(crate) fn list_layout(&self) -> Option<ListLayout> {
        self.hits.iter().find_map(|(_, clicked)| match clicked {
            Clicked::InView(Hit::List(layout)) => Some(*layout),
            _ => None,
        })
    }

    /// How the picker's list of servers was drawn last.
    pub(crate) fn server_list(&self) -> Option<ListLayout> {
        self.hits.iter().find_map(|(_, clicked)| match clicked {
            Clicked::ServerList(layout) => Some(*layout),
            _ => None,
        })
    }

    /// Whether a view of this type is open.
    pub(crate) fn has_view<V: View>(&self) -> bool {
        self.views.iter().any(|view| is::<V>(view.as_ref()))
    }

    /// The top view, if it is of this type.
    pub(crate) fn top_view<V: View>(&self) -> Option<&V> {
        let top: &dyn Any = self.views.last()?.as_ref();
        top.downcast_ref()
    }

    /// Closes the views of this type.
    pub(crate) fn close_views<V: View>(&mut self) {
        self.views.retain(|view| !is::<V>(view.as_ref()));
    }

    /// Calls a function with the top view; none where no view is open.
    pub(crate) fn with_top(
        &mut self,
        call: impl FnOnce(&mut dyn View, &Self) -> Outcome,
    ) -> Option<Vec<Effect>> {
        let top = self.views.len().checked_sub(1)?;
        Some(self.at_view(top, call))
    }

    /// Calls a function with the open view of this type; none where none is open.
    pub(crate) fn with_view<V: View>(
        &mut self,
        call: impl FnOnce(&mut V, &Self) -> Outcome,
    ) -> Option<Vec<Effect>> {
        let place = self.views.iter().position(|view| is::<V>(view.as_ref()))?;
        Some(self.at_view(place, |view, state| {
            let view: &mut dyn Any = view;
            view.downcast_mut().map_or_else(stay, |view| call(view, state))
        }))
    }

    /// Gives every open view a change, the top one first.
    pub(crate) fn change_views(&mut self, change: &Change<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for place in (0..self.views.len()).rev() {
            effects.extend(self.at_view(place, |view, state| view.change(change, state)));
        }
        effects
    }

    /// The only function that calls a view and puts it back.
    fn at_view(
        &mut self,
        place: usize,
        call: impl FnOnce(&mut dyn View, &Self) -> Outcome,
    ) -> Vec<Effect> {
        if place >= self.views.len() {
            return Vec::new();
        }
        let mut views = std::mem::take(&mut self.views);
        let Outcome { next, action } = call(views[place].as_mut(), self);
        if !matches!(next, Next::Stay) {
            // What was drawn belongs to another view.
            self.hits.clear();
        }
        match next {
            Next::Stay => {}
            Next::Close => drop(views.remove(place)),
            Next::Replace(other) => views[place] = other,
            Next::Open(above) => views.push(above),
        }
        self.views = views;
        action.map_or_else(Vec::new, |action| action(self))
    }
}

fn is<V: View>(view: &dyn View) -> bool {
    let view: &dyn Any = view;
    view.is::<V>()
}
