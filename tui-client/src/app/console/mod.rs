//! Console of one server: its runs, their output, and the input. It outlives its session.

pub(crate) mod approvals;
pub(crate) mod figures;
pub(crate) mod layout;
pub(crate) mod notices;
pub(crate) mod shutdown_banner;
pub(crate) mod side_panes;
pub(crate) mod status_poll;

use std::collections::BTreeMap;

use topside_shared::command::Command;
use topside_shared::methods::{InitializeResult, Menu};
use topside_shared::notifications::SessionEnded;
use topside_shared::records::{ClientRow, RunRow};
use topside_shared::{ClientId, SubscriptionId};

use super::connection::{self, ConnectionState, Dialling, Disconnected, Target};
use super::prompt::Prompt;
use super::remark::MESSAGE_MARGIN;
use super::runs::Runs;
use super::{State, Via};
use crate::connect::Reached;
use crate::text::{fit, sanitize};
use crate::widgets::form_field::FormField;
use crate::widgets::input_box::InputBox;
use crate::widgets::text_search::Search;
use approvals::PendingApprovals;
use figures::Figures;
use layout::{ConsoleLayout, RowsBelow};
use notices::Notices;
use shutdown_banner::{Banner, BannerPhase};
use side_panes::SidePanes;

/// The built-in that ends the server.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// Subscription to the list of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watch {
    Asked,
    Live(SubscriptionId),
    /// The server refused it: why.
    Refused(String),
}

/// A form that was closed half filled in.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) command: Command,
    pub(crate) entries: Vec<FormField>,
    /// The field with the focus.
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) target: Target,
    /// The route and address of the last connection.
    pub(crate) reached: Option<Reached>,
    pub(crate) welcome: InitializeResult,
    pub(crate) menu: Menu,
    /// Why the server sent no menu.
    pub(crate) menu_refused: Option<String>,
    /// Whether the menu of this session has arrived.
    pub(crate) menu_known: bool,
    pub(crate) clients: BTreeMap<ClientId, ClientRow>,
    pub(crate) watch: Watch,
    pub(crate) approvals: PendingApprovals,
    pub(crate) runs: Runs,
    pub(crate) input: InputBox,
    pub(crate) prompt: Prompt,
    pub(crate) banner: Option<Banner>,
    pub(crate) notices: Notices,
    pub(crate) figures: Figures,
    /// Whether a subscription to the log is pending.
    pub(crate) log_asked: bool,
    /// `session/ended`, from its arrival until the connection closes.
    pub(crate) goodbye: Option<SessionEnded>,
    pub(crate) search: Option<Search>,
    /// Forms that were closed half filled in, by command.
    pub(crate) drafts: BTreeMap<String, Draft>,
    pub(crate) side: SidePanes,
    /// The layout after the last message.
    pub(crate) laid: ConsoleLayout,
}

impl Console {
    pub(crate) fn new(target: Target, welcome: InitializeResult) -> Self {
        Self {
            target,
            reached: None,
            welcome,
            menu: Menu::default(),
            menu_refused: None,
            menu_known: false,
            clients: BTreeMap::new(),
            watch: Watch::Asked,
            approvals: PendingApprovals::default(),
            runs: Runs::default(),
            input: InputBox::default(),
            prompt: Prompt::default(),
            banner: None,
            notices: Notices::default(),
            figures: Figures::default(),
            log_asked: false,
            goodbye: None,
            search: None,
            drafts: BTreeMap::new(),
            side: SidePanes::default(),
            laid: ConsoleLayout::default(),
        }
    }

    /// The name of the server: the one under which the user saved it, or else its host name. The server of this
    /// machine never has a saved name, because it may be another server.
    pub(crate) fn name(&self) -> &str {
        match &self.target.server {
            Some(name) if self.target.via != Via::Same => name,
            Some(_) | None if !self.welcome.server.hostname.is_empty() => {
                &self.welcome.server.hostname
            }
            Some(_) | None => "this machine",
        }
    }

    /// A run's row as it is shown: safe to draw, with *you* for this connection.
    pub(crate) fn shown_run(&self, row: RunRow) -> RunRow {
        sanitize::run(row.with_you(&self.welcome.you.called()))
    }

    /// The name under which the history of lines and the menu are stored.
    pub(crate) fn history_name(&self) -> &str {
        self.target.title()
    }

    /// The route in use.
    pub(crate) fn via(&self) -> Via {
        self.reached.as_ref().map_or(self.target.via, |reached| reached.via)
    }

    /// The route and its address: `LAN 192.168.1.10:8677`, `the hub of garden`.
    pub(crate) fn way(&self, state: &State) -> String {
        let title = self.via().title();
        match &self.reached {
            Some(reached) if reached.via == Via::Hub => reached.address.clone(),
            Some(reached) if reached.via != Via::Same => format!("{title} {}", reached.address),
            _ if state.embedded_server => format!("{title}, inside this program"),
            _ => title.to_owned(),
        }
    }

    /// The text of the bar below the input, if there is one: a shutdown that is due, or how the session ended.
    pub(crate) fn bar_text(&self, state: &State) -> Option<String> {
        match &state.link {
            ConnectionState::Connected { .. } => {
                let banner = self.banner.as_ref()?;
                Some(banner.words(self.name(), state.clock, &state.zone))
            }
            ConnectionState::Dialling(Dialling { lost: Some(lost), .. }) => {
                let (name, ended) = (self.name(), lost.words(state));
                Some(format!("{name} · {ended} · {}", connection::words(state)))
            }
            link => {
                let mut text = format!("{} · {}", self.name(), connection::words(state));
                if let ConnectionState::Lost(Disconnected { failed: Some(failed), .. }) = link {
                    text.push_str(&format!(" · {}", failed.sentence()));
                }
                Some(text)
            }
        }
    }

    /// Rows between the output and the key hints.
    fn rows_below(&self, state: &State) -> RowsBelow {
        let has_ended = state.session().is_none();
        let most = match state.size.height {
            ..20 => 2,
            _ => 3,
        } + usize::from(has_ended);
        let room = usize::from(state.size.width.saturating_sub(MESSAGE_MARGIN));
        let text = self.bar_text(state);
        let bar = text.map_or(0, |text| fit::wrap_rows(&text, room, most).len());
        let bar = u16::try_from(bar).unwrap_or(1);
        // A search is typed in the row of the input, after the session too.
        let has_ended = has_ended && self.search.is_none();
        RowsBelow { message: state.message_rows(), bar, has_ended }
    }

    pub(crate) fn layout(&self, state: &State) -> ConsoleLayout {
        ConsoleLayout::new(state.size, self.rows_below(state), state.pane_choice())
    }

    /// Milliseconds until a shutdown that is due begins.
    pub(crate) fn due_in(&self, now: u64) -> Option<u64> {
        match self.banner.as_ref()?.phase {
            BannerPhase::Due { at } => Some(at.saturating_sub(now)),
            BannerPhase::Now => None,
        }
    }

    /// Stores a changed layout and resizes the pane.
    fn lay(&mut self, layout: ConsoleLayout, unwrapped: bool, connected: bool) {
        self.side.settle(&layout, connected);
        self.runs.pane.set_unwrapped(unwrapped);
        let size = |layout: &ConsoleLayout| (layout.text_width(), layout.pane.height);
        let before = std::mem::replace(&mut self.laid, layout);
        if size(&before) != size(&layout) {
            self.runs.lay(layout.text_width(), layout.pane.height);
        }
    }

    /// The list of clients, this client's own first.
    pub(crate) fn client_rows(&self) -> Vec<&ClientRow> {
        let mut rows: Vec<&ClientRow> = self.clients.values().collect();
        rows.sort_by_key(|row| (!self.is_me(row), row.client_id));
        rows
    }

    /// Whether a row is this connection.
    pub(crate) fn is_me(&self, row: &ClientRow) -> bool {
        row.client_id == self.welcome.you.client_id
    }
}

/// Lays the console out in the terminal's size.
pub(crate) fn lay(state: &mut State) {
    let Some(layout) = state.console().map(|console| console.layout(state)) else { return };
    let (unwrapped, connected) = (state.pane_choice().unwrapped, state.is_connected());
    if let Some(console) = state.console_mut() {
        console.lay(layout, unwrapped, connected);
    }
}
