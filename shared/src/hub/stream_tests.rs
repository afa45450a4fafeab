//! The stream over a carrier in memory that can lose, repeat and reorder messages, in paused time.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::super::stream_state::{CREDIT, DATA, HEADER, MAX_CHUNK, MESSAGE_COST, WINDOW};
use super::*;

/// What happens to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    Repeated,
    /// It arrives behind the next one.
    Late,
}

/// One end of the carrier.
struct Memory {
    out: mpsc::UnboundedSender<Bytes>,
    incoming: mpsc::UnboundedReceiver<Bytes>,
    /// Keeps `incoming` open when the other end is dropped; without it, the hub is gone.
    _hub: Option<mpsc::UnboundedSender<Bytes>>,
    /// The message that has a fault, by its number.
    fault: Option<(usize, Fault)>,
    late: Option<Bytes>,
    sent: usize,
    /// Bytes of messages that the other end has not received, and the most there were.
    on_the_way: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Carrier for Memory {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, message: Bytes) -> io::Result<()> {
        let number = self.sent;
        self.sent += 1;
        let now = self.on_the_way.fetch_add(message.len(), Ordering::Relaxed) + message.len();
        self.most.fetch_max(now, Ordering::Relaxed);
        // Nothing receives once the other end is dropped, which a sender does not notice.
        let put = |message| {
            let _ = self.out.send(message);
            io::Result::Ok(())
        };
        match self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault) {
            None => put(message)?,
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Repeated) => {
                put(message.clone())?;
                put(message)?;
            }
            Some(Fault::Late) => {
                self.late = Some(message);
                return Ok(());
            }
        }
        self.late.take().map_or(Ok(()), put)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let lost = || io::Error::new(io::ErrorKind::ConnectionReset, "the hub is gone");
        let message = ready!(self.incoming.poll_recv(cx)).ok_or_else(lost)?;
        self.received.fetch_sub(message.len(), Ordering::Relaxed);
        Poll::Ready(Ok(message))
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Two ends of a carrier. The first sends the message with the fault.
fn carriers(fault: Option<(usize, Fault)>) -> (Memory, Memory) {
    let ((out, others), (back, incoming)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    // Repeated and lost messages are counted once: the counters may wrap, and `most` is for carriers without a fault.
    let (there, here) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hubs = (Some(back.clone()), Some(out.clone()));
    let end = |out, incoming, hub, fault, on_the_way: &Arc<_>, received: &Arc<_>| Memory {
        out,
        incoming,
        _hub: hub,
        fault,
        late: None,
        sent: 0,
        on_the_way: Arc::clone(on_the_way),
        received: Arc::clone(received),
        most: Arc::default(),
    };
    let one = end(out, incoming, hubs.0, fault, &there, &here);
    (one, end(back, others, hubs.1, None, &here, &there))
}

fn streams() -> (HubStream, HubStream) {
    let (one, two) = carriers(None);
    (HubStream::start(one), HubStream::start(two))
}

/// Runs a test in paused time: it advances where every task waits.
fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Writes in pieces of these sizes in turn, and ends its side.
async fn write_all(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    pieces: &[usize],
) -> io::Result<()> {
    let mut rest = bytes;
    for size in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        stream.write_all(piece).await?;
        rest = after;
    }
    stream.shutdown().await
}

/// What is read up to the end, and the error that ends it.
async fn read_all(
    stream: &mut (impl AsyncRead + Unpin),
    size: usize,
) -> (Vec<u8>, Option<io::Error>) {
    let (mut read, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return (read, None),
            Ok(count) => read.extend_from_slice(&buffer[..count]),
            Err(error) => return (read, Some(error)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_arrive_in_both_directions_in_pieces_of_any_size(
        there in 0usize..600_000, back in 0usize..600_000,
        pieces in proptest::collection::vec(1usize..100_000, 1..4), size in 1usize..100_000,
    ) {
        // Few bytes at a time are a matter of time only.
        let (there, back) = if size < 500 { (there / 100, back / 100) } else { (there, back) };
        run(async {
            let (mut one, mut two) = streams();
            let (there, back) = (pattern(there), pattern(back));
            let far = async {
                let (mut from, mut to) = tokio::io::split(&mut two);
                tokio::join!(read_all(&mut from, size), write_all(&mut to, &back, &pieces))
            };
            let near = async {
                let (mut from, mut to) = tokio::io::split(&mut one);
                tokio::join!(read_all(&mut from, size), write_all(&mut to, &there, &pieces))
            };
            let (far, near) = tokio::join!(far, near);
            assert!(far.0.0 == there && far.0.1.is_none() && far.1.is_ok());
            assert!(near.0.0 == back && near.0.1.is_none() && near.1.is_ok());
        });
    }

    #[test]
    fn a_lost_repeated_or_late_message_never_looks_like_the_end(
        length in 1usize..500_000, at in 0usize..12, piece in 1_000usize..100_000,
        fault in prop_oneof![Just(Fault::Lost), Just(Fault::Repeated), Just(Fault::Late)],
        of_the_reader in any::<bool>(),
    ) {
        run(async {
            let (faulty, whole) = carriers(Some((at, fault)));
            let (faulty, whole) = (HubStream::start(faulty), HubStream::start(whole));
            // The fault is in a message of data or in one of credit.
            let (mut writer, mut reader) = if of_the_reader { (whole, faulty) } else { (faulty, whole) };
            let bytes = pattern(length);
            let sending = async {
                let written = write_all(&mut writer, &bytes, &[piece]).await;
                // Its end is open until the reader has finished.
                (written, writer)
            };
            let ((_written, _writer), (read, error)) = tokio::join!(sending, read_all(&mut reader, 50_000));
            assert!(bytes.starts_with(&read), "what is read is what was written");
            assert!(read.len() == length || error.is_some(), "read {} of {length}", read.len());
        });
    }

    #[test]
    fn no_message_makes_the_stream_fail(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
    ) {
        run(async {
            let (one, two) = carriers(None);
            let mut stream = HubStream::start(one);
            for (number, mut message) in messages.into_iter().enumerate() {
                if message.len() >= HEADER {
                    message[0] %= 5;
                    message[1..HEADER].copy_from_slice(&(number as u64).to_be_bytes());
                }
                two.out.send(message.into()).unwrap();
            }
            let _ = read_all(&mut stream, 1_000).await;
        });
    }
}

#[test]
fn a_reader_that_stops_holds_the_writer_within_the_window() {
    for piece in [1, 700, MAX_CHUNK] {
        run(async {
            let (one, two) = carriers(None);
            let most = Arc::clone(&one.most);
            let (mut writer, mut reader) = (HubStream::start(one), HubStream::start(two));
            let bytes = vec![7; piece];
            let mut written = 0;
            while let Ok(done) =
                tokio::time::timeout(Duration::from_secs(1), writer.write_all(&bytes)).await
            {
                done.unwrap();
                written += piece;
                tokio::task::yield_now().await;
            }
            // The window, what fits into the pipes at both ends, and the last piece.
            assert!(written <= WINDOW + 3 * MAX_CHUNK, "{written}");
            assert!(most.load(Ordering::Relaxed) <= WINDOW + WINDOW / MESSAGE_COST * HEADER);
            assert!(!writer.is_acknowledged());
            // Once it reads again, the rest follows.
            drop(writer);
            let (read, error) = read_all(&mut reader, 50_000).await;
            assert!(error.is_none() && read.len() >= written, "{} of {written}", read.len());
        });
    }
}

#[test]
fn what_was_written_arrives_although_the_writer_is_dropped_at_once() {
    run(async {
        let (mut writer, mut reader) = streams();
        writer.write_all(&pattern(MAX_CHUNK)).await.unwrap();
        drop(writer);
        let (read, error) = read_all(&mut reader, 10_000).await;
        assert!(read == pattern(MAX_CHUNK) && error.is_none(), "{error:?}");
        assert!(reader.is_gone());
        reader.write_all(&pattern(2 * MAX_CHUNK)).await.unwrap_err();
    });
}

#[test]
fn what_a_peer_sent_before_it_closed_stays_to_be_read() {
    run(async {
        let (mut writer, mut reader) = streams();
        writer.write_all(&pattern(MAX_CHUNK)).await.unwrap();
        drop(writer);
        tokio::time::sleep(2 * DEAD_AFTER).await;
        assert!(reader.is_gone());
        let (read, error) = read_all(&mut reader, 10_000).await;
        assert!(read == pattern(MAX_CHUNK) && error.is_none(), "{error:?}");
    });
}

#[test]
fn each_end_knows_what_the_other_has_done() {
    run(async {
        let (mut one, mut two) = streams();
        one.write_all(b"hello").await.unwrap();
        assert_eq!(two.first_byte().await, Some(b'h'));
        assert!(!two.is_half_closed() && !one.is_acknowledged());
        one.shutdown().await.unwrap();
        let (read, error) = read_all(&mut two, 100).await;
        assert!(read == b"hello" && error.is_none());
        assert!(two.is_half_closed() && !two.is_gone());
        while !one.is_acknowledged() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        two.write_all(b"bye").await.unwrap();
        drop(two);
        let (read, error) = read_all(&mut one, 100).await;
        assert!(read == b"bye" && error.is_none() && one.is_gone());
    });
    run(async {
        let (one, mut two) = streams();
        drop(one);
        assert_eq!(two.first_byte().await, None);
        assert!(read_all(&mut two, 100).await.1.is_none());
    });
}

#[test]
fn a_peer_that_falls_silent_and_a_hub_that_is_gone_end_the_stream_with_the_reason() {
    run(async {
        let (one, two) = carriers(None);
        let mut stream = HubStream::start(one);
        // A sign of life between two of this end's own.
        tokio::time::sleep(Duration::from_secs(3)).await;
        two.out.send(Bytes::from_static(&[CREDIT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).unwrap();
        let begun = Instant::now();
        let (_, error) = read_all(&mut stream, 100).await;
        assert_eq!(error.unwrap().to_string(), "the other end has been silent for 30 s");
        assert_eq!(begun.elapsed().as_secs(), 30);
        assert!(stream.is_gone());
        let error = stream.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(two);
    });
    run(async {
        let (mut one, two) = carriers(None);
        one._hub = None;
        let mut stream = HubStream::start(one);
        drop(two);
        let (_, error) = read_all(&mut stream, 100).await;
        assert_eq!(error.unwrap().to_string(), "the hub is gone");
    });
    // Two ends that say nothing stay connected.
    run(async {
        let (mut one, mut two) = streams();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        one.write_all(b"still here").await.unwrap();
        let mut read = [0; 10];
        two.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"still here");
    });
}

#[test]
fn a_peer_that_sends_more_than_the_window_is_cut_off() {
    run(async {
        let (one, two) = carriers(None);
        let stream = HubStream::start(one);
        let message = |number: u64, kind, payload: &[u8]| {
            Bytes::from([&[kind], number.to_be_bytes().as_slice(), payload].concat())
        };
        for number in 0..8 {
            two.out.send(message(number, DATA, &[7; MAX_CHUNK])).unwrap();
        }
        let mut stream = stream;
        while !stream.is_gone() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (_, error) = read_all(&mut stream, 100_000).await;
        assert_eq!(error.unwrap().to_string(), "the other end sent more than it may");

        let (one, two) = carriers(None);
        let mut stream = HubStream::start(one);
        two.out.send(message(0, CREDIT, &1u32.to_be_bytes())).unwrap();
        let (_, error) = read_all(&mut stream, 100).await;
        assert_eq!(error.unwrap().to_string(), "the other end sent more than it may");
    });
}

#[test]
fn records_that_are_written_together_are_one_message() {
    run(async {
        let (one, mut two) = carriers(None);
        let mut writer = HubStream::start(one);
        let (first, second) = (pattern(16_000), pattern(50_000));
        let written = writer.write_vectored(&[IoSlice::new(&first), IoSlice::new(&second)]).await;
        // The rest did not fit.
        assert_eq!(written.unwrap(), MAX_CHUNK);
        let message = two.incoming.recv().await.unwrap();
        assert_eq!(message.len(), HEADER + MAX_CHUNK);
        assert_eq!(message[HEADER..HEADER + first.len()], first);
        assert_eq!(message[HEADER + first.len()..], second[..MAX_CHUNK - first.len()]);
    });
}
