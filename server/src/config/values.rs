//! Every key of `server.toml` with the value that is in force, as the file would say it.

use std::time::Duration;

use crate::config::Config;
use crate::settings::Listen;
use crate::settings::limits::Limits;
use crate::settings::retention::Kept;

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its table and its name: `limits.max_runs`.
    pub(crate) key: String,
    /// Its value in TOML; empty for a key that has no default and is not there.
    pub(crate) value: String,
}

impl Setting {
    /// Whether a reload puts it in force, as this one would; the others wait for the next start.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.key.split('.').next(), Some("limits" | "runs" | "local"))
    }
}

/// All of them, in the order of the sample.
pub(crate) fn settings(config: &Config) -> Vec<Setting> {
    let usual = Listen::default();
    let Listen { port, addresses } = config.listen.as_ref().unwrap_or(&usual);
    let addresses: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let allow = config.local.allow.iter();
    let allow: Vec<String> =
        allow.map(|(user, role)| format!("{} = \"{role}\"", toml::Value::from(&**user))).collect();
    let allow = match allow.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", allow.join(", ")),
    };
    let Kept { keep, keep_bytes } = config.runs;
    let metrics = config.metrics.listen;
    let mut all = vec![
        ("listen.port", port.to_string()),
        ("listen.addresses", format!("[{}]", addresses.join(", "))),
        ("local.allow", allow),
        ("runs.keep", time(keep)),
        ("runs.keep_bytes", size(keep_bytes.unwrap_or(0))),
        ("router.map", config.router.map.to_string()),
        ("discovery.announce", config.discovery.announce.to_string()),
        ("metrics.listen", metrics.map_or_else(String::new, |address| format!("\"{address}\""))),
    ];
    all.extend(of_limits(&config.limits));
    all.into_iter().map(|(key, value)| Setting { key: key.to_owned(), value }).collect()
}

fn of_limits(limits: &Limits) -> [(&'static str, String); 23] {
    let bytes = |bytes: usize| size(if bytes >= usize::MAX / 4 { 0 } else { bytes as u64 });
    [
        ("limits.max_runs", most(limits.max_runs)),
        ("limits.admin_runs", limits.admin_runs.to_string()),
        ("limits.max_runs_per_client", most(limits.max_runs_per_client)),
        ("limits.max_queued", most(limits.max_queued)),
        ("limits.max_argument", bytes(limits.max_argument)),
        ("limits.max_outbox", bytes(limits.max_outbox)),
        ("limits.max_waiting", most(limits.max_waiting)),
        ("limits.write_timeout", time(limits.write_timeout)),
        ("limits.shutdown_timeout", time(limits.shutdown_timeout)),
        ("limits.shutdown_wait", time(limits.shutdown_wait)),
        ("limits.hook_timeout", time(limits.hook_timeout)),
        ("limits.handshake_timeout", time(limits.handshake_timeout)),
        ("limits.max_handshakes", most(limits.max_handshakes)),
        ("limits.max_handshakes_per_source", most(limits.max_handshakes_per_source)),
        ("limits.connects", most(limits.connects)),
        ("limits.connects_per_source", most(limits.connects_per_source)),
        ("limits.penalty", time(limits.penalty)),
        ("limits.max_sessions", most(limits.max_sessions)),
        ("limits.max_sessions_per_key", most(limits.max_sessions_per_key)),
        ("limits.admin_sessions", limits.admin_sessions.to_string()),
        ("limits.requests", most(limits.requests)),
        ("limits.keepalive", time(limits.keepalive)),
        ("limits.user_timeout", time(limits.user_timeout)),
    ]
}

fn most(count: usize) -> String {
    (if count == usize::MAX { 0 } else { count }).to_string()
}

/// A time in the largest unit that tells it whole.
fn time(time: Option<Duration>) -> String {
    let ms = time.map_or(0, |time| time.as_millis());
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match (ms, units.iter().find(|(unit, _)| ms.is_multiple_of(*unit))) {
        (0, _) => "0".to_owned(),
        (_, Some((unit, name))) => format!("\"{}{name}\"", ms / unit),
        (_, None) => format!("\"{ms}ms\""),
    }
}

/// A size in the largest unit that tells it whole.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match (bytes, units.iter().find(|(unit, _)| bytes.is_multiple_of(*unit))) {
        (0, _) => "0".to_owned(),
        (_, Some((unit, name))) => format!("\"{}{name}\"", bytes / unit),
        (_, None) => format!("\"{bytes}B\""),
    }
}
