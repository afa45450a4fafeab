//! What becomes of bytes: one test a rule. One file: the tests read the lines of a block by the same helpers.

use ratatui::style::{Color, Modifier, Style};

use super::super::cells::EDIT_COLUMNS;
use super::super::line::LineKind;
use super::super::store::Caps;
use super::{Block, Channel};

fn block_of(bytes: impl AsRef<[u8]>) -> Block {
    let mut block = Block::new(1, Caps::default());
    block.push(Channel::Stdout, bytes.as_ref());
    block
}

fn texts(block: &Block) -> Vec<String> {
    block.lines().map(|n| block.line(n).unwrap().text().to_owned()).collect()
}

fn shown(bytes: impl AsRef<[u8]>) -> Vec<String> {
    texts(&block_of(bytes))
}

/// The styles of the first line, with the text that each covers.
fn styled(bytes: &str) -> Vec<(String, Style)> {
    let block = block_of(bytes);
    let line = block.line(0).unwrap();
    let starts: Vec<_> = line.styles().collect();
    let mut out = Vec::new();
    if starts.first().is_none_or(|(at, _)| *at > 0) {
        let end = starts.first().map_or(line.text().len(), |(at, _)| *at);
        out.push((line.text()[..end].to_owned(), Style::new()));
    }
    for (i, (at, style)) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(line.text().len(), |(at, _)| *at);
        out.push((line.text()[*at..end].to_owned(), style.to_style(true)));
    }
    out
}

#[test]
fn a_line_end_is_a_line_feed_with_or_without_a_return() {
    assert_eq!(shown("one\r\ntwo\nthree\r\r\n\nfour"), ["one", "two", "three", "", "four"]);
}

#[test]
fn a_line_without_its_end_is_shown_and_continues() {
    let mut block = block_of("Pass");
    assert_eq!(texts(&block), ["Pass"]);
    block.push(Channel::Stdout, b"word: ");
    assert_eq!(texts(&block), ["Password: "]);
    block.push(Channel::Stdout, b"\n");
    assert_eq!(texts(&block), ["Password: "]);
}

#[test]
fn a_carriage_return_overwrites_from_the_start_of_the_line() {
    assert_eq!(shown("10 %\r50 %\r100 %\ndone"), ["100 %", "done"]);
    assert_eq!(shown("abcdef\rxy"), ["xycdef"]);
}

#[test]
fn a_backspace_moves_left_and_what_follows_overwrites() {
    assert_eq!(shown("a\x08b-\x08|"), ["b|"]);
    assert_eq!(shown("abc\x08\x08\x08\x08\x08X"), ["Xbc"]);
}

#[test]
fn tabs_go_to_every_eighth_column() {
    assert_eq!(shown("a\tb\n12345678\tc\n漢\td"), ["a       b", "12345678        c", "漢      d"]);
}

#[test]
fn a_tab_in_an_edited_line_leaves_what_it_passes() {
    assert_eq!(shown("abcdefghij\r\tX"), ["abcdefghXj"]);
}

#[test]
fn a_line_is_erased_right_of_the_cursor_left_of_it_or_all() {
    assert_eq!(shown("a long word\rshort\x1b[K"), ["short"]);
    assert_eq!(shown("abcdef\x08\x08\x1b[1K!"), ["    !f"]);
    assert_eq!(shown("abc\x1b[2Kdef"), ["   def"]);
    assert_eq!(shown("abc\x1b[2K\rdef"), ["def"]);
    assert_eq!(shown("abc\r\x1b[Kde\r\x1b[Kf"), ["f"]);
}

#[test]
fn the_cursor_moves_within_the_line_and_leaves_blanks_past_its_end() {
    assert_eq!(shown("ab\x1b[3Cc"), ["ab   c"]);
    assert_eq!(shown("ab\x1b[Cc\x1b[3Dd"), ["ad c"]);
    assert_eq!(shown("abcd\x1b[2DX\x1b[9D-"), ["-bXd"]);
    assert_eq!(shown("ab\rc\x1b[5Cd"), ["cb    d"]);
    assert_eq!(shown("abc\x1b[9GX"), ["abc     X"]);
    assert_eq!(shown("\x1b[31mab\x1b[5Gc"), ["ab  c"]);
    let wide = format!("abc\x1b[{}GX", 300);
    assert_eq!(shown(wide), ["abcX"], "the edge of a window is not known");
}

#[test]
fn the_column_can_be_set_within_the_line_and_to_no_edge() {
    assert_eq!(shown("abc\x1b[1GX"), ["Xbc"]);
    assert_eq!(shown("abc\x1b[2K\x1b[1Gdef"), ["def"]);
    assert_eq!(shown("abc\x1b[60000GX"), ["abcX"]);
}

#[test]
fn a_wide_character_overwritten_by_half_leaves_a_blank() {
    assert_eq!(shown("漢字\rx"), ["x 字"]);
    assert_eq!(shown("abcd\r漢"), ["漢cd"]);
    assert_eq!(shown("a漢\x08\x1b[Kb"), ["a b"]);
}

#[test]
fn a_line_wider_than_any_window_is_kept_and_a_new_one_begun_by_a_return() {
    let long = "x".repeat(EDIT_COLUMNS + 1);
    assert_eq!(shown(format!("{long}\rnext")), [long.as_str(), "next"]);
    assert_eq!(shown(format!("{long}\x08\x1b[2Ky")), [format!("{long}y")]);
}

#[test]
fn an_edited_line_can_still_grow_long() {
    let long = "x".repeat(3 * EDIT_COLUMNS);
    assert_eq!(shown(format!("ab\rc{long}")), [format!("c{long}")]);
}

#[test]
fn cursor_moves_and_other_sequences_are_dropped_whole() {
    for dropped in [
        "\x1b[2J",
        "\x1b[H",
        "\x1b[10;20H",
        "\x1b[3A",
        "\x1b[?1049h",
        "\x1b[?25l",
        "\x1b[6n",
        "\x1b[>c",
        "\x1b(0",
        "\x1bc",
        "\x1b=",
        "\x1b7",
        "\x1b#8",
        "\x07",
        "\x00",
        "\x0e",
        "\x7f",
        "\u{85}",
        "\u{9b}",
        "\x1b[!p",
        "\x1b[1;2;3$r",
    ] {
        assert_eq!(shown(format!("a{dropped}b")), ["ab"], "{dropped:?}");
    }
}

#[test]
fn titles_links_clipboards_and_device_strings_are_dropped_whole() {
    for dropped in [
        "\x1b]0;title\x07",
        "\x1b]0;title\x1b\\",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]8;;http://example.org\x1b\\",
        "\x1bPq#0;2;0;0;0\nmore\x07\x1b\\",
        "\x1b_Gf=100;payload\x1b\\",
        "\x1b^private\x1b\\",
        "\x1bXstring\x1b\\",
        "\x1b]0;cancelled\x18",
    ] {
        assert_eq!(shown(format!("a{dropped}b")), ["ab"], "{dropped:?}");
    }
}

#[test]
fn a_title_without_an_end_does_not_swallow_the_next_line() {
    assert_eq!(shown("a\x1b]0;title\nnext"), ["a", "next"]);
}

#[test]
fn a_long_control_string_without_an_end_is_reported() {
    let mut block = block_of(format!("a\x1bP{}", "x".repeat(12_034)));
    block.finish();
    assert_eq!(texts(&block), ["a", "… 12,034 bytes of a control string without an end not shown"]);
}

#[test]
fn a_sequence_broken_off_by_another_does_not_spill() {
    assert_eq!(shown("a\x1b[31\x1b[0mb"), ["ab"]);
    assert_eq!(shown("a\x1b\x1b\x1b]0;t\x1b[1mb"), ["ab"]);
}

#[test]
fn bytes_that_are_no_utf8_are_shown_as_replaced() {
    assert_eq!(shown(b"a\xffb\xc3(\xe2\x82"), ["a\u{fffd}b\u{fffd}("]);
    let mut block = block_of(b"a\xe2\x82");
    block.finish();
    assert_eq!(texts(&block), ["a\u{fffd}"]);
    let line = block.line(0).unwrap();
    let (at, style) = line.styles().last().unwrap();
    assert!(at == 1 && style.is_replaced());
}

#[test]
fn a_character_cut_by_a_colour_is_replaced_and_the_colour_kept() {
    assert_eq!(shown(b"\xe2\x82\x1b[31mx"), ["\u{fffd}x"]);
}

#[test]
fn bidirectional_controls_are_replaced_visibly() {
    for c in ('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}')
        .chain(['\u{200e}', '\u{200f}', '\u{61c}'])
    {
        assert_eq!(shown(format!("a{c}b")), ["a\u{fffd}b"], "{c:?}");
    }
}

#[test]
fn marks_stay_on_their_character_up_to_eight() {
    assert_eq!(shown("e\u{301}a"), ["e\u{301}a"]);
    let many = "\u{301}".repeat(100);
    assert_eq!(shown(format!("e{many}a")), [format!("e{}a", "\u{301}".repeat(8))]);
    assert_eq!(shown(format!("ab\rx\x08c{many}")), [format!("c{}b", "\u{301}".repeat(8))]);
}

#[test]
fn marks_go_with_the_character_that_is_overwritten_or_erased() {
    let marked = "a\u{301}b\u{301}c\u{301}";
    assert_eq!(shown(format!("{marked}\rx")), ["xb\u{301}c\u{301}"]);
    assert_eq!(shown(format!("{marked}\x08\x08\x1b[Kx")), ["a\u{301}x"]);
    assert_eq!(shown(format!("{marked}\x08\x08\x1b[1Kx")), [" xc\u{301}"]);
    assert_eq!(shown(format!("{marked}\x1b[2Kx")), ["   x"]);
}

#[test]
fn a_mark_without_a_character_is_dropped() {
    assert_eq!(shown("\u{301}a\n\u{feff}b\r\u{301}"), ["a", "b"]);
}

#[test]
fn colours_and_attributes_are_kept() {
    let style = Style::new();
    for (codes, expected) in [
        ("31", style.fg(Color::Red)),
        ("42", style.bg(Color::Green)),
        ("97", style.fg(Color::White)),
        ("100", style.bg(Color::DarkGray)),
        ("38;5;9", style.fg(Color::LightRed)),
        ("48;5;200", style.bg(Color::Indexed(200))),
        ("38;2;1;2;3", style.fg(Color::Rgb(1, 2, 3))),
        ("38:2:1:2:3", style.fg(Color::Rgb(1, 2, 3))),
        ("38:2::1:2:3", style.fg(Color::Rgb(1, 2, 3))),
        ("48:5:200", style.bg(Color::Indexed(200))),
        ("1", style.add_modifier(Modifier::BOLD)),
        ("2", style.add_modifier(Modifier::DIM)),
        ("3", style.add_modifier(Modifier::ITALIC)),
        ("4", style.add_modifier(Modifier::UNDERLINED)),
        ("4:3", style.add_modifier(Modifier::UNDERLINED)),
        ("7", style.add_modifier(Modifier::REVERSED)),
        ("9", style.add_modifier(Modifier::CROSSED_OUT)),
        ("58;2;9;9;9;1", style.add_modifier(Modifier::BOLD)),
        ("1;31", style.fg(Color::Red).add_modifier(Modifier::BOLD)),
    ] {
        let found = styled(&format!("a\x1b[{codes}mb\x1b[mc"));
        let expected = [("a", style), ("b", expected), ("c", style)];
        assert_eq!(found, expected.map(|(text, style)| (text.to_owned(), style)), "{codes}");
    }
}

#[test]
fn each_attribute_is_taken_back_by_its_own_code() {
    for off in [
        "1;2m\x1b[22",
        "3m\x1b[23",
        "4m\x1b[24",
        "4m\x1b[4:0",
        "7m\x1b[27",
        "9m\x1b[29",
        "31m\x1b[39",
        "41m\x1b[49",
    ] {
        assert_eq!(styled(&format!("\x1b[{off}mx")), [("x".to_owned(), Style::new())], "{off}");
    }
}

#[test]
fn a_colour_continues_over_line_ends_until_it_is_changed() {
    let block = block_of("\x1b[31ma\nb\n\x1b[0mc\n");
    let red = |n: u64| block.line(n).unwrap().styles().next().map(|(_, s)| s.to_style(true).fg);
    assert_eq!(red(1), Some(Some(Color::Red)));
    assert_eq!(red(2).flatten(), None);
}

#[test]
fn overwritten_text_takes_the_new_style() {
    let found = styled("\x1b[31mabc\r\x1b[32mx");
    let style = Style::new();
    let expected =
        [("x".to_owned(), style.fg(Color::Green)), ("bc".to_owned(), style.fg(Color::Red))];
    assert_eq!(found, expected);
}

#[test]
fn the_streams_are_parsed_apart_and_told_apart() {
    let mut block = Block::new(1, Caps::default());
    block.push(Channel::Stdout, b"\x1b[3");
    block.push(Channel::Stderr, b"warn\xc3");
    block.push(Channel::Stdout, b"1mred ");
    block.push(Channel::Stderr, b"\xa9\n");
    block.push(Channel::Stdout, b"end\n");
    let found: Vec<_> = block
        .lines()
        .map(|n| block.line(n).unwrap())
        .map(|l| (l.kind, l.text().to_owned()))
        .collect();
    let expected = [(LineKind::Stderr, "warné"), (LineKind::Stdout, "red end")];
    assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    assert!(block.line(0).unwrap().styles().all(|(_, s)| s.to_style(true) == Style::new()));
}

#[test]
fn a_gap_is_marked_with_its_count_and_ends_what_was_open() {
    let mut block = block_of("\x1b[31mhalf\x1b[3");
    block.push_gap(12_034);
    block.push(Channel::Stdout, b"2mplain\n");
    assert_eq!(texts(&block), ["half", "… 12,034 bytes skipped", "2mplain"]);
    assert_eq!(block.line(1).unwrap().kind, LineKind::Marker);
    assert!(block.line(2).unwrap().styles().all(|(_, s)| s.to_style(true) == Style::new()));
}

#[test]
fn a_marker_cannot_bring_control_characters() {
    let mut block = Block::new(1, Caps::default());
    block.push_marker("a\x1b[31m\n\u{202e}b\u{9b}");
    assert_eq!(texts(&block), ["a[31m \u{fffd}b"]);
}

#[test]
fn over_the_cap_of_lines_the_oldest_go_with_a_word_and_numbers_stay() {
    let mut block = Block::new(1, Caps { lines: 80, bytes: 1 << 20 });
    for n in 0..1_280 {
        block.push(Channel::Stdout, format!("line {n}\n").as_bytes());
    }
    let dropped = block.store().dropped();
    assert!((1_200..1_211).contains(&dropped), "{dropped}");
    let first = block.lines().start;
    assert_eq!(
        block.line(first).unwrap().text(),
        format!("… {} older lines dropped", super::grouped(dropped))
    );
    assert_eq!(block.line(first).unwrap().kind, LineKind::Marker);
    for n in dropped..1_280 {
        assert_eq!(block.line(n).unwrap().text(), format!("line {n}"));
    }
    assert!(block.line(first - 1).is_none() && block.line(1_280).is_none());
}

#[test]
fn memory_stays_within_the_cap_of_bytes_even_under_a_rainbow() {
    let caps = Caps { lines: 1_000_000, bytes: 1 << 20 };
    let mut block = Block::new(1, caps);
    for n in 0..100_000u32 {
        let [_, r, g, b] = n.wrapping_mul(2_654_435_761).to_be_bytes();
        block.push(Channel::Stdout, format!("\x1b[38;2;{r};{g};{b}mx\n").as_bytes());
        assert!(block.bytes() <= caps.bytes);
    }
    assert!(block.store().dropped() > 0);
}

#[test]
fn empty_lines_fall_under_the_cap_too() {
    let mut block = Block::new(1, Caps { lines: 1_000, bytes: 1 << 20 });
    block.push(Channel::Stdout, &vec![b'\n'; 100_000]);
    assert!(block.lines().count() <= 1_001);
    assert_eq!(block.lines().end, 100_000);
}

#[test]
fn a_line_too_long_to_keep_in_one_continues_in_the_next_and_is_copied_whole() {
    let mut block = Block::new(1, Caps::default());
    let long = "x".repeat(150_000);
    block.push(Channel::Stdout, format!("{long}\nnext\n").as_bytes());
    let lengths: Vec<_> = block.lines().map(|n| block.line(n).unwrap().text().len()).collect();
    assert_eq!(lengths, [65_536, 65_536, 18_928, 4]);
    let continues: Vec<_> = block.lines().map(|n| block.line(n).unwrap().continues).collect();
    assert_eq!(continues, [false, true, true, false]);
    assert_eq!(block.plain_text(0..u64::MAX), format!("{long}\nnext"));
}

#[test]
fn a_line_of_exactly_the_longest_length_is_one_line() {
    assert_eq!(shown(format!("{}\nb\n", "x".repeat(65_536))).len(), 2);
}

#[test]
fn plain_text_has_no_styles_and_only_the_lines_asked_for() {
    let mut block = block_of("a\n\x1b[31mb\x1b[0m\n\nd\n");
    assert_eq!(block.plain_text(0..u64::MAX), "a\nb\n\nd");
    assert_eq!(block.plain_text(1..3), "b\n");
    block.push_gap(1);
    assert_eq!(block.plain_text(3..9), "d\n… 1 byte skipped");
    assert_eq!(block.plain_text(9..12), "");
}

#[test]
fn the_end_closes_open_lines_and_drops_an_erased_one() {
    let mut block = block_of("progress\r\x1b[K");
    block.push(Channel::Stderr, b"last words");
    block.finish();
    assert_eq!(texts(&block), ["last words"]);
    assert!(block.is_finished());
}
