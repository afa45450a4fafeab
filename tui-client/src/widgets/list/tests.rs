//! Choice, filter and scroll position of a list.

use super::*;

const LAYOUT: ListLayout = ListLayout { top: 0, page: 2 };

/// Presses keys; what the last one meant.
fn press(list: &mut List<u8>, keys: &str, shown: &[u8]) -> ListKey {
    let pressed = keys.split(' ').map(|key| list.key(key.parse().unwrap(), shown, LAYOUT));
    pressed.last().unwrap()
}

#[test]
fn the_choice_stays_with_its_row_and_goes_to_the_next_where_that_is_gone() {
    let mut list = List::default();
    list.settle(&[9, 8, 7]);
    assert_eq!(press(&mut list, "down", &[9, 8, 7]), ListKey::Moved);
    list.settle(&[10, 9, 8, 7]);
    assert_eq!(list.chosen(&[10, 9, 8, 7]), Some(8));
    assert_eq!(list.chosen(&[10, 9, 7]), Some(7));
    assert_eq!(list.chosen(&[10, 9]), Some(9));
    assert_eq!(list.chosen(&[]), None);
}

#[test]
fn steps_end_at_both_ends_and_one_below_the_last_is_told() {
    let mut list = List::default();
    assert_eq!(press(&mut list, "up down pgdn", &[1, 2, 3]), ListKey::Beyond);
    assert_eq!(list.chosen(&[1, 2, 3]), Some(3));
    assert_eq!(press(&mut list, "pgup up", &[1, 2, 3]), ListKey::Moved);
    assert_eq!(list.chosen(&[1, 2, 3]), Some(1));
    assert_eq!(press(&mut list, "x", &[1, 2, 3]), ListKey::Passed);
}

#[test]
fn letters_move_until_a_slash_and_filter_then() {
    let mut list = List::default();
    let shown = [1, 2, 3, 4];
    for (keys, chosen) in [("G", 4), ("g", 1), ("j j", 3), ("k", 2), ("end", 4), ("home", 1)] {
        press(&mut list, keys, &shown);
        assert_eq!(list.chosen(&shown), Some(chosen), "{keys}");
    }
    assert_eq!(press(&mut list, "r", &shown), ListKey::Refresh);
    assert_eq!(press(&mut list, "f5", &shown), ListKey::Refresh);
    assert_eq!(press(&mut list, "enter", &shown), ListKey::Open);
    assert_eq!(press(&mut list, "/", &shown), ListKey::Moved);
    assert_eq!(press(&mut list, "j r q", &shown), ListKey::Filtered);
    assert_eq!(list.filter.text(), "jrq");
    // Enter keeps the filter; the letters move again.
    assert_eq!(press(&mut list, "enter", &shown), ListKey::Moved);
    assert_eq!(press(&mut list, "enter", &shown), ListKey::Open);
    assert_eq!(press(&mut list, "q", &shown), ListKey::Close);
    // Esc ends the filter first.
    assert_eq!(press(&mut list, "esc", &shown), ListKey::Filtered);
    assert_eq!(press(&mut list, "/ esc", &shown), ListKey::Moved);
    assert_eq!(press(&mut list, "esc", &shown), ListKey::Close);
}

#[test]
fn a_typed_list_takes_every_letter_for_its_filter() {
    let mut list = List::typed();
    assert_eq!(press(&mut list, "j r /", &[1, 2]), ListKey::Filtered);
    assert_eq!(list.filter.text(), "jr/");
    assert_eq!(press(&mut list, "tab", &[1, 2]), ListKey::Moved);
    assert_eq!(list.chosen(&[1, 2]), Some(2));
    assert_eq!(press(&mut list, "esc", &[1, 2]), ListKey::Close);
}

#[test]
fn a_list_that_follows_stays_at_its_end_until_another_row_is_chosen() {
    let mut list = List::following();
    assert_eq!(list.chosen(&[1, 2, 3]), Some(3));
    assert_eq!(list.chosen(&[1, 2, 3, 4]), Some(4));
    press(&mut list, "up", &[1, 2, 3, 4]);
    assert_eq!((list.chosen(&[1, 2, 3, 4, 5]), list.follows()), (Some(3), false));
    press(&mut list, "end", &[1, 2, 3, 4, 5]);
    assert_eq!((list.chosen(&[1, 2, 3, 4, 5, 6]), list.follows()), (Some(6), true));
}

#[test]
fn the_wheel_scrolls_and_takes_the_choice_along_only_at_an_end() {
    let mut list = List::default();
    let shown: Vec<u8> = (0..20).collect();
    let mut layout = ListLayout { top: 0, page: 5 };
    list.choose(&shown, 3);
    list.wheel(3, &shown, layout);
    assert_eq!((list.top, list.place(&shown)), (3, 3));
    layout.top = 3;
    list.wheel(3, &shown, layout);
    assert_eq!((list.top, list.place(&shown)), (6, 6));
    layout.top = 6;
    list.wheel(-9, &shown, layout);
    assert_eq!((list.top, list.place(&shown)), (0, 4));
    list.wheel(90, &shown, layout);
    assert_eq!((list.top, list.place(&shown)), (15, 15));
}

#[test]
fn a_click_chooses_and_a_second_one_opens_without_scrolling() {
    let mut list = List::default();
    let shown: Vec<u8> = (0..20).collect();
    let layout = ListLayout { top: 8, page: 5 };
    assert!(!list.click(10, &shown, layout));
    assert_eq!(window(20, (list.top, list.place(&shown)), 5, |_| 1), 8..13);
    assert!(list.click(10, &shown, layout));
    assert!(!list.click(99, &shown, layout), "a row that is gone");
}

#[test]
fn the_window_keeps_the_chosen_row_in_sight_and_leaves_no_blank_rows() {
    for (top, at, want) in
        [(0, 0, 0..5), (0, 7, 3..8), (9, 7, 5..10), (4, 4, 4..9), (7, 9, 5..10), (0, 9, 5..10)]
    {
        assert_eq!(window(10, (top, at), 5, |_| 1), want, "{top} {at}");
    }
    assert_eq!(window(3, (2, 2), 5, |_| 1), 0..3);
    assert_eq!(window(0, (2, 2), 5, |_| 1), 0..0);
    // Rows of two lines, and one that is higher than the list.
    assert_eq!(window(6, (0, 3), 5, |_| 2), 2..4);
    assert_eq!(window(2, (0, 1), 5, |_| 9), 1..2);
}

#[test]
fn each_word_of_the_filter_must_be_there() {
    let mut list = List::<u8>::default();
    list.paste("Run ANN\nmore");
    let passes = |text: &str| list.passes(|| text.to_owned());
    assert!(passes("zone-run of ann") && !passes("zone-run of bob"));
}
