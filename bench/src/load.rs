//! Load generator: a closed loop over many connections on one thread, with one request in flight on each. It is the same for
//! every kind of server.

use std::io::{self, BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::connect::{Connect, Connection};
use crate::exchange::{self, AnswerEnd, Exchange};

/// A server that sends nothing for this time has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Interval between two of the pings of [`pings_during`]: short enough to measure, too long to be a load.
const PAUSE: Duration = Duration::from_millis(5);

/// What one slice of load gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadResult {
    /// Requests answered.
    pub(crate) requests: u64,
    /// A second.
    pub(crate) rate: f64,
    /// Half of the answers took no longer, in ms.
    pub(crate) p50: f64,
    /// And 99 of 100.
    pub(crate) p99: f64,
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Pool {
    epoll: OwnedFd,
    conns: Vec<PooledConnection>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct PooledConnection {
    stream: Connection,
    /// Bytes of the answer so far, and whether it began as it should.
    have: usize,
    sent: Instant,
}

impl Pool {
    pub(crate) fn connect(server: &dyn Connect, count: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut pool = Self { epoll, conns: Vec::new(), buffer: vec![0; 256 * 1024] };
        pool.grow(server, count)?;
        Ok(pool)
    }

    /// Connects until there are `count`.
    pub(crate) fn grow(&mut self, server: &dyn Connect, count: usize) -> io::Result<()> {
        let now = Instant::now();
        while self.conns.len() < count {
            let stream = server.connect()?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(self.conns.len() as u64);
            epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
            self.conns.push(PooledConnection { stream, have: 0, sent: now });
        }
        Ok(())
    }

    /// Keeps all connections busy with `talk` for `slice`.
    pub(crate) fn load(&mut self, exchange: &Exchange, slice: Duration) -> io::Result<LoadResult> {
        self.exchange(exchange, 0, Instant::now() + slice)
    }

    /// Sends `talk` once on each connection from number `from` on, and takes the answers.
    pub(crate) fn each(&mut self, exchange: &Exchange, from: usize) -> io::Result<LoadResult> {
        self.exchange(exchange, from, Instant::now())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange,
        from: usize,
        until: Instant,
    ) -> io::Result<LoadResult> {
        let mut times: Vec<u32> = Vec::with_capacity(1 << 16);
        let mut events = Vec::with_capacity(1024);
        let started = Instant::now();
        for conn in &mut self.conns[from..] {
            conn.send(exchange)?;
        }
        let mut waiting = self.conns.len() - from;
        let mut now = started;
        while waiting > 0 {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let conn = &mut self.conns[event.data.u64() as usize];
                if !conn.receive(&mut self.buffer, Some(exchange.begins), exchange.end)? {
                    continue;
                }
                now = Instant::now();
                times.push(u32::try_from((now - conn.sent).as_nanos()).unwrap_or(u32::MAX));
                if now < until {
                    conn.send(exchange)?;
                } else {
                    waiting -= 1;
                }
            }
        }
        let requests = times.len() as u64;
        times.sort_unstable();
        let at = |part: usize| {
            let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |ns| f64::from(*ns) / 1e6)
        };
        let rate = requests as f64 / (now - started).as_secs_f64();
        Ok(LoadResult { requests, rate, p50: at(50), p99: at(99) })
    }

    /// Waits until each connection has got one more message without a request.
    pub(crate) fn receive(&mut self, end: AnswerEnd) -> io::Result<()> {
        let mut events = Vec::with_capacity(1024);
        let mut waiting = self.conns.len();
        while waiting > 0 {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let conn = &mut self.conns[event.data.u64() as usize];
                if conn.receive(&mut self.buffer, None, end)? {
                    waiting -= 1;
                }
            }
        }
        Ok(())
    }

    /// Reads what comes until every connection has ended; each must have got the
    /// text `last`, if there is one.
    pub(crate) fn ended(mut self, last: Option<&str>) -> io::Result<()> {
        let mut events = Vec::with_capacity(1024);
        let mut told = vec![last.is_none(); self.conns.len()];
        let mut conns: Vec<Option<PooledConnection>> = self.conns.drain(..).map(Some).collect();
        let mut waiting = conns.len();
        while waiting > 0 {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let index = event.data.u64() as usize;
                let Some(conn) = &mut conns[index] else { continue };
                let count = match conn.stream.read(&mut self.buffer) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    // Redis resets who has not read.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                    Err(error) => return Err(error),
                };
                if count == 0 {
                    // Closed at once: the server waits for that.
                    conns[index] = None;
                    waiting -= 1;
                } else if let Some(last) = last {
                    told[index] |= holds(&self.buffer[..count], last.as_bytes());
                }
            }
        }
        match told.iter().filter(|told| !**told).count() {
            0 => Ok(()),
            missed => Err(io::Error::other(format!("{missed} clients were not told of the end"))),
        }
    }
}

impl PooledConnection {
    fn send(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.have = 0;
        self.sent = Instant::now();
        self.stream.write_all(&exchange.request)
    }

    /// Reads what there is; whether the message is whole.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        begins: Option<&[u8]>,
        end: AnswerEnd,
    ) -> io::Result<bool> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(io::Error::other("a server closed a connection")),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let bytes = &buffer[..count];
        if self.have == 0
            && let Some(begins) = begins
            && !bytes.starts_with(begins)
        {
            let text = String::from_utf8_lossy(&bytes[..count.min(300)]);
            return Err(io::Error::other(format!("not the answer that was expected: {text}")));
        }
        self.have += count;
        let whole = match end {
            AnswerEnd::Line => bytes.ends_with(b"\n"),
            AnswerEnd::Bytes(wanted) => self.have >= wanted,
        };
        if whole {
            self.have = 0;
        }
        Ok(whole)
    }
}

fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<()> {
    let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    loop {
        match epoll::wait(epoll, spare_capacity(events), Some(&timeout)) {
            Ok(0) => return Err(io::Error::other("a server did not answer in time")),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// One connection that asks one thing after the other.
#[derive(Debug)]
pub(crate) struct Client(Connection);

impl Client {
    pub(crate) fn connect(server: &dyn Connect) -> io::Result<Self> {
        let stream = server.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Sends, without waiting for an answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.0.write_all(request)
    }

    /// Reads until a line ends that answers our request, and says how many bytes that took. What
    /// comes before it must not hold the text `"result":`.
    pub(crate) fn answer(&mut self) -> io::Result<u64> {
        let mut buffer = vec![0; 256 * 1024];
        let mut tail: Vec<u8> = Vec::new();
        let mut bytes = 0;
        loop {
            let count = match self.0.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => count,
            };
            bytes += count as u64;
            // The answer itself is short.
            tail.extend_from_slice(&buffer[count.saturating_sub(2048)..count]);
            tail.drain(..tail.len().saturating_sub(2048));
            if tail.ends_with(b"\n") {
                if holds(&tail, b"\"result\":") {
                    return Ok(bytes);
                }
                if holds(&tail, b"\"error\":") {
                    return Err(io::Error::other(String::from_utf8_lossy(&tail).into_owned()));
                }
            }
        }
    }

    /// Sends and takes the answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<u64> {
        self.send(request)?;
        self.answer()
    }

    /// Sends, and takes the line that comes.
    pub(crate) fn text(&mut self, request: &[u8]) -> io::Result<String> {
        self.send(request)?;
        let mut text = String::new();
        io::BufReader::new(&mut self.0).read_line(&mut text)?;
        Ok(text)
    }

    /// Takes a short answer of any form, in one read.
    pub(crate) fn take(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0; 1024])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Pings as another client while `work` runs, or until it sets the flag that it is given; how long each took, in ms, and
/// the result of `work`.
pub(crate) fn pings_during<T>(
    server: &(dyn Connect + Sync),
    work: impl FnOnce(&AtomicBool) -> io::Result<T>,
) -> io::Result<(Vec<f64>, T)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pings = scope.spawn(|| pings(server, &done));
        let result = work(&done);
        done.store(true, Ordering::Relaxed);
        let times = pings.join().map_err(|_| io::Error::other("the pings have failed"))?;
        Ok((times?, result?))
    })
}

fn pings(server: &dyn Connect, done: &AtomicBool) -> io::Result<Vec<f64>> {
    let mut line = Client::connect(server)?;
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        line.ask(&exchange::ping().request)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    Ok(times)
}
