//! One box: its check, and its run.

use std::collections::hash_map::RandomState;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use topside_shared::cmdline::LineErrorKind;
use topside_shared::command::Effect;
use topside_shared::methods::{Call, CommandResult, CommandRun, Menu, RunCancel, RunInput};
use topside_shared::notifications::{Notification, Stream};
use topside_shared::records::RunState;
use topside_shared::text::with_sources;
use topside_shared::{ErrorKind, RpcError, RunId};

use super::outcome::{Captured, CommandEnd, Cut, EndedCommand, NotStarted, Outcome, Rejection};
use super::target_box::TargetBox;
use crate::config::{AuditOf, menu_cache};
use crate::connect::{CallError, Event, Events, Handle, Hello, Session, Target, connect};
use crate::file_transfer::{LocalFile, Step, TransferError, send};
use crate::text::base64::output_bytes;
use crate::timer::sleep_until;

/// Time limit of the check of a box, for which the others wait.
pub(crate) const REACH_LIMIT: Duration = Duration::from_secs(15);
/// Time limit of a cancelled run. The server kills it long before.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30);
/// Time limit of the end of a session.
const GOODBYE: Duration = Duration::from_secs(1);

/// The command for one box, by the menu of that box.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) request: CommandRun,
    pub(crate) effect: Effect,
    pub(crate) question: Option<String>,
    /// Whether the program reads input, which is closed at once.
    pub(crate) reads_input: bool,
    /// The files of this device that its arguments name.
    pub(crate) files: Vec<LocalFile>,
}

impl Plan {
    /// Whether it is sent only after a confirmation.
    pub(crate) fn needs_confirmation(&self) -> bool {
        self.effect == Effect::Destructive || self.question.is_some()
    }

    /// Whether it changes nothing, so that it need not wait for the checks of other boxes.
    pub(super) fn only_reads(&self) -> bool {
        self.effect == Effect::Read && !self.needs_confirmation()
    }
}

/// Why a command may be destructive although its declaration does not say so; none where that needs no word.
pub(crate) fn why_destructive(effect: Effect, has_question: bool) -> Option<&'static str> {
    (effect == Effect::Destructive && !has_question)
        .then_some("A command is destructive if its declaration says so, or names no effect.")
}

pub(crate) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Destructive => "destructive",
        Effect::Write => "writes",
        Effect::Read => "reads",
    }
}

/// Makes the plan for a box from its menu, or says why there is none.
pub(crate) type MakePlan = Arc<dyn Fn(&Menu) -> Result<Plan, PlanError> + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlanError {
    /// The command does not fit the box.
    Rejected(Rejection),
    /// The menu does not have this command. The server is asked why: it knows whether there is none, or which role it
    /// needs.
    NotInMenu { command: String },
}

/// The user's order to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    GoOn,
    /// Runs are cancelled and waited for.
    Cancel,
    /// Runs are not waited for any more.
    Abandon,
}

pub(super) struct Common {
    pub(super) make_plan: MakePlan,
    pub(super) hello: Hello,
    /// The state directory of this device.
    pub(super) state: Arc<Path>,
    /// Time limit of each run, from its start.
    pub(super) timeout: Option<Duration>,
    /// Most bytes of each stream that are kept.
    pub(super) keep: usize,
    pub(super) hash_keys: RandomState,
}

pub(super) struct Checked {
    pub(super) plan: Plan,
    pub(super) session: Session,
    /// A warning about the box's audit log.
    pub(super) warning: Option<String>,
}

/// Connects, and makes the plan by the box's own menu.
pub(super) async fn check(target: &TargetBox, common: &Common) -> Result<Checked, Outcome> {
    let reach = async {
        let to = target.target.as_ref().map_err(|error| with_sources(error))?;
        let session = connect(to, &common.hello).await.map_err(|error| with_sources(&error))?;
        let menu = session.handle.menu().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((session, menu))
    };
    let (session, menu) = match timeout(REACH_LIMIT, reach).await {
        Ok(reached) => reached.map_err(Outcome::Unreachable)?,
        Err(_) => return Err(Outcome::Unreachable(silent())),
    };
    menu_cache::keep(&common.state, &target.name, &menu);
    let warning = session.welcome.audit.as_ref().and_then(|shown| {
        let server = match &target.target {
            Ok(Target::Local(_)) => session.reached.address.clone(),
            _ => target.name.clone(),
        };
        AuditOf { server, pin: target.pin.clone() }.check(&common.state, shown)
    });
    let outcome = match (common.make_plan)(&menu) {
        Ok(plan) => return Ok(Checked { plan, session, warning }),
        Err(PlanError::Rejected(rejection)) => Outcome::Rejected(rejection),
        Err(PlanError::NotInMenu { command }) => {
            match timeout(REACH_LIMIT, ask_about(&session.handle, command)).await {
                Ok(error) => Outcome::Failed { error, lost: None },
                Err(_) => Outcome::Unreachable(silent()),
            }
        }
    };
    leave(session).await;
    Err(outcome)
}

/// Asks the server why a command is not in the menu. The request has an argument that no command can have, because
/// names are not empty: so nothing runs even if the menu was changed meanwhile.
async fn ask_about(handle: &Handle, command: String) -> CallError {
    let args = Map::from_iter([(String::new(), Value::Null)]);
    let request = CommandRun { command, args, stream: false, wait: true, confirm: false };
    match handle.call(&request).await {
        Ok(_) => CallError::Refused(RpcError::new(ErrorKind::Internal, "the server ran nothing")),
        Err(error) => error,
    }
}

fn silent() -> String {
    format!("has not answered for {} s: is the box on?", REACH_LIMIT.as_secs())
}

pub(super) async fn leave(session: Session) {
    let _ = timeout(GOODBYE, session.leave()).await;
}

/// Runs the plan to its end. A session that was lost while it waited is begun again, and the plan made again: one that
/// needs a confirmation by now is not sent without.
pub(super) async fn run(
    plan: Plan,
    session: Option<Session>,
    confirmed: bool,
    target: &TargetBox,
    common: &Common,
    mut stop: watch::Receiver<Stop>,
) -> Outcome {
    let live = session.and_then(|mut session| {
        while let Some(event) = session.events.try_next() {
            if let Event::Lost(_) = event {
                return None;
            }
        }
        Some(session)
    });
    let (plan, session) = match live {
        Some(session) => (plan, session),
        None => {
            let checked = tokio::select! {
                biased;
                () = asked(&mut stop, Stop::Cancel) => {
                    return Outcome::NotStarted(NotStarted::Cancelled);
                }
                checked = check(target, common) => checked,
            };
            match checked {
                Ok(checked) => (checked.plan, checked.session),
                Err(outcome) => return outcome,
            }
        }
    };
    if plan.needs_confirmation() && !confirmed {
        leave(session).await;
        return Outcome::NotStarted(NotStarted::MenuChanged);
    }
    let mut request = CommandRun { confirm: confirmed, stream: true, wait: true, ..plan.request };
    let Session { handle, mut events, .. } = session;
    let (mut files, mut report) = (plan.files, |_: Step<'_>| {});
    let sent = tokio::select! {
        biased;
        () = asked(&mut stop, Stop::Cancel) => return Outcome::NotStarted(NotStarted::Cancelled),
        sent = send(&handle, &mut files, &mut request.args, &mut report) => sent,
    };
    match sent {
        Ok(()) => {}
        Err(TransferError::Local(sentence)) => {
            return Outcome::Rejected(Rejection {
                status: LineErrorKind::BadValue.exit_status(),
                sentence,
            });
        }
        Err(TransferError::Call(error)) => {
            let lost = match error {
                CallError::Lost => Some(events.end().await.to_string()),
                _ => None,
            };
            return Outcome::Failed { error, lost };
        }
    }
    let run = BoxRun {
        handle: &handle,
        reads_input: plan.reads_input,
        run: None,
        cut: None,
        lost: None,
        stdout: Captured::new(common.keep, &common.hash_keys),
        stderr: Captured::new(common.keep, &common.hash_keys),
    };
    let outcome = run.carry_out(&request, &mut events, common.timeout, stop).await;
    handle.close();
    if let Outcome::Abandoned { .. } = outcome {
        return outcome;
    }
    // If the server sees the end of the requests before the hang-up, it logs an orderly end.
    let _ = timeout(GOODBYE, events.end()).await;
    outcome
}

struct BoxRun<'h> {
    handle: &'h Handle,
    reads_input: bool,
    run: Option<RunId>,
    cut: Option<Cut>,
    lost: Option<String>,
    stdout: Captured,
    stderr: Captured,
}

impl BoxRun<'_> {
    async fn carry_out(
        mut self,
        request: &CommandRun,
        events: &mut Events,
        limit: Option<Duration>,
        stop: watch::Receiver<Stop>,
    ) -> Outcome {
        // Outputs are compared: a gap would make equal ones differ.
        events.hold_output();
        let handle = self.handle;
        let answer = handle.call(request);
        tokio::pin!(answer);
        let (mut cancelled, mut abandoned) = (stop.clone(), stop);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut patience = None;
        let result = loop {
            tokio::select! {
                biased;
                () = asked(&mut abandoned, Stop::Abandon) => return Outcome::Abandoned { run: self.run },
                () = asked(&mut cancelled, Stop::Cancel), if self.cut.is_none() => {
                    self.cut(Cut::Cancelled);
                    patience = Some(Instant::now() + CANCEL_PATIENCE);
                }
                () = sleep_until(deadline), if self.cut.is_none() => {
                    self.cut(Cut::Timeout);
                    patience = Some(Instant::now() + CANCEL_PATIENCE);
                }
                () = sleep_until(patience) => return Outcome::Abandoned { run: self.run },
                result = &mut answer => break result,
                event = events.next() => self.take(event),
            }
        };
        // What the server sent before the answer has arrived by now.
        while let Some(event) = events.try_next() {
            self.take(event);
        }
        match result {
            Ok(result) => {
                let result = match result {
                    CommandResult::Run(run) => CommandEnd::Run(Box::new(run.row)),
                    CommandResult::Answer(mut answer) => {
                        let output = std::mem::take(&mut answer.output);
                        match answer.state {
                            RunState::Succeeded => self.stdout.push(output.as_bytes()),
                            _ => self.stderr.push(output.as_bytes()),
                        }
                        CommandEnd::Answer(answer)
                    }
                };
                let Self { stdout, stderr, cut, .. } = self;
                Outcome::Ended(Box::new(EndedCommand { result, stdout, stderr, cut }))
            }
            Err(error @ CallError::Lost) => {
                let lost = match self.lost {
                    Some(lost) => lost,
                    None => events.end().await.to_string(),
                };
                Outcome::Failed { error, lost: Some(lost) }
            }
            Err(error) => Outcome::Failed { error, lost: None },
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Notice(Notification::RunChanged(row)) if self.run.is_none() => {
                let run_id = row.run_id;
                self.run = Some(run_id);
                if self.reads_input {
                    self.send(RunInput { run_id, data: None, base64: None, eof: true });
                }
                if self.cut.is_some() {
                    self.send(RunCancel { run_id });
                }
            }
            Event::Notice(Notification::RunOutput(piece)) => {
                let stream = match piece.stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                stream.push(&output_bytes(&piece));
            }
            Event::Notice(Notification::RunGap(gap)) => self.stdout.skip(gap.bytes),
            Event::Lost(reason) => self.lost = Some(reason.to_string()),
            Event::Notice(_) | Event::Answer { .. } => {}
        }
    }

    fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
        if let Some(run_id) = self.run {
            self.send(RunCancel { run_id });
        }
    }

    /// Sends a request; its effect shows in the answer of the run.
    fn send<C: Call + Send + Sync + 'static>(&self, request: C)
    where
        C::Answer: Send,
    {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let _ = handle.call(&request).await;
        });
    }
}

/// Waits until the user has ordered at least this.
async fn asked(stop: &mut watch::Receiver<Stop>, at_least: Stop) {
    if stop.wait_for(|stop| *stop >= at_least).await.is_err() {
        std::future::pending::<()>().await;
    }
}
