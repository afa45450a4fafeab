//! Who may do what: one table for methods, and one rule for each kind of object.

use topside_shared::methods::{Method, Topic};
use topside_shared::{ErrorKind, Role, RpcError};

use crate::clients::Identity;

/// Something a client wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action<'a> {
    /// Call a method at all.
    Call(Method),
    /// Subscribe to a topic.
    Subscribe(Topic),
    /// Run a command that needs at least this role.
    Run { command: &'a str, role: Role },
    /// End a run that this user started.
    Cancel { owner: u32 },
}

/// Allows `action`, or says why not.
///
/// # Errors
/// `forbidden`, naming the role that is needed.
pub(crate) fn authorize(who: &Identity, action: Action<'_>) -> Result<(), RpcError> {
    let needed = match action {
        Action::Call(method) => least_role(method),
        Action::Subscribe(Topic::Clients | Topic::Runs | Topic::Server) => Role::Viewer,
        Action::Subscribe(Topic::Log) => Role::Admin,
        Action::Run { role, .. } => role,
        Action::Cancel { owner } if owner == who.uid => return Ok(()),
        Action::Cancel { .. } => Role::Admin,
    };
    if who.role >= needed {
        return Ok(());
    }
    let what = match action {
        Action::Call(method) => method.name().to_owned(),
        Action::Subscribe(topic) => format!("the topic {}", topic_name(topic)),
        Action::Run { command, .. } => command.to_owned(),
        Action::Cancel { .. } => "cancelling another user's run".to_owned(),
    };
    Err(RpcError::new(
        ErrorKind::Forbidden,
        format_args!("{what} needs the role {needed}; you are {}", who.role),
    )
    .with("needed", needed.name()))
}

/// Whether `who` may see a run of `owner`, whose command needs `role`.
pub(crate) fn may_see_run(who: &Identity, owner: u32, role: Role) -> bool {
    who.uid == owner || who.role >= role
}

/// The least role that may call a method. A method without a row here does not compile.
fn least_role(method: Method) -> Role {
    match method {
        Method::Initialize
        | Method::Ping
        | Method::CommandsList
        | Method::CommandRun
        | Method::RunCancel
        | Method::ClientsList
        | Method::EventsSubscribe
        | Method::EventsUnsubscribe
        | Method::ServerStatus
        | Method::SessionClose => Role::Viewer,
        Method::ServerShutdown | Method::ServerShutdownCancel | Method::LogTail => Role::Admin,
    }
}

fn topic_name(topic: Topic) -> &'static str {
    match topic {
        Topic::Clients => "clients",
        Topic::Runs => "runs",
        Topic::Log => "log",
        Topic::Server => "server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(role: Role) -> Identity {
        Identity { uid: 1000, user: "u".into(), role }
    }

    #[test]
    fn every_method_is_open_to_its_role_and_closed_to_the_one_below() {
        let admin_only = [Method::ServerShutdown, Method::ServerShutdownCancel, Method::LogTail];
        for method in Method::ALL {
            for role in [Role::Viewer, Role::Operator, Role::Admin] {
                let allowed = role == Role::Admin || !admin_only.contains(method);
                let answer = authorize(&who(role), Action::Call(*method));
                assert_eq!(answer.is_ok(), allowed, "{} as {role}", method.name());
            }
        }
    }

    #[test]
    fn a_run_is_cancelled_by_its_own_user_or_an_admin() {
        let mine = Action::Cancel { owner: 1000 };
        let theirs = Action::Cancel { owner: 1001 };
        assert!(authorize(&who(Role::Viewer), mine).is_ok());
        assert!(authorize(&who(Role::Operator), theirs).is_err());
        assert!(authorize(&who(Role::Admin), theirs).is_ok());
    }

    #[test]
    fn the_log_is_the_admins() {
        assert!(authorize(&who(Role::Operator), Action::Subscribe(Topic::Log)).is_err());
        assert!(authorize(&who(Role::Operator), Action::Subscribe(Topic::Clients)).is_ok());
    }
}
