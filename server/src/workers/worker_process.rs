//! One process of a resident worker: its messages in both directions, and its end.

use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use topside_shared::frame::Lines;

use crate::process::daemon::Piped;
use crate::process::drain::drain;
use crate::process::running_program::Group;
use crate::workers::messages::{MAX_LINE, Message};
use crate::workers::{Resident, messages, stderr_log};

/// How long its end and that of its streams are waited for when the other has come.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often a group that should end is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// The longest pause between two looks.
const MOST_PAUSE: Duration = Duration::from_millis(160);

/// Why a life ended.
pub(super) enum End {
    /// The worker ended by itself.
    Exited(Option<ExitStatus>),
    /// It broke the protocol: what it did, after "it".
    Fault(String),
    /// It did not answer this call, which had been cancelled.
    Overdue(u64),
    /// The server ends.
    Stopped,
}

impl Resident {
    /// Carries lines to and fro until one side ends it. Then every process of its group is gone.
    pub(super) async fn attend(&self, piped: Piped) -> End {
        let Piped { mut child, mut group, mut stdin, mut stdout, mut stderr } = piped;
        let (mut heard, mut logged) = (false, false);
        let mut at_end = false;
        let end = {
            let mut hearing = pin!(self.hear(&mut stdout));
            let mut errors = pin!(stderr_log::log(self.name(), &mut stderr));
            let end = {
                let mut writing = pin!(self.write(&mut stdin));
                loop {
                    tokio::select! {
                        status = child.wait() => break End::Exited(status.ok()),
                        said = &mut hearing => {
                            heard = true;
                            at_end = said.is_ok();
                            break match said {
                                Ok(()) => closed(&mut child, "output").await,
                                Err(fault) => End::Fault(format!("wrote {fault}")),
                            };
                        }
                        () = &mut writing => break closed(&mut child, "input").await,
                        () = &mut errors, if !logged => logged = true,
                        id = self.calls.overdue() => break End::Overdue(id),
                        () = self.stop.cancelled() => break End::Stopped,
                    }
                }
            };
            drop(stdin);
            // One that answers no more, or answers nonsense, is not asked twice.
            let gently = matches!(end, End::Stopped);
            // It is heard to the end: its last words may be answers, or why it ended. Somebody who left the
            // group may hold its streams open, and is not waited for.
            let mut finish = pin!(self.finish(&mut child, &mut group, gently));
            let mut finished = None;
            while !(heard && logged && finished.is_some()) {
                let last = finished.unwrap_or_else(Instant::now) + LAST_WORDS;
                tokio::select! {
                    said = &mut hearing, if !heard => {
                        heard = true;
                        at_end = said.is_ok();
                    }
                    () = &mut errors, if !logged => logged = true,
                    () = &mut finish, if finished.is_none() => finished = Some(Instant::now()),
                    () = sleep_until(last), if finished.is_some() => break,
                }
            }
            end
        };
        // A process that left the group may have them open; a closed pipe would end it.
        let open = [(at_end, stdout), (logged, stderr)].into_iter().filter(|(at_end, _)| !at_end);
        let open = open.filter_map(|(_, pipe)| pipe.into_nonblocking_fd().ok()).collect();
        drain(open, &format!("worker {}", self.name()));
        end
    }

    /// Writes what there is to write; ends when nobody reads it.
    async fn write(&self, stdin: &mut ChildStdin) {
        loop {
            let line = self.calls.next_line().await;
            if stdin.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Takes in what the worker says, to the end of its standard output.
    ///
    /// # Errors
    /// A breach of the protocol, after "it wrote".
    async fn hear(&self, stdout: &mut Receiver) -> Result<(), String> {
        let mut lines = Lines::new(MAX_LINE);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let mut input = match stdout.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(length) => &buffer[..length],
            };
            while let Some(line) = lines.next(&mut input) {
                let line =
                    line.map_err(|_| format!("a line of more than {} KiB", MAX_LINE / 1024))?;
                self.take(messages::read(line, !self.knows_secrets)?).await?;
            }
        }
    }

    async fn take(&self, message: Message) -> Result<(), String> {
        match message {
            Message::Output { id, stream, text } => {
                let run = self.calls.run(id);
                let run =
                    run.ok_or_else(|| format!("output of call {id}, which does not go on"))?;
                run.output.append(stream, text.as_bytes()).await;
            }
            Message::Answer { id, answer } => {
                if !self.calls.answer(id, answer) {
                    return Err(format!("an answer to call {id}, which does not go on"));
                }
            }
        }
        Ok(())
    }

    /// Ends the whole group. Its standard input is at its end already, which is all that it is
    /// told at first if there is time.
    async fn finish(&self, child: &mut Child, group: &mut Group, gently: bool) {
        let longest = self.declared.stop_timeout.min(Duration::from_secs(365 * 86_400));
        let until = |now: Instant| {
            let until = now + longest;
            self.deadline.get().map_or(until, |deadline| until.min(*deadline))
        };
        if gently && gone(child, group, until(Instant::now())).await {
            return group.release();
        }
        group.signal(Signal::TERM);
        group.signal(Signal::CONT);
        if !gone(child, group, until(Instant::now())).await {
            group.signal(Signal::KILL);
            // An error would say that somebody else has seen its end.
            drop(child.wait().await);
        }
        group.release();
    }
}

/// A stream was closed: mostly the first that is seen of the worker's end.
async fn closed(child: &mut Child, stream: &str) -> End {
    match timeout(LAST_WORDS, child.wait()).await {
        Ok(status) => End::Exited(status.ok()),
        Err(_) => End::Fault(format!("closed its standard {stream}")),
    }
}

/// Waits for the end of a whole group; whether it came in time. There is no event for it.
async fn gone(child: &mut Child, group: &Group, deadline: Instant) -> bool {
    if timeout_at(deadline, child.wait()).await.is_err() {
        return false;
    }
    let mut pause = LOOK;
    while group.lives() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(pause).await;
        // Each look is at every process of the box.
        pause = (pause * 2).min(MOST_PAUSE);
    }
    true
}
