//! Runs a short program to its end: its output, or why it failed.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use topside_shared::text::clean;

use crate::process::spawn;
use crate::process::start_program::base_environment;

/// Interval of checks for its end.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// Most bytes of its output.
const MAX_OUTPUT: usize = 4096;
/// Most reads in one check: more than a pipe holds.
const MAX_READS: usize = 32;
/// Most characters of its last line in a message.
const MAX_LINE: usize = 200;

/// Runs a program, which is killed after `limit` with all that it started. Blocks until its end.
///
/// # Errors
/// Why it could not be started, or how it failed, with its last line of output: the rest of a sentence about it.
pub(crate) fn run_to_end(argv: &[String], limit: Option<Duration>) -> Result<String, String> {
    let started = start(argv).map_err(|error| format!("could not be run: {error}"))?;
    let (mut child, mut pipe) = started;
    let began = Instant::now();
    let mut output = Vec::new();
    let status = loop {
        read(&mut pipe, &mut output);
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if limit.is_some_and(|limit| began.elapsed() >= limit) => {
                kill(&mut child);
                break None;
            }
            Ok(None) => std::thread::sleep(CHECK_INTERVAL),
            Err(error) => return Err(format!("ended, and it is not known how: {error}")),
        }
    };
    // What it left behind may hold the pipe open: only what is there is read.
    read(&mut pipe, &mut output);
    let output = String::from_utf8_lossy(&output).into_owned();
    let last = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!(": {}", clean(line, MAX_LINE))).unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(output),
        Some(status) => Err(format!("ended with {}{said}", in_words(status))),
        None => Err(format!("took too long and was killed{said}")),
    }
}

fn start(argv: &[String]) -> io::Result<(Child, io::PipeReader)> {
    let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (pipe, output) = io::pipe()?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir("/")
        .env_clear()
        .envs(base_environment(&[], &[]))
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output);
    Ok((spawn::start_blocking(command)?, pipe))
}

/// Reads what is in the pipe, and keeps the first [`MAX_OUTPUT`] bytes.
fn read(pipe: &mut io::PipeReader, output: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    for _ in 0..MAX_READS {
        let Ok(count @ 1..) = pipe.read(&mut buffer) else { return };
        let room = MAX_OUTPUT - output.len();
        output.extend_from_slice(&buffer[..count.min(room)]);
    }
}

fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended at this moment.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn in_words(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Option<Duration>) -> Result<String, String> {
        run_to_end(&["/bin/sh".into(), "-c".into(), script.into()], limit)
    }

    #[test]
    fn it_returns_the_output_or_how_the_program_failed() {
        assert_eq!(run("echo one", None), Ok("one\n".into()));
        assert_eq!(run("echo why >&2; exit 3", None), Err("ended with exit status 3: why".into()));
        // What it leaves behind delays nothing.
        assert_eq!(run("sleep 5 & echo two", None), Ok("two\n".into()));
        let limit = Some(Duration::from_millis(50));
        assert_eq!(run("sleep 1000", limit), Err("took too long and was killed".into()));
        let error = run_to_end(&["/nowhere".into()], None).unwrap_err();
        assert!(error.starts_with("could not be run"), "{error}");
    }
}
