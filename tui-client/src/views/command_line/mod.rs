//! Command line of Topside, opened by `:`. It accepts the verbs of `topside VERB` in a shell, for the server of this tab.

mod answer_block;
mod refusal;
mod run_verb;
mod saved_servers;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Clear, Widget};
use topside_shared::methods::{KeysList, RunsList};

use super::{key_hints, message_line, theme_chooser};
use crate::app::ask::Ask;
use crate::app::availability::may_administer;
use crate::app::remark::MESSAGE_MARGIN;
use crate::app::view::{Change, Outcome, View, close, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::theme::Theme;
use crate::verb_args::known_values::{self, KnownValues};
use crate::verb_args::verb_line::{self, Parsed};
use crate::widgets::canvas::{self, Canvas, Hit};
use crate::widgets::field::{field, ground};
use crate::widgets::input_box::{InputBox, Typed, draw_list};
use crate::widgets::row::Row;

/// Most rows of a sentence about a line that is not accepted.
const MISTAKE_ROWS: usize = 3;

/// The open command line.
#[derive(Debug, Default)]
pub(crate) struct CommandLine {
    pub(crate) input: InputBox,
    /// Why the line was not accepted.
    pub(crate) wrong: Option<String>,
    /// Keys and runs of the server, once they have arrived.
    keys: Vec<(String, String)>,
    runs: Vec<(String, String)>,
    live_runs: Vec<(String, String)>,
}

/// Opens the command line, and asks for the values that can be completed.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let mut view = CommandLine::default();
    view.input.history = state.verb_history.clone();
    state.open(view);
    let runs = RunsList { limit: Some(known_values::RUNS), ..RunsList::default() };
    let mut effects =
        state.ask_if_connected(Ask::of_view(&runs, |view: &mut CommandLine, page, _| {
            view.runs = page.as_ref().map(known_values::runs).unwrap_or_default();
            view.live_runs = page.as_ref().map(known_values::live_runs).unwrap_or_default();
            stay()
        }));
    if may_administer(state).is_ok() {
        effects.extend(state.ask_if_connected(Ask::of_view(
            &KeysList {},
            |view: &mut CommandLine, keys, _| {
                view.keys = keys.map(known_values::keys).unwrap_or_default();
                stay()
            },
        )));
    }
    effects
}

impl CommandLine {
    /// The values of the server that can be completed now.
    fn known(&self, state: &State) -> KnownValues {
        let mut known = KnownValues {
            runs: self.runs.clone(),
            live_runs: self.live_runs.clone(),
            keys: self.keys.clone(),
            ..KnownValues::default()
        };
        known.servers = known_values::servers(&state.servers);
        known.themes = theme_chooser::described(state);
        if let Some(console) = state.console() {
            let rows = console.client_rows();
            let others = rows.into_iter().filter(|row| !console.is_me(row));
            known.clients = known_values::clients(others);
            known.commands = known_values::commands(&console.menu.commands);
        }
        known
    }

    /// Runs the line. One that is not accepted stays, with a sentence above it.
    fn enter(&mut self, state: &State) -> Outcome {
        let line = self.input.editor.text().trim().to_owned();
        if line.is_empty() {
            return close();
        }
        let parsed = verb_line::parse(&line).and_then(|parsed| match parsed {
            Parsed::Verb(verb) => {
                refusal::refusal(state, &verb).map_or(Ok(Parsed::Verb(verb)), Err)
            }
            help => Ok(help),
        });
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(why) => {
                self.wrong = Some(why);
                return stay();
            }
        };
        close().then(move |state| {
            state.verb_history.push(&line);
            match parsed {
                Parsed::Verb(verb) => run_verb::run_verb(state, &line, *verb),
                Parsed::Help(text) => {
                    answer_block::show(state, &line, &text);
                    Vec::new()
                }
            }
        })
    }
}

impl View for CommandLine {
    fn title(&self, _state: &State) -> String {
        "Command line".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if !self.input.is_busy() {
            let empty = self.input.editor.is_empty();
            let back = key.code == Code::Backspace || key.is_ctrl('d');
            if key.leaves() || empty && back {
                return close();
            }
        }
        let known = self.known(state);
        let before = self.input.editor.text().to_owned();
        let complete = |line: &str, cursor| verb_line::complete(line, cursor, &known);
        match self.input.key(key, &complete) {
            Typed::Enter => return self.enter(state),
            Typed::Used | Typed::Passed => {}
        }
        if self.input.editor.text() != before {
            self.wrong = None;
        }
        stay()
    }

    /// The first line of a pasted text; a `:` before the verb is left out.
    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        let line = text.lines().next().unwrap_or_default();
        let line = if self.input.editor.is_empty() { line.trim_start_matches(':') } else { line };
        self.input.paste(line);
        self.wrong = None;
        stay()
    }

    fn click_row(&mut self, row: usize, _state: &State) -> Outcome {
        self.input.take_row(row);
        stay()
    }

    fn wheel(&mut self, rows: i32, _state: &State) {
        self.input.wheel(rows);
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            // A sentence above the input says why the session ended.
            Change::SessionEnded(_) => close(),
            _ => stay(),
        }
    }

    fn draws_messages(&self) -> bool {
        true
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let (input, last) = rows(state, canvas.area);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        Clear.render(input, buffer);
        Clear.render(last, buffer);
        let mut row = Row::new(buffer, input);
        row.skip(1);
        if let Some(recall) = &self.input.recall {
            row.left("earlier: ", theme.dim).left(&recall.query, theme.accent).left(" ", theme.dim);
        }
        row.left(":", theme.accent);
        let place = row.free();
        let cursor = field(buffer, place, &self.input.editor, theme.plain);
        ground(buffer, input, theme);
        let places = draw_list(&self.input, cursor, buffer, theme).into_iter();
        canvas.hits.extend(places.map(|(place, nth)| (place, Hit::Row(nth))));
        if let Some(why) = &self.wrong {
            mistake(why, input, buffer, theme);
        }
        // In the line above the input, as in the console: the last row has the keys.
        let most = if self.wrong.is_some() { 1 } else { input.y };
        let rows = state.message_rows().min(most);
        let place = Rect { y: input.y - rows, height: rows, ..input };
        message_line::draw(state, place, buffer);
        let mut hints = Row::new(buffer, last);
        hints.skip(1).skip_right(1);
        let may_run = !self.input.editor.is_empty() && self.wrong.is_none();
        let run = may_run.then_some("Enter runs it");
        let keys = run.into_iter().chain(["Esc closes", "Tab completes", "`help` lists the verbs"]);
        let keys = self.input.keys().map_or_else(|| keys.collect::<Vec<_>>(), <[_]>::to_vec);
        canvas::keys(&mut hints, keys, &mut canvas.hits, theme);
        cursor
    }
}

/// The row of the line, and the row of the keys: the last two of the picker, or those of the console.
fn rows(state: &State, area: Rect) -> (Rect, Rect) {
    if let Some(console) = state.console() {
        let layout = console.layout(state);
        return (layout.input, layout.hints);
    }
    let last = key_hints::last_row(area);
    (Rect { y: last.y.saturating_sub(1), ..last }, last)
}

/// Draws why the line is not accepted, wrapped, above the line between the output and the input.
fn mistake(why: &str, input: Rect, buffer: &mut Buffer, theme: &Theme) {
    let room = usize::from(input.width.saturating_sub(MESSAGE_MARGIN));
    let lines = fit::wrap_rows(why, room, MISTAKE_ROWS);
    let rows = u16::try_from(lines.len()).unwrap_or(1);
    let top = input.y.saturating_sub(rows + 1);
    let place = Rect { y: top, height: rows, ..input };
    Clear.render(place, buffer);
    for (y, line) in (0..rows).zip(&lines) {
        let mut row = Row::at(buffer, place, y);
        row.skip(1).left(if y == 0 { "✗ " } else { "  " }, theme.bad).left(line, theme.bad);
    }
}
