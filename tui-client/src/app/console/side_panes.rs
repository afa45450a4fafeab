//! Side panes of the console, the menu and the client list: which one has the focus, and its filter.

use topside_shared::ClientId;

use super::layout::{ConsoleLayout, RowsBelow};
use crate::app::connection::ConnectionState;
use crate::app::{Effect, State};
use crate::config::PaneChoice;
use crate::widgets::list::List;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    #[default]
    Input,
    Menu,
    Clients,
}

/// A row of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MenuKey {
    /// A favourite or recent command above the categories.
    Top(String),
    /// A command below its category.
    Command(String),
    /// The row under which Topside's own commands are folded.
    Fold,
}

impl MenuKey {
    pub(crate) fn command(&self) -> Option<&str> {
        match self {
            Self::Top(name) | Self::Command(name) => Some(name),
            Self::Fold => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct SidePanes {
    pub(crate) focus: Focus,
    /// Every letter filters.
    pub(crate) menu: List<MenuKey>,
    pub(crate) clients: List<ClientId>,
    /// Whether Topside's own commands are listed.
    pub(crate) unfolded: bool,
    pub(crate) favourites: Vec<String>,
}

impl Default for SidePanes {
    fn default() -> Self {
        Self {
            focus: Focus::default(),
            menu: List::typed(),
            clients: List::default(),
            unfolded: false,
            favourites: Vec::new(),
        }
    }
}

impl SidePanes {
    /// Moves the focus to the input and clears the filters.
    pub(crate) fn blur(&mut self) {
        self.focus = Focus::Input;
        self.menu.unfilter();
        self.clients.unfilter();
    }

    /// Moves the focus away from a pane that is not shown any more.
    pub(super) fn settle(&mut self, layout: &ConsoleLayout, connected: bool) {
        let shown = match self.focus {
            Focus::Input => true,
            Focus::Menu => layout.menu.is_some(),
            Focus::Clients => layout.clients.is_some(),
        };
        if !shown || !connected && self.focus != Focus::Input {
            self.blur();
        }
    }
}

impl State {
    pub(crate) fn pane_choice(&self) -> PaneChoice {
        self.panes.at(self.size.width)
    }

    /// Changes that choice, and stores it.
    pub(crate) fn choose_panes(&mut self, change: impl FnOnce(&mut PaneChoice)) -> Vec<Effect> {
        self.panes.change(self.size.width, change);
        vec![Effect::KeepPanes(self.panes.clone())]
    }

    /// Whether a session is open.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.link, ConnectionState::Connected { .. })
    }
}

/// The choice that also shows a pane; none where it does not fit.
pub(crate) fn choice_with(state: &State, pane: Focus) -> Option<PaneChoice> {
    let mut choice = state.pane_choice();
    match pane {
        Focus::Input => {}
        Focus::Menu => choice.menu = Some(true),
        Focus::Clients => choice.clients = Some(true),
    }
    choice.zoomed = false;
    let below = RowsBelow::default();
    let now =
        ConsoleLayout::new(state.size, below, PaneChoice { zoomed: false, ..state.pane_choice() });
    let then = ConsoleLayout::new(state.size, below, choice);
    let fits = match pane {
        Focus::Input => true,
        Focus::Menu => then.menu.is_some() && then.clients.is_some() == now.clients.is_some(),
        Focus::Clients => then.clients.is_some() && then.menu.is_some() == now.menu.is_some(),
    };
    fits.then_some(choice)
}
