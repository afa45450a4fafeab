//! Confirmation of an action that would lose something. Some want a name typed, or take a reason.

use std::fmt;

use ratatui::layout::{Position, Rect};
use topside_shared::text::MAX_REASON;

use crate::app::view::{Change, Outcome, View, close, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::buttons;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::editor::{Edited, Editor};
use crate::widgets::field::boxed_field;
use crate::widgets::row::Row;

/// One question.
pub(crate) struct Confirm {
    pub(crate) title: String,
    /// Sentences below the title.
    pub(crate) text: Vec<String>,
    input: Option<Input>,
    /// What has the focus.
    focus: Focus,
    /// The texts of the two buttons.
    no: &'static str,
    yes: &'static str,
    /// What a yes does with the typed text.
    on_yes: Option<OnYes>,
    on_no: Option<OnNo>,
    /// The question is about this session, and closes with it.
    of_session: bool,
    /// It waits for the runs that a shutdown would end.
    pub(crate) awaits_runs: bool,
}

type OnYes = Box<dyn FnOnce(&mut State, &str) -> Vec<Effect>>;
type OnNo = Box<dyn FnOnce(&mut State)>;

/// The text field.
#[derive(Debug)]
struct Input {
    kind: InputKind,
    field: Editor,
    /// Why what was typed is not taken.
    wrong: Option<String>,
}

#[derive(Debug)]
enum InputKind {
    /// A reason, which may be left out, and the user who reads it.
    Reason { reader: String },
    /// This name must be typed whole.
    Name(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Field,
    No,
    Yes,
}

/// Below this height there is no blank row above the buttons.
const SMALL: u16 = 12;

/// The button that does nothing, unless another text is clearer.
const CANCEL: &str = "Cancel";

/// The numbers of the places that can be clicked.
const HITS: [Focus; 3] = [Focus::No, Focus::Yes, Focus::Field];

impl Confirm {
    /// A question with two buttons, the focus on Cancel; a yes does `then`.
    pub(crate) fn choice(
        title: impl Into<String>,
        text: Vec<String>,
        yes: &'static str,
        then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
    ) -> Self {
        Self {
            title: title.into(),
            text,
            input: None,
            focus: Focus::No,
            no: CANCEL,
            yes,
            on_yes: Some(Box::new(|state, _| then(state))),
            on_no: None,
            of_session: false,
            awaits_runs: false,
        }
    }

    /// A question with a field for a reason that `reader` reads; the field has the focus.
    pub(crate) fn reason(
        title: String,
        text: Vec<String>,
        reader: String,
        yes: &'static str,
        then: impl FnOnce(&mut State, &str) -> Vec<Effect> + 'static,
    ) -> Self {
        let confirm = Self::choice(title, text, yes, |_| Vec::new());
        let confirm = Self { on_yes: Some(Box::new(then)), ..confirm };
        confirm.with_field(InputKind::Reason { reader })
    }

    /// A question that only this name, typed whole, answers with yes.
    pub(crate) fn name(
        title: String,
        text: Vec<String>,
        name: String,
        yes: &'static str,
        then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
    ) -> Self {
        Self::choice(title, text, yes, then).with_field(InputKind::Name(name))
    }

    fn with_field(self, kind: InputKind) -> Self {
        let input = Some(Input { kind, field: Editor::default(), wrong: None });
        Self { input, focus: Focus::Field, ..self }
    }

    /// The question closes when the session ends.
    pub(crate) fn of_session(self) -> Self {
        Self { of_session: true, ..self }
    }

    /// The question is to name the runs that end with the server.
    pub(crate) fn awaiting_runs(self) -> Self {
        Self { awaits_runs: true, ..self }
    }

    /// A no does this.
    pub(crate) fn or_else(self, no: impl FnOnce(&mut State) + 'static) -> Self {
        Self { on_no: Some(Box::new(no)), ..self }
    }

    /// The text of the button that does nothing.
    pub(crate) fn keeping(self, no: &'static str) -> Self {
        Self { no, ..self }
    }

    /// A yes loses nothing: its button has the focus.
    pub(crate) fn harmless(self) -> Self {
        Self { focus: Focus::Yes, ..self }
    }

    /// Whether a name must be typed.
    #[cfg(test)]
    pub(crate) fn wants_name(&self) -> bool {
        matches!(self.input, Some(Input { kind: InputKind::Name(_), .. }))
    }

    /// Does it, unless what was typed is not taken.
    fn confirm(&mut self) -> Outcome {
        if !self.is_right() {
            return stay();
        }
        let Some(yes) = self.on_yes.take() else { return close() };
        let typed = self.input.as_ref().map(|input| input.field.text().to_owned());
        close().then(move |state| yes(state, &typed.unwrap_or_default()))
    }

    /// Whether what was typed is taken; else the field has the focus and says why not.
    fn is_right(&mut self) -> bool {
        let Some(input) = &mut self.input else { return true };
        input.wrong = input.mistake();
        if input.wrong.is_some() {
            self.focus = Focus::Field;
        }
        input.wrong.is_none()
    }

    fn cancel(&mut self) -> Outcome {
        let Some(no) = self.on_no.take() else { return close() };
        close().then(move |state| {
            no(state);
            Vec::new()
        })
    }

    /// Enter in the field goes on to the button that acts.
    fn field_done(&mut self) -> Outcome {
        if self.is_right() {
            self.focus = Focus::Yes;
        }
        stay()
    }

    fn field_key(&mut self, key: Key) -> Outcome {
        match key.code {
            Code::Enter => return self.field_done(),
            Code::Tab | Code::Down => self.focus = Focus::No,
            Code::BackTab => self.focus = Focus::Yes,
            _ => {
                if let Some(input) = &mut self.input
                    && input.field.key(key) == Edited::Text
                {
                    input.wrong = None;
                }
            }
        }
        stay()
    }

    /// A key while a button has the focus. Arrows stop at the ends; Tab goes round.
    fn button_key(&mut self, key: Key) -> Outcome {
        let has_field = self.input.is_some();
        self.focus = match (key.code, self.focus) {
            (Code::Char('y'), _) if key.typed().is_some() => return self.confirm(),
            (Code::Char('n'), _) if key.typed().is_some() => return self.cancel(),
            (Code::Enter, Focus::Yes) => return self.confirm(),
            (Code::Enter, _) => return self.cancel(),
            (Code::Left, _) => Focus::No,
            (Code::Right, _) => Focus::Yes,
            (Code::Up, _) if has_field => Focus::Field,
            (Code::Tab, Focus::Yes) | (Code::BackTab, Focus::No) if has_field => Focus::Field,
            (Code::Tab | Code::BackTab, Focus::Yes) => Focus::No,
            (Code::Tab | Code::BackTab, _) => Focus::Yes,
            (_, focus) => focus,
        };
        stay()
    }
}

impl View for Confirm {
    fn leaves_help(&self) -> bool {
        self.focus != Focus::Field
    }

    fn title(&self, _state: &State) -> String {
        self.title.clone()
    }

    fn key(&mut self, key: Key, _state: &State) -> Outcome {
        match self.focus {
            _ if key.leaves() => self.cancel(),
            Focus::Field => self.field_key(key),
            Focus::No | Focus::Yes => self.button_key(key),
        }
    }

    /// A name that must be typed takes no pasted text.
    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        if let Some(Input { kind: InputKind::Reason { .. }, field, wrong }) = &mut self.input {
            field.insert(text.lines().next().unwrap_or_default());
            *wrong = None;
            self.focus = Focus::Field;
        }
        stay()
    }

    /// A button that is clicked is pressed.
    fn click(&mut self, hit: usize, _state: &State) -> Outcome {
        match HITS.get(hit) {
            Some(Focus::Yes) => self.confirm(),
            Some(Focus::No) => self.cancel(),
            Some(Focus::Field) => {
                self.focus = Focus::Field;
                stay()
            }
            None => stay(),
        }
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::SessionEnded(_) if self.of_session => close(),
            _ => stay(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let width = usize::from(canvas.area.width.saturating_sub(6)).min(64);
        let mut lines: Vec<(String, bool)> = Vec::new();
        // A long question does not fit a title.
        let title = if fit::width(&self.title) + 4 <= width {
            self.title.as_str()
        } else {
            "Please confirm"
        };
        if title != self.title {
            lines
                .extend(fit::wrap_rows(&self.title, width, 6).into_iter().map(|line| (line, true)));
            lines.push((String::new(), false));
        }
        for text in &self.text {
            lines.extend(fit::wrap_rows(text, width, 4).into_iter().map(|line| (line, false)));
        }
        if !lines.is_empty() {
            lines.push((String::new(), false));
        }
        // The field, what is said of it, a blank row and the buttons.
        let small = canvas.area.height < SMALL;
        let tail = if self.input.is_some() { 4 - u16::from(small) } else { 1 };
        let height = u16::try_from(lines.len()).unwrap_or(0) + tail;
        let columns = u16::try_from(width).unwrap_or(u16::MAX);
        let inside = canvas.popup(title, columns, height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let room = inside.height.saturating_sub(tail);
        // What has no room is cut so that it shows.
        while lines.last().is_some_and(|(line, _)| line.is_empty())
            && lines.len() > usize::from(room)
        {
            lines.pop();
        }
        if lines.len() > usize::from(room) && room > 0 {
            let rest = lines.split_off(usize::from(room) - 1);
            let strong = rest.first().is_some_and(|(_, strong)| *strong);
            let rest: Vec<String> = rest.into_iter().map(|(line, _)| line).collect();
            lines.push((fit::cut(rest.join(" ").trim(), width), strong));
        }
        for (y, (line, strong)) in (0..room).zip(&lines) {
            let style = if *strong { theme.strong } else { theme.plain };
            Row::at(buffer, inside, y).left(line, style);
        }
        let cursor = self.input.as_ref().and_then(|input| {
            let place = Rect { y: inside.bottom().saturating_sub(tail), height: 2, ..inside };
            let (place, cursor) = draw_input(input, place, buffer, theme);
            canvas.hits.push((place, canvas::Hit::Number(2)));
            cursor.filter(|_| self.focus == Focus::Field)
        });
        let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
        self.draw_buttons(&mut row, &mut canvas.hits, theme);
        cursor
    }
}

impl Input {
    /// Why what was typed is not taken.
    fn mistake(&self) -> Option<String> {
        let typed = self.field.text();
        match &self.kind {
            InputKind::Reason { .. } => too_long(typed),
            InputKind::Name(name) => (typed.trim() != name).then(|| format!("That is not {name}.")),
        }
    }
}

impl Confirm {
    fn draw_buttons(&self, row: &mut Row<'_>, hits: &mut ViewHits, theme: &Theme) {
        let chosen = HITS[..2].iter().position(|focus| *focus == self.focus);
        let places = buttons::draw(row, [self.no, self.yes], chosen, theme);
        let numbers = places.into_iter().enumerate();
        hits.extend(numbers.map(|(number, place)| (place, canvas::Hit::Number(number))));
        // Beside "Cancel run", "Esc cancels" would mean the run.
        let esc = if self.no == CANCEL { "Esc cancels" } else { "Esc closes" };
        let is_right = self.input.as_ref().is_none_or(|input| input.mistake().is_none());
        let keys: &[&str] = match (self.focus, is_right) {
            (Focus::Field, true) => &["Enter next", esc],
            (Focus::Field, false) => &[esc],
            (Focus::No | Focus::Yes, true) => &["y yes", "n no", esc],
            (Focus::No | Focus::Yes, false) => &["n no", esc],
        };
        row.skip(2);
        canvas::keys(row, keys.iter().copied(), hits, theme);
    }
}

/// Draws the field and what is said of it; returns its place, and where the cursor stands in it.
fn draw_input(
    input: &Input,
    place: Rect,
    buffer: &mut ratatui::buffer::Buffer,
    theme: &Theme,
) -> (Rect, Option<Position>) {
    let mut row = Row::at(buffer, place, 0);
    let (label, about) = match &input.kind {
        InputKind::Reason { reader } => ("Reason", format!("shown to {reader}; may be empty")),
        InputKind::Name(name) => ("Name", format!("type {name} to confirm")),
    };
    row.left(label, theme.plain).skip(2);
    let (x, field) = (row.x(), row.free());
    let cursor = boxed_field(buffer, field, &input.field, false, theme);
    let below = Rect { x, width: place.right().saturating_sub(x), ..place };
    let mut row = Row::at(buffer, below, 1);
    match &input.wrong {
        Some(why) => row.left("✗ ", theme.bad).left(why, theme.bad),
        None => row.left(&about, theme.dim),
    };
    (field, cursor)
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, text, input, focus, .. } = self;
        write!(f, "Confirm({title:?}, {text:?}, {input:?}, {focus:?})")
    }
}

/// Why a reason cannot be sent.
fn too_long(reason: &str) -> Option<String> {
    let length = reason.chars().count();
    (length > MAX_REASON).then(|| format!("It has {length} characters of {MAX_REASON}."))
}
