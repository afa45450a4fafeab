//! `safe_state`: the program that closes what a run has opened, when the run ends other than succeeded.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::Daemon;
use super::spawn::{Caller, DEFAULT_CWD, environment};
use crate::process::{self, drain};

/// Most bytes of what it says that are kept.
const OUTPUT: usize = 64 * 1024;
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// How long after its end it is heard at most, where others go on to speak.
const LINGER: Duration = Duration::from_secs(1);

/// Such a program, as it is written down with a run that owes it: the menu may be another by then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(super) argv: Vec<String>,
    pub(super) cwd: String,
    pub(super) env: Vec<(String, String)>,
    pub(super) inherit_env: Vec<String>,
    /// On whose behalf the run was.
    pub(super) caller: Caller,
}

/// What closes the state that a run of a worker's function may leave: it is started where, and with what, the
/// worker is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SafeState {
    /// A program and its arguments.
    pub(in crate::commands) argv: Vec<String>,
    /// The worker.
    pub(in crate::commands) daemon: Daemon,
}

impl SafeState {
    /// The same for a run of this caller.
    pub(crate) fn hook(&self, caller: Caller) -> Hook {
        let Daemon { cwd, env, inherit_env, .. } = &self.daemon;
        Hook {
            argv: self.argv.clone(),
            cwd: cwd.clone().unwrap_or_else(|| DEFAULT_CWD.to_owned()),
            env: env.clone(),
            inherit_env: inherit_env.clone(),
            caller,
        }
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Closed {
    /// What it said, on both streams.
    pub(crate) output: Vec<u8>,
    /// None: the state is safe. Else why nobody can be sure of it, as one sentence.
    pub(crate) failure: Option<String>,
}

impl Closed {
    /// What belongs into the run's output: what it said, and that it failed.
    pub(crate) fn said(mut self) -> Vec<u8> {
        if let Some(failure) = self.failure {
            if self.output.last().is_some_and(|last| *last != b'\n') {
                self.output.push(b'\n');
            }
            self.output.extend_from_slice(format!("{failure}\n").as_bytes());
        }
        self.output
    }
}

impl Hook {
    /// The program and its arguments, as declared.
    pub(crate) fn argv(&self) -> &[String] {
        &self.argv
    }

    /// Runs it to its end, or kills it after `limit` with all that it started. Blocks.
    pub(crate) fn run(&self, limit: Option<Duration>) -> Closed {
        match self.attempt(limit) {
            Ok((status, output)) => {
                let failure = match status {
                    None => Some("it took too long and was killed".to_owned()),
                    Some(status) if status.success() => None,
                    Some(status) => Some(format!("it ended with {status}")),
                };
                Closed { output, failure: failure.map(|why| self.sentence(&why)) }
            }
            Err(error) => {
                let failure = Some(self.sentence(&format!("it could not be run: {error}")));
                Closed { output: Vec::new(), failure }
            }
        }
    }

    fn sentence(&self, why: &str) -> String {
        format!("the safe state may not have been reached by {}: {why}", self.argv.join(" "))
    }

    /// Its exit status, none where it was killed, and what it said.
    fn attempt(&self, limit: Option<Duration>) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
        let (program, args) = self.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.cwd)
            .env_clear()
            .envs(environment(&self.env, &self.inherit_env, &self.caller))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = process::start_blocking(command)?;
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let owner = format!("safe_state of run {}", self.caller.run.0);
        let reading = std::thread::spawn(move || {
            let (said, open) = read(reader, &told);
            drain(open.map(OwnedFd::from).into_iter().collect(), &owner);
            said
        });
        let status = wait(&mut child, limit);
        if !matches!(status, Ok(Some(_))) {
            let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(group) = group {
                // It may have ended at this moment.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
        }
        ended.store(true, Ordering::Release);
        let output = reading.join().unwrap_or_default();
        Ok((status?, output))
    }
}

/// Its exit status, or none after `limit`.
fn wait(child: &mut Child, limit: Option<Duration>) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || limit.is_some_and(|limit| started.elapsed() >= limit) {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
}

/// All that is said, of which the beginning is kept. What the program left in the background may hold the pipe:
/// once it has `ended`, what was said by then is enough, and the pipe is returned too.
fn read(mut pipe: PipeReader, ended: &AtomicBool) -> (Vec<u8>, Option<PipeReader>) {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    let mut last = None;
    loop {
        if ended.load(Ordering::Acquire) {
            let last = *last.get_or_insert_with(|| Instant::now() + LINGER);
            if Instant::now() >= last {
                return (kept, Some(pipe));
            }
        }
        let mut ends = [PollFd::new(&pipe, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
        match poll(&mut ends, Some(&wait)) {
            Ok(0) if last.is_some() => return (kept, Some(pipe)),
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return (kept, None),
        }
        let Ok(count @ 1..) = pipe.read(&mut buffer) else { return (kept, None) };
        let room = OUTPUT - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}
