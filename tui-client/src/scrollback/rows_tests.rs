use super::super::block::{Block, Channel};
use super::super::store::Caps;

fn texts(block: &Block) -> Vec<String> {
    block.lines().map(|number| block.line(number).unwrap().text().to_owned()).collect()
}

fn shown(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let mut block = Block::new(1, Caps::default());
    block.push(Channel::Stdout, bytes.as_ref());
    texts(&block)
}

#[test]
fn the_last_fifty_lines_can_be_written_anew_and_no_line_above() {
    let lines: String = (0..60).map(|n| format!("line {n}\n")).collect();
    for (program, at) in [("\x1b[49A", 11), ("\x1b[50A", 10), ("\x1b[51A", 10), ("\x1b[9999A", 10)]
    {
        let found = shown(format!("{lines}{program}new\r\n"));
        assert_eq!(found.len(), 60, "{program}");
        for (nth, line) in found.iter().enumerate() {
            let want = if nth == at {
                format!("new{}", &format!("line {nth}")[3..])
            } else {
                format!("line {nth}")
            };
            assert_eq!(*line, want, "{program}");
        }
    }
    let found = shown(format!("{lines}open\x1b[9999A\rnew"));
    assert_eq!((&*found[10], &*found[11]), ("line 10", "newe 11"));
}

#[test]
fn a_move_up_stops_below_a_line_of_the_other_stream_and_below_a_marker() {
    let mut block = Block::new(1, Caps::default());
    block.push(Channel::Stdout, b"one\n");
    block.push(Channel::Stderr, b"warning\n");
    block.push(Channel::Stdout, b"two\n\x1b[9A\x1b[2KTWO\n");
    block.push_marker("mark");
    block.push(Channel::Stdout, b"\x1b[9Athree\n");
    assert_eq!(texts(&block), ["one", "warning", "TWO", "mark", "three"]);
}

#[test]
fn a_line_too_long_for_one_is_not_gone_back_into() {
    let long = "x".repeat(150_000);
    let found = shown(format!("a\n{long}\n\x1b[3A\rnew\n"));
    assert_eq!(found.concat(), format!("a{long}new"));
}

#[test]
fn progress_in_ever_new_colours_takes_no_more_memory() {
    let caps = Caps { lines: 1_000_000, bytes: 1 << 20 };
    let mut block = Block::new(1, caps);
    for n in 0..200_000u32 {
        let [_, r, g, b] = n.wrapping_mul(2_654_435_761).to_be_bytes();
        block.push(Channel::Stdout, format!("\x1b[38;2;{r};{g};{b}mx\n\x1b[A").as_bytes());
        assert!(block.bytes() <= caps.bytes);
    }
    assert_eq!(block.lines().count(), 1);
}
