//! What the screen sends to its terminal: bytes for a key and for a line of output, and keys over a slow line.

use std::io;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::terminal::{Line, Terminal};
use crate::goal::Goal;
use crate::report::Report;
use crate::servers::{Programs, ServerKind};
use crate::settings::Settings;
use crate::statistics::{Series, median, percentile};

/// The last is of a terminal that never answers.
const SLOW: [Line; 3] = [
    Line { baud: 9_600, answers: true },
    Line { baud: 115_200, answers: true },
    Line { baud: 9_600, answers: false },
];
/// Lines of the command `tick`, each with its line ending, and between two of them.
pub(crate) const LINES: u32 = 40;
pub(crate) const LINE_BYTES: usize = 67;
pub(crate) const LINE_INTERVAL: Duration = Duration::from_millis(200);
/// No more is drawn for a key after this time.
const SETTLED: Duration = Duration::from_millis(150);
const KEYS: usize = 10;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [mut key, mut line] = [(); 2].map(|()| Series::default());
    let Some(server) = programs.start(ServerKind::Ours, 0)? else { return Ok(()) };
    let Some(terminal) = Terminal::start(programs, &server, None)? else { return Ok(()) };
    std::thread::sleep(SETTLED);
    for _ in 0..KEYS {
        terminal.write("Z")?;
        terminal.until("Z")?;
        std::thread::sleep(SETTLED);
        key.ours.push(terminal.drawn() as f64);
    }
    terminal.clear()?;
    terminal.write("tick\r")?;
    terminal.until("line-2")?;
    // From here on only lines are drawn.
    terminal.write("")?;
    std::thread::sleep(LINE_INTERVAL * LINES / 2);
    line.ours.push(terminal.drawn() as f64 / f64::from(LINES / 2));
    drop(terminal);
    report.add("topside: bytes sent for a key", "", key, &[Goal::at_most(30.0)]);
    let most = (4 * LINE_BYTES) as f64;
    let work = format!("topside: bytes sent for a line of {LINE_BYTES} bytes");
    report.add(work, "", line, &[Goal::at_most(most)]);
    for slow in SLOW {
        let terminal = Terminal::start(programs, &server, Some(slow))?;
        let Some(terminal) = terminal else { return Ok(()) };
        terminal.write("tick\r")?;
        terminal.until("line-2")?;
        let time = if settings.rounds < 5 { LINE_INTERVAL * 10 } else { LINE_INTERVAL * 30 };
        let (times, _) = terminal.keys(time, &AtomicBool::new(false))?;
        let keys = Series::alone([median(&times).unwrap_or(0.0)]);
        let Line { baud, answers } = slow;
        let silent = if answers { "" } else { " to a terminal that never answers" };
        let work = format!("topside: a key at {baud} baud{silent}, with five lines a second");
        report.add(work, "ms", keys, &[Goal::at_most(300.0)]);
        let slow = Series::alone([percentile(times, 99)]);
        report.add("  p99", "ms", slow, &[]);
    }
    Ok(())
}
