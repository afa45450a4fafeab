//! Latency of the keyboard on the screen while output floods it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::stopped_reader::until_ended;
use super::terminal::{PATIENCE, Terminal};
use crate::goal::Goal;
use crate::load::pings_during;
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind, in_session};
use crate::settings::Settings;
use crate::statistics::{Series, percentile};

/// How long the screen is left alone while its wake-ups are counted.
const IDLE: Duration = Duration::from_secs(5);
/// So many times as much as a stopped reader gets: a second of typing has few keys.
const TIMES: u64 = 16;
/// What prints keys beside the screen.
const ECHO: &str = "cat";

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [mut rate, mut ping, mut calm] = [(); 3].map(|()| Series::default());
    let [mut before, mut growth, mut screen, mut most, mut late] =
        [(); 5].map(|()| Series::default());
    let flood = settings.flood_bytes * TIMES;
    let [mut first, mut wakes] = [(); 2].map(|()| Series::default());
    // Of all rounds together: a percentile of few is their slowest.
    let (mut typed_keys, mut contended_keys) = <(Vec<_>, Vec<_>)>::default();
    let (mut echoed_keys, mut contended_echoes) = <(Vec<_>, Vec<_>)>::default();
    for _ in 0..settings.rounds.min(3) {
        let Some(server) = programs.start(ServerKind::Ours, flood)? else { return Ok(()) };
        let Some(terminal) = Terminal::start(programs, &server, None)? else { return Ok(()) };
        let echo = Terminal::echo()?;
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
        let Flood { keys, echoes, memory, pings, time } = flooded(&server, &terminal, &echo, 1)?;
        rate.ours.push(flood as f64 / 1e6 / time.as_secs_f64());
        ping.ours.push(percentile(pings, 99));
        typed_keys.extend(keys);
        echoed_keys.extend(echoes);
        before.ours.push(ours / 1024.0);
        growth.ours.push((server.peak()? - ours) / 1024.0);
        let (start, second) = memory.split_at(memory.len() / 2);
        let largest = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
        screen.ours.push(theirs / 1024.0);
        most.ours.push(largest(&memory) / 1024.0);
        late.ours.push((largest(second) - largest(start)).max(0.0) / 1024.0);
        let _spinner = Spinner::start(programs)?;
        let Flood { keys, echoes, .. } = flooded(&server, &terminal, &echo, 2)?;
        contended_keys.extend(keys);
        contended_echoes.extend(echoes);
    }
    let key = beside_echo(typed_keys, echoed_keys);
    let contended = beside_echo(contended_keys, contended_echoes);
    report.add(format!("{} MiB to a live screen", flood >> 20), "MB/s", rate, &[]);
    report.add("  memory of the server before", "MiB", before, &[]);
    report.add("  the most that it grew meanwhile", "MiB", growth, &[Goal::at_most(8.0)]);
    report.add("  memory of the screen before", "MiB", screen, &[]);
    // 200,000 lines of it are kept, which is what fills the first half.
    report.add("  the most of it, with what it keeps", "MiB", most, &[]);
    report.add("  growth in the second half of the flood", "MiB", late, &[Goal::at_most(4.0)]);
    report.add("  p99 of another client's ping", "ms", ping, &[Goal::at_most(100.0)]);
    let row = report.add("  p99 from a key to its frame", "ms", key, &[Goal::at_most(16.0)]);
    row.beside(ECHO, "");
    let work = "  the same beside a process that takes a core";
    report.add(work, "ms", contended, &[Goal::at_most(16.0)]).beside(ECHO, "");
    report.add("  the same without a flood", "ms", calm, &[]);
    report.add("topside: start to the first menu", "ms", first, &[Goal::at_most(30.0)]);
    report.add("topside: wake-ups in 5 s of idling", "", wakes, &[Goal::at_most(0.0)]);
    Ok(())
}

/// The 99th percentile of keys on the screen, and on the terminal that prints them.
fn beside_echo(keys: Vec<f64>, echoes: Vec<f64>) -> Series {
    let (ours, raw) = (vec![percentile(keys, 99)], vec![percentile(echoes, 99)]);
    Series { ours, raw, ..Series::default() }
}

/// One flood of the screen.
struct Flood {
    /// From each key to its frame, in ms.
    keys: Vec<f64>,
    /// From each key to its echo, on a terminal with `cat` meanwhile, in ms.
    echoes: Vec<f64>,
    /// Memory of the screen meanwhile, in KiB.
    memory: Vec<f64>,
    /// Pings of another client meanwhile, in ms.
    pings: Vec<f64>,
    time: Duration,
}

/// The flood of this number on a server.
fn flooded(
    server: &Server,
    terminal: &Terminal,
    echo: &Terminal,
    number: usize,
) -> io::Result<Flood> {
    let started = Instant::now();
    let (pings, (typed, echoed, time)) = pings_during(&server.socket, |done| {
        std::thread::scope(|scope| {
            let typed = scope.spawn(|| terminal.flood(done));
            let echoed = scope.spawn(|| echo.keys(PATIENCE, done));
            let ended = until_ended(server, number).map(|()| started.elapsed());
            done.store(true, Ordering::Relaxed);
            let failed = |_| io::Error::other("the keys have failed");
            let (typed, echoed) = (typed.join().map_err(failed)?, echoed.join().map_err(failed)?);
            Ok((typed?, echoed?, ended?))
        })
    })?;
    let ((keys, memory), (echoes, _)) = (typed, echoed);
    Ok(Flood { keys, echoes, memory, pings, time })
}

/// A process that takes a core until it is dropped.
struct Spinner(std::process::Child);

impl Spinner {
    fn start(programs: &Programs) -> io::Result<Self> {
        in_session(programs.own()).arg("spin").spawn().map(Self)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
