//! The result of making an invite or a token: its text, its QR code, and the room that each takes.

use super::create_invite::InviteResult;
use crate::app::{Size, State};
use crate::text::{fit, times};

/// Columns that the words have beside the code.
const BESIDE: u16 = 44;
/// The same at most.
const WIDEST: u16 = 76;
/// Columns between the words and the code.
pub(crate) const GAP: u16 = 2;
/// Columns and rows of the frame; the row of remarks below it stays free.
const FRAME: Size = Size { width: 4, height: 3 };

/// What is shown, and its room.
pub(crate) enum InviteLayout {
    /// The words, beside the code if there is one.
    Words { room: Size, code: Option<Size> },
    /// The code alone.
    Code(Size),
}

/// One row of the words.
pub(crate) struct InviteLine {
    pub(crate) text: String,
    pub(crate) look: TextLook,
}

/// How a row of the words is drawn.
#[derive(Clone, Copy)]
pub(crate) enum TextLook {
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
fn code(state: &State, made: &InviteResult) -> Option<Size> {
    made.code.as_ref().map(|code| code.size(state.ascii))
}

/// Whether they have room, the last row being for what keys do.
fn fits(code: Size, most: Size) -> bool {
    code.height < most.height && code.width <= most.width
}

impl InviteLayout {
    pub(crate) fn new(state: &State, made: &InviteResult) -> Self {
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
pub(crate) fn fits_alone(state: &State, made: &InviteResult) -> bool {
    code(state, made).is_some_and(|code| fits(code, most(state.size)))
}

/// Milliseconds until its time is over, by the clock of this device.
pub(crate) fn changes_in(state: &State, made: &InviteResult) -> Option<u64> {
    let left = made.handed.key.expires_at?.millis_since(state.clock.wall);
    (left > 0).then_some(left)
}

/// Whether light and dark can be turned round: colours need no such thing.
pub(crate) fn may_be_reversed(state: &State) -> bool {
    !state.theme.look().colours
}

/// Rows of the words, and how many of them are on the screen.
pub(crate) fn scrolls(state: &State, made: &InviteResult) -> (usize, usize) {
    match InviteLayout::new(state, made) {
        InviteLayout::Words { room, .. } => {
            let rows = words(state, made, room.width).len();
            (rows, usize::from(room.height.saturating_sub(1)).max(1))
        }
        InviteLayout::Code(_) => (0, 1),
    }
}

/// The words: for whom it is, the string, and what to do with it.
pub(crate) fn words(state: &State, made: &InviteResult, width: u16) -> Vec<InviteLine> {
    let key = &made.handed.key;
    let mut lines = Vec::new();
    let mut say = |text: &str, look| {
        let rows = fit::wrap(text, usize::from(width));
        lines.extend(rows.into_iter().map(|text| InviteLine { text, look }));
    };
    let often = if made.lasting { "good" } else { "good once," };
    let until = key.expires_at.map_or_else(String::new, |end| {
        format!(" until {}", times::date(end, state.clock.wall, &state.zone))
    });
    let only = match &key.commands {
        Some(names) => format!(", for {} only", names.join(", ")),
        None => String::new(),
    };
    say(&format!("For {} as {}: {often}{until}{only}", key.name, key.role), TextLook::Strong);
    if key.expires_at.is_some_and(|end| end <= state.clock.wall) {
        say("Its time is over: make another one.", TextLook::Strong);
    }
    say("", TextLook::Plain);
    say(&made.handed.invite.0, TextLook::Plain);
    say("", TextLook::Plain);
    say(
        if made.lasting {
            "Where the script runs: topside pair with this string, then topside run --on NAME. It \
             is a key: keep it where only the script can read it."
        } else {
            "On the other device: topside pair with this string, or i in its picker. Whoever uses \
             it first is in: send it by a way that you trust."
        },
        TextLook::Plain,
    );
    say("It is not shown again once this is closed.", TextLook::Dim);
    let most = most(state.size);
    match code(state, made) {
        None => say("It is too long for a QR code.", TextLook::Dim),
        Some(code) if !fits(code, most) => {
            let needs = format!(
                "Its QR code needs a terminal of {} × {}; this one has {} × {}.",
                code.width + FRAME.width,
                code.height + 1 + FRAME.height,
                state.size.width,
                state.size.height
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
