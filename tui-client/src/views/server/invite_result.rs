//! An invite or a token that was made: whose it is, the string, its QR code, and what to do with it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::qr;
use crate::app::server::create_invite::Made;
use crate::app::{Size, State};
use crate::input::actions::Id;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns that the words have beside the code.
const BESIDE: u16 = 44;
/// The same at most.
const WIDEST: u16 = 76;
/// Columns between the words and the code.
const GAP: u16 = 2;
/// Columns and rows of the frame; the row of remarks below it stays free.
const FRAME: Size = Size { width: 4, height: 3 };

/// What is where.
enum Plan {
    /// The words, beside the code if there is one.
    Words { room: Size, code: Option<Size> },
    /// The code alone.
    Code(Size),
}

/// One row of the words.
struct Line {
    text: String,
    look: Look,
}

#[derive(Clone, Copy)]
enum Look {
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

/// The cells of the code, if there is one.
fn code(state: &State, made: &Made) -> Option<Size> {
    made.code.as_ref().map(|code| qr::size(code, state.ascii))
}

/// Whether they have room, the last row being for what keys do.
fn fits(code: Size, most: Size) -> bool {
    code.height < most.height && code.width <= most.width
}

impl Plan {
    fn new(state: &State, made: &Made) -> Self {
        let most = most(state.size);
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
pub(crate) fn fits_alone(state: &State, made: &Made) -> bool {
    code(state, made).is_some_and(|code| fits(code, most(state.size)))
}

/// Milliseconds until its time is over, by this device's clock.
pub(crate) fn changes_in(state: &State, made: &Made) -> Option<u64> {
    let left = made.handed.key.expires_at?.millis_since(state.clock.wall);
    (left > 0).then_some(left)
}

/// Whether light and dark can be turned round: colours need no such thing.
pub(crate) fn may_be_reversed(state: &State) -> bool {
    !state.theme.look().colours
}

/// Rows of the words, and how many of them are on the screen.
pub(crate) fn scrolls(state: &State, made: &Made) -> (usize, usize) {
    match Plan::new(state, made) {
        Plan::Words { room, .. } => {
            let rows = words(state, made, room.width).len();
            (rows, usize::from(room.height.saturating_sub(1)).max(1))
        }
        Plan::Code(_) => (0, 1),
    }
}

fn words(state: &State, made: &Made, width: u16) -> Vec<Line> {
    let key = &made.handed.key;
    let mut lines = Vec::new();
    let mut say = |text: &str, look| {
        let rows = fit::wrap(text, usize::from(width));
        lines.extend(rows.into_iter().map(|text| Line { text, look }));
    };
    let often = if made.lasting { "good" } else { "good once," };
    let until = key.expires_at.map_or_else(String::new, |end| {
        format!(" until {}", times::date(end, state.clock.wall, &state.zone))
    });
    let only = match &key.commands {
        Some(names) => format!(", for {} only", names.join(", ")),
        None => String::new(),
    };
    say(&format!("For {} as {}: {often}{until}{only}", key.name, key.role), Look::Strong);
    if key.expires_at.is_some_and(|end| end <= state.clock.wall) {
        say("Its time is over: make another one.", Look::Strong);
    }
    say("", Look::Plain);
    say(&made.handed.invite.0, Look::Plain);
    say("", Look::Plain);
    say(
        if made.lasting {
            "Where the script runs: topside pair with this string, then topside run --on NAME. It \
             is a key: keep it where only the script can read it."
        } else {
            "On the other device: topside pair with this string, or i in its picker. Whoever uses \
             it first is in: send it by a way that you trust."
        },
        Look::Plain,
    );
    say("It is not shown again once this is closed.", Look::Dim);
    let most = most(state.size);
    match code(state, made) {
        None => say("It is too long for a QR code.", Look::Dim),
        Some(code) if !fits(code, most) => {
            let needs = format!(
                "Its QR code needs a terminal of {} × {}; this one has {} × {}.",
                code.width + FRAME.width,
                code.height + 1 + FRAME.height,
                state.size.width,
                state.size.height
            );
            say(&needs, Look::Dim);
        }
        Some(_) if may_be_reversed(state) => {
            say("If a phone does not read its QR code, r turns light and dark round.", Look::Dim);
        }
        Some(_) => {}
    }
    lines
}

pub(crate) fn draw(state: &State, made: &Made, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let title = if made.lasting { "A token" } else { "An invite" };
    let plan = Plan::new(state, made);
    let (width, height) = match &plan {
        Plan::Words { room, code: None } => (room.width, room.height),
        Plan::Words { room, code: Some(code) } => (room.width + GAP + code.width, room.height),
        Plan::Code(code) => (code.width, code.height + 1),
    };
    let inside = overlay_frame::centred(title, width, height, area, buffer, theme);
    let look = (state.ascii, made.reversed);
    let mut below = 0;
    match (&plan, &made.code) {
        (Plan::Code(_), Some(code)) => qr::draw(code, inside, look, buffer, theme),
        (Plan::Words { room, code }, made_code) => {
            let place = Rect { width: room.width.min(inside.width), ..inside };
            below = text(&words(state, made, room.width), made.top, place, buffer, theme);
            if let (Some(size), Some(code)) = (code, made_code) {
                let x = inside.right().saturating_sub(size.width);
                qr::draw(code, Rect { x, width: size.width, ..inside }, look, buffer, theme);
            }
        }
        (Plan::Code(_), None) => {}
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    if below > 0 {
        foot.right(&format!("↓ {below} more"), theme.dim).skip_right(1);
    }
    let copy = format!("{} copies", state.keys.word(Id::Copy));
    let other = match plan {
        Plan::Code(_) => Some("Tab shows the words"),
        Plan::Words { code: None, .. } if fits_alone(state, made) => Some("Tab shows the QR code"),
        Plan::Words { .. } => None,
    };
    let keys = [Some("Esc closes"), Some(copy.as_str()), other].into_iter().flatten();
    overlay_frame::keys(&mut foot, keys, theme);
}

/// Draws the words above the last row; how many rows have no room.
fn text(lines: &[Line], top: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) -> usize {
    let page = place.height.saturating_sub(1);
    // A larger screen has room for what was scrolled out of a smaller one.
    let top = top.min(lines.len().saturating_sub(usize::from(page)));
    for (y, line) in (0..page).zip(lines.iter().skip(top)) {
        let style: Style = match line.look {
            Look::Strong => theme.strong,
            Look::Plain => theme.plain,
            Look::Dim => theme.dim,
        };
        Row::at(buffer, place, y).left(&line.text, style);
    }
    lines.len().saturating_sub(top + usize::from(page))
}
