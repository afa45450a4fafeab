//! Tabs: the part of the state that belongs to one server, and which of them is shown.
//!
//! **Invariant:** there is at least one tab, and at most one of them shows the picker.
//!
//! A message for a hidden tab is handled by the same code as one for the shown tab: [`State::at_tab`] makes the tab the
//! current one while it is handled.

use std::ops::{Deref, DerefMut};

use super::connection::ConnectionState;
use super::runs::export::Export;
use super::view::View;
use super::{Console, Effect, Msg, Remark, Screen, State};

/// All that belongs to one server: its connection, its console, and the views above it.
#[derive(Debug)]
pub(crate) struct Tab {
    /// Its own for as long as the program runs.
    pub(crate) id: u64,
    pub(crate) screen: Screen,
    pub(crate) link: ConnectionState,
    /// The open views, the last one uppermost.
    pub(crate) views: Vec<Box<dyn View>>,
    /// An output on its way to a file.
    pub(crate) saving: Option<Export>,
}

impl Tab {
    /// A tab that shows the picker.
    pub(crate) fn new(id: u64) -> Self {
        let (screen, link, views) = (Screen::Picker, ConnectionState::Idle, Vec::new());
        Self { id, screen, link, views, saving: None }
    }

    pub(crate) fn console(&self) -> Option<&Console> {
        match &self.screen {
            Screen::Console(console) => Some(console),
            Screen::Picker => None,
        }
    }

    /// The open session, if there is one.
    pub(crate) fn session(&self) -> Option<u64> {
        match self.link {
            ConnectionState::Connected { session } => Some(session),
            _ => None,
        }
    }

    /// Whether this dial, or the session that came of it, is this tab's.
    fn has_connection(&self, id: u64) -> bool {
        match &self.link {
            ConnectionState::Dialling(dial) => dial.attempt == id,
            ConnectionState::Connected { session } => *session == id,
            ConnectionState::Idle | ConnectionState::Lost(_) => false,
        }
    }
}

/// The open tabs, in the order of the strip, and the current one.
#[derive(Debug)]
pub(crate) struct Tabs {
    list: Vec<Tab>,
    current: usize,
}

impl Tabs {
    /// One tab, which shows the picker.
    pub(crate) fn new() -> Self {
        Self { list: vec![Tab::new(0)], current: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The place of the current tab.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// The tab that a message is for: the current one, where it names none or one that is gone.
    pub(crate) fn of(&self, msg: &Msg) -> usize {
        let found = match msg {
            Msg::Dialled { attempt: id, .. }
            | Msg::DialFailed { attempt: id, .. }
            | Msg::Session { session: id, .. }
            | Msg::AuditWarning { session: id, .. } => self.find(|tab| tab.has_connection(*id)),
            Msg::Fetching { id, .. } | Msg::Fetched { id, .. } => {
                self.find(|tab| tab.saving.as_ref().is_some_and(|saving| saving.id == *id))
            }
            Msg::History { server, .. } | Msg::Favourites { server, .. } => self
                .find(|tab| tab.console().is_some_and(|console| console.history_name() == server)),
            Msg::Servers(_)
            | Msg::ServersPartly(..)
            | Msg::ServersUnreadable(_)
            | Msg::ServersFailed(_)
            | Msg::ServersSaved(_)
            | Msg::Probed(_)
            | Msg::Reached { .. }
            | Msg::Found(_)
            | Msg::Paired { .. } => self.picker(),
            _ => None,
        };
        found.unwrap_or(self.current)
    }

    /// The tab that shows the picker.
    pub(crate) fn picker(&self) -> Option<usize> {
        self.find(|tab| matches!(tab.screen, Screen::Picker))
    }

    fn find(&self, which: impl Fn(&Tab) -> bool) -> Option<usize> {
        self.list.iter().position(which)
    }
}

/// Code that knows of one server only reads and changes the current tab as if it were the state.
impl Deref for State {
    type Target = Tab;

    fn deref(&self) -> &Tab {
        &self.tabs.list[self.tabs.current]
    }
}

impl DerefMut for State {
    fn deref_mut(&mut self) -> &mut Tab {
        &mut self.tabs.list[self.tabs.current]
    }
}

impl State {
    /// Calls a function with another tab as the current one. What it says is shown with the name of that tab's server.
    pub(crate) fn at_tab(
        &mut self,
        place: usize,
        call: impl FnOnce(&mut Self) -> Vec<Effect>,
    ) -> Vec<Effect> {
        if place == self.tabs.current || place >= self.tabs.len() {
            return call(self);
        }
        let (shown, remark) = (self.id, self.remark.take());
        self.tabs.current = place;
        let effects = call(self);
        let said = self.remark.take().map(|remark| self.with_name(remark));
        self.remark = said.or(remark);
        self.tabs.current = self.tabs.find(|tab| tab.id == shown).unwrap_or_default();
        effects
    }

    /// A remark of the current tab, for the reader of another one.
    fn with_name(&self, mut remark: Remark) -> Remark {
        let name = self.console().map(Console::name);
        if let Some(name) = name.filter(|name| !remark.text.starts_with(name)) {
            remark.text.insert_str(0, &format!("{name}: "));
        }
        remark
    }

    /// Calls a function with each tab as the current one in turn.
    pub(crate) fn at_each_tab(&mut self, call: impl Fn(&mut Self) -> Vec<Effect>) -> Vec<Effect> {
        (0..self.tabs.len()).flat_map(|place| self.at_tab(place, &call)).collect()
    }
}
