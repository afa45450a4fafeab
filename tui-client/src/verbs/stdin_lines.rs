//! Standard input, line by line.

use std::io::{BufRead, IsTerminal, Read};

use tokio::sync::mpsc;
use topside_shared::frame::MAX_LINE_IN;

/// A line of standard input.
pub(super) enum StdinLine {
    Line(Vec<u8>),
    /// Longer than the server takes; the rest of it was skipped.
    TooLong,
    Failed(std::io::Error),
    /// Ctrl-D at a terminal, where more lines may follow. The end of other input closes the channel.
    End,
}

/// Reads standard input on a thread of its own, at most one line ahead: a read cannot be interrupted, and the thread ends
/// with the process.
pub(super) fn read_input() -> mpsc::Receiver<StdinLine> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let is_terminal = input.is_terminal();
        let mut is_first = true;
        loop {
            let line = match read_line(&mut input) {
                Some(line) if std::mem::take(&mut is_first) => without_mark(line),
                Some(line) => line,
                // A closed terminal gives this again and again, and the first one that nothing takes blocks.
                None if is_terminal => StdinLine::End,
                None => return,
            };
            let failed = matches!(line, StdinLine::Failed(_));
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    lines
}

/// The first line without the byte order mark that some programs write before UTF-8.
fn without_mark(line: StdinLine) -> StdinLine {
    match line {
        StdinLine::Line(line)
            if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) =>
        {
            StdinLine::Failed(std::io::Error::other("it is UTF-16; write it as UTF-8"))
        }
        StdinLine::Line(mut line) if line.starts_with("\u{feff}".as_bytes()) => {
            line.drain(.."\u{feff}".len());
            StdinLine::Line(line)
        }
        other => other,
    }
}

/// One line without its ending; the last may have none.
fn read_line(input: &mut impl BufRead) -> Option<StdinLine> {
    let mut line = Vec::new();
    let cap = MAX_LINE_IN as u64 + 2;
    match input.by_ref().take(cap).read_until(b'\n', &mut line) {
        Ok(0) => return None,
        Ok(_) => {}
        Err(error) => return Some(StdinLine::Failed(error)),
    }
    let ended = line.pop_if(|byte| *byte == b'\n').is_some();
    line.pop_if(|byte| *byte == b'\r');
    if line.len() <= MAX_LINE_IN {
        return Some(StdinLine::Line(line));
    }
    if !ended && let Err(error) = input.skip_until(b'\n') {
        return Some(StdinLine::Failed(error));
    }
    Some(StdinLine::TooLong)
}
