use topside_shared::notifications::{RunOutput, SessionEnded, Stream};

use super::*;

fn output(run: u64, offset: usize, bytes: usize) -> Notification {
    Notification::RunOutput(RunOutput {
        run_id: RunId(run),
        offset: offset as u64,
        stream: Stream::Stdout,
        data: Some("x".repeat(bytes)),
        base64: None,
    })
}

fn ended() -> Notification {
    let code = topside_shared::notifications::EndCode::Shutdown;
    Notification::Ended(SessionEnded::new(code, "", ""))
}

fn drain(queue: &Queue) -> Vec<Notification> {
    std::iter::from_fn(|| queue.pop())
        .map(|event| match event {
            Event::Notice(notice) => notice,
            other => panic!("{other:?}"),
        })
        .collect()
}

const PIECE: usize = 32 * 1024;

#[test]
fn output_without_a_consumer_becomes_one_gap_that_counts_every_byte() {
    let queue = Queue::new();
    let pieces = 3 * MAX_OUTPUT / PIECE;
    for piece in 0..pieces {
        queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
    }
    assert!(queue.lock().output <= MAX_OUTPUT);
    let events = drain(&queue);
    let mut next = 0;
    let mut gaps = 0;
    for notice in events {
        let (offset, bytes) = match notice {
            Notification::RunGap(gap) => {
                gaps += 1;
                (gap.offset, gap.bytes)
            }
            Notification::RunOutput(output) => (output.offset, output_length(&output) as u64),
            other => panic!("{other:?}"),
        };
        assert_eq!(offset, next);
        next = offset + bytes;
    }
    assert_eq!((gaps, next), (1, (pieces * PIECE) as u64));
    let waiting = queue.lock();
    assert_eq!((waiting.output, waiting.other, waiting.by_run.len()), (0, 0, 0));
}

#[test]
fn a_flood_of_one_run_takes_nothing_from_another_and_no_notice() {
    let queue = Queue::new();
    queue.push(output(2, 0, 10), 10).unwrap();
    queue.push(ended(), 100).unwrap();
    for piece in 0..3 * MAX_OUTPUT / PIECE {
        queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
    }
    let events = drain(&queue);
    assert_eq!(events[0], output(2, 0, 10));
    assert_eq!(events[1], ended());
    assert!(matches!(events[2], Notification::RunGap(gap) if gap.run_id == RunId(1)));
}

#[test]
fn gaps_of_the_server_stay_apart_from_ours_unless_they_touch() {
    let queue = Queue::new();
    let theirs = RunGap { run_id: RunId(1), offset: 0, bytes: 5, reason: None };
    queue.push(Notification::RunGap(theirs), 50).unwrap();
    for piece in 0..=MAX_OUTPUT / PIECE {
        queue.push(output(1, 5 + piece * PIECE, PIECE), PIECE).unwrap();
    }
    let events = drain(&queue);
    let Notification::RunGap(gap) = events[0] else { panic!("{:?}", events[0]) };
    assert_eq!(gap.offset, 0);
    assert!(matches!(&events[1], Notification::RunOutput(output) if output.offset == gap.bytes));
}

#[tokio::test]
async fn held_output_waits_for_its_consumer() {
    let queue = Arc::new(Queue::new());
    queue.lock().max_output = MAX_HELD;
    for piece in 0..2 * MAX_OUTPUT / PIECE {
        queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
    }
    let room = queue.wait_for_room();
    tokio::pin!(room);
    let mut left = 2 * MAX_OUTPUT / PIECE;
    loop {
        tokio::select! {
            biased;
            () = &mut room => break,
            () = std::future::ready(()) => {}
        }
        let event = queue.pop();
        let is_output = matches!(event, Some(Event::Notice(Notification::RunOutput(_))));
        assert!(is_output, "nothing was skipped");
        left -= 1;
    }
    assert!((1..=MAX_OUTPUT / PIECE).contains(&left), "{left}");
}

#[test]
fn many_tiny_pieces_are_bounded_too() {
    let queue = Queue::new();
    for piece in 0..200_000 {
        queue.push(output(1, piece, 1), 60).unwrap();
    }
    assert!(queue.lock().items.len() <= MAX_OUTPUT / OVERHEAD + 1);
}

#[test]
fn notifications_without_a_consumer_end_the_session_rather_than_fill_the_memory() {
    let queue = Queue::new();
    let overflow = (0..1_000_000).find(|_| queue.push(ended(), 1_000).is_err());
    assert!(overflow.is_some_and(|count| count > 10_000));
}
