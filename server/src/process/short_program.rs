//! Runs a short program to its end: its output, or why it failed.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use topside_shared::text::clean;

use crate::process::polled_program::{PolledEnd, PolledProgram};
use crate::process::start_program::base_environment;

/// Interval of checks for its end.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// Most bytes of its output.
const MAX_OUTPUT: usize = 4096;
/// Most characters of its last line in a message.
const MAX_LINE: usize = 200;

/// Runs a program, which is killed after `limit` with all that it started. Blocks until its end.
///
/// # Errors
/// Why it could not be started, or how it failed, with its last line of output: the rest of a sentence about it.
pub(crate) fn run_to_end(argv: &[String], limit: Option<Duration>) -> Result<String, String> {
    let mut program = start(argv).map_err(|error| format!("could not be run: {error}"))?;
    let end = loop {
        match program.check(limit) {
            Some(end) => break end,
            None => std::thread::sleep(CHECK_INTERVAL),
        }
    };
    // What it left behind may hold the pipe open: only what is there is read.
    let output = String::from_utf8_lossy(&program.output).into_owned();
    let last = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!(": {}", clean(line, MAX_LINE))).unwrap_or_default();
    match end {
        PolledEnd::Exited(status) if status.success() => Ok(output),
        PolledEnd::Exited(status) => Err(format!("ended with {}{said}", in_words(status))),
        PolledEnd::Killed => Err(format!("took too long and was killed{said}")),
        PolledEnd::Unknown(error) => Err(format!("ended, and it is not known how: {error}")),
    }
}

fn start(argv: &[String]) -> io::Result<PolledProgram> {
    let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (pipe, output) = io::pipe()?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir("/")
        .env_clear()
        .envs(base_environment(&[], &[], None))
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output);
    PolledProgram::start(command, pipe, MAX_OUTPUT)
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
