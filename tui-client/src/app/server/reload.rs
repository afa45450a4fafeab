//! Reload of the server's files and its result: what changed, what waits for the next start, or the errors that
//! kept everything as it was.

use serde_json::Value;
use topside_shared::methods::{ReloadChanges, ReloadResult, ServerReload};

use crate::app::ask::Ask;
use crate::app::overlay::{Overlay, room};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::text::{fit, sanitize};

/// What is shown of it.
#[derive(Debug, Default)]
pub(crate) struct Reload {
    pub(crate) standing: ReloadState,
    /// Rows scrolled out at the top.
    pub(crate) top: usize,
}

/// How far it is.
#[derive(Debug, Default)]
pub(crate) enum ReloadState {
    /// The server reads them.
    #[default]
    Asked,
    Done {
        /// One sentence for each kind of change that is in force now.
        changed: Vec<String>,
        /// The same of what waits for the next start.
        waits: Option<String>,
    },
    Refused(NotReloaded),
}

/// Why everything is as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NotReloaded {
    /// The sentence.
    pub(crate) why: String,
    /// What is wrong in the files, if that is it.
    pub(crate) mistakes: Vec<FileMistake>,
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileMistake {
    /// File, line and column, as far as they are known: `commands.toml:3:1`.
    pub(crate) at: String,
    pub(crate) message: String,
}

/// Asks for it.
pub(crate) fn begin(state: &mut State) -> Vec<Effect> {
    if state.session().is_some() {
        state.overlays.push(Overlay::Reload(Reload::default()));
    }
    state.ask(Ask::new(&ServerReload {}, |state, result| {
        ended(state, result.map_err(|error| not_reloaded(&error)));
        Vec::new()
    }))
}

/// The sentence, and the mistakes in the files with their places.
fn not_reloaded(error: &CallError) -> NotReloaded {
    let listed = match error {
        CallError::Refused(error) => error.data.more.get("mistakes").and_then(Value::as_array),
        _ => None,
    };
    let mistake = |listed: &Value| {
        let file = listed["file"].as_str()?;
        let place = ["line", "column"].map(|name| listed[name].as_u64().map(|n| format!(":{n}")));
        let at =
            place.into_iter().map_while(|number| number).fold(file.to_owned(), |at, n| at + &n);
        Some(FileMistake { at, message: listed["message"].as_str()?.to_owned() })
    };
    let mistakes = listed.into_iter().flatten().filter_map(mistake).collect();
    NotReloaded { why: error.to_string(), mistakes }
}

/// The server's answer, which is said in the last line where nobody waited for it.
fn ended(state: &mut State, result: Result<ReloadResult, NotReloaded>) {
    let standing = match result {
        Ok(ReloadResult { mut changed, .. }) => {
            let at_restart = std::mem::take(&mut changed.at_restart);
            let waits = ReloadChanges { at_restart, ..ReloadChanges::default() };
            let sentences = |changes: &ReloadChanges| -> Vec<String> {
                changes.sentences().iter().map(|sentence| sanitize::sentence(sentence)).collect()
            };
            ReloadState::Done { changed: sentences(&changed), waits: sentences(&waits).pop() }
        }
        Err(NotReloaded { why, mistakes }) => {
            let clean = |FileMistake { at, message }: FileMistake| FileMistake {
                at: sanitize::sentence(&at),
                message: sanitize::sentence(&message),
            };
            let mistakes = mistakes.into_iter().map(clean).collect();
            ReloadState::Refused(NotReloaded { why: sanitize::sentence(&why), mistakes })
        }
    };
    let open = state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Reload(reload) => Some(reload),
        _ => None,
    });
    match (open, standing) {
        (Some(open), standing) => open.standing = standing,
        (None, ReloadState::Done { changed, waits }) => {
            let said: Vec<String> = changed.into_iter().chain(waits).collect();
            state.done(match said.is_empty() {
                true => "files read again: nothing has changed".to_owned(),
                false => format!("files read again: {}", said.join("; ")),
            });
        }
        (None, ReloadState::Refused(refused)) => state.refuse(refused.why),
        (None, ReloadState::Asked) => {}
    }
}

/// Columns before the words.
pub(crate) const BEFORE: u16 = 2;

/// One row.
pub(crate) struct ReloadLine {
    /// Where a sentence begins: its sign.
    pub(crate) sign: Option<ReloadSign>,
    pub(crate) text: String,
    pub(crate) strong: bool,
}

/// The sign before a sentence.
#[derive(Clone, Copy)]
pub(crate) enum ReloadSign {
    Done,
    Wrong,
    Waits,
    Fact,
    None,
}

/// All rows; what is too long for one goes on in the next.
pub(crate) fn rows(state: &State, shown: &Reload) -> Vec<ReloadLine> {
    let width = room(state.size).width.min(state.size.width.saturating_sub(4));
    let room = usize::from(width.saturating_sub(BEFORE));
    let mut rows = Vec::new();
    let mut say = |sign, text: &str, strong| {
        let mut sign = Some(sign);
        for text in fit::wrap(text, room) {
            rows.push(ReloadLine { sign: sign.take(), text, strong });
        }
    };
    match &shown.standing {
        ReloadState::Asked => say(ReloadSign::None, "The server reads its files …", false),
        ReloadState::Done { changed, waits } => {
            match changed.is_empty() {
                true if waits.is_none() => {
                    say(ReloadSign::Done, "The files were read again: nothing has changed.", true);
                }
                true => say(ReloadSign::Done, "The files were read again.", true),
                false => say(ReloadSign::Done, "The files were read again. In force now:", true),
            }
            for sentence in changed {
                say(ReloadSign::Fact, sentence, false);
            }
            if let Some(waits) = waits {
                say(ReloadSign::Waits, waits, false);
                say(ReloadSign::None, "Until then the values before hold.", false);
            }
        }
        ReloadState::Refused(refused) if refused.mistakes.is_empty() => {
            say(ReloadSign::Wrong, &refused.why, true);
        }
        ReloadState::Refused(refused) => {
            let words = "Nothing was changed: the menu and the settings before are in force.";
            say(ReloadSign::Wrong, words, true);
            for mistake in &refused.mistakes {
                say(ReloadSign::Fact, &mistake.at, false);
                say(ReloadSign::None, &mistake.message, false);
            }
        }
    }
    rows
}
