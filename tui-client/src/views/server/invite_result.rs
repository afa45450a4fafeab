//! Draws an invite or a token that was made.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::qr;
use crate::app::State;
use crate::app::server::create_invite::InviteResult;
use crate::app::server::invite_result::{
    GAP, InviteLayout, InviteLine, TextLook, fits_alone, words,
};
use crate::input::actions::Id;
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

pub(crate) fn draw(
    state: &State,
    made: &InviteResult,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let title = if made.lasting { "A token" } else { "An invite" };
    let plan = InviteLayout::new(state, made);
    let (width, height) = match &plan {
        InviteLayout::Words { room, code: None } => (room.width, room.height),
        InviteLayout::Words { room, code: Some(code) } => {
            (room.width + GAP + code.width, room.height)
        }
        InviteLayout::Code(code) => (code.width, code.height + 1),
    };
    let inside = overlay_frame::centred(title, width, height, area, buffer, theme);
    let look = (state.ascii, made.reversed);
    let mut below = 0;
    match (&plan, &made.code) {
        (InviteLayout::Code(_), Some(code)) => qr::draw(code, inside, look, buffer, theme),
        (InviteLayout::Words { room, code }, made_code) => {
            let place = Rect { width: room.width.min(inside.width), ..inside };
            below = text(&words(state, made, room.width), made.top, place, buffer, theme);
            if let (Some(size), Some(code)) = (code, made_code) {
                let x = inside.right().saturating_sub(size.width);
                qr::draw(code, Rect { x, width: size.width, ..inside }, look, buffer, theme);
            }
        }
        (InviteLayout::Code(_), None) => {}
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    if below > 0 {
        foot.right(&format!("↓ {below} more"), theme.dim).skip_right(1);
    }
    let copy = format!("{} copies", state.keys.word(Id::Copy));
    let other = match plan {
        InviteLayout::Code(_) => Some("Tab shows the words"),
        InviteLayout::Words { code: None, .. } if fits_alone(state, made) => {
            Some("Tab shows the QR code")
        }
        InviteLayout::Words { .. } => None,
    };
    let keys = [Some("Esc closes"), Some(copy.as_str()), other].into_iter().flatten();
    overlay_frame::keys(&mut foot, keys, theme);
}

/// Draws the words above the last row; how many rows have no room.
fn text(
    lines: &[InviteLine],
    top: usize,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> usize {
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
    lines.len().saturating_sub(top + usize::from(page))
}
