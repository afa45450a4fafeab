//! Permissions: one table for methods, and one rule for each kind of object.

mod approver;

use topside_shared::command::Command;
use topside_shared::methods::{Method, Topic};
use topside_shared::{ErrorKind, Role, RpcError};

use crate::base::identity::{Identity, Owner, Scope};

/// Something a client wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action<'a> {
    /// Call a method at all.
    Call(Method),
    /// Subscribe to a topic.
    Subscribe(Topic),
    /// Run a command that needs at least this role.
    Run { command: &'a str, role: Role },
    /// End a run of this owner, of a command that needs at least this role.
    Cancel { owner: Owner, role: Role },
    /// Answer a run of this owner.
    Answer { owner: Owner },
    /// Approve or refuse a run that `asker` wants, for at least this role.
    Decide { asker: &'a Identity, role: Role },
}

/// Who may call a method.
struct Permission {
    /// The least role.
    least: Role,
    /// Whether a key that is limited to some commands may call it too.
    limited: bool,
}

/// Allows `action`, or says why not.
///
/// # Errors
/// `forbidden`, naming what is needed.
pub(crate) fn authorize(who: &Identity, action: Action<'_>) -> Result<(), RpcError> {
    within_scope(who, action)?;
    let needed = match action {
        Action::Call(method) => row(method).least,
        Action::Subscribe(
            Topic::Clients | Topic::Runs | Topic::Server | Topic::Schedules | Topic::Approvals,
        ) => Role::Viewer,
        Action::Subscribe(Topic::Log | Topic::Keys) => Role::Admin,
        Action::Run { role, .. } => role,
        Action::Cancel { owner, .. } | Action::Answer { owner } if owner == who.owner => {
            return Ok(());
        }
        // Each who may run the command may end what a schedule started.
        Action::Cancel { owner: Owner::Schedule, role } => role,
        Action::Cancel { .. } => Role::Admin,
        Action::Decide { asker, role } => {
            approver::check(asker, who)?;
            role
        }
        // Only the owner may answer, and no role for others.
        Action::Answer { .. } => {
            let why_not = format_args!("{} is only for the user who started it", title(action));
            return Err(RpcError::new(ErrorKind::Forbidden, why_not));
        }
    };
    if who.role >= needed {
        return Ok(());
    }
    Err(RpcError::new(
        ErrorKind::Forbidden,
        format_args!("{} needs role {needed}; you are {}", title(action), who.role),
    )
    .with("needed", needed.name()))
}

/// Whether a key that may not do all that its role allows may do this.
fn within_scope(who: &Identity, action: Action<'_>) -> Result<(), RpcError> {
    let why_not = match (&who.scope, action) {
        (Scope::Enrol { .. }, Action::Call(Method::KeyEnrol)) => return Ok(()),
        (Scope::Enrol { .. }, _) => {
            "an invite may only call `key/enrol`: pair with it first".into()
        }
        (_, Action::Call(Method::KeyEnrol)) => {
            "`key/enrol` needs a connection with the key of an invite".into()
        }
        _ if who.agent && !is_for_agents(who, action) => {
            format!("{} is not for agents", title(action))
        }
        (Scope::Whole, _) => return Ok(()),
        (Scope::Commands(names), Action::Run { command, .. }) => {
            if names.iter().any(|name| name == command) {
                return Ok(());
            }
            format!("this key may not run {command}, only {}", names.join(", "))
        }
        (Scope::Commands(_), Action::Call(method)) if row(method).limited => return Ok(()),
        (Scope::Commands(_), Action::Cancel { owner, .. } | Action::Answer { owner })
            if owner == who.owner =>
        {
            return Ok(());
        }
        (Scope::Commands(names), _) => {
            format!(
                "{} is not for this key, which may only run {}",
                title(action),
                names.join(", ")
            )
        }
    };
    Err(RpcError::new(ErrorKind::Forbidden, why_not))
}

/// Whether an agent may do this, if its role and its list of commands allow it.
fn is_for_agents(who: &Identity, action: Action<'_>) -> bool {
    match action {
        Action::Run { .. } => true,
        Action::Cancel { owner, .. } | Action::Answer { owner } => owner == who.owner,
        Action::Decide { .. } => false,
        Action::Subscribe(topic) => {
            matches!(topic, Topic::Runs | Topic::Server | Topic::Approvals)
        }
        Action::Call(method) => {
            matches!(
                method,
                Method::EventsSubscribe | Method::EventsUnsubscribe | Method::ServerStatus
            ) || (row(method).limited && method != Method::SchedulesList)
        }
    }
}

/// What decides who may see a run: in lists, in the row of its client, as the holder of a lock, and its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunAccess {
    /// Whom it belongs to.
    pub(crate) owner: Owner,
    /// The least role that may see the runs of others.
    pub(crate) role: Role,
}

impl RunAccess {
    /// Whether `who` may see the run.
    pub(crate) fn is_given_to(self, who: &Identity) -> bool {
        may_see_run(who, self.owner, self.role)
    }
}

/// Whether `who` may see a run of `owner` with a command that needs `role`.
pub(crate) fn may_see_run(who: &Identity, owner: Owner, role: Role) -> bool {
    who.owner == owner || (who.sees_others() && who.role >= role)
}

/// Whether `who` sees a command in the menu.
pub(crate) fn may_see_command(who: &Identity, info: &Command) -> bool {
    let action = Action::Run { command: &info.name, role: info.role };
    authorize(who, action).is_ok() && may_call_as(who, info).is_ok()
}

/// Allows each user to call a command, and an agent only one that is exposed to agents.
///
/// # Errors
/// `forbidden`.
pub(crate) fn may_call_as(who: &Identity, info: &Command) -> Result<(), RpcError> {
    if !who.agent || info.is_exposed_to_agents() {
        return Ok(());
    }
    let message = format_args!("{} is not exposed to agents", info.name);
    Err(RpcError::new(ErrorKind::Forbidden, message))
}

/// Who may call a method. One without a row here does not compile.
fn row(method: Method) -> Permission {
    let (least, limited) = match method {
        Method::Initialize
        | Method::Ping
        | Method::CommandsList
        | Method::CommandRun
        | Method::CommandChoices
        | Method::RunAttach
        | Method::RunCancel
        | Method::RunInput
        | Method::RunFile
        | Method::FileOpen
        | Method::FileWrite
        | Method::FileClose
        | Method::RunsList
        | Method::SchedulesList
        | Method::ApprovalsList
        | Method::SessionClose => (Role::Viewer, true),
        Method::SchedulePause
        | Method::ScheduleResume
        | Method::ScheduleRun
        | Method::SchedulePlan
        | Method::ScheduleSet => (Role::Operator, false),
        Method::ClientsList
        | Method::EventsSubscribe
        | Method::EventsUnsubscribe
        | Method::ServerStatus
        // The role that the run needs decides.
        | Method::ApprovalDecide
        // Its scope decides.
        | Method::KeyEnrol => (Role::Viewer, false),
        Method::Broadcast
        | Method::ClientKick
        | Method::ServerReload
        | Method::ServerShutdown
        | Method::ServerShutdownCancel
        | Method::LogTail
        | Method::LogRotate
        | Method::NotifyTest
        | Method::KeyInvite
        | Method::KeysList
        | Method::KeyRevoke
        | Method::WorkerRestart => (Role::Admin, false),
    };
    Permission { least, limited }
}

fn title(action: Action<'_>) -> String {
    match action {
        Action::Call(method) => of_method(method).to_owned(),
        Action::Subscribe(topic) => format!("the topic {}", topic.name()),
        Action::Run { command, .. } => command.to_owned(),
        Action::Cancel { .. } => "cancelling another user's run".to_owned(),
        Action::Answer { .. } => "answering a run".to_owned(),
        Action::Decide { .. } => "approving or refusing this run".to_owned(),
    }
}

/// A method in words, where not every role may call it.
fn of_method(method: Method) -> &'static str {
    match method {
        Method::ClientsList => "listing the clients",
        Method::ServerStatus => "the status of the server",
        Method::SchedulesList => "listing the schedules",
        Method::ApprovalsList => "listing the approvals",
        Method::LogTail => "reading the log",
        Method::LogRotate => "beginning a new log",
        Method::NotifyTest => "a test notification",
        Method::KeysList => "listing the keys",
        Method::KeyInvite => "inviting a device",
        Method::KeyRevoke => "revoking a key",
        Method::ClientKick => "disconnecting a client",
        Method::Broadcast => "a broadcast",
        Method::ServerReload => "reloading the configuration",
        Method::ServerShutdown => "shutting the server down",
        Method::ServerShutdownCancel => "cancelling a shutdown",
        Method::SchedulePause => "pausing a schedule",
        Method::ScheduleResume => "resuming a schedule",
        Method::ScheduleRun => "running a schedule",
        Method::SchedulePlan => "activating a plan",
        Method::WorkerRestart => "restarting a worker",
        Method::ScheduleSet => "setting a schedule",
        Method::ApprovalDecide => "approving or refusing a run",
        _ => method.name(),
    }
}

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod tests;
