use std::time::Duration;

use crossterm::event::Event;
use proptest::prelude::*;

use super::Decoder;

fn shown(event: &Event) -> String {
    use crossterm::event::KeyCode;
    match event {
        Event::Key(key) => {
            let code = match key.code {
                KeyCode::Char(c) => c.to_string(),
                code => format!("{code:?}"),
            };
            let held = format!("{:?}", key.modifiers).replace("KeyModifiers(0x0)", "");
            let held = held.trim_start_matches("KeyModifiers(").trim_end_matches(')');
            if held.is_empty() { code } else { format!("{held}+{code}") }
        }
        Event::Mouse(mouse) => format!("{:?}@{},{}", mouse.kind, mouse.column, mouse.row),
        other => format!("{other:?}"),
    }
}

/// Reads with a pause between each two.
struct Reads {
    decoder: Decoder,
    events: Vec<Event>,
}

impl Reads {
    fn new() -> Self {
        Self { decoder: Decoder::default(), events: Vec::new() }
    }

    fn read(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes, &mut self.events);
    }

    /// Time passes with nothing to read.
    fn silence(&mut self, mut length: Duration) {
        while let Some(wait) = self.decoder.wait() {
            let Some(left) = length.checked_sub(wait) else { return };
            length = left;
            self.decoder.time_out(&mut self.events);
        }
    }

    fn end(mut self) -> Vec<String> {
        self.silence(Duration::from_secs(10));
        self.events.iter().map(shown).collect()
    }
}

/// The events of these reads, with a pause of `pause` between each two.
fn reads<'b>(pieces: impl IntoIterator<Item = &'b [u8]>, pause: Duration) -> Vec<String> {
    let mut reads = Reads::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        if at > 0 {
            reads.silence(pause);
        }
        reads.read(piece);
    }
    reads.end()
}

const SHORT: Duration = Duration::from_millis(49);

/// Each key, the bytes of which may come apart.
const KEYS: &[(&[u8], &[&str])] = &[
    (b"\x1b[A", &["Up"]),
    (b"\x1b[B", &["Down"]),
    (b"\x1bOC", &["Right"]),
    (b"\x1bOD", &["Left"]),
    (b"\x1b[H", &["Home"]),
    (b"\x1bOF", &["End"]),
    (b"\x1b[1~", &["Home"]),
    (b"\x1b[8~", &["End"]),
    (b"\x1b[3~", &["Delete"]),
    (b"\x1b[5~", &["PageUp"]),
    (b"\x1b[6;5~", &["CONTROL+PageDown"]),
    (b"\x1bOP", &["F(1)"]),
    (b"\x1b[[E", &["F(5)"]),
    (b"\x1b[15~", &["F(5)"]),
    (b"\x1b[24~", &["F(12)"]),
    (b"\x1b[1;2P", &["SHIFT+F(1)"]),
    (b"\x1b[1;5A", &["CONTROL+Up"]),
    (b"\x1b[1;3D", &["ALT+Left"]),
    (b"\x1b[1;2B", &["SHIFT+Down"]),
    (b"\x1b[Z", &["SHIFT+BackTab"]),
    (b"\x1b[3$", &["SHIFT+Delete"]),
    (b"\x1b[7^", &["CONTROL+Home"]),
    (b"\x1b[a", &["SHIFT+Up"]),
    (b"\x1bOa", &["CONTROL+Up"]),
    (b"\x1b[9;5u", &["CONTROL+Tab"]),
    (b"\x1b[27;5;9~", &["CONTROL+Tab"]),
    (b"\x1b[97;5u", &["CONTROL+a"]),
    (b"\x1b1", &["ALT+1"]),
    (b"\x1b\x7f", &["ALT+Backspace"]),
    (b"\x1b\xc3\xa9", &["ALT+é"]),
    (b"\x1b\x1b[A", &["ALT+Up"]),
    (b"\x1b[<0;12;7M", &["Down(Left)@11,6"]),
    (b"\x1b[<0;12;7m", &["Up(Left)@11,6"]),
    (b"\x1b[<64;200;100M", &["ScrollUp@199,99"]),
    (b"\x1b[M !\"", &["Down(Left)@0,1"]),
    (b"\x1b[I", &["FocusGained"]),
    (b"\x1b[O", &["FocusLost"]),
    (b"\x1b[200~one\rtwo\r\x1b[201~", &["Paste(\"one\\rtwo\\r\")"]),
    (b"\x1b[200~\x1b[A\x1b\x1b[201\x1b[201~", &["Paste(\"\\u{1b}[A\\u{1b}\\u{1b}[201\")"]),
    (b"\x1b[200~\xe6\xbc\xa2\xf0\x9f\x98\x80\x1b[201~", &["Paste(\"漢😀\")"]),
    (b"\xc3\xa9", &["é"]),
    (b"\xe6\xbc\xa2", &["漢"]),
    (b"\xf0\x9f\x98\x80", &["😀"]),
    (b"\x03", &["CONTROL+c"]),
    (b"\r", &["Enter"]),
    // What a terminal answers, and what is not known.
    (b"\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\", &[]),
    (b"\x1b]11;rgb:1c1c/1c1c/1c1c\x07", &[]),
    (b"\x1b]10;rgb:ffff/ffff/ffff\x07\x1b]11;rgb:0000/0000/0000\x07", &[]),
    (b"\x1b]52;c;aGFja2Vk\x07", &[]),
    (b"\x1bP>|XTerm(390)\x1b\\", &[]),
    (b"\x1bP1$r0m\x1b\\", &[]),
    (b"\x1b_Gi=31;OK\x1b\\", &[]),
    (b"\x1b^private\x1b\\", &[]),
    (b"\x1bXstring\x1b\\", &[]),
    (b"\x1b[?64;1;2;4c", &[]),
    (b"\x1b[>41;390;0c", &[]),
    (b"\x1b[0n", &[]),
    (b"\x1b[12;40R", &[]),
    (b"\x1b[?2026;2$y", &[]),
    (b"\x1b[4;2$y", &[]),
    (b"\x1b[?1u", &[]),
    (b"\x1b[?997;1n", &[]),
    (b"\x1b[8;30;100t", &[]),
    (b"\x1b[99~", &[]),
    (b"\x1b[1;2;3q", &[]),
];

/// If the ESC of a key came alone, the key was Escape and text.
#[test]
fn a_key_is_the_same_wherever_its_bytes_come_apart() {
    for &(text, want) in KEYS {
        let all = [text, &b"x"[..]].concat();
        let want: Vec<&str> = want.iter().copied().chain(["x"]).collect();
        let text = text.escape_ascii();
        for pause in [Duration::ZERO, SHORT] {
            assert_eq!(reads([&all[..]], pause), want, "{text} in one read");
            let ones: Vec<&[u8]> = all.chunks(1).collect();
            assert_eq!(reads(ones, pause), want, "{text} byte by byte");
            for first in 1..all.len() {
                let (a, b) = all.split_at(first);
                assert_eq!(reads([a, b], pause), want, "{text} after {first}");
                for second in 1..b.len() {
                    let (b, c) = b.split_at(second);
                    let read = reads([a, b, c], pause);
                    assert_eq!(read, want, "{text} after {first} and {second} more");
                }
            }
        }
    }
}

#[test]
fn an_escape_alone_is_the_escape_key_after_fifty_milliseconds() {
    let mut reads = Reads::new();
    reads.read(b"\x1b");
    assert_eq!(reads.decoder.wait(), Some(Duration::from_millis(50)));
    reads.silence(Duration::from_millis(50));
    assert_eq!(reads.events.iter().map(shown).collect::<Vec<_>>(), ["Esc"]);
    reads.read(b"[A");
    assert_eq!(reads.end(), ["Esc", "[", "SHIFT+A"]);
    assert_eq!(self::reads([&b"\x1b\x1b"[..]], SHORT), ["Esc", "Esc"]);
    assert_eq!(self::reads([&b"\x1b\x1bx"[..]], SHORT), ["Esc", "ALT+x"]);
}

#[test]
fn characters_with_alt_that_also_begin_sequences_are_keys() {
    for (typed, want) in
        [("[", "ALT+["), ("O", "SHIFT | ALT+O"), ("]", "ALT+]"), ("P", "SHIFT | ALT+P")]
    {
        assert_eq!(reads([format!("\x1b{typed}").as_bytes()], SHORT), [want]);
    }
}

/// If the first byte of a paste came early, its lines were run.
#[test]
fn a_paste_whose_begin_comes_apart_slowly_is_a_paste() {
    let paste = b"\x1b[200~one\rtwo\r\x1b[201~";
    for pause in [51, 1001, 5000].map(Duration::from_millis) {
        for at in 1..6 {
            let (a, b) = paste.split_at(at);
            let read = reads([a, b], pause);
            assert_eq!(read.last().unwrap(), "Paste(\"one\\rtwo\\r\")", "{read:?}");
            assert!(!read.contains(&"Enter".to_owned()), "{read:?}");
        }
        let ones = paste.chunks(1);
        let read = reads(ones, pause);
        assert!(!read.contains(&"Enter".to_owned()), "{read:?}");
    }
}

#[test]
fn a_paste_that_does_not_end_is_handed_on_and_nothing_of_it_is_run() {
    let mut reads = Reads::new();
    reads.read(b"\x1b[200~one\rtwo\r");
    assert!(reads.events.is_empty());
    reads.silence(Duration::from_secs(2));
    assert_eq!(shown(reads.events.last().unwrap()), "Paste(\"one\\rtwo\\r\")");
    // The rest comes late.
    reads.read(b"three\r");
    reads.silence(Duration::from_secs(2));
    assert_eq!(shown(reads.events.last().unwrap()), "Paste(\"three\\r\")");
    // Its end never comes: Escape and Ctrl-C are a person's.
    for (byte, key) in [(b"\x1b", "Esc"), (b"\x03", "CONTROL+c")] {
        let mut decoder = Reads { decoder: Decoder::default(), events: Vec::new() };
        decoder.read(b"\x1b[200~one\r");
        decoder.silence(Duration::from_secs(2));
        decoder.read(byte);
        decoder.silence(Duration::from_secs(2));
        decoder.read(b"x");
        assert_eq!(decoder.end(), ["Paste(\"one\\r\")", key, "x"]);
    }
}

#[test]
fn a_very_large_paste_is_cut_and_its_end_is_found() {
    let mut reads = Reads::new();
    reads.read(b"\x1b[200~");
    for _ in 0..2048 {
        reads.read(&[b'y'; 4096]);
    }
    reads.read(b"\x1b[201~z");
    let events = reads.end();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1], "z");
    assert!(events[0].len() < 5 * 1024 * 1024, "{}", events[0].len());
}

#[test]
fn lines_in_one_read_are_a_paste_where_the_terminal_does_not_mark_it() {
    assert_eq!(reads([&b"one\rtwo\r"[..]], SHORT), ["Paste(\"one\\rtwo\\r\")"]);
    // In several reads that follow each other at once.
    let pieces = [&b"one\r"[..], b"two\rth", b"ree\r"];
    assert_eq!(reads(pieces, Duration::ZERO), ["Paste(\"one\\rtwo\\rthree\\r\")"]);
    // What a script types, and a key that was typed ahead.
    assert_eq!(reads([&b"ab\r"[..]], SHORT), ["a", "b", "Enter"]);
    assert_eq!(reads([&b"ab\r"[..], b"cd\r"], SHORT), ["a", "b", "Enter", "c", "d", "Enter"]);
    assert_eq!(reads([&b"\ry"[..]], SHORT), ["Enter", "y"]);
    assert_eq!(reads([&b"\x03\x03\x03"[..]], SHORT), ["CONTROL+c"; 3]);
}

const ANSWER: &[u8] = b"\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\";

/// The background and the keys of a terminal that was asked for it; the user types `x` at the end.
fn answered<'b>(
    pieces: impl IntoIterator<Item = &'b [u8]>,
    pause: Duration,
) -> (Option<[u8; 3]>, Vec<String>) {
    let mut reads = Reads { decoder: Decoder::asked(), events: Vec::new() };
    for piece in pieces {
        reads.read(piece);
        reads.silence(pause);
    }
    reads.read(b"x");
    (reads.decoder.take_background(), reads.end())
}

#[test]
fn the_background_is_understood_wherever_its_bytes_come_apart() {
    let want = (Some([253, 246, 227]), vec!["x".to_owned()]);
    let bell = b"\x1b]11;rgb:fdfd/f6f6/e3e3\x07";
    for answer in [ANSWER, bell] {
        assert_eq!(answered([answer], SHORT), want);
        // An ESC that comes alone is not taken for the Escape key while an answer may come.
        let pause = Duration::from_millis(200);
        assert_eq!(answered(answer.chunks(1), pause), want);
        for at in 1..answer.len() {
            let (a, b) = answer.split_at(at);
            assert_eq!(answered([a, b], pause), want, "after {at}");
        }
    }
}

/// The rest of an answer was typed into the input line.
#[test]
fn nothing_of_an_answer_in_pieces_is_typed_however_late_they_are() {
    for pause in [300, 999, 2500, 20_000].map(Duration::from_millis) {
        for at in 1..ANSWER.len() - 1 {
            let (a, b) = ANSWER.split_at(at);
            let (_, keys) = answered([a, b], pause);
            let typed = keys.iter().filter(|key| *key != "Esc" && *key != "ALT+]");
            assert_eq!(typed.collect::<Vec<_>>(), ["x"], "after {at}, {pause:?}");
        }
    }
}

#[test]
fn keys_behind_the_escape_key_are_typed_although_an_answer_begins_so() {
    let pause = Duration::from_millis(1500);
    assert_eq!(reads([&b"\x1b"[..], b"]", b"x"], pause), ["Esc", "]", "x"]);
    assert_eq!(
        reads([&b"\x1b"[..], b"]1", b"1;", b"rgx"], SHORT * 2).join(" "),
        "Esc ] 1 1 ; r g x"
    );
    assert_eq!(reads([&b"\x1b"[..], b"]\r"], SHORT * 2), ["Esc", "]", "Enter"]);
    // The Escape key is slow at most once where a terminal does not answer.
    let mut reads = Reads { decoder: Decoder::asked(), events: Vec::new() };
    for wait in [250, 50, 50] {
        reads.read(b"\x1b");
        assert_eq!(reads.decoder.wait(), Some(Duration::from_millis(wait)));
        reads.silence(Duration::from_millis(wait));
    }
    assert_eq!(reads.end(), ["Esc"; 3]);
}

#[test]
fn a_key_ends_a_string_that_a_terminal_left_open() {
    assert_eq!(reads([&b"\x1b]11;rgb:"[..], b"\r"], SHORT), ["Enter"]);
    assert_eq!(reads([&b"\x1b]11;rgb:"[..], b"\x1b[A"], SHORT), ["Up"]);
    assert_eq!(reads([&b"\x1b]11;rgb:"[..], b"x"], Duration::from_secs(3)), ["x"]);
}

#[test]
fn broken_characters_and_sequences_do_not_take_a_key_with_them() {
    for (bytes, want) in [
        (&b"\xffx"[..], &["x"][..]),
        (b"\xc3x", &["x"]),
        (b"\xe6\xbcx", &["x"]),
        (b"\xc2\x9bx", &["x"]),
        (b"\x1b[1;\x03", &["CONTROL+c"]),
        (b"\x1b[1;\x1b[A", &["Up"]),
        (b"\x1b[200\r", &["Enter"]),
        (b"\x1b[201~x", &["x"]),
    ] {
        assert_eq!(reads([bytes], SHORT), want, "{bytes:?}");
        assert_eq!(reads(bytes.chunks(1), SHORT), want, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_mean_the_same_in_one_read_and_byte_by_byte(
        keys in prop::collection::vec(prop::sample::select(KEYS.to_vec()), 1..8),
        cuts in prop::collection::vec(1usize..12, 1..40),
    ) {
        // One after the other a lone carriage return and text would be a burst.
        let all: Vec<u8> = keys.iter().flat_map(|(text, _)| text.iter().copied()).collect();
        let want: Vec<&str> = keys.iter().flat_map(|(_, want)| want.iter().copied()).collect();
        let (mut pieces, mut rest) = (Vec::new(), &all[..]);
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assume!(!want.windows(2).any(|pair| pair[0] == "Enter"));
        prop_assert_eq!(reads(pieces, SHORT), want);
    }

    #[test]
    fn no_bytes_break_it_or_keep_it_waking(all: Vec<u8>) {
        let mut reads = Reads::new();
        reads.read(&all);
        for _ in 0..5 {
            if reads.decoder.wait().is_none() {
                break;
            }
            reads.decoder.time_out(&mut reads.events);
        }
        prop_assert_eq!(reads.decoder.wait(), None);
    }
}
