//! State of the screen and how it changes below the views: [`State`], [`Msg`], [`Effect`], the trait
//! [`View`](view::View).
//!
//! **Invariant:** nothing here does I/O or reads a clock. What comes in is a [`Msg`], the time is in
//! [`State::clock`], set by the loop before each call; what is to be done goes out as [`Effect`]s.
//!
//! **Invariant:** every text of the network passes [`sanitize`](crate::text::sanitize) on its way into the state.

pub(crate) mod apply_settings;
pub(crate) mod ask;
pub(crate) mod availability;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod console;
mod fan_out_event;
pub(crate) mod msg;
pub(crate) mod picker;
pub(crate) mod prompt;
pub(crate) mod reconnect;
pub(crate) mod remark;
pub(crate) mod runs;
pub(crate) mod session;
pub(crate) mod tab_actions;
pub(crate) mod tabs;
pub(crate) mod view;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use topside_shared::ClientId;
use topside_shared::methods::Call;

use crate::config::{PaneChoices, Profile};
use crate::connect::DiscoveredServer;
use crate::input::Keymap;
use crate::input::actions::Id;
use crate::input::key::Key;
pub(crate) use crate::terminal::Size;
use crate::theme::{TerminalColours, Theme, ThemeChoice};
use crate::widgets::canvas::{Hit, ListLayout};
use crate::widgets::line_history::LineHistory;
use ask::Ask;
pub(crate) use clock::Clock;
pub(crate) use connection::{Target, Via};
use console::Console;
use console::side_panes::{Focus, MenuKey};
pub(crate) use msg::{DialFailed, Effect, Event, Msg, ProfileEdit};
use picker::fleet_box::FleetBox;
use picker::picker_state::Picker;
pub(crate) use remark::{Remark, Tone};
use tabs::Tabs;

#[derive(Debug)]
pub(crate) enum Screen {
    /// Selects a server and the route to it.
    Picker,
    /// Shows one server, also after the session has ended.
    Console(Box<Console>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalServer {
    /// Not probed yet, or the probe is pending.
    Unknown,
    /// It answered after this many milliseconds.
    Running(u64),
    /// No server listens.
    NotRunning,
    /// There is a socket, but it cannot be used: why.
    Refused(String),
}

/// What a click selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clicked {
    /// A row of the picker's list of servers.
    Server(usize),
    /// A row of the routes to the selected server.
    Route(usize),
    /// The mark of a saved server of the picker.
    Mark(usize),
    /// The list of servers of the picker, beside its rows.
    ServerList(ListLayout),
    /// A row of the menu.
    Menu(MenuKey),
    /// A row of the client list.
    Client(ClientId),
    /// The list of a side pane, beside its rows.
    PaneList(Focus, ListLayout),
    /// A row of the list above the input: a completion, or an earlier line.
    ListRow(usize),
    /// A pane of the console.
    Pane(Focus),
    /// A key hint: the same as its key.
    Key(Key),
    /// A clickable place of the top view.
    InView(Hit),
}

pub(crate) type Hits = Vec<(Rect, Clicked)>;

/// State of the screen.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// The user's time zone.
    pub(crate) zone: TimeZone,
    pub(crate) terminal: Size,
    /// The size of the screen without the strip of tabs.
    pub(crate) size: Size,
    /// The tabs. The fields of the current one are read as if they were fields of the state.
    pub(crate) tabs: Tabs,
    pub(crate) picker: Picker,
    /// Clickable places of the last frame.
    pub(crate) hits: Hits,
    pub(crate) remark: Option<Remark>,
    /// What is wrong in the files of the settings. The first one is shown until the user closes it.
    pub(crate) settings_mistakes: VecDeque<String>,
    /// The saved servers.
    pub(crate) servers: Vec<Profile>,
    /// The names of the saved hubs, at each of which a saved server may be.
    pub(crate) hubs: Vec<String>,
    /// The boxes of the fleets of this device, in the order of the list.
    pub(crate) fleet: Vec<FleetBox>,
    /// Why the file of the saved servers cannot be read, or not completely.
    pub(crate) unreadable: Option<String>,
    pub(crate) local_server: LocalServer,
    /// Servers that announce themselves on the LAN.
    pub(crate) discovered: Vec<DiscoveredServer>,
    /// Those of them that are neither saved nor boxes of a fleet, by their indices.
    pub(crate) new_finds: Vec<usize>,
    /// Whether the server of this machine runs inside this program.
    pub(crate) embedded_server: bool,
    /// Whether the terminal reports its mouse.
    pub(crate) mouse: bool,
    /// What is known of the colours of the terminal.
    pub(crate) terminal_colours: TerminalColours,
    /// The theme that was selected, in the variant for this terminal.
    pub(crate) theme_choice: ThemeChoice,
    /// The theme of theme.toml.
    pub(crate) own_theme: Option<ThemeChoice>,
    pub(crate) theme: Theme,
    /// Whether only ASCII characters are drawn.
    pub(crate) ascii: bool,
    pub(crate) keys: Keymap,
    pub(crate) panes: PaneChoices,
    /// Number of recent commands above the menu.
    pub(crate) recent: usize,
    /// The last value of the mouse setting.
    pub(crate) mouse_set: bool,
    /// Actions that were chosen from the palette last, the newest first.
    pub(crate) recent_actions: Vec<Id>,
    /// History of the command line of Topside, for all tabs.
    pub(crate) verb_history: LineHistory,
    /// Actions to carry out as soon as the message is handled, the first one first.
    actions: VecDeque<Id>,
    /// Number of the last dial, session or block.
    serial: u64,
    /// Whether the loop ends.
    pub(crate) quitting: bool,
}

impl State {
    pub(crate) fn new(clock: Clock, size: Size, zone: TimeZone) -> Self {
        Self {
            clock,
            zone,
            terminal: size,
            size,
            tabs: Tabs::new(),
            picker: Picker::default(),
            hits: Hits::new(),
            remark: None,
            settings_mistakes: VecDeque::new(),
            servers: Vec::new(),
            hubs: Vec::new(),
            fleet: Vec::new(),
            unreadable: None,
            local_server: LocalServer::Unknown,
            discovered: Vec::new(),
            new_finds: Vec::new(),
            embedded_server: false,
            mouse: true,
            terminal_colours: TerminalColours::DEFAULT,
            theme_choice: ThemeChoice::default(),
            own_theme: None,
            theme: Theme::DARK,
            ascii: false,
            keys: Keymap::default(),
            panes: PaneChoices::default(),
            recent: 0,
            mouse_set: true,
            recent_actions: Vec::new(),
            verb_history: LineHistory::default(),
            actions: VecDeque::new(),
            serial: 0,
            quitting: false,
        }
    }

    /// A new number for a dial, session or block.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Has `update` carry out an action as soon as the message is handled: the table of actions and views stands above
    /// all views. The effects of the action come then, so none are returned.
    pub(crate) fn act(&mut self, id: Id) -> Vec<Effect> {
        self.actions.push_back(id);
        Vec::new()
    }

    pub(crate) fn next_action(&mut self) -> Option<Id> {
        self.actions.pop_front()
    }

    /// Ends the program.
    pub(crate) fn quit(&mut self) -> Effect {
        self.quitting = true;
        Effect::Quit
    }

    /// The size of the screen above the bar of a shutdown or of the end of a session, and above a long message on a low
    /// screen: views do not cover them.
    pub(crate) fn view_size(&self) -> Size {
        let has_bar = self.console().is_some_and(|console| console.bar_text(self).is_some());
        let taken = u16::from(has_bar) + self.message_rows_of_views();
        Size { height: self.size.height.saturating_sub(taken), ..self.size }
    }

    pub(crate) fn console_mut(&mut self) -> Option<&mut Console> {
        match &mut self.screen {
            Screen::Console(console) => Some(console),
            Screen::Picker => None,
        }
    }

    /// The open session; without one a message says that nothing was sent.
    pub(crate) fn session_to_ask(&mut self) -> Option<u64> {
        let session = self.session();
        if session.is_none() {
            let key = self.keys.word(Id::Reconnect);
            self.refuse(format!("Not connected, so nothing was sent: {key} connects again."));
        }
        session
    }

    /// Sends a request; without a session a message says that nothing was sent.
    pub(crate) fn ask(&mut self, ask: Ask) -> Vec<Effect> {
        self.session_to_ask().map(|session| Effect::Ask { session, ask }).into_iter().collect()
    }

    /// Sends a request of which only a sentence is shown: what was done, or why not.
    pub(crate) fn ask_and_say<M: Call>(
        &mut self,
        params: &M,
        done: impl FnOnce(M::Answer) -> String + Send + 'static,
    ) -> Vec<Effect>
    where
        M::Answer: Send + 'static,
    {
        self.ask(Ask::new(params, |state, result| {
            match result {
                Ok(answer) => state.done(done(answer)),
                Err(error) => state.refuse(ask::why(&error)),
            }
            Vec::new()
        }))
    }

    /// Sends a request if there is a session.
    pub(crate) fn ask_if_connected(&self, ask: Ask) -> Vec<Effect> {
        self.session().map(|session| Effect::Ask { session, ask }).into_iter().collect()
    }
}
