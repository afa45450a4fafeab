//! Latency of the keyboard on the screen while output floods it.

use std::fs;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::stopped_reader::until_ended;
use crate::goal::Goal;
use crate::load::pings;
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind};
use crate::settings::Settings;
use crate::statistics::{Series, percentile};

const SIZE: PtySize = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
/// Keys in one line.
const LINE: usize = 30;
/// Between two keys.
const KEYS: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the screen is left alone while its wake-ups are counted.
const IDLE: Duration = Duration::from_secs(5);
/// So many times as much as a stopped reader gets: a second of typing has few keys.
const TIMES: u64 = 16;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [mut rate, mut ping, mut key, mut calm] = [(); 4].map(|()| Series::default());
    let [mut before, mut growth, mut screen, mut most, mut late] =
        [(); 5].map(|()| Series::default());
    let flood = settings.flood_bytes * TIMES;
    let [mut first, mut wakes] = [(); 2].map(|()| Series::default());
    // Of all rounds together: a percentile of few is their slowest.
    let (mut typed_keys, mut contended_keys) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds.min(3) {
        let Some(server) = programs.start(ServerKind::Ours, flood)? else { return Ok(()) };
        let Some(terminal) = Terminal::start(programs, &server)? else { return Ok(()) };
        first.ours.push(terminal.first_frame.as_secs_f64() * 1e3);
        server.settle()?;
        if wakes.ours.is_empty() {
            let before = terminal.wakes()?;
            std::thread::sleep(IDLE);
            wakes.ours.push(terminal.wakes()? - before);
        }
        let (ours, theirs) = (server.memory()?, terminal.memory()?);
        server.forget_peak()?;
        calm.ours.push(percentile(
            terminal.keys(Duration::from_secs(2), &AtomicBool::new(false))?.0,
            99,
        ));
        let ((times_of_keys, samples), times, ended) = flooded(&server, &terminal)?;
        rate.ours.push(flood as f64 / 1e6 / ended.as_secs_f64());
        ping.ours.push(percentile(times, 99));
        typed_keys.extend(times_of_keys);
        before.ours.push(ours / 1024.0);
        growth.ours.push((server.peak()? - ours) / 1024.0);
        let (start, second) = samples.split_at(samples.len() / 2);
        let largest = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
        screen.ours.push(theirs / 1024.0);
        most.ours.push(largest(&samples) / 1024.0);
        late.ours.push((largest(second) - largest(start)).max(0.0) / 1024.0);
        let _spinner = Spinner::start(programs)?;
        contended_keys.extend(flooded(&server, &terminal)?.0.0);
    }
    key.ours.push(percentile(typed_keys, 99));
    let contended = Series { ours: vec![percentile(contended_keys, 99)], ..Series::default() };
    report.add(format!("{} MiB to a live screen", flood >> 20), "MB/s", rate, &[]);
    report.add("  memory of the server before", "MiB", before, &[]);
    report.add("  the most that it grew meanwhile", "MiB", growth, &[Goal::at_most(8.0)]);
    report.add("  memory of the screen before", "MiB", screen, &[]);
    // 200,000 lines of it are kept, which is what fills the first half.
    report.add("  the most of it, with what it keeps", "MiB", most, &[]);
    report.add("  growth in the second half of the flood", "MiB", late, &[Goal::at_most(4.0)]);
    report.add("  p99 of another client's ping", "ms", ping, &[Goal::at_most(100.0)]);
    report.add("  p99 from a key to its frame", "ms", key, &[Goal::at_most(16.0)]);
    let work = "  the same beside a process that takes a core";
    report.add(work, "ms", contended, &[Goal::at_most(16.0)]);
    report.add("  the same without a flood", "ms", calm, &[]);
    report.add("topside: start to the first menu", "ms", first, &[Goal::at_most(30.0)]);
    report.add("topside: wake-ups in 5 s of idling", "", wakes, &[Goal::at_most(0.0)]);
    Ok(())
}

/// One flood of the screen: the times of its keys and its memory, the times of another client's pings, and how long it took.
type Flooded = ((Vec<f64>, Vec<f64>), Vec<f64>, Duration);

fn flooded(server: &Server, terminal: &Terminal) -> io::Result<Flooded> {
    let done = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let pings = scope.spawn(|| pings(&server.socket, &done));
        let typed = scope.spawn(|| terminal.flood(&done));
        let ended = until_ended(server).map(|()| started.elapsed());
        done.store(true, Ordering::Relaxed);
        let failed = |_| io::Error::other("a thread of the measurement has failed");
        let (typed, pings) = (typed.join().map_err(failed)?, pings.join().map_err(failed)?);
        Ok((typed?, pings?, ended?))
    })
}

/// A process that takes a core until it is dropped.
struct Spinner(std::process::Child);

impl Spinner {
    fn start(programs: &Programs) -> io::Result<Self> {
        std::process::Command::new(programs.own()).arg("spin").spawn().map(Self)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The screen in a terminal of its own. What it draws is searched, not shown: a terminal takes time that the screen
/// needs here.
struct Terminal {
    drawn: Arc<TerminalOutput>,
    writer: Mutex<Box<dyn Write + Send>>,
    child: Mutex<Box<dyn Child + Send + Sync>>,
    pid: u32,
    /// From the start of the program to its first menu.
    first_frame: Duration,
    _master: Mutex<Box<dyn MasterPty + Send>>,
}

/// What was drawn since it was looked for last.
#[derive(Default)]
struct TerminalOutput {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

impl TerminalOutput {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this word was drawn: a space where there was one is not drawn again.
    fn until(&self, text: &str) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = self.bytes();
        while !bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::other(format!("the screen does not draw `{text}`")));
            }
            let waited = self.more.wait_timeout(bytes, left);
            bytes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Terminal {
    /// Opens one at a server; none where there is no `topside`.
    fn start(programs: &Programs, server: &Server) -> io::Result<Option<Self>> {
        let Some(topside) = programs.topside() else { return Ok(None) };
        let pair = native_pty_system().openpty(SIZE).map_err(io::Error::other)?;
        let mut command = CommandBuilder::new(topside);
        command.args(["connect", "this machine"]);
        command.env("TERM", "xterm-256color");
        command.cwd(server.directory());
        for (name, value) in server.variables() {
            command.env(name, value);
        }
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).map_err(io::Error::other)?;
        drop(pair.slave);
        let pid = child.process_id().unwrap_or_default();
        let drawn = Arc::new(TerminalOutput::default());
        let mut reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
        let drained = Arc::clone(&drawn);
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                drained.bytes().extend_from_slice(&buffer[..count]);
                drained.more.notify_all();
            }
        });
        let writer = Mutex::new(pair.master.take_writer().map_err(io::Error::other)?);
        let (child, master) = (Mutex::new(child), Mutex::new(pair.master));
        let first_frame = Duration::ZERO;
        let mut terminal = Self { drawn, writer, child, pid, first_frame, _master: master };
        terminal.drawn.until("try:")?;
        terminal.first_frame = started.elapsed();
        Ok(Some(terminal))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.drawn.bytes().clear();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        writer.flush()
    }

    /// Resident memory in KiB.
    fn memory(&self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let number = line.trim().trim_end_matches(" kB");
        number.parse().map_err(|_| io::Error::other("status names no VmRSS"))
    }

    /// How often one of its threads has gone to sleep, which is how often it was woken.
    fn wakes(&self) -> io::Result<f64> {
        let mut wakes = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            wakes += line.and_then(|number| number.trim().parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(wakes)
    }

    /// Types until the flood is over; how long each key took to its frame in ms, and the memory meanwhile in KiB.
    fn flood(&self, done: &AtomicBool) -> io::Result<(Vec<f64>, Vec<f64>)> {
        self.write("gush\r")?;
        self.drawn.until("quick")?;
        self.keys(PATIENCE, done)
    }

    /// The same for so long, or until it is over.
    fn keys(&self, time: Duration, done: &AtomicBool) -> io::Result<(Vec<f64>, Vec<f64>)> {
        let (mut times, mut samples) = (Vec::new(), Vec::new());
        let until = Instant::now() + time;
        while !done.load(Ordering::Relaxed) && Instant::now() < until {
            // Nothing else on the screen has these. The lines take turns: a screen that takes an emptied line and its
            // first key together would draw nothing where that was there before.
            let key = if (times.len() / LINE).is_multiple_of(2) { "Z" } else { "Q" };
            let started = Instant::now();
            self.write(key)?;
            self.drawn.until(key)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            samples.push(self.memory()?);
            std::thread::sleep(KEYS.saturating_sub(started.elapsed()));
            if times.len() % LINE == 0 {
                self.clear()?;
            }
        }
        self.clear()?;
        Ok((times, samples))
    }

    /// Takes back what was typed, and leaves time for that.
    fn clear(&self) -> io::Result<()> {
        self.write("\x15")?;
        std::thread::sleep(2 * KEYS);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}
