//! A QR code in cells. Where colours may be used they are given, so that it is dark on light whatever the
//! terminal's own are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use crate::app::Size;
use crate::app::server::qr::Qr;
use crate::theme::Theme;

/// Black and white of the fixed part of the palette: those with names may be any colour.
const DARK: Color = Color::Indexed(16);
const LIGHT: Color = Color::Indexed(231);

/// Draws it in the upper left of an area that has room for it. Without colours light is what the terminal
/// writes in, as on a dark background; `reversed`: on a light one.
pub(crate) fn draw(
    code: &Qr,
    area: Rect,
    (ascii, reversed): (bool, bool),
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let Size { width, height } = code.size(ascii);
    let colours = theme.look().colours;
    for y in 0..height.min(area.height) {
        for x in 0..width.min(area.width) {
            let cell = &mut buffer[(area.x + x, area.y + y)];
            let (column, row) = (usize::from(x), usize::from(y));
            if ascii {
                let dark = code.is_dark(column / 2, row);
                cell.set_symbol(" ").set_style(theme.plain);
                if colours {
                    cell.set_bg(if dark { DARK } else { LIGHT });
                } else if dark == reversed {
                    cell.modifier.insert(Modifier::REVERSED);
                }
                continue;
            }
            let (upper, lower) = (code.is_dark(column, 2 * row), code.is_dark(column, 2 * row + 1));
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
