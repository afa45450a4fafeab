//! Entries of the audit log: who did what to which object; and their form as a line.

use serde::{Deserialize, Serialize};
use topside_shared::methods::KeyRow;
use topside_shared::{Pin, Role, Time};

use crate::audit::action::AuditAction;
use crate::audit::argv::{Argument, bounded, bounded_text};
use crate::audit::chain::Link;
use crate::base::identity::{Identity, Owner};
use crate::base::platform;

/// The result of an entry that is written ahead of its action.
pub(crate) const BEGINS: &str = "begins";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    /// The name of the user, of the key, or of another actor such as a signal.
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Pin>,
    /// The user of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
    /// Whether it is an agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) agent: bool,
}

/// The actor and its address.
#[derive(Debug, Clone)]
pub(crate) struct By {
    who: Who,
    address: String,
}

impl By {
    /// An authenticated client.
    pub(crate) fn identity(who: &Identity, address: String) -> Self {
        let (key, uid) = match who.owner {
            Owner::Key(key) => (Some(key), None),
            Owner::User(uid) | Owner::Agent(uid) => (None, Some(uid)),
            Owner::Schedule => (None, None),
        };
        let who = Who { name: who.user.clone(), role: Some(who.role), key, uid, agent: who.agent };
        Self { who, address }
    }

    /// A verb of `topsided` that runs without a server.
    pub(crate) fn verb() -> Self {
        let uid = platform::own_uid();
        let name = platform::user_name(uid);
        let who = Who { name, role: Some(Role::Admin), uid: Some(uid), ..Who::default() };
        Self { who, address: format!("pid {}", std::process::id()) }
    }

    /// An actor that is neither a client nor a verb, such as a signal.
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { who: Who { name: name.into(), ..Who::default() }, address: String::new() }
    }

    pub(crate) fn server() -> Self {
        Self::named("topsided")
    }

    pub(super) fn refused_user(uid: u32, name: String) -> Self {
        let who = Who { name, uid: Some(uid), ..Who::default() };
        Self { who, address: "this machine".to_owned() }
    }

    /// Unauthenticated clients from this source.
    pub(crate) fn stranger(source: impl Into<String>) -> Self {
        Self { who: Who::default(), address: source.into() }
    }
}

/// An action that was done, or is about to be: a line without its place in the chain.
#[derive(Debug, Clone)]
pub(crate) struct Entry(Line);

impl Entry {
    /// An entry of `action` on `object`, at the current time.
    pub(crate) fn new(by: By, action: AuditAction, object: impl Into<String>) -> Self {
        Self(Line {
            seq: 0,
            time: Time::now(),
            boot_id: None,
            who: by.who,
            address: by.address,
            action: action.name().to_owned(),
            object: bounded_text(object.into()),
            argv: Vec::new(),
            result: BEGINS.to_owned(),
            prev: String::new(),
        })
    }

    /// Adds arguments, none of which is secret; long ones are cut.
    pub(crate) fn argv(mut self, argv: Vec<String>) -> Self {
        self.0.argv = bounded(argv);
        self
    }

    /// Sets the result, at the current time.
    pub(crate) fn result(mut self, result: impl Into<String>) -> Self {
        self.0.time = Time::now();
        self.0.result = bounded_text(result.into());
        self
    }

    pub(crate) fn of_key(by: By, action: AuditAction, row: &KeyRow) -> Self {
        let mut argv = vec![format!("name={}", row.name), format!("role={}", row.role.name())];
        argv.extend(row.agent.then(|| "agent".to_owned()));
        if let Some(commands) = &row.commands {
            argv.push(format!("commands={}", commands.join(",")));
        }
        if let Some(end) = row.expires_at {
            argv.push(format!("expiresAt={end}"));
        }
        argv.push(format!("state={}", row.state.name()));
        Self::new(by, action, row.key_id.to_string()).argv(argv)
    }

    /// The line that follows `last`, without its ending, and its link.
    pub(super) fn line(
        &self,
        last: &Link,
        boot_id: Option<&str>,
    ) -> serde_json::Result<(Vec<u8>, Link)> {
        let (seq, prev) = (last.seq + 1, last.hash.clone());
        let boot_id = boot_id.map(str::to_owned);
        let line = serde_json::to_vec(&Line { seq, boot_id, prev, ..self.0.clone() })?;
        let link = Link::of(seq, &line);
        Ok((line, link))
    }
}

/// A line of the log. `prev` must stay last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) time: Time,
    boot_id: Option<String>,
    pub(crate) who: Who,
    pub(crate) address: String,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) argv: Vec<Argument>,
    pub(crate) result: String,
    pub(crate) prev: String,
}
