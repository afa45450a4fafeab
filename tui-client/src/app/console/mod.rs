//! Console of one server: its runs, their output, and what is typed. It outlives its session.

pub(crate) mod figures;
pub(crate) mod layout;
pub(crate) mod notices;
pub(crate) mod shutdown_banner;

use std::collections::BTreeMap;

use topside_shared::command::Command;
use topside_shared::methods::{InitializeResult, Menu};
use topside_shared::notifications::{SessionEnded, return_note};
use topside_shared::records::ClientRow;
use topside_shared::{ClientId, SubscriptionId};

use super::connection::{self, ConnectionState, Target};
use super::prompt::Prompt;
use super::runs::Runs;
use super::{Size, State, Via};
use crate::connect::Reached;
use crate::input::actions::Id;
use crate::text::fit;
use crate::widgets::form_field::FormField;
use crate::widgets::input_box::InputBox;
use crate::widgets::text_search::Search;
use figures::Figures;
use layout::ConsoleLayout;
use notices::Notices;
use shutdown_banner::{Banner, BannerPhase};

/// The built-in that ends the server.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// Whether the live list is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watch {
    Asked,
    /// It is.
    Live(SubscriptionId),
    /// The server would not: why.
    Refused(String),
}

/// A form that was left half filled in.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) command: Command,
    pub(crate) entries: Vec<FormField>,
    /// The field with the focus.
    pub(crate) at: usize,
}

/// One server's screen.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) target: Target,
    /// By which way it was reached last, and where.
    pub(crate) reached: Option<Reached>,
    pub(crate) welcome: InitializeResult,
    pub(crate) menu: Menu,
    /// Why there is no menu, once that is known.
    pub(crate) menu_refused: Option<String>,
    /// Whether the menu of this session has come.
    pub(crate) menu_known: bool,
    pub(crate) clients: BTreeMap<ClientId, ClientRow>,
    pub(crate) watch: Watch,
    pub(crate) runs: Runs,
    pub(crate) input: InputBox,
    pub(crate) prompt: Prompt,
    pub(crate) banner: Option<Banner>,
    pub(crate) notices: Notices,
    pub(crate) figures: Figures,
    /// Whether a subscription to the log is on its way.
    pub(crate) log_asked: bool,
    /// The server's goodbye, between hearing it and the end.
    pub(crate) goodbye: Option<SessionEnded>,
    pub(crate) search: Option<Search>,
    /// Forms that were left half filled in, by their command's name.
    pub(crate) drafts: BTreeMap<String, Draft>,
    /// Where everything stood after the last message.
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
            laid: ConsoleLayout::default(),
        }
    }

    /// What the server is called: by the person who saved it, else by its box. The server of this
    /// machine is never called as a saved one: it may be another.
    pub(crate) fn name(&self) -> &str {
        match &self.target.server {
            Some(name) if self.target.via != Via::Same => name,
            Some(_) | None if !self.welcome.server.hostname.is_empty() => {
                &self.welcome.server.hostname
            }
            Some(_) | None => "this machine",
        }
    }

    /// Under which name the history of its lines is kept, and its menu.
    pub(crate) fn history_name(&self) -> &str {
        self.target.title()
    }

    /// The connection type in use; `auto` chooses one.
    pub(crate) fn via(&self) -> Via {
        self.reached.as_ref().map_or(self.target.via, |reached| reached.via)
    }

    /// The way to it and its address: `LAN 192.168.1.10:8677`.
    pub(crate) fn way(&self, state: &State) -> String {
        let title = self.via().title();
        match &self.reached {
            Some(reached) if reached.via != Via::Same => format!("{title} {}", reached.address),
            _ if state.embedded_server => format!("{title}, inside this program"),
            _ => title.to_owned(),
        }
    }

    /// The sentence above the input, if there is one: a shutdown that is due, or how it all ended
    /// where the title has no room for that.
    pub(crate) fn banner_text(&self, state: &State) -> Option<String> {
        match &state.link {
            ConnectionState::Connected { .. } => {
                let banner = self.banner.as_ref()?;
                let back = return_note(banner.back, state.clock.wall, &state.zone);
                Some(banner.words(self.name(), state.clock.mono) + &back)
            }
            ConnectionState::Lost(lost) => {
                let title = title_of_the_end(state, self);
                (fit::width(&title) + 2 > usize::from(state.size.width) || lost.failed.is_some())
                    .then(|| match &lost.failed {
                        Some(failed) => {
                            format!(
                                "{} {} · {}",
                                self.name(),
                                connection::words(state),
                                failed.sentence()
                            )
                        }
                        None => format!("{} {}", self.name(), connection::words(state)),
                    })
            }
            ConnectionState::Dialling(dial) => {
                dial.lost.as_ref().map(|lost| format!("{} {}", self.name(), lost.words(state)))
            }
            ConnectionState::Idle => None,
        }
    }

    /// How many rows the banner takes.
    fn banner_rows(&self, state: &State) -> u16 {
        let most = if state.size.height < 20 { 2 } else { 4 };
        let room = usize::from(state.size.width.saturating_sub(4));
        self.banner_text(state)
            .map_or(0, |text| u16::try_from(fit::wrap_rows(&text, room, most).len()).unwrap_or(1))
    }

    /// Where everything stands now.
    pub(crate) fn layout(&self, state: &State) -> ConsoleLayout {
        ConsoleLayout::new(state.size, self.banner_rows(state))
    }

    /// Milliseconds until a shutdown that is due begins.
    pub(crate) fn due_in(&self, now: u64) -> Option<u64> {
        match self.banner.as_ref()?.phase {
            BannerPhase::Due { at } => Some(at.saturating_sub(now)),
            BannerPhase::Now | BannerPhase::Cancelled => None,
        }
    }

    /// Keeps where everything stands, and gives the pane its room, if that has changed.
    fn lay(&mut self, layout: ConsoleLayout) {
        let size = |layout: &ConsoleLayout| (layout.text_width(), layout.pane.height);
        let before = std::mem::replace(&mut self.laid, layout);
        if size(&before) != size(&layout) {
            self.runs.lay(layout.text_width(), layout.pane.height);
        }
    }

    /// Takes a banner down that says that nothing will happen after all.
    pub(crate) fn drop_old_banner(&mut self) {
        if self.banner.as_ref().is_some_and(|b| b.phase == BannerPhase::Cancelled) {
            self.banner = None;
        }
    }

    /// The rows of the live list, this client's own first.
    pub(crate) fn client_rows(&self) -> Vec<&ClientRow> {
        let mut rows: Vec<&ClientRow> = self.clients.values().collect();
        rows.sort_by_key(|row| (!self.is_me(row), row.client_id));
        rows
    }

    /// Whether a row is this very connection.
    pub(crate) fn is_me(&self, row: &ClientRow) -> bool {
        row.client_id == self.welcome.you.client_id
    }
}

/// Lays the console out in the terminal's size.
pub(crate) fn lay(state: &mut State) {
    let Some(layout) = state.console().map(|console| console.layout(state)) else { return };
    if let Some(console) = state.console_mut() {
        console.lay(layout);
    }
}

/// The title after the end: `sprinkler · shut down by .. · R reconnect · P picker`.
pub(crate) fn title_of_the_end(state: &State, console: &Console) -> String {
    let empty = console.input.editor.is_empty();
    let key = |id| state.keys.first(id, empty).map(|key| key.to_string()).unwrap_or_default();
    let (again, back) = (key(Id::Reconnect), key(if empty { Id::Back } else { Id::ToPicker }));
    let (name, way, words) = (console.name(), console.way(state), connection::words(state));
    format!("{name} · {way} · {words} · {again} reconnect · {back} picker")
}

/// Whether the terminal is large enough for the live list beside the pane.
pub(crate) fn shows_clients(size: Size) -> bool {
    ConsoleLayout::new(size, 0).clients.is_some()
}
