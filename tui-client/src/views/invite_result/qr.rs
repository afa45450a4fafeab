//! QR code of an invite, in cells. Where colours may be used they are given, so that it is dark on light with any
//! colours of the terminal.

use std::fmt;

use qrcode::{EcLevel, QrCode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use topside_shared::invite::Invite;

use crate::terminal::Size;
use crate::theme::Theme;

/// Light modules around the code, without which a reader does not find it (ISO/IEC 18004, section 9.1).
const QUIET: usize = 4;

/// Black and white of the fixed part of the palette: those with names may be any colour.
const DARK: Color = Color::Indexed(16);
const LIGHT: Color = Color::Indexed(231);

/// A code with the light around it. It holds a key, as the invite does.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::views) struct Qr {
    /// Modules of a side.
    side: usize,
    dark: Vec<bool>,
}

impl fmt::Debug for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Qr({} modules)", self.side)
    }
}

impl Qr {
    /// The code of an invite; none where that is longer than a code can be.
    pub(in crate::views) fn of(invite: &Invite) -> Option<Self> {
        // A screen is read whole: the least of error correction makes the smallest code.
        let code = QrCode::with_error_correction_level(invite.to_capitals(), EcLevel::L).ok()?;
        let side = code.width();
        Some(Self {
            side,
            dark: code.into_colors().into_iter().map(|c| c == qrcode::Color::Dark).collect(),
        })
    }

    /// Modules of a side, with the light around them.
    pub(in crate::views) fn side(&self) -> usize {
        self.side + 2 * QUIET
    }

    /// Columns and rows: a module is half a cell, and with ASCII signs alone two of them.
    pub(super) fn size(&self, ascii: bool) -> Size {
        let side = u16::try_from(self.side()).unwrap_or(u16::MAX);
        match ascii {
            true => Size { width: side.saturating_mul(2), height: side },
            false => Size { width: side, height: side.div_ceil(2) },
        }
    }

    /// Whether a module is dark, counted with the light around them.
    pub(in crate::views) fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.side);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.dark[y * self.side + x],
            _ => false,
        }
    }

    /// Draws it in the upper left of an area that has room for it. Without colours light is what the terminal
    /// writes in, as on a dark background; `reversed`: on a light one.
    pub(super) fn draw(
        &self,
        area: Rect,
        (ascii, reversed): (bool, bool),
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        let Size { width, height } = self.size(ascii);
        let colours = theme.look().colours;
        for y in 0..height.min(area.height) {
            for x in 0..width.min(area.width) {
                let cell = &mut buffer[(area.x + x, area.y + y)];
                let (column, row) = (usize::from(x), usize::from(y));
                if ascii {
                    let dark = self.is_dark(column / 2, row);
                    cell.set_symbol(" ").set_style(theme.plain);
                    if colours {
                        cell.set_bg(if dark { DARK } else { LIGHT });
                    } else if dark == reversed {
                        cell.modifier.insert(Modifier::REVERSED);
                    }
                    continue;
                }
                let (upper, lower) =
                    (self.is_dark(column, 2 * row), self.is_dark(column, 2 * row + 1));
                if colours {
                    let colour = |dark| if dark { DARK } else { LIGHT };
                    cell.set_symbol("▀").set_style(theme.plain);
                    cell.set_fg(colour(upper)).set_bg(colour(lower));
                } else {
                    // What is written in the terminal's own colour.
                    let sign = match (upper == reversed, lower == reversed) {
                        (true, true) => "█",
                        (true, false) => "▀",
                        (false, true) => "▄",
                        (false, false) => " ",
                    };
                    cell.set_symbol(sign).set_style(theme.plain);
                }
            }
        }
    }
}
