//! What the audit log tells of: who did what to which object, and how it stands as a line.

use serde::{Deserialize, Serialize};
use topside_shared::methods::KeyRow;
use topside_shared::{Pin, Role, Time};

use crate::audit::argv::{Argument, bounded, bounded_text};
use crate::audit::chain::Link;
use crate::base::identity::{Identity, Owner};
use crate::base::platform;

/// The result of what is written ahead: it is about to be done.
pub(crate) const BEGINS: &str = "begins";

/// Who did something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    /// The user's or the key's name; what else ordered it, such as a signal.
    pub(crate) name: String,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    /// The key, where one was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Pin>,
    /// The user of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
}

/// Who did something, and from where.
#[derive(Debug, Clone)]
pub(crate) struct By {
    who: Who,
    address: String,
}

impl By {
    /// Somebody known by the transport.
    pub(crate) fn identity(who: &Identity, address: String) -> Self {
        let (key, uid) = match who.owner {
            Owner::Key(key) => (Some(key), None),
            Owner::User(uid) => (None, Some(uid)),
        };
        let who = Who { name: who.user.clone(), role: Some(who.role), key, uid };
        Self { who, address }
    }

    /// A verb of `topsided`, where no server runs.
    pub(crate) fn verb() -> Self {
        let uid = platform::own_uid();
        let name = platform::user_name(uid);
        let who = Who { name, role: Some(Role::Admin), key: None, uid: Some(uid) };
        Self { who, address: format!("pid {}", std::process::id()) }
    }

    /// Neither a client nor a verb: the server itself, a signal.
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { who: Who { name: name.into(), ..Who::default() }, address: String::new() }
    }

    /// The server itself.
    pub(crate) fn server() -> Self {
        Self::named("topsided")
    }

    /// A user of this machine who may not use this server.
    pub(super) fn refused_user(uid: u32, name: String) -> Self {
        let who = Who { name, uid: Some(uid), ..Who::default() };
        Self { who, address: "this machine".to_owned() }
    }

    /// Strangers, from this source.
    pub(crate) fn stranger(source: impl Into<String>) -> Self {
        Self { who: Who::default(), address: source.into() }
    }
}

/// One thing that was done, or is about to be.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    time: Time,
    by: By,
    action: &'static str,
    object: String,
    argv: Vec<Argument>,
    result: String,
}

impl Entry {
    /// `action`, a method's name or one like it, done now to `object`.
    pub(crate) fn new(by: By, action: &'static str, object: impl Into<String>) -> Self {
        let (object, result) = (bounded_text(object.into()), BEGINS.to_owned());
        Self { time: Time::now(), by, action, object, argv: Vec::new(), result }
    }

    /// With these arguments, none of which is secret; long ones are cut.
    pub(crate) fn argv(mut self, argv: Vec<String>) -> Self {
        self.argv = bounded(argv);
        self
    }

    /// With what became of it by now.
    pub(crate) fn result(mut self, result: impl Into<String>) -> Self {
        self.time = Time::now();
        self.result = bounded_text(result.into());
        self
    }

    /// A change of the list of keys, to this row.
    pub(crate) fn of_key(by: By, action: &'static str, row: &KeyRow) -> Self {
        let mut argv = vec![format!("name={}", row.name), format!("role={}", row.role.name())];
        if let Some(commands) = &row.commands {
            argv.push(format!("commands={}", commands.join(",")));
        }
        if let Some(end) = row.expires_at {
            argv.push(format!("expiresAt={end}"));
        }
        argv.push(format!("state={}", row.state.name()));
        Self::new(by, action, row.key_id.to_string()).argv(argv)
    }

    /// The line that follows `last`, without its ending, and its own link.
    pub(super) fn line(
        &self,
        last: &Link,
        boot_id: Option<&str>,
    ) -> serde_json::Result<(Vec<u8>, Link)> {
        let seq = last.seq + 1;
        let line = serde_json::to_vec(&Written {
            seq,
            time: self.time,
            boot_id,
            who: &self.by.who,
            address: &self.by.address,
            action: self.action,
            object: &self.object,
            argv: &self.argv,
            result: &self.result,
            prev: &last.hash,
        })?;
        let link = Link::of(seq, &line);
        Ok((line, link))
    }
}

/// A line as it is written. `prev` is last, and stays so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'e> {
    seq: u64,
    time: Time,
    boot_id: Option<&'e str>,
    who: &'e Who,
    address: &'e str,
    action: &'e str,
    object: &'e str,
    argv: &'e [Argument],
    result: &'e str,
    prev: &'e str,
}

/// A line as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) time: Time,
    pub(crate) who: Who,
    pub(crate) address: String,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) argv: Vec<Argument>,
    pub(crate) result: String,
    pub(crate) prev: String,
}
