//! Characters: which may be shown, their width, and where a line wraps.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// A longer cluster is cut: a hostile one could be as long as its line.
const MAX_CLUSTER: usize = 64;

/// How to store a character that is not a line end, a tab, a return or a backspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// A control character: not stored.
    Dropped,
    /// Not safe to show: stored as U+FFFD.
    Replaced,
    /// Has no width: belongs to the character before it.
    Mark,
    /// Takes this many columns.
    Wide(u8),
}

pub(crate) fn glyph(c: char) -> Glyph {
    match c {
        ' '..='~' => Glyph::Wide(1),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => Glyph::Dropped,
        // Bidirectional controls, separators and annotations: they would make the shown text differ from the text that is
        // kept, searched and copied.
        '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | char::REPLACEMENT_CHARACTER => Glyph::Replaced,
        _ => match c.width() {
            Some(0) => Glyph::Mark,
            Some(width) => Glyph::Wide(width as u8),
            None => Glyph::Dropped,
        },
    }
}

/// Cleans a text that [`super::parser`] did not parse.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match glyph(c) {
            Glyph::Dropped => (c == '\t' || c == '\n').then_some(' '),
            Glyph::Replaced => Some(char::REPLACEMENT_CHARACTER),
            Glyph::Mark | Glyph::Wide(_) => Some(c),
        })
        .collect()
}

/// A count with separators between the thousands: `1,204`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The grapheme clusters of a text, each with its start and its width in columns.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let length = cluster_len(rest)?;
        let start = at;
        at += length;
        let cluster = &rest[..length];
        let width = if length == 1 { 1 } else { usize::from(cluster.cell_width()) };
        Some((start, cluster, width))
    })
}

/// The length in bytes of the first cluster, `None` at the end.
fn cluster_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    if first.is_ascii() && bytes.get(1).is_none_or(u8::is_ascii) {
        return Some(1);
    }
    let mut chars = text.chars();
    let c = chars.next()?;
    if stands_alone(c) && chars.next().is_none_or(stands_alone) {
        return Some(c.len_utf8());
    }
    // A bounded window: otherwise a hostile line would be searched to its end for each of its pieces.
    let window = text.ceil_char_boundary(MAX_CLUSTER + 1);
    let length = text[..window].graphemes(true).next()?.len();
    if length <= MAX_CLUSTER {
        return Some(length);
    }
    (1..=MAX_CLUSTER).rev().find(|at| text.is_char_boundary(*at))
}

/// Ranges where no character joins another: the search for the end of a cluster is slow.
fn stands_alone(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{c0}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        | '\u{2500}'..='\u{259f}' | '\u{4e00}'..='\u{9fff}')
}

/// The rows of a line at a given width. It wraps between words, unless that leaves a row half empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    One {
        length: usize,
    },
    /// The start of each row. Blanks at the end of a row may exceed the width; they show nothing.
    Starts {
        starts: Vec<u32>,
        length: usize,
    },
}

/// The width at which a line has one row, whatever its length. No screen is that wide.
pub(crate) const UNWRAPPED: u16 = u16::MAX;

impl Wrap {
    pub(crate) fn new(text: &str, ascii: bool, width: u16) -> Self {
        let unwrapped = width == UNWRAPPED;
        let width = usize::from(width.max(1));
        // One byte a column.
        if unwrapped || ascii && text.len() <= width {
            return Self::One { length: text.len() };
        }
        let mut starts = vec![0];
        let mut column = 0;
        // After the last blank of this row: the byte, and the column.
        let mut blank = None;
        for (at, cluster, columns) in clusters(text) {
            if column + columns > width && column > 0 && cluster != " " {
                match blank.take() {
                    Some((byte, behind)) if behind * 2 >= width && behind < column => {
                        starts.push(byte);
                        column -= behind;
                    }
                    _ => {
                        starts.push(at as u32);
                        column = 0;
                    }
                }
                // The rest of the row above may leave no room for a wide character.
                if column + columns > width && column > 0 {
                    starts.push(at as u32);
                    column = 0;
                }
            }
            column += columns;
            if cluster == " " {
                blank = Some(((at + 1) as u32, column));
            }
        }
        Self::Starts { starts, length: text.len() }
    }

    pub(crate) fn rows(&self) -> u32 {
        match self {
            Self::One { .. } => 1,
            Self::Starts { starts, .. } => starts.len() as u32,
        }
    }

    pub(crate) fn row(&self, row: u32) -> Range<usize> {
        let row = row as usize;
        match self {
            Self::One { length } => length * usize::from(row > 0)..*length,
            Self::Starts { starts, length } => {
                let start = |i: usize| starts.get(i).map_or(*length, |s| *s as usize);
                start(row)..start(row + 1)
            }
        }
    }

    /// The row that holds a byte; the last one for a byte past the end.
    pub(crate) fn row_of(&self, offset: usize) -> u32 {
        match self {
            Self::One { .. } => 0,
            Self::Starts { starts, .. } => {
                (starts.partition_point(|s| *s as usize <= offset) as u32).saturating_sub(1)
            }
        }
    }
}

/// The symbol of a cell for a cluster; the last check before the screen.
///
/// Terminals disagree about the width of an emoji that is joined from several characters: some draw one wide picture,
/// others draw each part. What follows it would be misplaced. So only its first part is drawn, and a flag as its two
/// letters.
pub(crate) fn symbol(cluster: &str) -> Cow<'_, str> {
    let mut chars = cluster.chars();
    let (Some(first), Some(_)) = (chars.next(), chars.next()) else {
        return if cluster.chars().any(char::is_control) {
            "\u{fffd}".into()
        } else {
            cluster.into()
        };
    };
    if cluster.chars().any(char::is_control) {
        return "\u{fffd}".into();
    }
    if cluster.chars().all(is_regional) {
        return cluster.chars().filter_map(regional_letter).collect::<String>().into();
    }
    if is_pictorial(first) {
        return cluster[..first.len_utf8()].into();
    }
    if cluster.contains(is_joining) {
        return cluster.chars().filter(|c| !is_joining(*c)).collect::<String>().into();
    }
    cluster.into()
}

/// Signs, shapes and pictures, which joined emoji consist of.
fn is_pictorial(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}'
        | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Marks that change how a character is drawn, and have a width on some terminals.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{20e3}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

fn regional_letter(c: char) -> Option<char> {
    char::from_u32(u32::from(c) - 0x1f1e6 + u32::from('A'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_part_between_words_unless_that_would_leave_a_row_half_empty() {
        let rows = |text: &str, width| {
            let wrap = Wrap::new(text, text.is_ascii(), width);
            (0..wrap.rows()).map(|row| text[wrap.row(row)].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(rows("the server shuts down", 11), ["the server ", "shuts down"]);
        assert_eq!(rows("a bcdefghijklmnop", 8), ["a bcdefg", "hijklmno", "p"]);
        assert_eq!(rows("exactly eight", 7), ["exactly ", "eight"]);
        assert_eq!(rows("één twee drie", 8), ["één twee ", "drie"]);
        assert_eq!(rows("", 8), [""]);
    }

    #[test]
    fn a_flag_is_drawn_as_its_letters_and_takes_their_room() {
        let text = "a🇩🇪b";
        let drawn: Vec<(String, usize)> =
            clusters(text).map(|(_, c, width)| (symbol(c).into_owned(), width)).collect();
        assert_eq!(drawn, [("a".into(), 1), ("DE".into(), 2), ("b".into(), 1)]);
    }

    #[test]
    fn a_joined_picture_is_drawn_as_its_first_part() {
        for (cluster, drawn) in [
            ("👩🏽\u{200d}💻", "👩"),
            ("👍🏿", "👍"),
            ("⚠\u{fe0f}", "⚠"),
            ("✔\u{fe0e}", "✔"),
            ("1\u{fe0f}\u{20e3}", "1"),
            ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴"),
            ("e\u{301}", "e\u{301}"),
            ("न\u{94d}\u{200d}", "न\u{94d}"),
            ("漢", "漢"),
        ] {
            assert_eq!(symbol(cluster), drawn);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        let shown = [0, 999, 1_000, 12_034, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,034", "1,234,567"]);
    }

    #[test]
    fn a_wide_character_never_straddles_two_rows() {
        let wrap = Wrap::new("a漢字b", false, 2);
        let rows: Vec<_> = (0..wrap.rows()).map(|r| &"a漢字b"[wrap.row(r)]).collect();
        assert_eq!(rows, ["a", "漢", "字", "b"]);
    }

    #[test]
    fn an_empty_line_takes_one_row() {
        assert_eq!(Wrap::new("", true, 10).rows(), 1);
        assert_eq!(Wrap::new("", false, 10).rows(), 1);
    }

    #[test]
    fn a_full_row_does_not_open_an_empty_one() {
        assert_eq!(Wrap::new("abcdef", true, 3).rows(), 2);
        assert_eq!(Wrap::new("äbcdef", false, 3).rows(), 2);
    }

    #[test]
    fn ascii_and_general_wrapping_agree() {
        for length in 0..30 {
            let text = "x".repeat(length);
            for width in 1..12 {
                let (quick, slow) = (Wrap::new(&text, true, width), Wrap::new(&text, false, width));
                assert_eq!(quick.rows(), slow.rows());
                for row in 0..quick.rows() {
                    assert_eq!(quick.row(row), slow.row(row));
                }
                for offset in 0..=length {
                    assert_eq!(quick.row_of(offset), slow.row_of(offset));
                }
            }
        }
    }

    #[test]
    fn an_emoji_of_many_parts_is_one_cluster_of_two_columns() {
        let family = "👨\u{200d}👩\u{200d}👧";
        let found: Vec<_> = clusters(family).map(|(_, text, width)| (text, width)).collect();
        assert_eq!(found, [(family, 2)]);
    }

    #[test]
    fn a_cluster_as_long_as_its_line_is_cut() {
        let chain = "👨\u{200d}".repeat(1000);
        assert!(clusters(&chain).all(|(_, text, _)| text.len() <= MAX_CLUSTER));
        assert_eq!(clusters(&chain).map(|(_, text, _)| text).collect::<String>(), chain);
    }

    #[test]
    fn the_quick_clusters_are_those_of_unicode() {
        for text in ["plain", "e\u{301}a", "ñandú ─┼ 漢字", "Дом", "漢\u{301}字", "🇬🇧🇫🇷x", "ㅎㅏ"]
        {
            let quick: Vec<_> = clusters(text).map(|(_, cluster, _)| cluster).collect();
            assert_eq!(quick, text.graphemes(true).collect::<Vec<_>>());
        }
    }
}
