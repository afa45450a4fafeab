//! Following, standing still, scrolling, folding. One file: the tests share panes of numbered lines and read the screen in
//! the same way.

use super::super::block::{Block, Channel};
use super::super::pane::{Pane, PaneCaps};
use super::super::search::Match;
use super::super::store::Caps;
use super::{FrameRow, Part, Position};

impl FrameRow<'_> {
    /// The text of this row.
    pub(in crate::scrollback) fn text(&self) -> &str {
        match (&self.text, self.position.part) {
            (Some(text), Part::Line { row, .. }) => {
                &text.wrapped.line.text()[text.wrapped.wrap.row(row)]
            }
            _ => "",
        }
    }
}

fn pane(width: u16, height: u16) -> Pane {
    let mut pane = Pane::default();
    pane.set_size(width, height);
    pane
}

/// A pane of ten columns and five rows with one block of numbered lines.
fn numbered(lines: usize) -> Pane {
    let mut pane = pane(10, 5);
    pane.add_block(7);
    say(&mut pane, 7, 0..lines);
    pane
}

fn say(pane: &mut Pane, block: u64, lines: std::ops::Range<usize>) {
    for n in lines {
        assert!(pane.push(block, Channel::Stdout, format!("{n}\n").as_bytes()));
    }
}

/// What is on the screen: `#` is a header, `~` a blank row.
fn screen(pane: &Pane) -> Vec<String> {
    let frame = pane.frame();
    let rows = frame.rows.iter().map(|row| match row.position.part {
        Part::Header => format!("#{}", row.position.block),
        Part::Blank => "~".to_owned(),
        Part::Line { .. } => row.text().to_owned(),
    });
    rows.collect()
}

#[test]
fn an_empty_pane_shows_nothing_and_bears_every_key() {
    let mut pane = pane(10, 5);
    pane.scroll_up(3);
    pane.scroll_down(3);
    pane.page_up();
    pane.home();
    pane.end();
    assert!(screen(&pane).is_empty() && pane.is_following());
    assert!(!pane.jump(1, 1) && !pane.push(1, Channel::Stdout, b"x"));
}

#[test]
fn what_fits_is_shown_from_the_top() {
    assert_eq!(screen(&numbered(2)), ["#7", "0", "1"]);
}

#[test]
fn it_follows_the_end() {
    let mut pane = numbered(20);
    assert_eq!(screen(&pane), ["15", "16", "17", "18", "19"]);
    say(&mut pane, 7, 20..22);
    assert_eq!(screen(&pane), ["17", "18", "19", "20", "21"]);
    assert_eq!(pane.frame().new_below, 0);
}

#[test]
fn blocks_are_stacked_with_a_blank_row_between() {
    let mut pane = numbered(1);
    pane.add_block(8);
    say(&mut pane, 8, 0..1);
    assert_eq!(screen(&pane), ["#7", "0", "~", "#8", "0"]);
}

#[test]
fn new_output_does_not_move_who_stands_still_and_is_counted() {
    let mut pane = numbered(20);
    pane.scroll_up(3);
    let before = screen(&pane);
    assert_eq!(before, ["12", "13", "14", "15", "16"]);
    assert!(!pane.is_following());
    assert_eq!(pane.frame().new_below, 0, "what was there is not new");
    say(&mut pane, 7, 20..1_224);
    assert_eq!(screen(&pane), before);
    assert_eq!(pane.frame().new_below, 1_204);
}

#[test]
fn new_lines_in_later_blocks_count_and_in_earlier_ones_do_not() {
    let mut pane = numbered(20);
    pane.add_block(8);
    say(&mut pane, 8, 0..20);
    pane.scroll_up(3);
    pane.add_block(9);
    say(&mut pane, 7, 20..25);
    say(&mut pane, 8, 20..22);
    say(&mut pane, 9, 0..3);
    assert_eq!(pane.frame().new_below, 5);
}

#[test]
fn new_lines_that_were_scrolled_to_are_new_no_more() {
    let mut pane = numbered(20);
    pane.scroll_up(3);
    say(&mut pane, 7, 20..40);
    assert_eq!(pane.frame().new_below, 20);
    pane.scroll_down(8);
    assert_eq!(screen(&pane).last().unwrap(), "24");
    assert_eq!(pane.frame().new_below, 15);
    pane.scroll_up(8);
    assert_eq!(pane.frame().new_below, 15);
}

#[test]
fn scrolling_down_to_the_end_follows_again_and_so_does_end() {
    let mut pane = numbered(20);
    pane.scroll_up(3);
    pane.scroll_down(2);
    assert!(!pane.is_following());
    pane.scroll_down(9);
    assert!(pane.is_following());
    pane.home();
    assert_eq!(screen(&pane), ["#7", "0", "1", "2", "3"]);
    pane.end();
    assert!(pane.is_following());
}

#[test]
fn scrolling_what_fits_on_the_screen_continues_following() {
    let mut pane = numbered(3);
    pane.scroll_up(5);
    pane.home();
    assert!(pane.is_following());
}

#[test]
fn a_page_keeps_one_row_of_the_one_before() {
    let mut pane = numbered(30);
    pane.page_up();
    assert_eq!(screen(&pane), ["21", "22", "23", "24", "25"]);
    pane.page_down();
    assert!(pane.is_following());
}

#[test]
fn long_lines_wrap_and_scroll_row_by_row() {
    let mut pane = pane(3, 2);
    pane.add_block(1);
    pane.push(1, Channel::Stdout, b"abcdefgh\nz\n");
    assert_eq!(screen(&pane), ["gh", "z"]);
    pane.scroll_up(1);
    assert_eq!(screen(&pane), ["def", "gh"]);
    let line = Part::Line { line: 0, row: 1 };
    assert_eq!(pane.top_position(), Some(Position { block: 1, part: line }));
}

#[test]
fn a_resize_keeps_the_reader_on_the_same_text() {
    let mut pane = pane(4, 3);
    pane.add_block(1);
    for n in 0..50 {
        pane.push(1, Channel::Stdout, format!("{n:02}aabbccddee\n").as_bytes());
    }
    pane.jump(1, 20);
    pane.scroll_down(2);
    assert_eq!(screen(&pane)[0], "ddee");
    pane.set_size(12, 3);
    assert_eq!(screen(&pane)[0], "20aabbccddee");
    pane.set_size(2, 3);
    assert_eq!(screen(&pane)[0], "dd");
    pane.set_size(4, 3);
    assert_eq!(screen(&pane)[0], "ddee");
}

#[test]
fn a_screen_that_grew_shows_no_empty_rows_and_then_stands_still() {
    let mut pane = numbered(20);
    pane.scroll_up(2);
    pane.set_size(10, 10);
    let before = screen(&pane);
    assert_eq!(before.last().unwrap(), "19");
    assert_eq!(before.len(), 10);
    say(&mut pane, 7, 20..30);
    assert_eq!(screen(&pane), before);
}

#[test]
fn a_jump_near_the_end_stands_still_too() {
    let mut pane = numbered(20);
    assert!(pane.jump(7, 19));
    let before = screen(&pane);
    assert_eq!(before, ["15", "16", "17", "18", "19"]);
    say(&mut pane, 7, 20..30);
    assert_eq!(screen(&pane), before);
}

#[test]
fn a_jump_to_a_block_puts_its_header_on_top() {
    let mut pane = numbered(20);
    pane.add_block(8);
    say(&mut pane, 8, 0..20);
    assert!(pane.jump_to_block(8));
    assert_eq!(screen(&pane), ["#8", "0", "1", "2", "3"]);
}

#[test]
fn a_folded_block_is_its_header_and_unfolds_where_the_reader_was() {
    let mut pane = numbered(20);
    pane.add_block(8);
    say(&mut pane, 8, 0..20);
    assert!(pane.finish(7) && pane.finish(8));
    pane.jump(7, 10);
    pane.set_folded(7, true);
    assert_eq!(screen(&pane), ["#7", "~", "#8", "0", "1"]);
    pane.set_folded(7, false);
    assert_eq!(screen(&pane)[0], "10");
    pane.set_folded(8, true);
    pane.end();
    assert_eq!(screen(&pane), ["17", "18", "19", "~", "#8"]);
}

#[test]
fn a_reader_on_an_open_line_stays_on_it_when_the_other_stream_ends_lines() {
    let mut pane = pane(3, 2);
    pane.add_block(1);
    pane.push(1, Channel::Stdout, b"1\n2\n");
    pane.push(1, Channel::Stdout, b"abcdefghi");
    pane.scroll_up(1);
    assert_eq!(screen(&pane), ["abc", "def"]);
    pane.push(1, Channel::Stderr, b"one\ntwo\n");
    assert_eq!(screen(&pane), ["abc", "def"]);
    pane.push(1, Channel::Stdout, b"jkl\nmore\n");
    assert_eq!(screen(&pane), ["abc", "def"]);
    assert_eq!(pane.block(1).unwrap().plain_text(0..9), "1\n2\none\ntwo\nabcdefghijkl\nmore");
}

#[test]
fn eviction_does_not_move_who_stands_on_what_is_left() {
    let caps = PaneCaps { block: Caps { lines: 80, bytes: 1 << 20 }, bytes: 1 << 20 };
    let mut pane = Pane::new(caps);
    pane.set_size(10, 5);
    pane.add_block(7);
    say(&mut pane, 7, 0..80);
    pane.jump(7, 60);
    let before = screen(&pane);
    say(&mut pane, 7, 80..130);
    assert!(pane.block(7).unwrap().store().dropped() >= 50);
    assert_eq!(screen(&pane), before);
    say(&mut pane, 7, 130..150);
    let dropped = pane.block(7).unwrap().store().dropped();
    assert_eq!(screen(&pane)[0], format!("… {dropped} older "));
    // The word about it takes three rows of this narrow screen; then comes what is left.
    assert_eq!(pane.frame().rows[3].text(), dropped.to_string());
}

/// Adds lines that take two rows of twelve columns.
fn long_lines(lines: std::ops::Range<usize>, pane: &mut Pane) {
    for n in lines {
        pane.push(7, Channel::Stdout, format!("{n}bcdefghijklmnop\n").as_bytes());
    }
}

/// A pane with a block that keeps eight lines, and drops the oldest for each new one.
fn pane_of_eight_lines() -> Pane {
    let block = Caps { lines: 8, bytes: 1 << 20 };
    let mut pane = Pane::new(PaneCaps { block, bytes: 1 << 20 });
    pane.set_size(12, 5);
    pane.add_block(7);
    long_lines(0..8, &mut pane);
    pane
}

#[test]
fn an_anchor_in_the_line_that_was_dropped_last_goes_to_the_first_row_of_the_marker() {
    let mut pane = pane_of_eight_lines();
    pane.jump(7, 0);
    pane.scroll_down(1);
    assert_eq!(screen(&pane)[0], "mnop");
    long_lines(8..9, &mut pane);
    assert_eq!(pane.block(7).unwrap().store().dropped(), 1);
    assert_eq!(screen(&pane)[..3], ["… 1 older ", "line dropped", "1bcdefghijkl"]);
}

#[test]
fn the_marker_for_dropped_lines_is_scrolled_row_by_row() {
    let mut pane = pane_of_eight_lines();
    long_lines(8..9, &mut pane);
    pane.home();
    for top in ["… 1 older ", "line dropped", "1bcdefghijkl"] {
        pane.scroll_down(1);
        assert_eq!(screen(&pane)[0], top);
    }
    pane.scroll_up(1);
    pane.push(7, Channel::Stdout, b"an open line");
    assert_eq!(screen(&pane)[0], "line dropped");
    pane.scroll_up(1);
    assert_eq!(screen(&pane)[0], "… 1 older ");
}

#[test]
fn over_the_panes_memory_the_oldest_finished_block_pays() {
    let caps = PaneCaps { block: Caps::default(), bytes: 300_000 };
    let mut pane = Pane::new(caps);
    for id in 1..=3 {
        pane.add_block(id);
    }
    let text = "0123456789abcde\n".repeat(6_000);
    for id in [1, 2, 3] {
        pane.push(id, Channel::Stdout, text.as_bytes());
    }
    // Nothing is finished: the oldest gives its oldest pieces.
    assert!(pane.bytes <= caps.bytes);
    let first = pane.block(1).unwrap().store().dropped();
    assert!(first > 0 && pane.block(2).unwrap().store().dropped() == 0);
    pane.finish(2);
    pane.push(3, Channel::Stdout, text.as_bytes());
    assert!(pane.bytes <= caps.bytes);
    assert_eq!(pane.block(1).unwrap().store().dropped(), first);
    let second = pane.block(2).unwrap();
    assert!(second.store().dropped() > 0);
    let marker = second.line(second.lines().start).unwrap();
    assert!(marker.text().ends_with("older lines dropped"), "{}", marker.text());
    assert_eq!(pane.bytes, pane.blocks().iter().map(Block::bytes).sum::<usize>());
}

#[test]
fn a_removed_block_leaves_the_reader_at_the_next() {
    let mut pane = numbered(20);
    pane.add_block(8);
    say(&mut pane, 8, 0..20);
    pane.jump(7, 5);
    pane.finish(7);
    pane.clear_finished();
    assert_eq!(screen(&pane), ["#8", "0", "1", "2", "3"]);
    assert!(pane.bytes > pane.block(8).unwrap().bytes(), "what was cleared can come back");
    pane.clear_finished();
    assert_eq!(pane.bytes, pane.block(8).unwrap().bytes());
    assert!(pane.remove(8) && !pane.remove(8));
    assert!(screen(&pane).is_empty() && pane.is_following() && pane.bytes == 0);
}

#[test]
fn a_match_on_the_screen_is_revealed_without_moving_and_another_is_scrolled_to() {
    let mut pane = numbered(100);
    let at = |line| Match { block: 7, line, range: 0..1 };
    let before = screen(&pane);
    assert!(pane.reveal(&at(97)));
    assert_eq!(screen(&pane), before);
    assert!(!pane.is_following());
    pane.set_folded(7, true);
    assert!(pane.reveal(&at(50)));
    assert_eq!(screen(&pane), ["49", "50", "51", "52", "53"]);
}

#[test]
fn the_first_row_of_a_line_tells_where_it_came_from() {
    let mut pane = pane(3, 5);
    pane.add_block(1);
    pane.push(1, Channel::Stderr, b"abcd\n");
    let frame = pane.frame();
    let begins: Vec<_> = frame.rows.iter().map(super::FrameRow::begins).collect();
    assert_eq!(begins, [None, Some(super::LineKind::Stderr), None]);
}

#[test]
fn a_folded_block_that_continues_shows_its_newest_line_in_one_row() {
    let mut pane = numbered(3);
    pane.set_folded(7, true);
    assert_eq!(screen(&pane), ["#7", "2"]);
    pane.push(7, Channel::Stdout, b"10 %");
    assert_eq!(screen(&pane), ["#7", "10 %"]);
    pane.push(7, Channel::Stdout, b"\r20 % and a long word");
    assert_eq!(
        screen(&pane),
        ["#7", "long word"],
        "the end of a line that is too long for one row"
    );
    pane.finish(7);
    assert_eq!(screen(&pane), ["#7"]);
    pane.set_folded(7, false);
    assert_eq!(screen(&pane).len(), 5);
}

#[test]
fn a_reader_below_a_folded_block_that_continues_is_not_moved() {
    let mut pane = numbered(3);
    pane.add_block(8);
    say(&mut pane, 8, 0..20);
    pane.set_folded(7, true);
    pane.home();
    assert_eq!(screen(&pane), ["#7", "2", "~", "#8", "0"]);
    pane.scroll_down(1);
    assert_eq!(screen(&pane), ["2", "~", "#8", "0", "1"]);
    say(&mut pane, 7, 3..9);
    assert_eq!(screen(&pane), ["8", "~", "#8", "0", "1"]);
    pane.scroll_up(5);
    assert_eq!(screen(&pane), ["#7", "8", "~", "#8", "0"]);
}

/// A note has no header: its first line stands there, and wraps.
#[test]
fn a_note_begins_with_its_first_line() {
    let mut pane = numbered(1);
    pane.finish(7);
    pane.add_note(8, ["shut down by ann", "moving"].into_iter());
    pane.set_size(10, 9);
    assert_eq!(screen(&pane), ["#7", "0", "~", "shut down ", "by ann", "moving"]);
    pane.set_size(30, 9);
    assert_eq!(screen(&pane), ["#7", "0", "~", "shut down by ann", "moving"]);
    // A note alone fits: there is nothing to scroll to.
    pane.remove(7);
    pane.home();
    assert!(pane.is_following());
    pane.set_size(10, 2);
    assert_eq!(screen(&pane), ["by ann", "moving"]);
    pane.home();
    assert_eq!(screen(&pane), ["shut down ", "by ann"]);
    assert!(pane.is_at_top());
    pane.scroll_down(1);
    assert!(pane.is_following());
    pane.scroll_up(1);
    pane.add_block(9);
    pane.end();
    assert_eq!(screen(&pane), ["~", "#9"]);
    assert!(pane.jump_to_block(8));
    assert_eq!(screen(&pane), ["shut down ", "by ann"]);
}
