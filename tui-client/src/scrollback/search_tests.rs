//! What is found, and in which order.

use super::super::block::Channel;
use super::super::pane::{Pane, PaneCaps};
use super::super::store::Caps;
use super::{Match, Needle};

fn needle(text: &str) -> Needle {
    Needle::new(text).unwrap()
}

fn found(needle_text: &str, line: &str) -> Vec<(usize, usize)> {
    needle(needle_text).matches(line).into_iter().map(|range| (range.start, range.end)).collect()
}

fn pane_of(blocks: &[&str]) -> Pane {
    // Chunks of eight lines, so that a long text crosses their ends.
    let mut pane =
        Pane::new(PaneCaps { block: Caps { lines: 64, bytes: 1 << 20 }, bytes: 1 << 20 });
    pane.set_size(20, 10);
    for (id, text) in blocks.iter().enumerate() {
        pane.add_block(id as u64);
        pane.push(id as u64, Channel::Stdout, text.as_bytes());
    }
    pane.home();
    pane
}

fn at(block: u64, line: u64, start: usize, end: usize) -> Match {
    Match { block, line, range: start..end }
}

#[test]
fn nothing_is_not_looked_for() {
    assert!(Needle::new("").is_none());
}

#[test]
fn lower_case_finds_any_case_and_a_capital_only_itself() {
    assert_eq!(found("error", "Error ERROR error"), [(0, 5), (6, 11), (12, 17)]);
    assert_eq!(found("Error", "Error ERROR error"), [(0, 5)]);
    assert_eq!(found("größe", "Größe größe"), [(0, 7), (8, 15)]);
    assert_eq!(found("öl", "ÖL Öl öL öl"), [(0, 3), (4, 7), (8, 11), (12, 15)]);
    assert_eq!(found("Öl", "ÖL Öl öl"), [(4, 7)]);
}

#[test]
fn it_is_literal() {
    assert_eq!(found("a.b*", "aab a.b*"), [(4, 8)]);
}

#[test]
fn matches_do_not_overlap() {
    assert_eq!(found("aa", "aaaaa"), [(0, 2), (2, 4)]);
}

#[test]
fn a_match_does_not_go_over_a_line_end() {
    let pane = pane_of(&["xab\ncd\nxabcd\n"]);
    assert_eq!(pane.next_match(&needle("abcd"), None), Some(at(0, 2, 1, 5)));
    assert_eq!(pane.count_matches(&needle("abcd"), 99), 1);
}

#[test]
fn the_next_match_goes_through_lines_and_blocks_and_round() {
    let pane = pane_of(&["fox\nno fox fox\n", "none\n", "a fox"]);
    let fox = needle("fox");
    let expected =
        [at(0, 0, 0, 3), at(0, 1, 3, 6), at(0, 1, 7, 10), at(2, 0, 2, 5), at(0, 0, 0, 3)];
    let mut last = None;
    for expected in &expected {
        last = pane.next_match(&fox, last.as_ref());
        assert_eq!(last.as_ref(), Some(expected));
    }
    for expected in expected.iter().rev().skip(1) {
        last = pane.previous_match(&fox, last.as_ref());
        assert_eq!(last.as_ref(), Some(expected));
    }
    assert_eq!(pane.count_matches(&fox, 99), 4);
    assert_eq!(pane.count_matches(&fox, 3), 3);
}

#[test]
fn the_first_search_begins_at_the_screen() {
    let mut pane = pane_of(&[&(0..30).map(|n| format!("fox {n}\n")).collect::<String>()]);
    pane.jump(0, 10);
    assert_eq!(pane.next_match(&needle("fox"), None), Some(at(0, 10, 0, 3)));
    assert_eq!(pane.previous_match(&needle("fox"), None), Some(at(0, 9, 0, 3)));
}

#[test]
fn what_is_not_there_is_not_found() {
    let pane = pane_of(&["fox\n", "dog\n"]);
    assert_eq!(pane.next_match(&needle("cat"), None), None);
    assert_eq!(pane.previous_match(&needle("cat"), None), None);
    assert_eq!(pane.count_matches(&needle("cat"), 9), 0);
}

#[test]
fn a_line_still_open_or_overwritten_is_searched_as_it_shows() {
    let mut pane = pane_of(&["bird\rfox "]);
    pane.push(0, Channel::Stderr, b"fox too");
    assert_eq!(pane.next_match(&needle("bird"), None), None);
    let first = pane.next_match(&needle("fox"), None);
    assert_eq!(first, Some(at(0, 0, 0, 3)));
    let second = pane.next_match(&needle("fox"), first.as_ref());
    assert_eq!(second, Some(at(0, 1, 0, 3)));
    assert_eq!(pane.previous_match(&needle("fox"), second.as_ref()), first);
}

#[test]
fn folded_blocks_are_searched_too() {
    let mut pane = pane_of(&["fox\n", "dog\n"]);
    pane.set_folded(0, true);
    assert_eq!(pane.next_match(&needle("fox"), None), Some(at(0, 0, 0, 3)));
}
