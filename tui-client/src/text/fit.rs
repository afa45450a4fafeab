//! Fitting text: width in cells, cutting with an ellipsis, wrapping between words.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Width in cells, as the buffer counts.
pub(crate) fn columns(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}

/// The text, or as much of its beginning as fits with `…` after it.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for cluster in text.graphemes(true) {
        let wide = width(cluster);
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        cut.push_str(cluster);
    }
    cut.truncate(cut.trim_end().len());
    if room > 0 {
        cut.push('…');
    }
    cut
}

/// The text in lines of at most `room` cells, wrapped between words where possible.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let wide = width(word);
        if used > 0 && used + 1 + wide > room {
            lines.push(String::new());
            used = 0;
        }
        let line = lines.last_mut().expect("there is always a line");
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if wide <= room {
            line.push_str(word);
            used += wide;
            continue;
        }
        for cluster in word.graphemes(true) {
            let wide = width(cluster);
            if used + wide > room {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is always a line").push_str(cluster);
            used += wide;
        }
    }
    lines
}

/// [`wrap`], in at most `rows` lines, the last one cut.
pub(crate) fn wrap_rows(text: &str, room: usize, rows: usize) -> Vec<String> {
    let mut lines = wrap(text, room);
    if lines.len() > rows.max(1) {
        let rest = lines.split_off(rows.max(1) - 1).join(" ");
        lines.push(cut(&rest, room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so_and_fits() {
        assert_eq!(cut("sprinkler", 9), "sprinkler");
        assert_eq!(cut("sprinkler", 6), "sprin…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 0), "");
    }

    #[test]
    fn lines_part_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("moving to a new box", 9), ["moving to", "a new box"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap_rows("one two three four", 5, 2), ["one", "two…"]);
    }
}
