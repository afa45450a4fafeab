//! One process of a worker: its messages in both directions, and its end.

use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::base::blocking::blocking;
use crate::base::deadline;
use crate::hooks::HookOwner;
use crate::process::drain::drain;
use crate::process::piped_program::PipedProcess;
use crate::process::running_program::Group;
use crate::workers::call_queue::{CallResult, NextLine, Overdue};
use crate::workers::line_reader::{LineReader, WorkerLine};
use crate::workers::stderr_log::LoggedLines;
use crate::workers::worker_messages::{MAX_LINE, Message, SAFE_STATE};
use crate::workers::{Resident, WorkerServices, stderr_log, worker_messages};

/// How long the process is waited for after the end of its streams, and the reverse.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// First and longest pause between two checks for the end of a group.
const POLL: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_millis(160);

/// How long a killed group may live on before the log says so.
const SLOW: Duration = Duration::from_secs(10);

/// Why a process ended.
pub(super) enum ProcessEnd {
    Exited(Option<ExitStatus>),
    /// It broke the protocol; the text follows "it".
    Fault(String),
    /// It did not answer in time.
    Overdue(Overdue),
    /// It was asked to end: the signal that it needed, and its exit status.
    Stopped(Option<Signal>, Option<ExitStatus>),
    /// The same, and it is started again.
    Restarted(Option<Signal>, Option<ExitStatus>),
}

impl Resident {
    /// Passes messages both ways until one side ends it. Afterwards every process of its group has ended.
    pub(super) async fn attend(
        &self,
        piped: PipedProcess,
        services: &WorkerServices,
    ) -> ProcessEnd {
        let PipedProcess { mut child, mut group, mut stdin, mut stdout, mut stderr } = piped;
        let (mut heard, mut logged) = (false, false);
        let mut at_end = false;
        let end = {
            let mut hearing = pin!(self.hear(&mut stdout, services));
            let mut errors = pin!(stderr_log::log(self.name(), &mut stderr, &self.last_line));
            let end = {
                let mut writing = pin!(self.write(&mut stdin, services));
                let mut asked = pin!(self.asked_to_end());
                loop {
                    tokio::select! {
                        status = child.wait() => break ProcessEnd::Exited(status.ok()),
                        said = &mut hearing => {
                            heard = true;
                            at_end = said.is_ok();
                            break match said {
                                Ok(()) => closed(&mut child, "output").await,
                                Err(fault) => ProcessEnd::Fault(format!("wrote {fault}")),
                            };
                        }
                        () = &mut writing => break closed(&mut child, "input").await,
                        () = &mut errors, if !logged => logged = true,
                        what = self.calls.overdue() => break ProcessEnd::Overdue(what),
                        end = &mut asked => break end,
                    }
                }
            };
            drop(stdin);
            // Only a worker that still answers gets time to end.
            let gently = matches!(end, ProcessEnd::Stopped(..) | ProcessEnd::Restarted(..));
            // Its output is read to the end: it may hold answers, or the reason of its end. A process that left the
            // group may hold the streams open, and is not waited for.
            let mut finish = pin!(self.finish(&mut child, &mut group, gently));
            let mut finished = None;
            let mut signal = None;
            while !(heard && logged && finished.is_some()) {
                let last = finished.unwrap_or_else(Instant::now) + LAST_WORDS;
                tokio::select! {
                    said = &mut hearing, if !heard => {
                        heard = true;
                        at_end = said.is_ok();
                    }
                    () = &mut errors, if !logged => logged = true,
                    needed = &mut finish, if finished.is_none() => {
                        signal = needed;
                        finished = Some(Instant::now());
                    }
                    () = sleep_until(last), if finished.is_some() => break,
                }
            }
            (end, signal)
        };
        // A process that left the group may have the pipes open, and a closed pipe would end it.
        let open = [(at_end, stdout), (logged, stderr)].into_iter().filter(|(at_end, _)| !at_end);
        let open = open.filter_map(|(_, pipe)| pipe.into_nonblocking_fd().ok()).collect();
        drain(open, &format!("worker {}", self.name()));
        let (end, needed) = end;
        match end {
            ProcessEnd::Stopped(..) => ProcessEnd::Stopped(needed, child.wait().await.ok()),
            ProcessEnd::Restarted(..) => ProcessEnd::Restarted(needed, child.wait().await.ok()),
            end => end,
        }
    }

    /// Waits until the process must end in order; a pending `safe_state` is called first.
    async fn asked_to_end(&self) -> ProcessEnd {
        let end = tokio::select! {
            biased;
            () = self.stop.cancelled() => ProcessEnd::Stopped(None, None),
            () = self.restart.notified() => ProcessEnd::Restarted(None, None),
        };
        self.calls.all_safe().await;
        end
    }

    /// Writes messages; ends when the pipe is closed.
    async fn write(&self, stdin: &mut ChildStdin, services: &WorkerServices) {
        loop {
            let line = match self.calls.next_line().await {
                NextLine::Message(line) => line,
                NextLine::SafeState(line) => {
                    if let Some((owner, function)) = self.calls.sent_safe_state() {
                        services.audit.note_ahead(owner.entry(vec![function])).await;
                    }
                    line
                }
            };
            if stdin.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Reads messages to the end of standard output. The error is a breach of the protocol, after "it wrote".
    async fn hear(&self, stdout: &mut Receiver, services: &WorkerServices) -> Result<(), String> {
        let mut lines = LineReader::default();
        let mut outside =
            LoggedLines::new(self.name(), "output", "output of a worker outside of its calls");
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let mut input = match stdout.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(length) => &buffer[..length],
            };
            while let Some(line) = lines.next(&mut input) {
                let message = match line {
                    WorkerLine::Whole(line) => worker_messages::read(&line, !self.knows_secrets)?,
                    WorkerLine::TooLong(scanner) => {
                        let why = format!("a line of more than {} KiB", MAX_LINE / 1024);
                        if scanner.is_output() {
                            let why = format!("an `output` was left out: it is {why}\n");
                            outside.add(why.as_bytes());
                            continue;
                        }
                        match scanner.answered() {
                            Some(id) => {
                                worker_messages::refused_answer(id, &format!("it is {why}"))
                            }
                            None => return Err(why),
                        }
                    }
                };
                self.take(message, &mut outside, services).await?;
            }
        }
        outside.end();
        Ok(())
    }

    async fn take(
        &self,
        message: Message,
        outside: &mut LoggedLines<'_>,
        services: &WorkerServices,
    ) -> Result<(), String> {
        match message {
            Message::Output { id, stream, text } => {
                let output = match id {
                    SAFE_STATE => self.calls.safe_state_output(),
                    id => self.calls.output(id),
                };
                match output {
                    Some(output) => output.append(stream, text.as_bytes()).await,
                    // It may hold a secret of the call that has ended.
                    None if self.knows_secrets => {
                        outside
                            .add(format!("output of call {id}, which is not shown\n").as_bytes());
                    }
                    None => outside.add(text.as_bytes()),
                }
            }
            Message::Answer { id: SAFE_STATE, answer }
                if self.calls.sent_safe_state().is_some() =>
            {
                self.safe_state_answered(answer, services).await;
            }
            Message::Answer { id, answer } => {
                if !self.calls.answer(id, answer) {
                    return Err(format!(
                        "an answer to call {id}, which has ended or was never sent"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Ends the call of a `safe_state`, and reports its result.
    pub(super) async fn safe_state_answered(&self, answer: CallResult, services: &WorkerServices) {
        let Some((owner, function, failure)) = self.calls.end_safe_state(answer) else { return };
        let (run, entry) = (owner.run(), owner.entry(vec![function.clone()]));
        match failure {
            None => {
                tracing::info!(target: "topside", run, worker = self.name(), function, "safe state reached");
                services.audit.note(entry.result("reached"));
            }
            Some(failure) => {
                tracing::error!(target: "topside", run, worker = self.name(), "{failure}");
                services.audit.note(entry.result(format!("failed: {failure}")));
                services.hooks.report_failure(&owner, &failure);
            }
        }
        if let HookOwner::Worker(name) = owner {
            let hooks = Arc::clone(&services.hooks);
            // It may be one that a killed server left.
            let _ = blocking(move || hooks.workers.remove(&name, &function)).await;
        }
        if self.calls.is_safe() {
            self.made_safe.cancel();
        }
    }

    /// Ends the whole group, and gives the last signal that it needed. Its standard input is closed already; `gently`: with
    /// time to end by that alone. Returns once no process of the group is left, so that the next has no rival.
    async fn finish(&self, child: &mut Child, group: &mut Group, gently: bool) -> Option<Signal> {
        let until = || {
            let until = deadline::after(self.declared.stop_timeout);
            self.deadline.get().map_or(until, |deadline| until.min(*deadline))
        };
        if gently && gone(child, group, until()).await {
            group.release();
            return None;
        }
        group.signal(Signal::TERM);
        group.signal(Signal::CONT);
        let mut needed = Signal::TERM;
        if !gone(child, group, until()).await {
            needed = Signal::KILL;
            group.signal(Signal::KILL);
            while !gone(child, group, Instant::now() + SLOW).await {
                tracing::error!(
                    target: "topside", worker = self.name(),
                    "a process of the worker has not ended after SIGKILL; until it ends, the worker is not started again"
                );
            }
        }
        group.release();
        Some(needed)
    }
}

/// A stream was closed, mostly the first sign of the worker's end.
async fn closed(child: &mut Child, stream: &str) -> ProcessEnd {
    match timeout(LAST_WORDS, child.wait()).await {
        Ok(status) => ProcessEnd::Exited(status.ok()),
        Err(_) => ProcessEnd::Fault(format!("closed its standard {stream}")),
    }
}

/// Waits for the end of a whole group; whether it came in time. The kernel has no event for it.
async fn gone(child: &mut Child, group: &Group, deadline: Instant) -> bool {
    if timeout_at(deadline, child.wait()).await.is_err() {
        return false;
    }
    let mut pause = POLL;
    while group.lives() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(pause).await;
        // Each check looks at every process of the box.
        pause = (pause * 2).min(MOST_PAUSE);
    }
    true
}
