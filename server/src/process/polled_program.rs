//! A running program that its caller checks from time to time, without a task or a thread for it.

use std::io::{self, PipeReader, Read as _};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::process::spawn;

/// Reads of 4 KiB at a time: more than a pipe holds.
const MAX_READS: usize = 32;

#[derive(Debug)]
pub(super) struct PolledProgram {
    child: Child,
    /// None at the end of its output.
    pub(super) pipe: Option<PipeReader>,
    /// The first bytes of its output.
    pub(super) output: Vec<u8>,
    most: usize,
    started: Instant,
    status: Option<ExitStatus>,
    is_killed: bool,
}

/// How a program ended.
#[derive(Debug)]
pub(super) enum PolledEnd {
    Exited(ExitStatus),
    /// It took longer than its limit.
    Killed,
    Unknown(io::Error),
}

impl PolledProgram {
    /// Starts a program that writes into `pipe`, of which reads must not block. `most` bytes of its output are kept.
    pub(super) fn start(command: Command, pipe: PipeReader, most: usize) -> io::Result<Self> {
        Ok(Self {
            child: spawn::start_blocking(command)?,
            pipe: Some(pipe),
            output: Vec::new(),
            most,
            started: Instant::now(),
            status: None,
            is_killed: false,
        })
    }

    /// Reads its output, and kills it after `limit` with all that it started; how it ended, once it has. Does not block.
    pub(super) fn check(&mut self, limit: Option<Duration>) -> Option<PolledEnd> {
        if self.status.is_none() {
            match self.child.try_wait() {
                Ok(status) => self.status = status,
                Err(error) => return Some(PolledEnd::Unknown(error)),
            }
        }
        // All output of the program is in the pipe now. Processes that it left behind may write more.
        self.read();
        let Some(status) = self.status else {
            if !self.is_killed && limit.is_some_and(|limit| self.started.elapsed() >= limit) {
                self.is_killed = true;
                let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
                if let Some(group) = group {
                    // It may have ended at this moment.
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
            return None;
        };
        Some(if self.is_killed { PolledEnd::Killed } else { PolledEnd::Exited(status) })
    }

    /// Reads at most what a pipe holds, and keeps the first bytes.
    fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; 4096];
        for _ in 0..MAX_READS {
            match pipe.read(&mut buffer) {
                Ok(count @ 1..) => {
                    let room = self.most - self.output.len();
                    self.output.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => {
                    self.pipe = None;
                    return;
                }
            }
        }
    }
}
