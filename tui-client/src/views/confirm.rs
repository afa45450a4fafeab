//! Confirmation before something that cannot be undone. Cancel has the focus. Some want a name typed, or take a reason.

use std::fmt;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::text::MAX_REASON;

use crate::app::view::{Change, Outcome, View, close, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::editor::Editor;
use crate::widgets::field::field;
use crate::widgets::row::Row;

/// One question.
pub(crate) struct Confirm {
    pub(crate) title: String,
    /// Sentences below the title.
    pub(crate) text: Vec<String>,
    ask: ConfirmInput,
    /// What a yes does with the typed text.
    yes: Option<OnYes>,
    no: Option<OnNo>,
    /// The question is about this session, and closes with it.
    of_session: bool,
    /// A second Ctrl-C is a yes.
    ctrl_c: bool,
}

type OnYes = Box<dyn FnOnce(&mut State, &str) -> Vec<Effect>>;
type OnNo = Box<dyn FnOnce(&mut State)>;

/// How it is answered.
#[derive(Debug)]
enum ConfirmInput {
    /// By one of two buttons.
    Choice { yes: &'static str, on_yes: bool },
    /// By one of two buttons; what is typed is a reason, which may be left out.
    Reason { yes: &'static str, on_yes: bool, field: Editor, wrong: Option<String> },
    /// By typing this name.
    Name { name: String, field: Editor, wrong: bool },
}

impl Confirm {
    /// A question with two buttons; a yes does `then`.
    pub(crate) fn choice(
        title: impl Into<String>,
        text: Vec<String>,
        yes: &'static str,
        then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
    ) -> Self {
        let ask = ConfirmInput::Choice { yes, on_yes: false };
        Self::new(title.into(), text, ask, |state, _| then(state))
    }

    /// The same with a field for a reason.
    pub(crate) fn reason(
        title: String,
        text: Vec<String>,
        yes: &'static str,
        then: impl FnOnce(&mut State, &str) -> Vec<Effect> + 'static,
    ) -> Self {
        let field = Editor::default();
        Self::new(
            title,
            text,
            ConfirmInput::Reason { yes, on_yes: false, field, wrong: None },
            then,
        )
    }

    /// A question that only this name, typed whole, answers with yes.
    pub(crate) fn name(
        title: String,
        text: Vec<String>,
        name: String,
        then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
    ) -> Self {
        let ask = ConfirmInput::Name { name, field: Editor::default(), wrong: false };
        Self::new(title, text, ask, |state, _| then(state))
    }

    fn new(
        title: String,
        text: Vec<String>,
        ask: ConfirmInput,
        yes: impl FnOnce(&mut State, &str) -> Vec<Effect> + 'static,
    ) -> Self {
        let yes: Option<OnYes> = Some(Box::new(yes));
        Self { title, text, ask, yes, no: None, of_session: false, ctrl_c: false }
    }

    /// The question closes when the session ends.
    pub(crate) fn of_session(self) -> Self {
        Self { of_session: true, ..self }
    }

    /// A no does this.
    pub(crate) fn or_else(self, no: impl FnOnce(&mut State) + 'static) -> Self {
        Self { no: Some(Box::new(no)), ..self }
    }

    /// A second Ctrl-C is a yes where nothing is lost by it.
    pub(crate) fn second_ctrl_c_is_yes(self) -> Self {
        Self { ctrl_c: self.text.is_empty(), ..self }
    }

    /// Whether a name must be typed.
    #[cfg(test)]
    pub(crate) fn wants_name(&self) -> bool {
        matches!(self.ask, ConfirmInput::Name { .. })
    }

    fn confirm(&mut self) -> Outcome {
        let Some(yes) = self.yes.take() else { return close() };
        let typed = match &self.ask {
            ConfirmInput::Reason { field, .. } => field.text().to_owned(),
            ConfirmInput::Choice { .. } | ConfirmInput::Name { .. } => String::new(),
        };
        close().then(move |state| yes(state, &typed))
    }

    fn cancel(&mut self) -> Outcome {
        let Some(no) = self.no.take() else { return close() };
        close().then(move |state| {
            no(state);
            Vec::new()
        })
    }
}

impl View for Confirm {
    fn title(&self, _state: &State) -> String {
        self.title.clone()
    }

    fn key(&mut self, key: Key, _state: &State) -> Outcome {
        match key.code {
            _ if key.is_ctrl('c') && self.ctrl_c => return self.confirm(),
            Code::Esc => return self.cancel(),
            _ if key.is_ctrl('c') => return self.cancel(),
            _ => {}
        }
        match &mut self.ask {
            ConfirmInput::Choice { on_yes, .. } => match key.code {
                Code::Tab | Code::BackTab | Code::Left | Code::Right => *on_yes = !*on_yes,
                Code::Enter if *on_yes => return self.confirm(),
                Code::Enter | Code::Char('n') => return self.cancel(),
                Code::Char('y') => *on_yes = true,
                _ => {}
            },
            ConfirmInput::Reason { on_yes, field, wrong, .. } => match key.code {
                Code::Tab | Code::BackTab => *on_yes = !*on_yes,
                Code::Enter if *on_yes => match too_long(field.text()) {
                    None => return self.confirm(),
                    why => *wrong = why,
                },
                Code::Enter => return self.cancel(),
                _ => {
                    field.key(key);
                    *wrong = None;
                }
            },
            ConfirmInput::Name { name, field, wrong } => match key.code {
                Code::Enter if field.text().trim() == name => return self.confirm(),
                Code::Enter => *wrong = true,
                _ => {
                    field.key(key);
                    *wrong = false;
                }
            },
        }
        stay()
    }

    /// A name that must be typed takes no pasted text.
    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        if let ConfirmInput::Reason { field, .. } = &mut self.ask {
            field.insert(text.lines().next().unwrap_or_default());
        }
        stay()
    }

    /// A button is clicked: it has the focus, and Enter is pressed on it.
    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        if let ConfirmInput::Choice { on_yes, .. } | ConfirmInput::Reason { on_yes, .. } =
            &mut self.ask
        {
            *on_yes = hit == 1;
        }
        self.key(Key::plain(Code::Enter), state)
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
        let tail = match &self.ask {
            ConfirmInput::Choice { .. } => 1,
            ConfirmInput::Reason { .. } => 4,
            ConfirmInput::Name { .. } => 3,
        };
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
        let mut places = None;
        let cursor = match &self.ask {
            ConfirmInput::Choice { yes, on_yes } => {
                places = Some(buttons(buffer, inside, yes, *on_yes, theme));
                None
            }
            ConfirmInput::Reason { yes, on_yes, field: typed, wrong } => {
                let mut row = Row::at(buffer, inside, inside.height.saturating_sub(4));
                row.left("Reason ", theme.plain).left("❯ ", theme.accent);
                let place = rest(&row, inside.bottom().saturating_sub(4));
                let cursor = field(buffer, place, typed, theme.strong);
                let mut row = Row::at(buffer, inside, inside.height.saturating_sub(3));
                match wrong {
                    Some(why) => row.left("✗ ", theme.bad).left(why, theme.plain),
                    None => row.skip(7).left("is told to this client; may be empty", theme.dim),
                };
                places = Some(buttons(buffer, inside, yes, *on_yes, theme));
                cursor
            }
            ConfirmInput::Name { name, field: typed, wrong } => {
                let mut row = Row::at(buffer, inside, inside.height.saturating_sub(3));
                let room = row.room() / 2;
                row.left("Type ", theme.plain).left(&fit::cut(name, room), theme.strong);
                row.left(" ❯ ", theme.accent);
                let place = rest(&row, inside.bottom().saturating_sub(3));
                let cursor = field(buffer, place, typed, theme.strong);
                let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
                if *wrong {
                    row.left("✗ ", theme.bad).left(&format!("That is not {name}."), theme.plain);
                } else {
                    row.left("Enter confirms · Esc cancels", theme.dim);
                }
                cursor
            }
        };
        for (number, place) in places.into_iter().flatten().enumerate() {
            canvas.hit(place, number);
        }
        cursor
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, text, ask, .. } = self;
        write!(f, "Confirm({title:?}, {text:?}, {ask:?})")
    }
}

/// Why a reason cannot be sent.
fn too_long(reason: &str) -> Option<String> {
    let length = reason.chars().count();
    (length > MAX_REASON).then(|| format!("It has {length} characters of {MAX_REASON}."))
}

/// What is left of a row, for a field.
fn rest(row: &Row<'_>, y: u16) -> Rect {
    Rect { x: row.x(), y, width: u16::try_from(row.room()).unwrap_or(0), height: 1 }
}

/// The two answers, in the last row; returns where they stand.
fn buttons(buffer: &mut Buffer, inside: Rect, yes: &str, on_yes: bool, theme: &Theme) -> [Rect; 2] {
    let y = inside.bottom().saturating_sub(1);
    let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let mut place = |text, focus| {
        let x = row.x();
        button(&mut row, text, focus, theme);
        let place = Rect { x, y, width: row.x() - x, height: 1 };
        row.skip(2);
        place
    };
    let places = [place("Cancel", !on_yes), place(yes, on_yes)];
    row.right("Tab other · Enter chooses", theme.dim);
    places
}

fn button(row: &mut Row<'_>, text: &str, focus: bool, theme: &Theme) {
    if focus {
        row.left("▐ ", theme.accent).left(text, theme.chosen()).left(" ▌", theme.accent);
    } else {
        row.left("  ", theme.plain).left(text, theme.dim).left("  ", theme.plain);
    }
}
