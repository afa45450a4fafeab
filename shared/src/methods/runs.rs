//! Runs of every client: `run/attach`, `run/cancel`, `run/input` and `runs/list`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::command::MASK;
use crate::ids::{ClientId, RunId};
use crate::records::{RunRow, RunState};
use crate::text::{MAX_NAME, clean};

/// `run/attach`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAttach {
    /// The run to follow.
    pub run_id: RunId,
    /// Where its output is wanted from, in bytes of both streams in order of arrival.
    #[serde(default)]
    pub from: u64,
}
call!(RunAttach -> RunRow);

/// `run/cancel`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCancel {
    /// The run to end.
    pub run_id: RunId,
}
call!(RunCancel -> RunRow);

/// `run/input`: one of `data`, `base64` and `eof`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInput {
    /// The run to answer.
    pub run_id: RunId,
    /// What its program reads next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<MaskedText>,
    /// The same where it is not UTF-8 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<MaskedText>,
    /// Whether this is the end of its input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eof: bool,
}
call!(RunInput -> Empty);

/// Text that was typed for a run: it may be a password, so it is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaskedText(pub String);

impl MaskedText {
    /// Most bytes that one `run/input` takes, as of any value; of `base64` those that it stands for.
    pub const MOST: usize = 32 * 1024;
}

impl fmt::Debug for MaskedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// `runs/list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunsList {
    /// Only runs in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Only runs of this command, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Only runs of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only runs with a smaller number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<RunId>,
    /// Maximum number of rows: 1 to 500; 50 by default. Fewer are returned if they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(RunsList -> RunsPage);

impl RunsList {
    /// The request for the runs that a shutdown would end.
    pub fn running() -> Self {
        Self { state: Some(RunState::Running), ..Self::default() }
    }

    /// The request for one run: a page of one, from the number behind it. [`RunsPage::find`] takes its row.
    pub fn one(id: RunId) -> Self {
        Self { before: id.0.checked_add(1).map(RunId), limit: Some(1), ..Self::default() }
    }
}

/// Answer to `runs/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunsPage {
    /// Rows, newest first.
    pub runs: Vec<RunRow>,
    /// What to give as `before` for more; absent: these were all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RunId>,
}

/// Most runs that [`RunsPage::ending`] names.
const MAX_NAMED: usize = 5;

impl RunsPage {
    /// The runs of this page as those that end with the server, in a sentence; none where there are none. `you` is the
    /// connection that asks.
    pub fn ending(&self, you: ClientId) -> Option<String> {
        let named = self.runs.iter().take(MAX_NAMED).map(|row| {
            let user = if row.client_id == you { "you" } else { &row.user };
            format!("{} {} ({})", clean(&row.command, MAX_NAME), row.run_id, clean(user, MAX_NAME))
        });
        let named: Vec<String> = named.collect();
        let more = match (self.runs.len() - named.len(), &self.next) {
            (0, None) => String::new(),
            (_, Some(_)) => " and more".to_owned(),
            (more, None) => format!(" and {more} more"),
        };
        match &named[..] {
            [] => None,
            [one] => Some(format!("This run ends with it: {one}{more}.")),
            _ => Some(format!("These runs end with it: {}{more}.", named.join(", "))),
        }
    }

    /// The row of this run.
    pub fn find(self, id: RunId) -> Option<RunRow> {
        self.runs.into_iter().find(|row| row.run_id == id)
    }
}
