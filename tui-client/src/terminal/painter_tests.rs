use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use ratatui::style::{Color, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::*;

const AREA: Rect = Rect { x: 0, y: 0, width: 24, height: 4 };

/// What a painter wrote.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut())
    }

    fn text(&self) -> String {
        String::from_utf8(self.take()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A painter of a blank terminal, and what it writes.
fn painter() -> (Painter<Written>, Written) {
    let written = Written::default();
    (Painter::new(written.clone(), AREA), written)
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
fn shown(frames: &[Vec<String>]) -> Vec<(u16, u16, String, vt100::Color)> {
    let (mut painter, written) = painter();
    for frame in frames {
        painter.draw(AREA, |buffer| draw(frame, buffer)).unwrap();
    }
    let mut terminal = vt100::Parser::new(AREA.height, AREA.width, 0);
    terminal.process(&written.take());
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
    ) {
        let last = frames[frames.len() - 1..].to_vec();
        prop_assert_eq!(shown(&frames), shown(&last));
    }
}

#[test]
fn a_cluster_that_goes_leaves_no_half_on_the_terminal() {
    for cluster in
        ["👩🏽\u{200d}💻", "👍🏿", "⚠\u{fe0f}", "1\u{fe0f}\u{20e3}", "DE", "ก\u{e33}", "漢", "🛜"]
    {
        let frames = [vec![format!("ab{cluster}cd")], vec![String::new()]];
        assert_eq!(shown(&frames), [], "{cluster}");
    }
}

#[test]
fn a_change_in_a_row_of_plain_characters_writes_that_cell_only() {
    let (mut painter, written) = painter();
    painter.draw(AREA, |buffer| draw(&["plain … │".to_owned()], buffer)).unwrap();
    written.take();
    painter.draw(AREA, |buffer| draw(&["plAin … │".to_owned()], buffer)).unwrap();
    let written = written.text();
    assert!(written.starts_with("\x1b[1;3HA\x1b["), "{written:?}");
    assert!(!written.contains('p') && !written.contains("\x1b[K"), "{written:?}");
}

#[test]
fn a_column_is_set_after_each_character_of_unsure_width() {
    let (mut painter, written) = painter();
    painter.draw(AREA, |buffer| draw(&["a🛜b".to_owned()], buffer)).unwrap();
    let written = written.text();
    assert!(written.starts_with("\x1b[1;1H\x1b[K"), "{written:?}");
    let (_, after) = written.split_once('🛜').unwrap();
    let (before, _) = after.split_once('b').unwrap();
    assert!(before.contains("\x1b[1;4H"), "{written:?}");
}
