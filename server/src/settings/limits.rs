//! `[limits]` of `server.toml`.

use std::time::Duration;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::value_forms::{count, reserved, size, time};

/// Defines [`Limits`]: each key in the order of the sample, with its type, its form in the file and its default.
macro_rules! limits {
    ($($(#[doc = $doc:literal])* $key:ident: $type:ty, $form:ident, $default:expr;)*) => {
        /// `[limits]`. In the file, 0 means no limit.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $key: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Limits {
            table.refuse_unknown(&[$(stringify!($key)),*], m);
            let default = Limits::default();
            Limits { $($key: $form::read(table, stringify!($key), m).unwrap_or(default.$key),)* }
        }

        /// Each key with its value in the syntax of the file.
        pub(crate) fn values(limits: &Limits) -> Vec<(&'static str, String)> {
            vec![$((concat!("limits.", stringify!($key)), $form::write(limits.$key)),)*]
        }
    };
}

const fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

limits! {
    /// Runs of programs at once.
    max_runs: usize, count, 16;
    /// Runs of these that are kept for admins.
    admin_runs: usize, reserved, 2;
    /// Runs of programs of one client at once, queued ones included.
    max_runs_per_client: usize, count, 8;
    /// Queued runs at once.
    max_queued: usize, count, 32;
    /// Runs that wait for approval at once.
    max_approvals: usize, count, 32;
    /// Those of one user or key.
    max_approvals_per_user: usize, count, 4;
    /// How long a run waits for approval.
    approval_timeout: Option<Duration>, time, seconds(5 * 60);
    /// Bytes of one argument's value.
    max_argument: usize, size, 32 * 1024;
    /// Bytes queued for one client.
    max_outbox: usize, size, 1024 * 1024;
    /// Unanswered requests of one session at once.
    max_waiting: usize, count, 256;
    /// How long a write to a client may make no progress.
    write_timeout: Option<Duration>, time, seconds(10);
    /// How long sessions and runs may take to end at a shutdown.
    shutdown_timeout: Option<Duration>, time, seconds(20);
    /// How long a shutdown waits for runs that ask for it.
    shutdown_wait: Option<Duration>, time, seconds(20);
    /// How long the `safe_state` of a command may take.
    hook_timeout: Option<Duration>, time, seconds(30);
    /// How long a TCP connection may take until its key is accepted.
    handshake_timeout: Option<Duration>, time, seconds(5);
    /// Handshakes at once.
    max_handshakes: usize, count, 64;
    /// Those of one source: an IPv4 address, or a /64 of IPv6.
    max_handshakes_per_source: usize, count, 4;
    /// New connections a second, and burst after a pause; known sources do not count.
    connects: usize, count, 50;
    /// Those of one source; the burst is ten times as many.
    connects_per_source: usize, count, 1;
    /// Time that each refused key adds to the penalty of its source; enforced from the third on.
    penalty: Option<Duration>, time, seconds(5);
    /// Sessions over TCP at once.
    max_sessions: usize, count, 1024;
    /// Those of one key.
    max_sessions_per_key: usize, count, 32;
    /// Sessions of [`Limits::max_sessions`] that are kept for admins.
    admin_sessions: usize, reserved, 4;
    /// Requests a second of a session over TCP, with a burst of twice as many; faster ones wait.
    requests: usize, count, 200;
    /// Idle time before the system probes whether the client is there.
    keepalive: Option<Duration>, time, seconds(20);
    /// Time without an acknowledgement after which the connection is closed.
    user_timeout: Option<Duration>, time, seconds(20);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At worst something is written just before the last keepalive probe would have closed the connection.
    #[test]
    fn a_client_with_a_dead_network_is_gone_well_within_a_minute() {
        let limits = Limits::default();
        let (idle, sent) = (limits.keepalive.unwrap(), limits.user_timeout.unwrap());
        let worst = idle + crate::base::platform::KEEPALIVE_APART + sent;
        assert!(worst <= Duration::from_secs(45), "{worst:?}");
    }
}
