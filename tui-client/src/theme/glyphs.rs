//! Glyphs that are not ASCII, and the ASCII character that replaces each.
//!
//! Views draw the glyphs themselves. A complete frame for an ASCII screen is converted here, so that no view needs to know;
//! a test draws every screen and finds glyphs that are missing here.

use ratatui::buffer::Buffer;

/// Bars, the lowest first; the highest leaves a gap to the row above it.
pub(crate) const BARS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];

/// Each glyph and its replacement, both one column wide.
const SIGNS: &[(char, char)] = &[
    // Lines and corners.
    ('─', '-'),
    ('│', '|'),
    ('╭', '+'),
    ('╮', '+'),
    ('╰', '+'),
    ('╯', '+'),
    ('┬', '+'),
    ('┴', '+'),
    ('├', '+'),
    ('┤', '+'),
    ('┼', '+'),
    // Selection and input.
    ('❯', '>'),
    ('›', '>'),
    ('▌', '>'),
    ('▐', '>'),
    ('▸', '>'),
    ('◂', '<'),
    // States; a word is always beside them.
    ('●', '*'),
    ('○', 'o'),
    ('✓', '+'),
    ('✗', 'x'),
    ('■', '#'),
    ('•', '*'),
    ('▲', '!'),
    ('◇', '-'),
    ('◆', '%'),
    ('▓', '#'),
    ('░', '.'),
    // Bars.
    ('▁', '_'),
    ('▂', '.'),
    ('▃', ':'),
    ('▄', '-'),
    ('▅', '='),
    ('▆', '+'),
    ('▇', '#'),
    // Keys and directions.
    ('↑', '^'),
    ('↓', 'v'),
    ('←', '<'),
    ('→', '>'),
    // In sentences.
    ('…', '~'),
    ('·', '-'),
    ('–', '-'),
    ('×', 'x'),
    ('\u{fffd}', '?'),
];

/// Replaces the glyphs of a frame, those in a program's output included; a copied or saved output keeps them.
pub(crate) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let mut chars = cell.symbol().chars();
        let (Some(sign), None) = (chars.next(), chars.next()) else { continue };
        if sign.is_ascii() {
            continue;
        }
        if let Some((_, ascii)) = SIGNS.iter().find(|(known, _)| *known == sign) {
            cell.set_char(*ascii);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_stands_once_and_is_as_wide_as_its_stand_in() {
        for (nth, (sign, ascii)) in SIGNS.iter().enumerate() {
            assert_eq!(crate::text::fit::width(&sign.to_string()), 1, "{sign}");
            assert!(ascii.is_ascii_graphic(), "{sign}");
            assert!(SIGNS[..nth].iter().all(|(other, _)| other != sign), "{sign}");
        }
    }
}
