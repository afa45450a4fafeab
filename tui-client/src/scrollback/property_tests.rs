//! Properties that hold for any bytes, however they are cut.

use proptest::collection::vec;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::geometry::{Part, Spot, Walker};
use super::{Block, Caps, Channel, Look, Needle, Pane, PaneCaps, TextStyle};

/// Bytes as programs write them, at their worst.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,20}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..8),
        2 => "\\PC{0,6}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec![
            "\n", "\r\n", "\r", "\t", "\x08", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[5G", "\x1b[G",
            "\x1b[31m", "\x1b[0;38;2;1;2;3m", "\x1b[7m", "\x1b[m", "\x1b]0;t\x07", "\x1b]8;;u\x1b\\",
            "\x1b[A", "\x1b[3F", "\x1b[2B", "\x1b[E", "\x1b[J", "\x1bP1q~\x1b\\", "\x1b_x", "\x1b", "\x1b[", "\x18", "\x1b[2J", "\x1b(B", "漢", "e\u{301}",
            "👨\u{200d}👩", "\u{202e}", "\u{2066}", "\u{61c}", "\u{9b}", "\u{ff9e}", "🇬🇧", "\u{200d}",
            "\u{fe0f}", "ก\u{e33}", "क\u{94d}षि", "\x7f", "\0",
        ]).prop_map(|s| s.as_bytes().to_vec()),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Bytes of both streams in the order in which they came.
fn session() -> impl Strategy<Value = Vec<(Channel, Vec<u8>)>> {
    vec((prop::sample::select(vec![Channel::Stdout, Channel::Stderr]), output()), 1..5)
}

type Dump = Vec<(u64, String, super::LineKind, bool, Vec<(usize, TextStyle)>)>;

fn dump(block: &Block) -> Dump {
    let lines = block.lines().map(|n| block.line(n).unwrap());
    lines
        .map(|l| (l.number, l.text().to_owned(), l.kind, l.continues, l.styles().collect()))
        .collect()
}

fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || ['\u{200e}', '\u{200f}', '\u{61c}'].contains(&c)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_store(
        session in session(),
        sizes in vec(1usize..7, 1..20),
        small in any::<bool>(),
    ) {
        let caps = if small { Caps { lines: 20, bytes: 600 } } else { Caps::default() };
        let (mut whole, mut cut) = (Block::new(1, caps), Block::new(1, caps));
        let mut sizes = sizes.iter().cycle();
        for (channel, bytes) in &session {
            whole.push(*channel, bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                cut.push(*channel, now);
                rest = later;
            }
            prop_assert_eq!(dump(&whole), dump(&cut));
        }
        whole.finish();
        cut.finish();
        prop_assert_eq!(dump(&whole), dump(&cut));
        prop_assert_eq!(whole.bytes(), cut.bytes());
    }

    #[test]
    fn no_control_character_reaches_a_cell(
        session in session(), width in 1u16..40, up in 0usize..30, search in "[a-z ]{1,2}",
    ) {
        let mut pane = Pane::default();
        pane.set_size(width, 8);
        pane.add_block(1);
        for (channel, bytes) in &session {
            pane.push(1, *channel, bytes);
        }
        pane.scroll_up(up);
        let mut frame = pane.frame();
        frame.mark(&Needle::new(&search).unwrap(), None);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 8));
        for (y, row) in frame.rows.iter().enumerate() {
            frame.draw_row(row, Rect::new(0, y as u16, width, 1), &mut buffer, &Look::default());
        }
        for cell in &buffer.content {
            prop_assert!(is_harmless(cell.symbol()), "{:?}", cell.symbol());
        }
        prop_assert!(is_harmless(&pane.block(1).unwrap().plain_text(0..u64::MAX).replace('\n', "")));
    }

    #[test]
    fn the_rows_of_a_line_are_its_text_and_none_is_too_wide(
        session in session(), width in 3u16..40,
    ) {
        let mut block = Block::new(1, Caps::default());
        for (channel, bytes) in &session {
            block.push(*channel, bytes);
        }
        for number in block.lines() {
            let line = block.line(number).unwrap();
            let wrap = line.wrap(width);
            let rows: Vec<&str> = (0..wrap.rows()).map(|r| &line.text()[wrap.row(r)]).collect();
            prop_assert_eq!(rows.concat(), line.text());
            for row in &rows {
                // Blanks may hang over the edge: there is nothing to see of them.
                let row = row.trim_end_matches(' ');
                let clusters: Vec<_> = super::characters::clusters(row).collect();
                let columns: usize = clusters.iter().map(|(_, _, width)| width).sum();
                prop_assert!(columns <= usize::from(width) || clusters.len() <= 1, "{:?}", row);
            }
        }
    }

    #[test]
    fn eviction_and_new_output_keep_the_anchor(
        before in vec(output(), 1..4), after in vec((0u64..2, output()), 1..8), up in 1usize..40,
    ) {
        let caps = PaneCaps { block: Caps { lines: 40, bytes: 4_000 }, bytes: 6_000 };
        let mut pane = Pane::new(caps);
        pane.set_size(12, 4);
        pane.add_block(0);
        pane.add_block(1);
        for bytes in &before {
            pane.push(0, Channel::Stdout, bytes);
            pane.push(1, Channel::Stdout, bytes);
        }
        // The anchor is about lines that will not change any more.
        pane.push_marker(0, "no program goes back over this");
        pane.push_marker(1, "no program goes back over this");
        pane.scroll_up(up);
        prop_assume!(!pane.is_following());
        for (id, bytes) in &after {
            let top = pane.top_position().unwrap();
            let text = pane.frame().rows[0].text().to_owned();
            pane.push(*id, Channel::Stdout, bytes);
            let now = pane.top_position().unwrap();
            let Part::Line { line, .. } = top.part else {
                prop_assert_eq!(now, top);
                continue;
            };
            if pane.block(top.block).unwrap().store().dropped() <= line {
                prop_assert_eq!(now, top);
                let frame = pane.frame();
                prop_assert_eq!(frame.rows[0].text(), text);
            } else {
                // It went: the reader is at the word about it, or still on the header.
                let first = Part::Line { line: pane.block(top.block).unwrap().lines().start, row: 0 };
                prop_assert_eq!(now.part, first);
            }
        }
    }

    #[test]
    fn memory_stays_within_the_caps(session in session()) {
        let caps = PaneCaps { block: Caps { lines: 30, bytes: 6_000 }, bytes: 9_000 };
        let mut pane = Pane::new(caps);
        for (id, (channel, bytes)) in session.iter().enumerate() {
            pane.add_block(id as u64 / 2);
            pane.push(id as u64 / 2, *channel, bytes);
            if id % 2 == 1 {
                pane.finish(id as u64 / 2);
            }
            let total: usize = pane.blocks().iter().map(Block::bytes).sum();
            prop_assert_eq!(pane.bytes, total);
            for block in pane.blocks() {
                prop_assert!(block.lines().end - block.store().dropped() <= caps.block.lines + 2);
            }
        }
    }

    #[test]
    fn up_is_the_way_back_down(
        session in session(), width in 2u16..30, folded in vec(any::<bool>(), 2),
    ) {
        let mut pane = Pane::default();
        pane.set_size(width, 5);
        for (id, folded) in folded.iter().enumerate() {
            pane.add_block(id as u64);
            pane.set_folded(id as u64, *folded);
            for (channel, bytes) in &session {
                pane.push(id as u64, *channel, bytes);
            }
            pane.add_note(id as u64 + 100, ["a note of two lines", "", "日本語"].into_iter());
        }
        let mut walker =
            Walker::new(&pane.blocks, width, Spot { index: 0, part: Part::Header });
        let mut down = vec![walker.spot];
        while walker.down() {
            down.push(walker.spot);
        }
        prop_assert!(down.is_sorted());
        let mut up = vec![walker.spot];
        while walker.up() {
            up.push(walker.spot);
        }
        up.reverse();
        prop_assert_eq!(&down, &up);
        prop_assert_eq!(Walker::at_end(&pane.blocks, width).unwrap().spot, *down.last().unwrap());
        for spot in down {
            let anchor = Walker::new(&pane.blocks, width, spot).anchor();
            let back = Walker::at_anchor(&pane.blocks, width, &anchor).unwrap().spot;
            prop_assert_eq!(back, spot);
        }
    }

    #[test]
    fn searching_chunks_finds_what_searching_lines_does(
        lines in vec("[abABé漢É ]{0,12}", 0..40), needle in "[abAé漢]{1,3}", open in "[abé]{0,9}",
    ) {
        let mut pane =
            Pane::new(PaneCaps { block: Caps { lines: 64, bytes: 1 << 20 }, bytes: 1 << 20 });
        pane.add_block(1);
        pane.push(1, Channel::Stdout, lines.join("\n").as_bytes());
        pane.push(1, Channel::Stderr, open.as_bytes());
        let needle = Needle::new(&needle).unwrap();
        let block = pane.block(1).unwrap();
        let expected: Vec<_> = (block.store().dropped()..block.lines().end)
            .flat_map(|n| {
                let found = needle.matches(block.line(n).unwrap().text());
                found.into_iter().map(move |range| (n, range))
            })
            .collect();
        prop_assert_eq!(pane.count_matches(&needle, usize::MAX), expected.len());
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        let mut at = None;
        for _ in &expected {
            at = pane.next_match(&needle, at.as_ref());
            forward.extend(at.clone().map(|m| (m.line, m.range)));
        }
        let first = expected.first().map(|(line, range)| super::Match {
            block: 1, line: *line, range: range.clone(),
        });
        let mut at = first;
        for _ in &expected {
            at = pane.previous_match(&needle, at.as_ref());
            backward.extend(at.clone().map(|m| (m.line, m.range)));
        }
        backward.reverse();
        // The first search begins at the screen.
        let start = forward.iter().position(|m| Some(m) == expected.first()).unwrap_or(0);
        forward.rotate_left(start);
        prop_assert_eq!(&forward, &expected);
        prop_assert_eq!(&backward, &expected);
    }

    #[test]
    fn a_line_looks_as_a_terminal_shows_it(
        pieces in vec(prop_oneof![
            3 => "[ -~]{1,6}",
            1 => "[漢字]{1,2}",
            3 => prop::sample::select(
                vec![
                    "\r", "\x08", "\t", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[1G", "\x1b[9G",
                    "\x1b[C", "\x1b[3C", "\x1b[2D",
                ],
            ).prop_map(str::to_owned),
        ], 1..20),
    ) {
        let bytes = pieces.concat();
        let mut terminal = vt100::Parser::new(1, 400, 0);
        terminal.process(bytes.as_bytes());
        let mut block = Block::new(1, Caps::default());
        block.push(Channel::Stdout, bytes.as_bytes());
        let ours = block.line(0).map(|line| line.text().trim_end().to_owned()).unwrap_or_default();
        let theirs = terminal.screen().contents();
        prop_assert_eq!(ours, theirs.trim_end());
    }

    #[test]
    fn lines_written_anew_look_as_a_terminal_shows_them(
        pieces in vec(prop_oneof![
            3 => "[ -~]{1,6}",
            1 => "[漢字]{1,2}",
            3 => Just("\n".to_owned()),
            3 => prop::sample::select(vec![
                "\r", "\x08", "\t", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[G", "\x1b[9G", "\x1b[C", "\x1b[2D",
                "\x1b[31m", "\x1b[m", "\x1b[J", "\x1b[0J", "\x1b[1A\x1b[2K\x1b[G",
            ]).prop_map(str::to_owned),
            3 => (1u16..5, prop::sample::select(vec!["A", "F"])).prop_map(|(n, s)| format!("\x1b[{n}{s}")),
            1 => (1u16..4, prop::sample::select(vec!["B", "E"])).prop_map(|(n, s)| format!("\x1b[{n}{s}")),
        ], 1..30),
        sizes in vec(1usize..7, 1..20),
    ) {
        // A terminal goes on below the last line; here such moves stop at it.
        let (mut row, mut last) = (0u16, 0u16);
        let stops = |piece: &String| {
            let count = piece.get(2..3).and_then(|n| n.parse::<u16>().ok()).unwrap_or(0);
            match piece.as_bytes() {
                [b'\n', ..] => row += 1,
                [b'\x1b', .., b'A' | b'F'] => row = row.saturating_sub(count),
                b"\x1b[1A\x1b[2K\x1b[G" => row = row.saturating_sub(1),
                [b'\x1b', .., b'B' | b'E'] if row + count > last => return false,
                [b'\x1b', .., b'B' | b'E'] => row += count,
                _ => {}
            }
            last = last.max(row);
            true
        };
        let bytes = pieces.into_iter().filter(stops).collect::<String>();
        let mut terminal = vt100::Parser::new(60, 400, 0);
        terminal.process(bytes.replace('\n', "\r\n").as_bytes());
        let mut block = Block::new(1, Caps::default());
        let (mut rest, mut sizes) = (bytes.as_bytes(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            block.push(Channel::Stdout, now);
            rest = later;
        }
        let trimmed = |text: &str| {
            let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches(' ')).collect();
            lines.join("\n").trim_end_matches('\n').to_owned()
        };
        let theirs = trimmed(&terminal.screen().contents());
        prop_assert_eq!(trimmed(&block.plain_text(0..u64::MAX)), theirs.clone(), "{:?}", bytes);
        block.finish();
        prop_assert_eq!(trimmed(&block.plain_text(0..u64::MAX)), theirs, "{:?}", bytes);
    }
}
