//! What reaches the cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::super::block::Channel;
use super::super::pane::Pane;
use super::super::search::{Match, Needle};
use super::Look;

/// The pane's screen as a buffer of its own size.
fn drawn(bytes: &[u8], width: u16, search: Option<(&str, Option<Match>)>, look: &Look) -> Buffer {
    let mut pane = Pane::default();
    pane.set_size(width, 4);
    pane.add_block(1);
    pane.push(1, Channel::Stdout, bytes);
    let mut frame = pane.frame();
    if let Some((text, current)) = search {
        frame.mark(&Needle::new(text).unwrap(), current.as_ref());
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, 4));
    for (y, row) in frame.rows.iter().enumerate() {
        frame.draw_row(row, Rect::new(0, y as u16, width, 1), &mut buffer, look);
    }
    buffer
}

fn row(buffer: &Buffer, y: u16) -> String {
    (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()
}

#[test]
fn text_is_drawn_below_its_header_with_its_colours() {
    let buffer = drawn(b"ab\x1b[1;32mcd", 5, None, &Look::default());
    assert_eq!(row(&buffer, 0), "     ");
    assert_eq!(row(&buffer, 1), "abcd ");
    assert_eq!(buffer[(1, 1)].fg, Color::Reset);
    assert_eq!((buffer[(2, 1)].fg, buffer[(2, 1)].modifier), (Color::Green, Modifier::BOLD));
}

#[test]
fn without_colours_attributes_are_left() {
    let look = Look { colours: false, ..Look::default() };
    let buffer = drawn(b"\x1b[1;32;44mx", 5, None, &look);
    let cell = &buffer[(0, 1)];
    assert_eq!((cell.fg, cell.bg, cell.modifier), (Color::Reset, Color::Reset, Modifier::BOLD));
}

#[test]
fn a_style_continues_in_the_next_row_of_a_wrapped_line() {
    let buffer = drawn(b"a\x1b[31mbcdef", 3, None, &Look::default());
    assert_eq!((row(&buffer, 1), row(&buffer, 2)), ("abc".into(), "def".into()));
    assert_eq!(buffer[(0, 2)].fg, Color::Red);
}

#[test]
fn a_wide_character_takes_two_cells_and_wraps_whole() {
    let buffer = drawn("a漢字b".as_bytes(), 4, None, &Look::default());
    assert_eq!(buffer[(1, 1)].symbol(), "漢");
    assert_eq!(buffer[(3, 1)].symbol(), " ");
    assert_eq!((buffer[(0, 2)].symbol(), buffer[(2, 2)].symbol()), ("字", "b"));
}

#[test]
fn what_is_wider_than_the_pane_is_left_out() {
    let buffer = drawn("漢".as_bytes(), 1, None, &Look::default());
    assert_eq!(row(&buffer, 1), " ");
}

#[test]
fn marks_share_the_cell_of_their_character() {
    let buffer = drawn("e\u{301}x".as_bytes(), 3, None, &Look::default());
    assert_eq!((buffer[(0, 1)].symbol(), buffer[(1, 1)].symbol()), ("e\u{301}", "x"));
}

#[test]
fn matches_are_marked_over_a_wrap_and_the_current_one_apart() {
    let look = Look {
        matched: Style::new().bg(Color::Yellow),
        current: Style::new().bg(Color::Cyan),
        ..Look::default()
    };
    let current = Match { block: 1, line: 0, range: 5..8 };
    let buffer = drawn(b"xfoxyfox", 3, Some(("fox", Some(current))), &look);
    let colours = |y: u16| [0, 1, 2].map(|x| buffer[(x, y)].bg);
    assert_eq!(colours(1), [Color::Reset, Color::Yellow, Color::Yellow]);
    assert_eq!(colours(2), [Color::Yellow, Color::Reset, Color::Cyan]);
    assert_eq!(colours(3), [Color::Cyan, Color::Cyan, Color::Reset]);
}

#[test]
fn what_was_replaced_is_marked() {
    let buffer = drawn(b"\x1b[31m\xff", 3, None, &Look::default());
    let cell = &buffer[(0, 1)];
    assert_eq!((cell.symbol(), cell.modifier), ("\u{fffd}", Modifier::REVERSED));
}

#[test]
fn an_area_outside_the_buffer_draws_nothing() {
    let mut pane = Pane::default();
    pane.add_block(1);
    pane.push(1, Channel::Stdout, b"text\n");
    let frame = pane.frame();
    let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
    frame.draw_row(&frame.rows[1], Rect::new(5, 9, 80, 1), &mut buffer, &Look::default());
    frame.draw_row(&frame.rows[1], Rect::new(1, 0, 80, 1), &mut buffer, &Look::default());
    assert_eq!(row(&buffer, 0), " t");
}

/// The text row of a pane that is not wrapped, scrolled by this many steps, and at which edges it continues.
fn unwrapped(text: &str, width: u16, steps: usize) -> (String, (bool, bool), usize) {
    let mut pane = Pane::default();
    pane.set_size(width, 4);
    pane.set_unwrapped(true);
    pane.add_block(1);
    pane.push(1, Channel::Stdout, text.as_bytes());
    for _ in 0..steps {
        pane.scroll_sideways(true);
    }
    let frame = pane.frame();
    assert!(frame.rows.len() == 2, "a header and one row");
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
    let edges = frame.draw_row(&frame.rows[1], buffer.area, &mut buffer, &Look::default());
    let mut shown = String::new();
    let mut x = 0;
    while x < width {
        let symbol = buffer[(x, 0)].symbol();
        shown.push_str(symbol);
        x += u16::try_from(crate::text::fit::width(symbol)).unwrap().max(1);
    }
    (shown, (edges.left, edges.right), pane.left)
}

#[test]
fn a_line_that_is_not_wrapped_is_cut_at_both_edges_without_half_characters() {
    // Each column of the line, a wide character being in two of them.
    let text = "ab漢字cd漢e\u{301}f漢字gh🇩🇪ij";
    let columns: Vec<&str> = super::clusters(text)
        .flat_map(|(_, cluster, width)| std::iter::repeat_n(cluster, width))
        .collect();
    for width in 4..8u16 {
        for steps in 0..30 {
            let (shown, (left, right), from) = unwrapped(text, width, steps);
            let end = from + usize::from(width);
            assert_eq!(left, from > 0, "{shown}");
            assert!(right || end >= columns.len(), "{shown} at {from}");
            assert_eq!(crate::text::fit::width(&shown), usize::from(width), "{shown}");
            // A whole character of the window is drawn, a half one is a blank.
            let whole: String = super::clusters(text)
                .scan(0, |at, (_, cluster, width)| {
                    let start = *at;
                    *at += width;
                    Some((start, *at, cluster))
                })
                .map(|(start, stop, cluster)| {
                    let inside = stop.min(end).saturating_sub(start.max(from));
                    match start >= from && stop <= end {
                        true => super::symbol(cluster).into_owned(),
                        false => " ".repeat(inside),
                    }
                })
                .collect();
            assert_eq!(shown.trim_end(), whole.trim_end(), "from {from}, {width} columns");
        }
    }
}

#[test]
fn scrolling_sideways_ends_with_the_longest_line_on_the_screen() {
    let (shown, edges, left) = unwrapped(&"x".repeat(20), 8, 50);
    assert_eq!((shown.as_str(), edges, left), ("xxxxxxxx", (true, false), 12));
    let (_, edges, left) = unwrapped("short", 8, 50);
    assert_eq!((edges, left), ((false, false), 0));
}

#[test]
fn a_very_long_line_has_one_row_and_is_copied_whole() {
    let mut pane = Pane::default();
    pane.set_size(20, 4);
    pane.set_unwrapped(true);
    pane.add_block(1);
    let text = "0123456789".repeat(5_000);
    pane.push(1, Channel::Stdout, format!("{text}\nnext\n").as_bytes());
    assert_eq!(pane.frame().rows.len(), 3);
    let block = pane.block(1).unwrap();
    assert_eq!(block.plain_text(block.lines()), format!("{text}\nnext"));
    pane.set_unwrapped(false);
    assert_eq!(pane.frame().rows.len(), 4, "wrapped again");
}
