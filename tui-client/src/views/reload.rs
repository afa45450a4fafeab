//! Reload of the server's files and its result: what changed, what waits for the next start, or the errors that
//! kept everything as it was.

use ratatui::layout::Position;
use serde_json::Value;
use topside_shared::methods::{ReloadChanges, ReloadResult, ServerReload};

use crate::app::ask::Ask;
use crate::app::view::{Outcome, View, close, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::key::Key;
use crate::text::{fit, sanitize};
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::scrolled_text::ScrolledText;

#[derive(Debug)]
pub(crate) struct Reload {
    outcome: ReloadOutcome,
    reading: ScrolledText,
}

#[derive(Debug)]
enum ReloadOutcome {
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
struct NotReloaded {
    /// The sentence.
    why: String,
    /// What is wrong in the files, if that is it.
    mistakes: Vec<FileMistake>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileMistake {
    /// File, line and column, as far as they are known: `commands.toml:3:1`.
    at: String,
    message: String,
}

/// Asks for it. A result of more than a sentence opens the view.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.note("The server reads its files …");
    state.ask(Ask::new(&ServerReload {}, |state, result| {
        take(state, result.map_err(|error| not_reloaded(&error)));
        Vec::new()
    }))
}

impl View for Reload {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        "The server's files".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let rows = rows(state, &self.outcome).len();
        if self.reading.key(key, rows, page(state.view_size())) { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        self.reading.wheel(by, rows(state, &self.outcome).len(), page(state.view_size()));
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let head = (&*self.title(state), canvas.room().width);
        let rows = rows(state, &self.outcome);
        self.reading.draw(head, &rows, 1, canvas, |line, row, theme| {
            match line.sign {
                Some(ReloadSign::Done) => row.left("✓ ", theme.good),
                Some(ReloadSign::Wrong) => row.left("✗ ", theme.bad),
                Some(ReloadSign::Waits) => row.left("▲ ", theme.warn),
                Some(ReloadSign::Fact) => row.left("· ", theme.dim),
                Some(ReloadSign::None) | None => row.skip(BEFORE),
            };
            row.left(&line.text, if line.strong { theme.strong } else { theme.plain });
        });
        None
    }
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

/// Takes the answer. A message says it if it is one sentence, or another view is open.
fn take(state: &mut State, result: Result<ReloadResult, NotReloaded>) {
    let outcome = match result {
        Ok(ReloadResult { mut changed, .. }) => {
            let at_restart = std::mem::take(&mut changed.at_restart);
            let waits = ReloadChanges { at_restart, ..ReloadChanges::default() };
            let sentences = |changes: &ReloadChanges| -> Vec<String> {
                changes.sentences().iter().map(|sentence| sanitize::sentence(sentence)).collect()
            };
            ReloadOutcome::Done { changed: sentences(&changed), waits: sentences(&waits).pop() }
        }
        Err(NotReloaded { why, mistakes }) => {
            let clean = |FileMistake { at, message }: FileMistake| FileMistake {
                at: sanitize::sentence(&at),
                message: sanitize::sentence(&message),
            };
            let mistakes = mistakes.into_iter().map(clean).collect();
            ReloadOutcome::Refused(NotReloaded { why: sanitize::sentence(&why), mistakes })
        }
    };
    let is_sentence = match &outcome {
        ReloadOutcome::Done { changed, waits } => changed.is_empty() && waits.is_none(),
        ReloadOutcome::Refused(refused) => refused.mistakes.is_empty(),
    };
    if !is_sentence && state.views.is_empty() {
        state.remark = None;
        state.open(Reload { outcome, reading: ScrolledText::default() });
        return;
    }
    match outcome {
        ReloadOutcome::Done { changed, waits } => {
            let news: Vec<String> = changed.into_iter().chain(waits).collect();
            state.done(match news.is_empty() {
                true => "files read again: nothing has changed".to_owned(),
                false => format!("files read again: {}", news.join("; ")),
            });
        }
        ReloadOutcome::Refused(refused) => state.refuse(refused.why),
    }
}

/// Columns before the words.
const BEFORE: u16 = 2;

struct ReloadLine {
    /// Where a sentence begins: its sign.
    sign: Option<ReloadSign>,
    text: String,
    strong: bool,
}

/// The sign before a sentence.
#[derive(Clone, Copy)]
enum ReloadSign {
    Done,
    Wrong,
    Waits,
    Fact,
    None,
}

/// All rows; a text that is too long for one continues in the next.
fn rows(state: &State, outcome: &ReloadOutcome) -> Vec<ReloadLine> {
    let room = usize::from(text_width(state.view_size()).saturating_sub(BEFORE));
    let mut rows = Vec::new();
    let mut say = |sign, text: &str, strong| {
        let mut sign = Some(sign);
        for text in fit::wrap(text, room) {
            rows.push(ReloadLine { sign: sign.take(), text, strong });
        }
    };
    match outcome {
        ReloadOutcome::Done { changed, waits } => {
            match changed.is_empty() {
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
        ReloadOutcome::Refused(refused) => {
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
