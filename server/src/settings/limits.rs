//! `[limits]` of `server.toml`: what the server will not go over.

use std::time::Duration;

use toml::de::DeValue;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json, as_str};
use crate::base::toml_file::units;

/// Its keys, in the order of the sample.
const KEYS: &[&str] = &[
    "max_runs",
    "admin_runs",
    "max_runs_per_client",
    "max_queued",
    "max_argument",
    "max_outbox",
    "max_waiting",
    "write_timeout",
    "shutdown_timeout",
    "shutdown_wait",
    "hook_timeout",
    "handshake_timeout",
    "max_handshakes",
    "max_handshakes_per_source",
    "connects",
    "connects_per_source",
    "penalty",
    "max_sessions",
    "max_sessions_per_key",
    "admin_sessions",
    "requests",
    "keepalive",
    "user_timeout",
];
/// What stands for no limit where sizes are added up.
const NO_SIZE_LIMIT: usize = usize::MAX / 4;

/// `[limits]`. In the file, 0 means no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Runs of programs at once.
    pub max_runs: usize,
    /// Of these, so many only for admins.
    pub admin_runs: usize,
    /// Runs of programs of one client at once, with those that wait for their turn.
    pub max_runs_per_client: usize,
    /// Runs that wait for their turn at once.
    pub max_queued: usize,
    /// Bytes of one argument's value.
    pub max_argument: usize,
    /// Bytes that wait for one client.
    pub max_outbox: usize,
    /// Requests of one session that wait for their answers at once.
    pub max_waiting: usize,
    /// How long a write to a client may not move.
    pub write_timeout: Option<Duration>,
    /// How long sessions and runs may take to end when the server does.
    pub shutdown_timeout: Option<Duration>,
    /// How long the server, before it ends, waits for runs that say so.
    pub shutdown_wait: Option<Duration>,
    /// How long the `safe_state` of a command may take.
    pub hook_timeout: Option<Duration>,
    /// How long somebody at the door may take, in all, to show a key that is let in.
    pub handshake_timeout: Option<Duration>,
    /// Connections at the door at once.
    pub max_handshakes: usize,
    /// Of one source: an IPv4 address, or a /64 of IPv6.
    pub max_handshakes_per_source: usize,
    /// New connections a second, and at once after a pause; sources that were let in before do not count.
    pub connects: usize,
    /// Those of one source; ten times as many at once.
    pub connects_per_source: usize,
    /// What a source is shut out for by each key that is refused, once it adds up to three times as much.
    pub penalty: Option<Duration>,
    /// Sessions over TCP at once.
    pub max_sessions: usize,
    /// Those of one key.
    pub max_sessions_per_key: usize,
    /// Of [`Limits::max_sessions`], so many only for admins.
    pub admin_sessions: usize,
    /// Requests a second of a session over TCP, twice as many at once; what comes faster waits.
    pub requests: usize,
    /// After so long without a word the system asks whether the other side is there.
    pub keepalive: Option<Duration>,
    /// What was sent must arrive within so long, or the other side is gone.
    pub user_timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = |count| Some(Duration::from_secs(count));
        Self {
            max_runs: 16,
            admin_runs: 2,
            max_runs_per_client: 8,
            max_queued: 32,
            max_argument: 32 * 1024,
            max_outbox: 1024 * 1024,
            max_waiting: 256,
            write_timeout: seconds(10),
            shutdown_timeout: seconds(20),
            shutdown_wait: seconds(20),
            hook_timeout: seconds(30),
            handshake_timeout: seconds(5),
            max_handshakes: 64,
            max_handshakes_per_source: 4,
            connects: 50,
            connects_per_source: 1,
            penalty: seconds(5),
            max_sessions: 1024,
            max_sessions_per_key: 32,
            admin_sessions: 4,
            requests: 200,
            keepalive: seconds(20),
            user_timeout: seconds(20),
        }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Limits {
    table.refuse_unknown(KEYS, m);
    let usual = Limits::default();
    let mut most = |name: &str, usual: usize| count(table, name, m).map_or(usual, no_limit_at_0);
    Limits {
        max_runs: most("max_runs", usual.max_runs),
        max_runs_per_client: most("max_runs_per_client", usual.max_runs_per_client),
        max_queued: most("max_queued", usual.max_queued),
        max_waiting: most("max_waiting", usual.max_waiting),
        max_handshakes: most("max_handshakes", usual.max_handshakes),
        max_handshakes_per_source: most(
            "max_handshakes_per_source",
            usual.max_handshakes_per_source,
        ),
        connects: most("connects", usual.connects),
        connects_per_source: most("connects_per_source", usual.connects_per_source),
        max_sessions: most("max_sessions", usual.max_sessions),
        max_sessions_per_key: most("max_sessions_per_key", usual.max_sessions_per_key),
        requests: most("requests", usual.requests),
        // None kept for admins is none, not no limit.
        admin_runs: count(table, "admin_runs", m).unwrap_or(usual.admin_runs),
        admin_sessions: count(table, "admin_sessions", m).unwrap_or(usual.admin_sessions),
        max_argument: size(table, "max_argument", m).unwrap_or(usual.max_argument),
        max_outbox: size(table, "max_outbox", m).unwrap_or(usual.max_outbox),
        write_timeout: time(table, "write_timeout", m).unwrap_or(usual.write_timeout),
        shutdown_timeout: time(table, "shutdown_timeout", m).unwrap_or(usual.shutdown_timeout),
        shutdown_wait: time(table, "shutdown_wait", m).unwrap_or(usual.shutdown_wait),
        hook_timeout: time(table, "hook_timeout", m).unwrap_or(usual.hook_timeout),
        handshake_timeout: time(table, "handshake_timeout", m).unwrap_or(usual.handshake_timeout),
        penalty: time(table, "penalty", m).unwrap_or(usual.penalty),
        keepalive: time(table, "keepalive", m).unwrap_or(usual.keepalive),
        user_timeout: time(table, "user_timeout", m).unwrap_or(usual.user_timeout),
    }
}

fn no_limit_at_0(count: usize) -> usize {
    if count == 0 { usize::MAX } else { count }
}

fn count(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<usize> {
    let form = format!("a whole number from 0 to {}", u32::MAX);
    let read = |value| Some(u32::try_from(as_json(value)?.as_u64()?).ok()? as usize);
    table.read(name, &form, m, read).map(|field| field.value)
}

fn size(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<usize> {
    let value = usize::try_from(bytes(table, name, m)?).unwrap_or(NO_SIZE_LIMIT);
    Some(if value == 0 { NO_SIZE_LIMIT } else { value.min(NO_SIZE_LIMIT) })
}

/// A size in bytes; 0 stands for no limit.
pub(crate) fn bytes(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<u64> {
    let form = format!("{}, or 0 for no limit", units::SIZE_FORM);
    let read = |value| match (is_0(value), as_str(value)) {
        (true, _) => Some(0),
        (false, text) => units::parse_size(text?),
    };
    table.read(name, &form, m, read).map(|field| field.value)
}

/// A time; none stands for no limit.
pub(crate) fn time(
    table: &Fields<'_, '_>,
    name: &str,
    m: &mut Errors<'_>,
) -> Option<Option<Duration>> {
    let form = format!("{}, or 0 for no limit", units::DURATION_FORM);
    let read = |value| match (is_0(value), as_str(value)) {
        (true, _) => Some(Duration::ZERO),
        (false, text) => units::parse_duration(text?),
    };
    let Field { value, .. } = table.read(name, &form, m, read)?;
    Some(Some(value).filter(|time| !time.is_zero()))
}

fn is_0(value: &DeValue<'_>) -> bool {
    as_json(value).and_then(|value| value.as_u64()) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At worst something is written just before the last keepalive probe would have ended the connection.
    #[test]
    fn a_client_whose_network_is_cut_is_gone_well_within_a_minute() {
        let limits = Limits::default();
        let (idle, sent) = (limits.keepalive.unwrap(), limits.user_timeout.unwrap());
        let worst = idle + crate::base::platform::KEEPALIVE_APART + sent;
        assert!(worst <= Duration::from_secs(45), "{worst:?}");
    }
}
