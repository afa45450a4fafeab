//! Permissions: one table for methods, and one rule for each kind of object.

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
}

/// Who may call a method.
struct Row {
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
        Action::Subscribe(Topic::Clients | Topic::Runs | Topic::Server | Topic::Schedules) => {
            Role::Viewer
        }
        Action::Subscribe(Topic::Log | Topic::Keys) => Role::Admin,
        Action::Run { role, .. } => role,
        Action::Cancel { owner, .. } | Action::Answer { owner } if owner == who.owner => {
            return Ok(());
        }
        // Each who may run the command may end what a schedule started.
        Action::Cancel { owner: Owner::Schedule, role } => role,
        Action::Cancel { .. } => Role::Admin,
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
            "an invite is good for `key/enrol` only: pair with it first".into()
        }
        (_, Action::Call(Method::KeyEnrol)) => {
            "`key/enrol` needs a connection with the key of an invite".into()
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

/// Whether `who` may see a run of `owner`, whose command needs `role`.
pub(crate) fn may_see_run(who: &Identity, owner: Owner, role: Role) -> bool {
    who.owner == owner || (who.scope == Scope::Whole && who.role >= role)
}

/// Whether `who` sees a command in the menu.
pub(crate) fn may_see_command(who: &Identity, command: &str, role: Role) -> bool {
    authorize(who, Action::Run { command, role }).is_ok()
}

/// Who may call a method. One without a row here does not compile.
fn row(method: Method) -> Row {
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
    Row { least, limited }
}

fn title(action: Action<'_>) -> String {
    match action {
        Action::Call(method) => of_method(method).to_owned(),
        Action::Subscribe(topic) => format!("the topic {}", topic.name()),
        Action::Run { command, .. } => command.to_owned(),
        Action::Cancel { .. } => "cancelling another user's run".to_owned(),
        Action::Answer { .. } => "answering a run".to_owned(),
    }
}

/// A method in words, where not every role may call it.
fn of_method(method: Method) -> &'static str {
    match method {
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
        _ => method.name(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use topside_shared::Pin;

    use super::*;

    const MINE: Owner = Owner::User(1000);

    fn who(role: Role, scope: Scope) -> Identity {
        Identity { owner: MINE, user: "u".into(), role, scope }
    }

    fn limited() -> Scope {
        Scope::Commands(Arc::from(["uptime".to_owned()]))
    }

    fn one_time() -> Scope {
        Scope::Enrol { exporter: [0; 32] }
    }

    /// Which of the roles, with this scope, may do it.
    fn allowed(scope: &Scope, action: Action<'_>) -> [bool; 3] {
        Role::ALL.map(|role| authorize(&who(role, scope.clone()), action).is_ok())
    }

    #[test]
    fn every_method_by_role_and_scope() {
        let admins = [false, false, true];
        for method in Method::ALL {
            let (whole, some, once) = match method {
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
                | Method::SessionClose => ([true; 3], [true; 3], [false; 3]),
                Method::SchedulePause
                | Method::ScheduleResume
                | Method::ScheduleRun
                | Method::SchedulePlan
                | Method::ScheduleSet => ([false, true, true], [false; 3], [false; 3]),
                Method::ClientsList
                | Method::EventsSubscribe
                | Method::EventsUnsubscribe
                | Method::ServerStatus => ([true; 3], [false; 3], [false; 3]),
                Method::KeyEnrol => ([false; 3], [false; 3], [true; 3]),
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
                | Method::WorkerRestart => (admins, [false; 3], [false; 3]),
            };
            for (scope, want) in [(Scope::Whole, whole), (limited(), some), (one_time(), once)] {
                let got = allowed(&scope, Action::Call(method));
                assert_eq!(got, want, "{} with {scope:?}", method.name());
            }
        }
    }

    #[test]
    fn every_object_by_role_scope_and_owner() {
        let none = [false; 3];
        for theirs in [Owner::User(1001), Owner::Key(Pin::from_bytes([1; 32]))] {
            let cancel = Action::Cancel { owner: theirs, role: Role::Viewer };
            assert_eq!(allowed(&Scope::Whole, cancel), [false, false, true]);
            assert_eq!(allowed(&limited(), cancel), none);
            assert_eq!(allowed(&one_time(), cancel), none);
            for scope in [Scope::Whole, limited(), one_time()] {
                assert_eq!(allowed(&scope, Action::Answer { owner: theirs }), none);
            }
            for role in Role::ALL {
                let sees = |scope| may_see_run(&who(role, scope), theirs, Role::Operator);
                assert_eq!(sees(Scope::Whole), role >= Role::Operator);
                assert!(!sees(limited()) && !sees(one_time()));
            }
        }
        let cancel = Action::Cancel { owner: MINE, role: Role::Admin };
        assert_eq!(allowed(&Scope::Whole, cancel), [true; 3]);
        assert_eq!(allowed(&limited(), cancel), [true; 3]);
        let answer = Action::Answer { owner: MINE };
        assert_eq!(allowed(&Scope::Whole, answer), [true; 3]);
        assert_eq!(allowed(&limited(), answer), [true; 3]);
        assert_eq!(allowed(&one_time(), answer), none);
        assert!(may_see_run(&who(Role::Viewer, limited()), MINE, Role::Admin));

        let of_schedule = Action::Cancel { owner: Owner::Schedule, role: Role::Operator };
        assert_eq!(allowed(&Scope::Whole, of_schedule), [false, true, true]);
        assert_eq!(allowed(&limited(), of_schedule), none);

        let run = |command, role| Action::Run { command, role };
        assert_eq!(allowed(&Scope::Whole, run("df", Role::Operator)), [false, true, true]);
        assert_eq!(allowed(&limited(), run("df", Role::Viewer)), none);
        assert_eq!(allowed(&limited(), run("uptime", Role::Operator)), [false, true, true]);
        assert_eq!(allowed(&one_time(), run("uptime", Role::Viewer)), none);

        for topic in [Topic::Clients, Topic::Runs, Topic::Server, Topic::Schedules] {
            assert_eq!(allowed(&Scope::Whole, Action::Subscribe(topic)), [true; 3]);
            assert_eq!(allowed(&limited(), Action::Subscribe(topic)), none);
        }
        for topic in [Topic::Log, Topic::Keys] {
            assert_eq!(allowed(&Scope::Whole, Action::Subscribe(topic)), [false, false, true]);
        }
    }
}
