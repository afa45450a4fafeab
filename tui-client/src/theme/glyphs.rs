//! Glyphs that are not ASCII, and the ASCII character that replaces each.
//!
//! Whoever draws writes the sign itself. A frame for an ASCII screen is gone over once it is drawn, so
//! nothing else has to know; a test draws every screen and finds a sign that is missing here.

use ratatui::buffer::Buffer;

/// Bars, the lowest first; the highest leaves a gap to the row above it.
pub(crate) const BARS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];

/// A sign and its stand-in, both one column wide.
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
    // What is chosen, and where one types.
    ('❯', '>'),
    ('›', '>'),
    ('▌', '>'),
    ('▐', '>'),
    ('▸', '>'),
    ('◂', '<'),
    // How things stand; a word is always beside it.
    ('●', '*'),
    ('○', 'o'),
    ('✓', '+'),
    ('✗', 'x'),
    ('■', '#'),
    ('•', '*'),
    ('▲', '!'),
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

/// Puts the stand-ins into a frame. A program's output is drawn with them too, for what cannot show the
/// one cannot show the other; copying and saving take the output as it came.
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
