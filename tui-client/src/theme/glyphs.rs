//! Glyphs that are not ASCII, and the ASCII character that replaces each.
//!
//! Views draw the glyphs themselves. A complete frame for an ASCII screen is converted here, so that no view needs to know;
//! a test draws every screen and finds glyphs that are missing here.

use ratatui::buffer::Buffer;

/// Bars, the lowest first; the highest leaves a gap to the row above it.
pub(crate) const BARS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];

/// Glyphs and their replacements, one for one; all are one column wide.
const REPLACEMENTS: &[(&str, &str)] = &[
    // Lines and corners.
    ("─│▎╭╮╰╯┬┴├┤┼", "-||+++++++++"),
    // Selection and input.
    ("❯›‹▌▐▸▾◂", ">><>[>v<"),
    // States; a word is always beside them.
    ("●○✓✗■•▲◇◆◷★▓░", "*o+x#*!-%@*#."),
    // Bars.
    ("▁▂▃▄▅▆▇", "_.:-=+#"),
    // Keys and directions.
    ("↑↓←→", "^v<>"),
    // In sentences.
    ("…·–×°\u{fffd}", "~--xo?"),
];

fn replacements() -> impl Iterator<Item = (char, char)> {
    REPLACEMENTS.iter().flat_map(|(glyphs, ascii)| glyphs.chars().zip(ascii.chars()))
}

/// Replaces the glyphs of a frame, those in a program's output included; a copied or saved output keeps them.
pub(crate) fn to_ascii(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(width) {
        // Whether the left edge of a button stands before: its right edge closes the bracket.
        let mut in_button = false;
        for cell in row {
            let mut chars = cell.symbol().chars();
            let (Some(sign), None) = (chars.next(), chars.next()) else { continue };
            if sign.is_ascii() {
                continue;
            }
            if sign == '▌' && std::mem::take(&mut in_button) {
                cell.set_char(']');
                continue;
            }
            in_button |= sign == '▐';
            if let Some((_, ascii)) = replacements().find(|(glyph, _)| *glyph == sign) {
                cell.set_char(ascii);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_glyph_has_one_ascii_replacement_of_the_same_width() {
        let mut seen = std::collections::HashSet::new();
        for (glyph, ascii) in replacements() {
            assert_eq!(crate::text::fit::width(&glyph.to_string()), 1, "{glyph}");
            assert!(ascii.is_ascii_graphic() && seen.insert(glyph), "{glyph}");
        }
        let length = |(glyphs, _): &(&str, &str)| glyphs.chars().count();
        assert_eq!(seen.len(), REPLACEMENTS.iter().map(length).sum::<usize>());
    }
}
