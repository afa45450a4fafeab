//! Tabs: the part of the state that belongs to one server, and which of them is shown.
//!
//! **Invariant:** there is at least one tab, at most [`MOST`], and at most one of them shows the picker.
//!
//! A message for a hidden tab is handled by the same code as one for the shown tab: [`State::at_tab`] makes the tab the
//! current one while it is handled.

use std::ops::{Deref, DerefMut};

use topside_shared::ClientId;

use super::connection::{ConnectionState, Target};
use super::runs::export::Export;
use super::runs::file_sending::Sending;
use super::view::View;
use super::{Console, Effect, Msg, Screen, Size, State};

/// Most tabs: each can be selected by one digit.
pub(crate) const MOST: usize = 10;
/// Bytes of scrollback of all tabs together. Beyond it, the tab with the most drops its oldest output.
const SCROLLBACK: usize = 256 * 1024 * 1024;

/// State for one server: its connection, its console, and the views above it.
#[derive(Debug)]
pub(crate) struct Tab {
    /// Number of the tab; it never changes.
    pub(crate) id: u64,
    pub(crate) screen: Screen,
    pub(crate) link: ConnectionState,
    /// The open views, the top one last.
    pub(crate) views: Vec<Box<dyn View>>,
    /// An output that is being saved.
    pub(crate) saving: Option<Export>,
    /// Files that are being sent for a command.
    pub(crate) sending: Option<Sending>,
    /// Whether something was printed while another tab was shown.
    pub(crate) unread: bool,
    /// The tab to return to when this one closes before it has a server.
    pub(super) opened_from: Option<u64>,
}

impl Tab {
    /// A tab with the picker.
    pub(crate) fn new(id: u64) -> Self {
        let (screen, link, views) = (Screen::Picker, ConnectionState::Idle, Vec::new());
        Self {
            id,
            screen,
            link,
            views,
            saving: None,
            sending: None,
            unread: false,
            opened_from: None,
        }
    }

    /// The connection of the shown session.
    pub(crate) fn own_client(&self) -> Option<ClientId> {
        self.console().map(|console| console.welcome.you.client_id)
    }

    pub(crate) fn console(&self) -> Option<&Console> {
        match &self.screen {
            Screen::Console(console) => Some(console),
            Screen::Picker => None,
        }
    }

    /// Whether a server was dialled, and its menu is still to come.
    pub(crate) fn awaits_menu(&self) -> bool {
        match self.link {
            ConnectionState::Dialling(_) => true,
            ConnectionState::Connected { .. } => self
                .console()
                .is_some_and(|console| !console.menu_known && console.menu_refused.is_none()),
            ConnectionState::Idle | ConnectionState::Lost(_) => false,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match (&self.screen, &self.link) {
            (Screen::Console(console), _) => console.name(),
            (Screen::Picker, ConnectionState::Dialling(dial)) => dial.target.title(),
            (Screen::Picker, _) => "new",
        }
    }

    /// Milliseconds until the strip shows something else for this tab, or until it dials again.
    pub(crate) fn changes_in(&self, now: u64) -> Option<u64> {
        match &self.link {
            ConnectionState::Connected { .. } => {
                self.console()?.banner.as_ref().and_then(|banner| banner.changes_in(now))
            }
            ConnectionState::Lost(lost) => lost.retry.map(|at| at.saturating_sub(now)),
            ConnectionState::Idle | ConnectionState::Dialling(_) => None,
        }
    }

    /// Number of bytes printed and of notices, to detect new ones.
    fn amount(&self) -> Option<(u64, u64)> {
        let console = self.console()?;
        Some((console.runs.pane.changes(), console.notices.count()))
    }

    pub(crate) fn session(&self) -> Option<u64> {
        match self.link {
            ConnectionState::Connected { session } => Some(session),
            _ => None,
        }
    }

    /// Whether this dial or session belongs to the tab.
    fn has_connection(&self, id: u64) -> bool {
        match &self.link {
            ConnectionState::Dialling(dial) => dial.attempt == id,
            ConnectionState::Connected { session } => *session == id,
            ConnectionState::Idle | ConnectionState::Lost(_) => false,
        }
    }
}

/// All tabs, in the order of the strip, and the current one.
#[derive(Debug)]
pub(crate) struct Tabs {
    pub(super) list: Vec<Tab>,
    pub(super) current: usize,
    /// The tab on the screen. While a message for a hidden tab is handled, the current tab is another one.
    shown: u64,
}

impl Tabs {
    /// One tab, with the picker.
    pub(crate) fn new() -> Self {
        Self { list: vec![Tab::new(0)], current: 0, shown: 0 }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Tab> {
        self.list.iter()
    }

    pub(crate) fn hidden(&self) -> impl Iterator<Item = &Tab> {
        self.list.iter().filter(|tab| tab.id != self.shown)
    }

    pub(crate) fn current_is_hidden(&self) -> bool {
        self.list[self.current].id != self.shown
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// The tab that a message is for; the current one if the message names none, or one that was closed.
    pub(crate) fn of(&self, msg: &Msg) -> usize {
        let found = match msg {
            Msg::Dialled { attempt: id, .. }
            | Msg::DialFailed { attempt: id, .. }
            | Msg::Session { session: id, .. }
            | Msg::AuditWarning { session: id, .. } => self.find(|tab| tab.has_connection(*id)),
            Msg::Fetching { id, .. } | Msg::Fetched { id, .. } => {
                self.find(|tab| tab.saving.as_ref().is_some_and(|saving| saving.id == *id))
            }
            Msg::Sending { id, .. } | Msg::Sent { id, .. } => {
                self.find(|tab| tab.sending.as_ref().is_some_and(|sending| sending.id == *id))
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

    pub(crate) fn picker(&self) -> Option<usize> {
        self.find(|tab| matches!(tab.screen, Screen::Picker))
    }

    /// The tab with the console of this saved server, or of this machine without a name.
    pub(super) fn of_server(&self, target: &Target) -> Option<usize> {
        self.find(|tab| tab.console().is_some_and(|console| console.target.server == target.server))
    }

    pub(super) fn show(&mut self, place: usize) {
        self.current = place;
        self.shown = self.list[place].id;
        self.list[place].unread = false;
    }

    /// Limits the output of all tabs together.
    pub(crate) fn limit_scrollback(&mut self) {
        self.limit_scrollback_to(SCROLLBACK);
    }

    /// The same with another limit.
    pub(crate) fn limit_scrollback_to(&mut self, limit: usize) {
        let panes = self.list.iter_mut().filter_map(|tab| match &mut tab.screen {
            Screen::Console(console) => Some(&mut console.runs.pane),
            Screen::Picker => None,
        });
        let mut panes: Vec<_> = panes.collect();
        let total: usize = panes.iter().map(|pane| pane.bytes()).sum();
        if let Some(excess) = total.checked_sub(limit)
            && let Some(largest) = panes.iter_mut().max_by_key(|pane| pane.bytes())
        {
            let bytes = largest.bytes().saturating_sub(excess);
            largest.shrink(bytes);
        }
    }

    pub(super) fn find(&self, which: impl Fn(&Tab) -> bool) -> Option<usize> {
        self.list.iter().position(which)
    }
}

/// Code for one server uses the current tab as if its fields were fields of the state.
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
    /// Calls a function with another tab as the current one. A message or new notice is shown with the name of that
    /// tab's server.
    pub(crate) fn at_tab(
        &mut self,
        place: usize,
        call: impl FnOnce(&mut Self) -> Vec<Effect>,
    ) -> Vec<Effect> {
        if place == self.tabs.current || place >= self.tabs.len() {
            return call(self);
        }
        let remark = self.remark.take();
        self.tabs.current = place;
        let (id, before) = (self.id, self.amount());
        let effects = call(self);
        if self.id == id {
            self.note_what_is_new(before);
        }
        self.remark = self.remark.take().or(remark);
        let shown = self.tabs.shown;
        self.tabs.current = self.tabs.find(|tab| tab.id == shown).unwrap_or_default();
        effects
    }

    /// Marks a hidden tab that has new output, and shows its messages with its name.
    fn note_what_is_new(&mut self, before: Option<(u64, u64)>) {
        let (Some((printed, notices)), Some((printed_now, notices_now))) = (before, self.amount())
        else {
            return;
        };
        self.unread |= printed != printed_now;
        let notice = self.console().filter(|_| notices != notices_now);
        let notice = notice.and_then(|console| console.notices.newest().next()).cloned();
        match notice.filter(|_| self.remark.is_none()) {
            Some(notice) if notice.warns => self.warn(notice.text),
            Some(notice) => self.note(notice.text),
            None => {}
        }
        let name = self.title_of(self);
        if let Some(remark) = self.remark.as_mut().filter(|it| !it.text.starts_with(&name)) {
            remark.text.insert_str(0, &format!("{name}: "));
        }
    }

    /// Calls a function with each tab as the current one in turn.
    pub(crate) fn at_each_tab(&mut self, call: impl Fn(&mut Self) -> Vec<Effect>) -> Vec<Effect> {
        (0..self.tabs.len()).flat_map(|place| self.at_tab(place, &call)).collect()
    }

    /// The name of a tab's server. If another tab has the same one, its route and address stand behind it.
    pub(crate) fn title_of(&self, tab: &Tab) -> String {
        let name = tab.name();
        let has_another =
            || self.tabs.iter().any(|other| other.id != tab.id && other.name() == name);
        match tab.console() {
            Some(console) if has_another() => format!("{name} ({})", console.way(self)),
            _ => name.to_owned(),
        }
    }

    pub(crate) fn strip_rows(&self) -> u16 {
        u16::from(self.tabs.len() > 1)
    }

    /// Sets the size of the screen below the strip.
    pub(crate) fn fit(&mut self) {
        let height = self.terminal.height.saturating_sub(self.strip_rows());
        self.size = Size { height, ..self.terminal };
    }
}
