//! Finds the first entry from a time on, without reading what is before it.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};

use serde::Deserialize;
use topside_shared::Time;

/// A part of this length is not divided any more: it is read.
const PIECE: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Timed {
    time: Time,
}

/// Moves to the beginning of a line, at most [`PIECE`] and a line before the first one of this time. Each entry is later than
/// the one before it, unless the clock was set back.
pub(super) fn seek_to(file: &mut (impl Read + Seek), time: Time) -> io::Result<()> {
    // All lines before `begin` are earlier.
    let (mut begin, mut end) = (0, file.seek(SeekFrom::End(0))?);
    while end - begin > PIECE {
        let middle = begin + (end - begin) / 2;
        match line_after(file, middle)? {
            Some((start, found)) if start < end && found < time => begin = start,
            // It may also be a line that cannot be read: what is before it is searched.
            _ => end = middle,
        }
    }
    file.seek(SeekFrom::Start(begin)).map(drop)
}

/// Where the first whole line after `offset` begins, and its time; none: there is none, or it cannot be read.
fn line_after(file: &mut (impl Read + Seek), offset: u64) -> io::Result<Option<(u64, Time)>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let start = offset + reader.read_until(b'\n', &mut line)? as u64;
    line.clear();
    reader.read_until(b'\n', &mut line)?;
    let timed = serde_json::from_slice::<Timed>(&line).ok();
    Ok(timed.map(|timed| (start, timed.time)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    struct Counting(Cursor<Vec<u8>>, u64);

    impl Read for Counting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 += count as u64;
            Ok(count)
        }
    }

    impl Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn log(lines: i64) -> Vec<u8> {
        let line = |n: i64| {
            format!("{{\"seq\":{n},\"time\":\"{}\",\"x\":\"{}\"}}\n", at(n), "y".repeat(200))
        };
        (1..=lines).map(line).collect::<String>().into_bytes()
    }

    fn at(line: i64) -> Time {
        Time::from_millis(1_700_000_000_000 + line * 1_000)
    }

    /// All of the log was read.
    #[test]
    fn the_entries_of_the_last_minute_cost_the_same_in_a_short_log_and_a_long_one() {
        for lines in [4_000, 64_000] {
            let mut log = Counting(Cursor::new(log(lines)), 0);
            seek_to(&mut log, at(lines - 60)).unwrap();
            let mut rest = String::new();
            log.0.read_to_string(&mut rest).unwrap();
            let first = format!("{{\"seq\":{},", lines - 60);
            assert!(rest.lines().any(|line| line.starts_with(&first)), "{lines}");
            assert!(rest.len() < 2 * PIECE as usize, "{} bytes are left", rest.len());
            assert!(log.1 < 512 * 1024, "{} bytes were read to find them", log.1);
        }
    }

    #[test]
    fn no_entry_of_the_time_or_later_is_left_out() {
        let lines = 3_000;
        for from in [-5, 0, 1, 2, 700, 1_500, 2_999, 3_000, 3_001] {
            let mut log = Cursor::new(log(lines));
            seek_to(&mut log, at(from)).unwrap();
            let mut rest = String::new();
            log.read_to_string(&mut rest).unwrap();
            for line in from.max(1)..=lines {
                assert!(rest.contains(&format!("{{\"seq\":{line},")), "{line} from {from}");
            }
            assert!(rest.is_empty() || rest.starts_with("{\"seq\""));
        }
    }
}
