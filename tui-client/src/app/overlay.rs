//! Overlays: what is drawn on top of a screen and takes the keys, such as help, palette, confirmations, forms and
//! lists.

use topside_shared::ClientId;

use super::command_form::CommandForm;
use super::confirm::Confirm;
use super::palette::Palette;
use super::picker::redeem_invite::Pairing;
use super::picker::server_form::ServerForm;
use super::runs::run_list::RunList;
use super::server::accepted_keys::AcceptedKeys;
use super::server::clients::ClientDetails;
use super::server::create_invite::{InviteForm, InviteResult};
use super::server::log::LogView;
use super::server::reload::Reload;
use super::server::{notices, reload, status};
use super::{Size, State, help};
use crate::input::key::{Code, Key};

/// One of them.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// All keys of this screen.
    Help {
        /// Rows scrolled out at the top.
        top: usize,
    },
    Palette(Palette),
    Confirm(Confirm),
    Form(Box<ServerForm>),
    /// A command's arguments being filled in.
    CommandForm(Box<CommandForm>),
    /// An invite being pasted.
    Invite(Box<Pairing>),
    /// What runs and has run.
    Runs(Box<RunList>),
    /// Who is connected, with all that is known of one.
    Clients {
        /// The one looked at; kept by number while the list changes.
        at: Option<ClientId>,
    },
    /// One client in full.
    Client(ClientDetails),
    /// Who may come in over TCP.
    Keys(Box<AcceptedKeys>),
    /// What an invite or a token is made from.
    InviteForm(Box<InviteForm>),
    /// An invite or a token that was made: a key.
    InviteResult(Box<InviteResult>),
    /// What came of reading the server's files again.
    Reload(Reload),
    /// What was said unasked.
    Notices {
        /// Rows scrolled out at the top.
        top: usize,
    },
    /// How the server stands.
    Status {
        /// Rows scrolled out at the top.
        top: usize,
    },
    /// The server's log.
    Log(Box<LogView>),
}

impl Overlay {
    /// Rows scrolled out at the top of what is read and closed by any other key.
    pub(crate) fn top_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Help { top }
            | Self::Notices { top }
            | Self::Status { top }
            | Self::Reload(Reload { top, .. }) => Some(top),
            _ => None,
        }
    }

    /// How many rows that has in all, and on a page.
    pub(crate) fn rows(&self, state: &State) -> (usize, usize) {
        let page = page(state.size);
        match self {
            Self::Help { .. } => (help::rows(state).len(), page),
            Self::Notices { .. } => (notices::rows(state).len(), page),
            Self::Reload(shown) => (reload::rows(state, shown).len(), page),
            // It has no blank row above its foot.
            Self::Status { .. } => (status::rows(state).len(), page + 1),
            _ => (0, page),
        }
    }
}

/// The inner room of a large overlay: columns and rows. On a small screen all but the last row,
/// where remarks are.
pub(crate) fn room(size: Size) -> Size {
    let margin = if size.height < 20 { 3 } else { 4 };
    Size {
        width: size.width.saturating_sub(6).min(90).max(size.width.min(36)),
        height: size.height.saturating_sub(margin).min(34),
    }
}

/// Rows of an overlay's list, its last two being for what can be pressed.
pub(crate) fn page(size: Size) -> usize {
    usize::from(room(size).height.saturating_sub(2)).max(1)
}

/// The inner room of the log, whose lines are long.
pub(crate) fn log_room(size: Size) -> Size {
    Size { width: size.width.saturating_sub(6).max(size.width.min(36)), ..room(size) }
}

/// Rows for the chosen line below the log, unless all of it is shown.
pub(crate) fn log_detail_rows(height: u16) -> u16 {
    (height / 5).clamp(1, 3)
}

/// How many lines of the log a page has.
pub(crate) fn log_page(size: Size) -> usize {
    let Size { height, .. } = log_room(size);
    // Filters, the line under the list, and the foot.
    usize::from(height.saturating_sub(log_detail_rows(height) + 3)).max(1)
}

/// How far help scrolls by a key; none: the key closes it.
pub(crate) fn scroll(top: usize, rows: usize, page: usize, key: Key) -> Option<usize> {
    let last = rows.saturating_sub(page);
    // What is on the screen, where that has grown.
    let top = top.min(last);
    Some(match key.code {
        Code::Up | Code::Char('k') => top.saturating_sub(1),
        Code::Down | Code::Char('j') => (top + 1).min(last),
        Code::PageUp => top.saturating_sub(page),
        Code::PageDown | Code::Char(' ') => (top + page).min(last),
        Code::Home => 0,
        Code::End => last,
        _ => return None,
    })
}

/// The client before or after another in the list; the first where that one has gone.
pub(crate) fn neighbour(state: &State, at: Option<ClientId>, down: bool) -> Option<ClientId> {
    let console = state.console()?;
    let ids: Vec<ClientId> = console.client_rows().iter().map(|row| row.client_id).collect();
    let Some(place) = at.and_then(|at| ids.iter().position(|id| *id == at)) else {
        return ids.first().copied();
    };
    let next = if down { (place + 1).min(ids.len() - 1) } else { place.saturating_sub(1) };
    ids.get(next).copied()
}
