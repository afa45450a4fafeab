//! Approval of a run: it waits until a user other than the one who asks approves or refuses it.
//!
//! An approval belongs to one run, and the run has its arguments from its request on: so a decision is about exactly these
//! arguments, of this user, once. While it waits its row says `queued`, and the run holds no lock and no place
//! in a queue.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::cmdline;
use topside_shared::command::Command;
use topside_shared::notifications::Stream;
use topside_shared::records::{ApprovalRow, ApprovalState, RunApproval};
use topside_shared::text;
use topside_shared::time::millis;
use topside_shared::{ErrorKind, Role, RpcError, Time};

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::authorize::{Action, authorize, may_see_run};
use crate::base::identity::{Identity, Owner};
use crate::base::limit::Limit;
use crate::base::mutex::Mutex;
use crate::menu::Runnable;
use crate::menu_file::Item;
use crate::runs::run_end::RunGuard;
use crate::runs::{LiveRuns, Run, Runs};

/// Most characters of a command line in the row of an approval: the row of the run has all arguments.
const MAX_LINE: usize = 2_000;

/// The approval of one run.
pub(crate) struct Approval {
    role: Role,
    asker: Arc<Identity>,
    pub(super) info: Arc<Command>,
    /// The declaration of the command when the run was requested; none for a command of the embedding program.
    declared: Option<Item>,
    line: String,
    confirm: Option<String>,
    since: Time,
    timeout: Option<Duration>,
    requested: Instant,
    /// None while it waits. Private to this type, never held across an `.await`.
    decided: Mutex<Option<Decided>>,
    /// Cancelled once it is decided.
    done: CancellationToken,
}

/// How an approval ended.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub(super) state: ApprovalState,
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
}

impl Approval {
    /// The approval that a run of `command` needs; none if it needs none. A schedule cannot start what needs approval.
    pub(super) fn needed(
        runs: &Runs,
        asker: &Arc<Identity>,
        command: &Runnable,
        args: &Map<String, Value>,
    ) -> Option<Self> {
        let role = command.info.approver(asker.agent)?;
        let now = runs.services.config.get();
        let line = cmdline::render(&command.info, &command.info.masked(args));
        Some(Self {
            role,
            asker: Arc::clone(asker),
            info: Arc::clone(&command.info),
            declared: declaration(&now.config.commands, &command.info.name),
            line: shown(&line),
            confirm: command.info.question(args).as_deref().map(shown),
            since: Time::now(),
            timeout: now.config.limits.approval_timeout,
            requested: Instant::now(),
            decided: Mutex::default(),
            done: CancellationToken::new(),
        })
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.decided.lock().is_none()
    }

    /// Decides it, unless it is decided: then it stays as it is. Whether this was the decision.
    fn decide(&self, decided: Decided) -> bool {
        let mut state = self.decided.lock();
        let is_first = state.is_none();
        state.get_or_insert(decided);
        drop(state);
        self.done.cancel();
        is_first
    }

    /// Waits until it expires; for ever without a limit.
    async fn expired(&self) -> Duration {
        match self.timeout {
            Some(timeout) => {
                tokio::time::sleep_until(self.requested + timeout).await;
                timeout
            }
            None => std::future::pending().await,
        }
    }

    /// Its part of the row of the run.
    pub(super) fn shown(&self) -> RunApproval {
        let decided = self.decided.lock().clone();
        let left = |timeout: Duration| millis(timeout.saturating_sub(self.requested.elapsed()));
        let in_ms = self.timeout.filter(|_| decided.is_none()).map(left);
        let Decided { state, by, reason } =
            decided.unwrap_or(Decided { state: ApprovalState::Waiting, by: None, reason: None });
        let expires_at = self.timeout.map(|timeout| self.since.plus_millis(millis(timeout)));
        RunApproval { role: self.role, state, expires_at, in_ms, by, reason }
    }

    fn may_decide(&self, who: &Identity) -> bool {
        self.authorize(who).is_ok()
    }

    pub(super) fn authorize(&self, who: &Identity) -> Result<(), RpcError> {
        authorize(who, Action::Decide { asker: &self.asker, role: self.role })
    }
}

/// A text of an agent or a user as the user who decides reads it: a character that shows nothing is written as an escape, so that two
/// different values never look the same; and a text that is too long says how much of it is missing.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at == MAX_LINE => {
                let more = text.chars().count() - MAX_LINE;
                shown += &format!("… ({more} more characters are not shown)");
                break;
            }
            ' ' => shown.push(c),
            c if text::is_invisible(c) || c.is_whitespace() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

fn declaration(commands: &[Item], name: &str) -> Option<Item> {
    commands.iter().find(|item| item.info().name == name).cloned()
}

impl Run {
    /// The row of its approval as `who` sees it; none if it needs none.
    pub(super) fn approval_row(&self, who: &Identity) -> Option<ApprovalRow> {
        let approval = self.approval.as_ref()?;
        let shown = approval.shown();
        let asker = &approval.asker;
        let key_id = match asker.owner {
            Owner::Key(key) => Some(key),
            Owner::User(_) | Owner::Agent(_) | Owner::Schedule => None,
        };
        Some(ApprovalRow {
            run_id: self.id,
            command: approval.info.name.clone(),
            title: approval.info.title.clone(),
            effect: approval.info.effect,
            line: approval.line.clone(),
            confirm: approval.confirm.clone(),
            user: asker.user.clone(),
            key_id: key_id.filter(|_| who.is_full_admin() || who.owner == asker.owner),
            agent: asker.agent,
            client_id: self.client_id,
            reason: self.row.lock().reason.clone(),
            since: approval.since,
            may_decide: shown.state == ApprovalState::Waiting && approval.may_decide(who),
            approval: shown,
        })
    }

    /// Whether it waits for approval.
    pub(super) fn awaits_approval(&self) -> bool {
        self.approval.as_ref().is_some_and(Approval::is_waiting)
    }
}

impl Runs {
    /// The runs that wait for approval and that `who` may see, oldest first.
    pub(crate) fn approvals(&self, who: &Identity) -> Vec<ApprovalRow> {
        let runs = self.live();
        let waiting = runs.iter().filter(|run| {
            run.is_listed() && run.awaits_approval() && may_see_run(who, run.owner, run.role)
        });
        waiting.filter_map(|run| run.approval_row(who)).collect()
    }

    /// Has each run that waits for approval check whether it may still start: a key or the menu has changed.
    pub(crate) fn recheck_approvals(&self) {
        self.rights_changed.notify_waiters();
    }

    /// Decides an approval once, and publishes it; whether this was the decision.
    pub(super) fn settle_approval(&self, run: &Run, decided: Decided) -> bool {
        let Some(approval) = &run.approval else { return false };
        let _state = self.state.lock();
        let is_first = approval.decide(decided);
        if is_first {
            self.publish_approval(run);
        }
        is_first
    }

    /// Ends an approval that waits without a decision of a user.
    fn end_approval(&self, run: &Run, state: ApprovalState, reason: String) {
        let action = match state {
            ApprovalState::Expired => AuditAction::ApprovalExpired,
            _ => AuditAction::ApprovalWithdrawn,
        };
        let entry = Entry::new(By::server(), action, format!("run {}", run.id)).result(&reason);
        if self.settle_approval(run, Decided { state, by: None, reason: Some(reason) }) {
            self.services.audit.note(entry);
        }
    }

    /// Ends the approval of a run that ends, if it still waits.
    pub(super) fn withdraw_approval(&self, run: &Run) {
        if !run.awaits_approval() {
            return;
        }
        let reason = match run.cancelled_by.get() {
            Some(by) => format!("cancelled by {by}"),
            None if self.is_closed() => "the server shut down".to_owned(),
            None => "its client left".to_owned(),
        };
        self.end_approval(run, ApprovalState::Withdrawn, reason);
    }

    /// Sends the row of an approval to those who may see it. The caller holds the lock on all runs.
    fn publish_approval(&self, run: &Run) {
        if run.is_listed() {
            self.services.events.approval_changed(run.access(), |who| run.approval_row(who));
            run.publish(self);
        }
    }

    /// Sends the row of a run that waits for approval to those who may see it, now that it is listed. The caller holds the lock
    /// on all runs.
    pub(super) fn publish_request(&self, run: &Run) {
        if run.awaits_approval() {
            self.services.events.approval_changed(run.access(), |who| run.approval_row(who));
        }
    }
}

impl LiveRuns {
    /// Refuses a run that would wait for approval where too many do.
    pub(super) fn check_approval_limits(
        &self,
        owner: Owner,
        per_user: usize,
        most: usize,
    ) -> Result<(), RpcError> {
        let waiting = || self.live.values().filter(|run| run.awaits_approval());
        let of_user = waiting().filter(|run| run.owner == owner).count();
        if of_user >= per_user {
            return Err(too_many(Limit::MaxApprovalsPerUser, per_user, "of your runs"));
        }
        if waiting().count() >= most {
            return Err(too_many(Limit::MaxApprovals, most, "runs"));
        }
        Ok(())
    }
}

fn too_many(limit: Limit, most: usize, what: &str) -> RpcError {
    let message = format_args!(
        "{most} {what} wait for approval already, which is the limit: try again when one of them is decided"
    );
    RpcError::new(ErrorKind::Busy, message).with("limit", limit).with("most", most as u64)
}

/// Waits for the decision about a run; whether it may start then. If not, its output says why.
pub(super) async fn wait(guard: &RunGuard, current: impl Fn() -> Result<(), String>) -> bool {
    let (runs, run) = (&guard.runs, &guard.run);
    let Some(approval) = &run.approval else { return true };
    let over = runs.services.tasks.runs_ended();
    loop {
        let rights_changed = runs.rights_changed.notified();
        tokio::pin!(rights_changed);
        rights_changed.as_mut().enable();
        // Also once it is approved: the decision may have come just before the change.
        if let Err(why) = current() {
            runs.end_approval(run, ApprovalState::Withdrawn, why.clone());
            if approval.shown().state == ApprovalState::Approved {
                run.output.append(Stream::Stderr, not_started(&why).as_bytes()).await;
                return false;
            }
        }
        tokio::select! {
            biased;
            () = approval.done.cancelled() => break,
            () = run.cancel.cancelled() => break,
            () = over.cancelled() => break,
            timeout = approval.expired() => {
                let reason = format!("not approved within {}", text::duration(millis(timeout)));
                runs.end_approval(run, ApprovalState::Expired, reason);
            }
            () = rights_changed => {}
        }
    }
    if approval.is_waiting() {
        runs.withdraw_approval(run);
    }
    let decided = approval.shown();
    let is_approved = decided.state == ApprovalState::Approved;
    if !is_approved {
        let why = match decided {
            RunApproval { state: ApprovalState::Withdrawn, reason: Some(reason), .. } => {
                text::clean(&reason, text::MAX_REASON)
            }
            decided => decided.sentence(),
        };
        run.output.append(Stream::Stderr, not_started(why).as_bytes()).await;
    }
    is_approved
}

pub(super) fn not_started(why: impl Display) -> String {
    format!("It was not started: {why}\n")
}

/// Checks that the menu has the command of a run as it was when the run was requested.
pub(super) fn check_declaration(runs: &Runs, run: &Run) -> Result<(), String> {
    let Some(approval) = &run.approval else { return Ok(()) };
    let now = runs.services.config.get();
    let name = &approval.info.name;
    if now.menu.runnable(name).is_err() {
        return Err(format!("{name} is not in the menu any more"));
    }
    match declaration(&now.config.commands, name) == approval.declared {
        true => Ok(()),
        false => Err(format!("the declaration of {name} was changed meanwhile")),
    }
}
