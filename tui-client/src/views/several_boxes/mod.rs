//! One command on several boxes: the line, a row for each box while it runs, and the results in groups.

mod draw;
mod results;

use ratatui::layout::Position;
use topside_shared::cmdline;
use topside_shared::command::Command;
use topside_shared::text::clean;

use super::confirm::Confirm;
use super::console::submit::goes_to_disk;
use crate::app::msg::{FanOutEvent, FanOutOrder, WaitingBox};
use crate::app::view::{Outcome, View, close, open, stay};
use crate::app::{Effect, State, picker};
use crate::config::history_file::SEVERAL_BOXES;
use crate::fan_out::{LeftOut, common_menu, distinct, left_out_sentence};
use crate::input::key::{Code, Key};
use crate::text::times;
use crate::widgets::canvas::Canvas;
use crate::widgets::editor::Editor;
use crate::widgets::input_box::{InputBox, Typed};
use crate::widgets::scrolled_text::ScrolledText;
use results::{BoxRow, Results};

/// The command, the boxes and what they did.
#[derive(Debug)]
pub(crate) struct SeveralBoxes {
    /// The number of its effects and messages.
    id: u64,
    boxes: Vec<String>,
    /// A sentence about the saved servers that are left out.
    left_out: Option<String>,
    input: InputBox,
    /// The cached menus of the boxes, once they were read: which arguments are secrets.
    menus: Vec<Vec<Command>>,
    /// What they have in common, for completion and hints.
    menu: Vec<Command>,
    phase: Phase,
    /// One for each box.
    rows: Vec<BoxRow>,
    /// How far the rows are scrolled.
    scroll: ScrolledText,
    /// What an admin should know of the audit logs of the boxes.
    warnings: Vec<String>,
    /// When the command began, by the monotonic clock; later by the time that its question was open.
    began: u64,
}

#[derive(Debug)]
enum Phase {
    /// The line is typed. `wrong`: why it cannot be sent.
    Line {
        wrong: Option<String>,
    },
    Running {
        cancelled: bool,
    },
    /// The command waits for the number of these boxes to be typed.
    Confirm {
        waiting: Vec<WaitingBox>,
        /// When the question came, by the monotonic clock.
        since: u64,
        number: Editor,
        is_wrong: bool,
    },
    Done {
        results: Results,
        lasted: u64,
    },
}

/// Opens the line for these saved servers.
fn open_for(state: &mut State, (boxes, left_out): (Vec<String>, Vec<LeftOut>)) -> Vec<Effect> {
    let (id, rows) = (state.next_serial(), boxes.iter().map(|_| BoxRow::default()).collect());
    let servers = boxes.clone();
    state.open(SeveralBoxes {
        id,
        boxes,
        left_out: left_out_sentence(&left_out),
        input: InputBox::default(),
        menus: Vec::new(),
        menu: Vec::new(),
        phase: Phase::Line { wrong: None },
        rows,
        scroll: ScrolledText::default(),
        warnings: Vec::new(),
        began: 0,
    });
    let history = Effect::LoadHistory { server: SEVERAL_BOXES.to_owned() };
    vec![history, Effect::ReadMenus { id, servers }]
}

/// Earlier lines for several boxes were read.
pub(super) fn history(state: &mut State, lines: Vec<String>) -> Vec<Effect> {
    let load = |view: &mut SeveralBoxes, _: &State| {
        view.input.history.load(lines);
        stay()
    };
    state.with_view(load).unwrap_or_default()
}

/// Opens the line for the marked servers of the picker.
pub(crate) fn open_marked(state: &mut State) -> Vec<Effect> {
    let servers = distinct(picker::marked(state));
    open_for(state, servers)
}

/// Opens the line for all saved servers and boxes of fleets.
pub(crate) fn open_all(state: &mut State) -> Vec<Effect> {
    let servers = distinct(picker::profiles(state).map(|each| (&*each.name, each.pin.as_deref())));
    open_for(state, servers)
}

/// Something happened to the command of this number, whichever tab its view is in.
pub(super) fn event(state: &mut State, id: u64, event: FanOutEvent) -> Vec<Effect> {
    let mut event = Some(event);
    let mut effects = Vec::new();
    for tab in 0..state.tabs.len() {
        effects.extend(state.at_tab(tab, |state| {
            let take =
                |view: &mut SeveralBoxes, state: &State| match event.take_if(|_| view.id == id) {
                    Some(event) => view.take(event, state),
                    None => stay(),
                };
            state.with_view(take).unwrap_or_default()
        }));
    }
    effects
}

impl SeveralBoxes {
    fn order(&self, order: FanOutOrder) -> Outcome {
        let id = self.id;
        stay().then(move |_| vec![Effect::FanOutOrder { id, order }])
    }

    fn take(&mut self, event: FanOutEvent, state: &State) -> Outcome {
        match event {
            FanOutEvent::Menus(menus) => {
                self.menu = common_menu(&menus);
                self.menus = menus;
            }
            FanOutEvent::Warning { index, sentence } => {
                let name = self.boxes.get(index).cloned().unwrap_or_default();
                self.warnings.push(clean(&format!("{name}: {sentence}"), MAX_WARNING));
            }
            FanOutEvent::ConfirmationNeeded(waiting) => {
                if let Phase::Running { cancelled: false } = self.phase {
                    let (number, is_wrong) = (Editor::default(), false);
                    let since = state.clock.mono;
                    self.phase = Phase::Confirm { waiting, since, number, is_wrong };
                    self.scroll = ScrolledText::default();
                }
            }
            FanOutEvent::Ended { index, outcome } => {
                if let Some(row) = self.rows.get_mut(index) {
                    row.end(outcome);
                }
            }
            FanOutEvent::Done => {
                let lasted = state.clock.mono.saturating_sub(self.began);
                let results = Results::new(&self.boxes, &mut self.rows);
                self.phase = Phase::Done { results, lasted };
            }
            FanOutEvent::Failed(why) => self.phase = Phase::Line { wrong: Some(why) },
        }
        stay()
    }

    /// How many boxes are done.
    fn done(&self) -> usize {
        self.rows.iter().filter(|row| row.has_ended()).count()
    }

    fn start(&mut self, state: &State) -> Outcome {
        let line = self.input.editor.text().trim_end().to_owned();
        let wrong = match cmdline::split(&line) {
            Ok(tokens) if !tokens.is_empty() => {
                let words: Vec<String> = tokens.into_iter().map(|token| token.text).collect();
                self.phase = Phase::Running { cancelled: false };
                self.began = state.clock.mono;
                let (id, boxes) = (self.id, self.boxes.clone());
                let mut effects = vec![Effect::FanOut { id, boxes, words }];
                let is_kept = goes_to_disk(&line, self.menus.iter().map(Vec::as_slice));
                if is_kept && self.input.history.push(&line) {
                    let server = SEVERAL_BOXES.to_owned();
                    effects.push(Effect::SaveHistory { server, line });
                }
                return stay().then(move |_| effects);
            }
            Ok(_) => "Type a command, as in the console of a server.".to_owned(),
            Err(error) => error.message,
        };
        self.phase = Phase::Line { wrong: Some(wrong) };
        stay()
    }

    /// The line with no secret in it that a cached menu knows.
    fn shown_line(&self) -> String {
        let line = self.input.editor.text();
        clean(&cmdline::masked(line, self.menu_with_secret()), MAX_WARNING)
    }

    /// The menu in which the command of the line takes a secret, if there is one.
    fn menu_with_secret(&self) -> &[Command] {
        let line = self.input.editor.text();
        let mut menus = self.menus.iter().map(Vec::as_slice);
        menus.find(|menu| cmdline::is_private(line, menu)).unwrap_or_default()
    }

    /// A key while the line is typed.
    fn line_key(&mut self, key: Key, state: &State) -> Outcome {
        let Self { input, menu, phase, .. } = self;
        if !input.is_busy() && key.leaves() {
            return close();
        }
        match input.key(key, &|line, cursor| cmdline::complete(line, cursor, menu)) {
            Typed::Enter => self.start(state),
            Typed::Used | Typed::Passed => {
                *phase = Phase::Line { wrong: None };
                stay()
            }
        }
    }

    /// Asks whether to cancel; the runs continue meanwhile.
    fn ask_to_cancel(&mut self) -> Outcome {
        let (id, left) = (self.id, self.boxes.len() - self.done());
        let servers = count_words(left);
        let was_cancelled = matches!(self.phase, Phase::Running { cancelled: true });
        let (title, text) = match was_cancelled {
            true => (
                format!("Wait no longer for {servers}?"),
                vec!["The runs were asked to end. They may still be running there.".to_owned()],
            ),
            false => (
                format!("Stop it on {servers}?"),
                vec!["Runs are cancelled, and the command starts on no further server.".to_owned()],
            ),
        };
        let yes = if was_cancelled { "Wait no longer" } else { "Stop the runs" };
        open(Confirm::choice(title, text, yes, move |state| {
            let still_runs = state.with_view::<Self>(|view, _| {
                if let Phase::Running { cancelled } = &mut view.phase {
                    *cancelled = true;
                }
                stay()
            });
            still_runs.map_or_else(Vec::new, |_| {
                vec![Effect::FanOutOrder { id, order: FanOutOrder::Cancel }]
            })
        }))
    }

    fn confirm_key(&mut self, key: Key, state: &State) -> Outcome {
        let Phase::Confirm { waiting, since, number, is_wrong } = &mut self.phase else {
            return stay();
        };
        let count = waiting.len();
        let order = match key.code {
            _ if key.leaves() => FanOutOrder::Decline,
            Code::Enter if number.text().trim() == count.to_string() => FanOutOrder::Confirm,
            Code::Enter => {
                *is_wrong = true;
                return stay();
            }
            Code::Up | Code::Down | Code::PageUp | Code::PageDown => {
                self.scroll.key(key, count, 1);
                return stay();
            }
            _ => {
                number.key(key);
                *is_wrong = false;
                return stay();
            }
        };
        // The command took none of the time of the question.
        self.began = self.began.saturating_add(state.clock.mono.saturating_sub(*since));
        self.phase = Phase::Running { cancelled: order == FanOutOrder::Decline };
        self.order(order)
    }
}

/// `1 server`, `3 servers`.
fn count_words(count: usize) -> String {
    format!("{count} server{}", if count == 1 { "" } else { "s" })
}

/// Longest warning that is kept, in characters.
const MAX_WARNING: usize = 300;

impl View for SeveralBoxes {
    fn leaves_help(&self) -> bool {
        match &self.phase {
            Phase::Line { .. } | Phase::Confirm { .. } => false,
            Phase::Running { .. } => true,
            Phase::Done { results, .. } => !results.list.is_filtering(),
        }
    }

    fn title(&self, _state: &State) -> String {
        let servers = match self.boxes.len() {
            1 => self.boxes[0].clone(),
            n => count_words(n),
        };
        match self.phase {
            Phase::Line { .. } => format!("Command on {servers}"),
            _ => format!("{servers} ❯ {}", self.shown_line()),
        }
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let ends = key.leaves();
        match &mut self.phase {
            Phase::Line { .. } => return self.line_key(key, state),
            Phase::Running { .. } if ends => return self.ask_to_cancel(),
            Phase::Running { .. } => {
                self.scroll.key(key, self.rows.len(), draw::list_room(state).1);
            }
            Phase::Confirm { .. } => return self.confirm_key(key, state),
            Phase::Done { results, .. } => {
                if !results.key(key, draw::list_room(state), state.list_layout()) {
                    return close();
                }
            }
        }
        stay()
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        let text = text.lines().next().unwrap_or_default();
        match &mut self.phase {
            Phase::Line { wrong } => {
                *wrong = None;
                self.input.paste(text);
            }
            Phase::Confirm { number, .. } => number.insert(text),
            Phase::Running { .. } | Phase::Done { .. } => {}
        }
        stay()
    }

    fn click_row(&mut self, row: usize, state: &State) -> Outcome {
        match &mut self.phase {
            Phase::Line { .. } => self.input.take_row(row),
            Phase::Done { results, .. } => results.click_row(row, state.list_layout()),
            Phase::Running { .. } | Phase::Confirm { .. } => {}
        }
        stay()
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        let page = draw::list_room(state);
        match &mut self.phase {
            Phase::Line { .. } => self.input.wheel(rows),
            Phase::Done { results, .. } => results.wheel(rows, page, state.list_layout()),
            _ => self.scroll.wheel(rows, self.rows.len(), page.1),
        }
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let counts = matches!(self.phase, Phase::Running { .. });
        counts.then(|| times::next_second(self.began, state.clock.mono))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw::draw(self, canvas, state)
    }
}
