//! A large audit log: the newest entries of it, shown by `topsided audit show`.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use topside_shared::Time;

use super::add_curves;
use crate::goal::Goal;
use crate::report::Report;
use crate::servers::{self, Programs};
use crate::settings::Settings;
use crate::statistics::{Series, median};

const MEGABYTES: [usize; 2] = [8, 500];
/// A server begins another file at 64 MiB.
const FILES: usize = 8;
/// Between two entries.
const INTERVAL: Duration = Duration::from_secs(1);
/// Starts of the program in one measurement.
const STARTS: usize = 10;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [few, many] = MEGABYTES;
    let logs = [log(few)?, log(many)?];
    let mut large = Series::default();
    let names = [("audit show of the last ten minutes, MB", "ms")];
    add_curves(report, settings, names, &MEGABYTES, |megabytes| {
        let time = show(programs, logs[usize::from(megabytes == many)].path())?;
        if megabytes == many {
            large.ours.push(time);
        }
        Ok([time])
    })?;
    let work = format!("audit show of the last ten minutes, of {many} MB");
    report.add(work, "ms", large, &[Goal::at_most(20.0)]);
    Ok(())
}

/// A state directory with an audit log of this size in several files; its newest entry is of now. Nothing checks its chain
/// here.
fn log(megabytes: usize) -> io::Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
    let line = |seq: usize, time: Time| {
        format!(
            "{{\"seq\":{seq},\"time\":\"{time}\",\"bootId\":null,\"who\":{{\"name\":\"ann\",\"role\":\"operator\",\
             \"uid\":1000}},\"address\":\"pid 1\",\"action\":\"command/run\",\"object\":\"restart\",\
             \"argv\":[\"restart\",\"web\"],\"result\":\"run {seq} began\",\"prev\":\"{:064}\"}}\n",
            0
        )
    };
    let now = Time::now();
    let entries = megabytes * 1_000_000 / line(1_000_000, now).len();
    let mut seq = 0;
    for file in 1..=FILES {
        let last = entries * file / FILES;
        let name = if file == FILES { String::new() } else { format!("{last}.") };
        let file = File::create(directory.path().join(format!("audit.{name}jsonl")))?;
        let mut file = BufWriter::new(file);
        while seq < last {
            seq += 1;
            let age = INTERVAL * u32::try_from(entries - seq).unwrap_or(u32::MAX);
            let time = Time::from_millis(now.as_millis() - age.as_millis() as i64);
            file.write_all(line(seq, time).as_bytes())?;
        }
        file.flush()?;
    }
    Ok(directory)
}

/// Time of the whole program, in ms.
fn show(programs: &Programs, directory: &Path) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut command = Command::new(programs.topsided());
        command.args(["audit", "show", "--since", "10m"]).stdin(Stdio::null());
        servers::environment(&mut command, directory);
        let started = Instant::now();
        let shown = command.output()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        let lines = shown.stdout.iter().filter(|byte| **byte == b'\n').count();
        // The newest entry was of now when the log was written.
        if !shown.status.success() || !(300..=601).contains(&lines) {
            let said = String::from_utf8_lossy(&shown.stderr);
            return Err(io::Error::other(format!("{lines} entries were shown: {said}")));
        }
    }
    Ok(median(&times).unwrap_or(0.0))
}
