use proptest::prelude::*;
use ratatui::style::{Color, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::*;

const AREA: Rect = Rect { x: 0, y: 0, width: 24, height: 4 };

/// A frame as bytes, painted in pieces of this size.
fn painted(
    painter: &mut Painter,
    piece: usize,
    frame: impl FnOnce(&mut Buffer) -> Option<Position>,
) -> String {
    painter.draw(AREA, frame);
    let mut bytes = Vec::new();
    loop {
        let painted = painter.paint(piece);
        bytes.extend(painted.bytes);
        if painted.complete {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

/// Frames as the screen draws them: clusters in rows, each in the columns that this program gives it.
fn draw(lines: &[String], buffer: &mut Buffer) -> Option<Position> {
    for (y, line) in (0..).zip(lines) {
        let mut x = y;
        for cluster in line.graphemes(true) {
            let width = cluster.cell_width();
            if width == 0 || x + width > buffer.area.width {
                continue;
            }
            let style = if x % 3 == 0 { Style::new().fg(Color::Red) } else { Style::new() };
            buffer[(x, y)].set_symbol(cluster).set_style(style);
            x += width;
        }
    }
    None
}

/// The cells of a terminal that was given these frames one after another, where they differ from a blank one.
fn shown(frames: &[Vec<String>], piece: usize) -> Vec<(u16, u16, String, vt100::Color)> {
    let mut painter = Painter::new(AREA);
    let mut terminal = vt100::Parser::new(AREA.height, AREA.width, 0);
    for frame in frames {
        terminal.process(painted(&mut painter, piece, |buffer| draw(frame, buffer)).as_bytes());
    }
    let screen = terminal.screen();
    let cells = (0..AREA.height).flat_map(|y| (0..AREA.width).map(move |x| (y, x)));
    let cells = cells.map(|(y, x)| (y, x, screen.cell(y, x).unwrap()));
    let visible = cells.filter(|(.., cell)| !cell.contents().trim().is_empty());
    visible.map(|(y, x, cell)| (y, x, cell.contents().to_owned(), cell.fgcolor())).collect()
}

fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[ -~]{0,6}",
        // Not at the edge of a narrow terminal: this emulator folds a line there, and knows no other way.
        3 => prop::sample::select(vec![
            "漢字", "한글", "ｗ", "e\u{301}", "⚠\u{fe0f}", "1\u{fe0f}\u{20e3}", "👍🏿", "ก\u{e33}", "नमस\u{94d}त\u{947}",
            "⚡", "…", "│", "✔\u{fe0e}", "שלום",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat().chars().take(8).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_picture_is_that_of_the_last_frame_alone(
        frames in prop::collection::vec(prop::collection::vec(line(), 4), 1..5),
        piece in 1_usize..300,
    ) {
        let last = frames[frames.len() - 1..].to_vec();
        prop_assert_eq!(shown(&frames, piece), shown(&last, usize::MAX));
    }

    #[test]
    fn lines_that_move_leave_the_picture_of_the_last_frame(
        lines in prop::collection::vec("[a-z]{16,22}", 12),
        steps in prop::collection::vec(0_usize..9, 1..6),
        piece in 1_usize..300,
    ) {
        let frames: Vec<_> = steps.iter().map(|step| lines[*step..step + 4].to_vec()).collect();
        let last = frames[frames.len() - 1..].to_vec();
        prop_assert_eq!(shown(&frames, piece), shown(&last, usize::MAX));
    }
}

#[test]
fn a_cluster_that_goes_leaves_no_half_on_the_terminal() {
    for cluster in
        ["👩🏽\u{200d}💻", "👍🏿", "⚠\u{fe0f}", "1\u{fe0f}\u{20e3}", "DE", "ก\u{e33}", "漢", "🛜"]
    {
        let frames = [vec![format!("ab{cluster}cd")], vec![String::new()]];
        assert_eq!(shown(&frames, usize::MAX), [], "{cluster}");
    }
}

#[test]
fn a_change_in_a_row_of_plain_characters_writes_that_cell_only() {
    let mut painter = Painter::new(AREA);
    painted(&mut painter, usize::MAX, |buffer| draw(&["plain … │".to_owned()], buffer));
    let change =
        painted(&mut painter, usize::MAX, |buffer| draw(&["plAin … │".to_owned()], buffer));
    assert_eq!(change, "\x1b[1;3HA");
}

#[test]
fn a_column_is_set_after_each_character_of_unsure_width() {
    let mut painter = Painter::new(AREA);
    let written = painted(&mut painter, usize::MAX, |buffer| draw(&["a🛜b".to_owned()], buffer));
    assert!(written.starts_with("\x1b[1H\x1b[m\x1b[K"), "{written:?}");
    let (_, after) = written.split_once('🛜').unwrap();
    let (before, _) = after.split_once('b').unwrap();
    assert!(before.contains("\x1b[1;4H"), "{written:?}");
}

#[test]
fn a_typed_character_takes_one_byte() {
    let mut painter = Painter::new(AREA);
    let typed = |text: &str, buffer: &mut Buffer| {
        buffer.set_string(0, 3, text, Style::new());
        Some(Position { x: u16::try_from(text.len()).unwrap(), y: 3 })
    };
    painted(&mut painter, usize::MAX, |buffer| typed("ab", buffer));
    assert_eq!(painted(&mut painter, usize::MAX, |buffer| typed("abc", buffer)), "c");
    assert_eq!(painted(&mut painter, usize::MAX, |buffer| typed("abc", buffer)), "");
}

/// Two columns of lines: those on the left move, and those on the right stay.
fn beside(first: usize, buffer: &mut Buffer) -> Option<Position> {
    for y in 0..AREA.height - 1 {
        buffer.set_string(0, y, format!("line {} of text", first + usize::from(y)), Style::new());
        buffer.set_string(22, y, "│", Style::new());
    }
    buffer.set_string(20, 1, "ab│c", Style::new());
    buffer.set_string(0, AREA.height - 1, "> ", Style::new());
    Some(Position { x: 2, y: AREA.height - 1 })
}

#[test]
fn a_new_line_of_output_moves_the_lines_above_it() {
    const TALL: Rect = Rect { height: 20, ..AREA };
    let text = |first: usize, buffer: &mut Buffer| {
        for y in 0..19 {
            let n = first + usize::from(y);
            buffer.set_string(0, y, format!("{n} {}", n * 7919 % 1_000_003), Style::new());
            buffer.set_string(22, y, "│", Style::new());
        }
        buffer.set_string(20, 3, "ab│c", Style::new());
        Some(Position { x: 0, y: 19 })
    };
    let mut painter = Painter::new(TALL);
    let mut terminal = vt100::Parser::new(TALL.height, TALL.width, 0);
    for first in [1000, 1001, 1004, 1002] {
        painter.draw(TALL, |buffer| text(first, buffer));
        let bytes = painter.paint(usize::MAX).bytes;
        if first > 1000 {
            assert!(bytes.len() < 120, "{:?}", String::from_utf8_lossy(&bytes));
        }
        terminal.process(&bytes);
        let mut buffer = Buffer::empty(TALL);
        text(first, &mut buffer);
        for (y, row) in (0..).zip(terminal.screen().rows(0, TALL.width)) {
            let wanted: String = (0..TALL.width).map(|x| buffer[(x, y)].symbol()).collect();
            assert_eq!(row.trim_end(), wanted.trim_end(), "row {y} of {first}");
        }
    }
}

#[test]
fn on_a_slow_line_the_row_of_the_cursor_comes_first() {
    let mut painter = Painter::new(AREA);
    painter.draw(AREA, |buffer| beside(1, buffer));
    let first = painter.paint(8);
    assert!(!first.complete);
    let text = String::from_utf8(first.bytes).unwrap();
    assert!(text.contains('>') && !text.contains("line 1"), "{text:?}");
    let mut pieces = 1;
    while !painter.paint(8).complete {
        pieces += 1;
    }
    assert_eq!(pieces, 3);
}
