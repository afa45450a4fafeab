//! Draws an invite or a token: its words and its QR code, beside each other where both have room.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::methods::KeyState;

use super::InviteResult;
use crate::app::State;
use crate::app::view::View as _;
use crate::input::actions::Id;
use crate::terminal::Size;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, FRAME};
use crate::widgets::row::Row;

/// Columns that the words have beside the code.
const BESIDE: u16 = 44;
/// The same at most.
const WIDEST: u16 = 76;
/// Columns between the words and the code.
const GAP: u16 = 2;

pub(super) fn draw(
    made: &InviteResult,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let plan = InviteLayout::new(state, made);
    let (width, height) = match &plan {
        InviteLayout::Words { room, code: None } => (room.width, room.height),
        InviteLayout::Words { room, code: Some(code) } => {
            (room.width + GAP + code.width, room.height)
        }
        InviteLayout::Code(code) => (code.width, code.height + 1),
    };
    let inside = canvas.popup(&made.title(state), width, height);
    let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
    let look = (state.ascii, made.reversed);
    let mut shown = None;
    match (&plan, &made.code) {
        (InviteLayout::Code(_), Some(code)) => code.draw(inside, look, buffer, theme),
        (InviteLayout::Words { room, code }, made_code) => {
            let place = Rect { width: room.width.min(inside.width), ..inside };
            let words = words(state, made, room.width);
            shown = Some(text(&words, made.reading.top, place, buffer, theme));
            if let (Some(size), Some(code)) = (code, made_code) {
                let x = inside.right().saturating_sub(size.width);
                code.draw(Rect { x, width: size.width, ..inside }, look, buffer, theme);
            }
        }
        (InviteLayout::Code(_), None) => {}
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    if let Some((window, lines)) = shown {
        canvas::position(&mut foot, window, lines, theme);
    }
    let copy = format!("{} copies", state.keys.word(Id::Copy));
    let copy = (!made.is_over(state)).then_some(copy.as_str());
    let other = match plan {
        InviteLayout::Code(_) => Some("Tab shows the words"),
        InviteLayout::Words { code: None, .. } if fits_alone(state, made) => {
            Some("Tab shows the QR code")
        }
        InviteLayout::Words { .. } => None,
    };
    let keys = [Some("Esc closes"), copy, other].into_iter().flatten();
    canvas::keys(&mut foot, keys, &mut canvas.hits, theme);
    None
}

/// What is shown, and its room.
enum InviteLayout {
    /// The words, beside the code if there is one.
    Words { room: Size, code: Option<Size> },
    /// The code alone.
    Code(Size),
}

/// One row of the words.
struct InviteLine {
    text: String,
    look: TextLook,
}

/// How a row of the words is drawn.
#[derive(Clone, Copy)]
enum TextLook {
    Strong,
    Plain,
    Dim,
}

/// Room inside a box that takes all of the screen.
fn most(size: Size) -> Size {
    Size {
        width: size.width.saturating_sub(FRAME.width),
        height: size.height.saturating_sub(FRAME.height),
    }
}

/// The cells of the code, if there is one that is still good.
fn code(state: &State, made: &InviteResult) -> Option<Size> {
    made.code.as_ref().filter(|_| !made.is_over(state)).map(|code| code.size(state.ascii))
}

/// Whether they have room, the last row being for what keys do.
fn fits(code: Size, most: Size) -> bool {
    code.height < most.height && code.width <= most.width
}

impl InviteLayout {
    fn new(state: &State, made: &InviteResult) -> Self {
        let most = most(state.view_size());
        let code = code(state, made).filter(|code| fits(*code, most));
        match code {
            Some(code) if code.width + GAP + BESIDE <= most.width => {
                let width = (most.width - code.width - GAP).min(WIDEST);
                Self::Words { room: Size { width, height: code.height + 1 }, code: Some(code) }
            }
            Some(code) if made.code_alone => Self::Code(code),
            _ => {
                let width = most.width.min(WIDEST);
                let rows = words(state, made, width).len();
                let rows = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
                Self::Words { room: Size { width, height: rows.min(most.height) }, code: None }
            }
        }
    }
}

/// Whether the code alone has room.
pub(super) fn fits_alone(state: &State, made: &InviteResult) -> bool {
    code(state, made).is_some_and(|code| fits(code, most(state.view_size())))
}

/// Whether light and dark can be turned round: colours need no such thing.
pub(super) fn may_be_reversed(state: &State) -> bool {
    !state.theme.look().colours
}

/// Rows of the words, and how many of them are on the screen.
pub(super) fn scrolls(state: &State, made: &InviteResult) -> (usize, usize) {
    match InviteLayout::new(state, made) {
        InviteLayout::Words { room, .. } => {
            let rows = words(state, made, room.width).len();
            (rows, usize::from(room.height.saturating_sub(1)).max(1))
        }
        InviteLayout::Code(_) => (0, 1),
    }
}

/// The words: for whom it is, the string, and what to do with it.
fn words(state: &State, made: &InviteResult, width: u16) -> Vec<InviteLine> {
    let key = &made.key;
    let mut lines = Vec::new();
    let mut say = |text: &str, look| {
        let rows = fit::wrap(text, usize::from(width));
        lines.extend(rows.into_iter().map(|text| InviteLine { text, look }));
    };
    let only = match &key.commands {
        Some(names) => format!(", for {} only", names.join(", ")),
        None => String::new(),
    };
    let standing = made.standing(state);
    say(&format!("For {} as {}: {standing}{only}", key.name, key.role), TextLook::Strong);
    say("", TextLook::Plain);
    if made.is_over(state) {
        let keys = state.keys.word(Id::Keys);
        let next = match key.state {
            KeyState::Used => {
                format!("It paired that device, and is good for no other. {keys} lists its key.")
            }
            _ => format!(
                "Its string is of no use any more. {} makes another one.",
                state.keys.word(Id::MakeInvite)
            ),
        };
        say(&next, TextLook::Plain);
        return lines;
    }
    say(&made.invite.0, TextLook::Plain);
    say("", TextLook::Plain);
    say(
        if key.agent {
            "Where the assistant runs: topside mcp --setup --invite with this string. The first \
             machine that uses it has the key: send it by a way that you trust."
        } else if made.lasting {
            "Where the script runs: topside pair with this string, then topside run --on NAME. It \
             is a key: keep it where only the script can read it."
        } else {
            "On the other device: topside pair with this string, or i in its picker. The first \
             device that uses it is paired: send it by a way that you trust."
        },
        TextLook::Plain,
    );
    say("It is not shown again once this is closed.", TextLook::Dim);
    let most = most(state.view_size());
    match code(state, made) {
        None => say("It is too long for a QR code.", TextLook::Dim),
        Some(code) if !fits(code, most) => {
            let needs = format!(
                "Its QR code needs a terminal of {} × {}; this one has {} × {}.",
                code.width + FRAME.width,
                code.height + 1 + FRAME.height,
                state.view_size().width,
                state.view_size().height
            );
            say(&needs, TextLook::Dim);
        }
        Some(_) if may_be_reversed(state) => {
            say(
                "If a phone does not read its QR code, r turns light and dark round.",
                TextLook::Dim,
            );
        }
        Some(_) => {}
    }
    lines
}

/// Draws the words above the last row; how many rows have no room.
fn text(
    lines: &[InviteLine],
    top: usize,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> ((usize, usize), usize) {
    let page = place.height.saturating_sub(1);
    // A larger screen has room for what was scrolled out of a smaller one.
    let top = top.min(lines.len().saturating_sub(usize::from(page)));
    for (y, line) in (0..page).zip(lines.iter().skip(top)) {
        let style: Style = match line.look {
            TextLook::Strong => theme.strong,
            TextLook::Plain => theme.plain,
            TextLook::Dim => theme.dim,
        };
        Row::at(buffer, place, y).left(&line.text, style);
    }
    ((top, usize::from(page)), lines.len())
}
