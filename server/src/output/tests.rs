mod output_files;

use std::time::Duration;

use topside_shared::envelope;
use topside_shared::ids::RunId;
use topside_shared::notifications::Stream::{Stderr, Stdout};
use topside_shared::notifications::{GapReason, MAX_OUTPUT_CHUNK, RunGap, RunOutput, name};

use super::*;
use crate::output::output_reader::Piece;
use crate::output::tail::Text;

/// An output without a file: it cannot be made. A reader that needs the disk gets a gap.
fn no_disk() -> Output {
    Output::kept_in("/no/such/directory/1.out".into(), 1 << 30)
}

/// For a reader that shares its turns with no other.
fn alone() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

/// An output in a directory.
fn kept(dir: &tempfile::TempDir, max_output: u64) -> Output {
    Output::kept_in(dir.path().join("1.out"), max_output)
}

/// Everything a reader gets, with the rules that hold for every piece.
async fn drain(reader: &mut Reader) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = None;
    while let Some(piece) = reader.next().await {
        let (offset, length) = match &piece {
            Piece::Output { offset, data, .. } => {
                assert!((1..=MAX_OUTPUT_CHUNK).contains(&data.len()));
                (*offset, data.len() as u64)
            }
            Piece::Gap { offset, bytes, .. } => {
                assert!(*bytes > 0);
                (*offset, *bytes)
            }
        };
        assert_eq!(at.unwrap_or(offset), offset, "pieces follow each other");
        at = Some(offset + length);
        pieces.push(piece);
    }
    pieces
}

/// The bytes of each stream, and how many are missing.
fn sort(pieces: &[Piece]) -> (Vec<u8>, Vec<u8>, u64) {
    let (mut out, mut err, mut missing) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        match piece {
            Piece::Output { stream: Stdout, data, .. } => out.extend_from_slice(data),
            Piece::Output { stream: Stderr, data, .. } => err.extend_from_slice(data),
            Piece::Gap { bytes, .. } => missing += bytes,
        }
    }
    (out, err, missing)
}

/// Numbered lines: what is lost, doubled or out of order shows.
fn lines(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 16);
    let mut number = 0;
    while text.len() < bytes {
        text.extend_from_slice(format!("{number:07} é\n").as_bytes());
        number += 1;
    }
    text
}

#[tokio::test]
async fn pieces_come_in_order_of_arrival_with_their_stream() {
    let output = no_disk();
    let mut reader = output.reader(0, alone());
    output.append(Stdout, b"one ").await;
    output.append(Stdout, b"two").await;
    output.append(Stderr, b"bad").await;
    output.append(Stdout, b"three").await;
    output.end();
    let piece =
        |offset, stream, data: &'static str| Piece::Output { offset, stream, data: data.into() };
    assert_eq!(
        drain(&mut reader).await,
        [piece(0, Stdout, "one two"), piece(7, Stderr, "bad"), piece(10, Stdout, "three")]
    );
    assert_eq!(output.bytes(), 15);
}

#[tokio::test]
async fn a_waiting_reader_hears_of_more_and_of_the_end() {
    let output = Arc::new(no_disk());
    let mut reader = output.reader(0, alone());
    let task = tokio::spawn(async move { (reader.next().await, reader.next().await) });
    tokio::task::yield_now().await;
    output.append(Stdout, b"x").await;
    tokio::task::yield_now().await;
    output.end();
    let (first, last) = task.await.unwrap();
    assert_eq!(first, Some(Piece::Output { offset: 0, stream: Stdout, data: "x".into() }));
    assert_eq!(last, None);
    assert!(
        output.reader(0, alone()).next().await.is_some(),
        "a later reader begins at the beginning"
    );
}

#[tokio::test]
async fn a_character_cut_by_a_read_is_never_cut_on_the_wire() {
    let text = "aé€🙂\u{ffff}z";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let output = no_disk();
            let mut reader = output.reader(0, alone());
            let mut got = String::new();
            for part in [
                &text.as_bytes()[..first],
                &text.as_bytes()[first..second],
                &text.as_bytes()[second..],
            ] {
                output.append(Stdout, part).await;
                output.append(Stderr, b"|").await;
                while let Some(Some(Piece::Output { data, stream, .. })) = now(reader.next()).await
                {
                    let part = std::str::from_utf8(&data).expect("a piece is whole characters");
                    if stream == Stdout {
                        got.push_str(part);
                    }
                }
            }
            assert_eq!(got, text, "cut at {first} and {second}");
        }
    }
}

/// What a future gives without waiting for anybody else.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_arrive_unchanged_as_base64() {
    let output = no_disk();
    let mut reader = output.reader(0, alone());
    let bytes = [0xFF, b'a', 0xC3, b'b', 0xE2, 0x82];
    for byte in bytes {
        output.append(Stdout, &[byte]).await;
    }
    assert_eq!(output.bytes(), 4, "what may be half a character is waited for");
    output.end();
    assert_eq!(output.bytes(), 6);
    let pieces = drain(&mut reader).await;
    assert_eq!(sort(&pieces).0, bytes);
    let line = String::from_utf8(pieces[0].line(RunId(7))).unwrap();
    assert!(line.contains(r#""base64":"/2HDYuKC""#), "{line}");
}

#[tokio::test]
async fn a_line_of_the_wire_is_what_the_shared_types_write() {
    let every: String = (0..0x250).filter_map(char::from_u32).collect();
    for data in [every.as_bytes(), b"", &[0xC3, 0x28], "🙂\u{2028}".as_bytes()] {
        for stream in [Stdout, Stderr] {
            let text = std::str::from_utf8(data).ok().map(str::to_owned);
            let base64 = text.is_none().then(|| "wyg=".to_owned());
            let want = RunOutput { run_id: RunId(9), offset: 1 << 40, stream, data: text, base64 };
            let piece = Piece::Output { offset: 1 << 40, stream, data: data.to_vec().into() };
            let want = envelope::notification(name::RUN_OUTPUT, &want);
            assert_eq!(String::from_utf8(piece.line(RunId(9))), String::from_utf8(want));
        }
    }
    let reason = GapReason::MaxOutput;
    let gap = RunGap { run_id: RunId(9), offset: 3, bytes: 4, reason: Some(reason) };
    assert_eq!(
        Piece::Gap { offset: 3, bytes: 4, reason }.line(RunId(9)),
        envelope::notification(name::RUN_GAP, &gap)
    );
    let worst =
        Piece::Output { offset: u64::MAX, stream: Stdout, data: vec![1; MAX_OUTPUT_CHUNK].into() };
    assert!(worst.line(RunId(u64::MAX)).len() < topside_shared::frame::MAX_LINE_OUT);
}

#[tokio::test]
async fn little_output_never_needs_the_disk() {
    let output = no_disk();
    let mut reader = output.reader(0, alone());
    let text = lines(500 * 1024);
    output.append(Stdout, &text).await;
    output.end();
    let (out, _, missing) = sort(&drain(&mut reader).await);
    assert_eq!(missing, 0);
    assert!(out == text);
}

#[tokio::test]
async fn a_slow_reader_gets_everything_up_to_the_limit_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    let mut slow = output.reader(0, alone());
    let mut slower = output.reader(0, alone());
    let text = lines(5 << 20);
    for (index, part) in text.chunks(50_001).enumerate() {
        output.append(Stdout, part).await;
        output.append(Stderr, format!("{index} ").as_bytes()).await;
        if index % 3 == 0 {
            now(slow.next()).await;
        }
    }
    output.end();
    let pieces = drain(&mut slower).await;
    let (out, err, missing) = sort(&pieces);
    assert_eq!(missing, 0);
    assert!(out == text);
    assert_eq!(err.iter().filter(|byte| **byte == b' ').count(), text.chunks(50_001).count());
    for piece in &pieces {
        let Piece::Output { data, .. } = piece else { continue };
        assert!(
            std::str::from_utf8(data).is_ok(),
            "text is cut between characters on the disk too"
        );
    }
    assert_eq!(sort(&drain(&mut slow).await).2, 0);
}

#[tokio::test]
async fn what_is_over_the_limit_is_a_gap_to_a_slow_reader_and_the_end_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let limit = 1 << 20;
    let output = kept(&dir, limit);
    let mut reader = output.reader(0, alone());
    let text = lines(8 << 20);
    output.append(Stdout, &text).await;
    output.end();
    let pieces = drain(&mut reader).await;
    let gaps: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Gap { offset, bytes, .. } => Some((*offset as usize, *bytes as usize)),
            Piece::Output { .. } => None,
        })
        .collect();
    let [(from, length)] = gaps[..] else { panic!("one gap, not {gaps:?}") };
    assert_eq!(from, limit as usize);
    assert!(text.len() - (from + length) >= MAX_TAIL, "the newest output is there");
    let mut want = text.clone();
    want.drain(from..from + length);
    assert!(sort(&pieces).0 == want);
    let Text::Plain(tail) = output.tail().text else { panic!("text is text") };
    assert!(String::from_utf8(text).unwrap().ends_with(&tail));
}

#[tokio::test]
async fn a_disk_that_fails_costs_a_slow_reader_a_gap_and_the_run_nothing() {
    let output = no_disk();
    let mut reader = output.reader(0, alone());
    let text = lines(4 << 20);
    output.append(Stdout, &text).await;
    output.end();
    let pieces = drain(&mut reader).await;
    let mut whole = text.clone();
    for piece in pieces.iter().rev() {
        if let Piece::Gap { offset, bytes, .. } = piece {
            whole.drain(*offset as usize..(*offset + *bytes) as usize);
        }
    }
    let (out, _, missing) = sort(&pieces);
    assert!(missing > 0 && out == whole);
    assert!(out.len() >= MAX_TAIL, "the newest output is there");
}

#[tokio::test]
async fn memory_is_bounded_for_any_output_and_any_readers() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 16 << 20);
    let mut stuck = output.reader(0, alone());
    let part = lines(1 << 20);
    for _ in 0..64 {
        output.append(Stdout, &part).await;
        let memory = output.state.buffer.lock().memory();
        assert!(memory <= 1 << 20, "{memory}");
    }
    for _ in 0..100_000 {
        output.append(Stdout, b"o").await;
        output.append(Stderr, b"e").await;
    }
    let memory = output.state.buffer.lock().memory();
    assert!(memory <= 1 << 20, "{memory}");
    output.end();
    let mut got = 0;
    while let Some(piece) = stuck.next().await {
        got += match piece {
            Piece::Output { data, .. } => data.len() as u64,
            Piece::Gap { bytes, .. } => bytes,
        };
    }
    assert_eq!(got, output.bytes());
}

#[tokio::test]
async fn a_reader_that_is_interrupted_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    let mut reader = output.reader(0, alone());
    let text = lines(3 << 20);
    output.append(Stdout, &text).await;
    output.end();
    let mut got = Vec::new();
    loop {
        // Dropped at its first wait each other time.
        if let Some(piece) = now(reader.next()).await {
            let Some(Piece::Output { data, .. }) = piece else { break };
            got.extend_from_slice(&data);
        }
        match reader.next().await {
            Some(Piece::Output { data, .. }) => got.extend_from_slice(&data),
            Some(gap @ Piece::Gap { .. }) => panic!("{gap:?}"),
            None => break,
        }
    }
    assert!(got == text);
}

async fn tail(bytes: &[u8]) -> Tail {
    let output = no_disk();
    output.append(Stdout, bytes).await;
    output.end();
    output.tail()
}

#[tokio::test]
async fn a_tail_is_as_long_as_its_json_may_be() {
    let plain = |text: &str, truncated| Tail { text: Text::Plain(text.to_owned()), truncated };
    assert_eq!(tail(b"").await, plain("", false));
    assert_eq!(tail(b"a\n").await, plain("a\n", false));
    let exact = "x".repeat(MAX_TAIL - 2);
    assert_eq!(tail(exact.as_bytes()).await, plain(&exact, false));
    assert_eq!(tail(format!("y{exact}").as_bytes()).await, plain(&exact, true));
    for unit in ["\n", "\u{1}", "é", "€", "🙂", "a\"é\u{1b}🙂"] {
        let whole = unit.repeat(MAX_TAIL);
        let Tail { text: Text::Plain(text), truncated } = tail(whole.as_bytes()).await else {
            panic!("{unit:?} is text")
        };
        assert!(truncated && whole.ends_with(&text));
        let json = serde_json::to_string(&text).unwrap().len();
        let next = whole[..whole.len() - text.len()].chars().next_back().unwrap();
        let longer = serde_json::to_string(&format!("{next}{text}")).unwrap().len();
        assert!(json <= MAX_TAIL && longer > MAX_TAIL, "{unit:?}: {json}, {longer}");
    }
}

#[tokio::test]
async fn a_tail_that_is_not_utf8_is_base64_within_the_limit() {
    let mut bytes = vec![b'x'; 1 << 20];
    bytes[(1 << 20) - 7] = 0xFF;
    let Tail { text: Text::Base64(text), truncated: true } = tail(&bytes).await else {
        panic!("it is cut and no text")
    };
    assert!((MAX_TAIL - 6..=MAX_TAIL - 2).contains(&text.len()), "{}", text.len());
    assert_eq!(
        tail(b"\xFF").await,
        Tail { text: Text::Base64("/w==".to_owned()), truncated: false }
    );
    // What is wrong only before the tail does not spoil it.
    bytes[(1 << 20) - 7] = b'x';
    bytes[0] = 0xFF;
    assert!(matches!(tail(&bytes).await, Tail { text: Text::Plain(_), truncated: true }));
}

#[tokio::test]
async fn a_run_does_not_wait_for_a_reader() {
    let output = no_disk();
    let _stuck = output.reader(0, alone());
    let writing = async {
        for _ in 0..256 {
            output.append(Stdout, &[b'x'; 64 * 1024]).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), writing).await.expect("the run was held up");
}
