//! The table of keys, and finding a key by its name or pin.

use jiff::tz::TimeZone;

use super::{cell, columns};
use crate::methods::{KeyRow, KeyState};
use crate::pin::Pin;
use crate::text::{MAX_NAME, clean};
use crate::time::Time;

/// Fewest digits that a key is called by.
const FEWEST_DIGITS: usize = 4;
/// Digits of a key in a table.
const SHOWN_DIGITS: usize = 16;

/// Why a key is not known by what it was called.
#[derive(Debug, thiserror::Error)]
pub enum UnknownKey {
    /// No key has this name, or begins so.
    #[error("no key is called `{0}`: `keys` lists them")]
    NoSuchKey(String),
    /// Several do.
    #[error(
        "`{0}` is the name, or the beginning, of several keys; give the digits of the one you mean: {1}"
    )]
    Ambiguous(String, String),
}

/// All keys, a line each. `invite` is what to type for an invite, which is said where there is no key.
pub fn list(rows: &[KeyRow], invite: &str, zone: &TimeZone) -> String {
    if rows.is_empty() {
        return format!(
            "no device is paired, so no client can connect over TCP: {invite} makes an invite\n"
        );
    }
    let heads = ["key", "name", "role", "state", "last seen", "good until", "commands"];
    let mut lines = vec![heads.map(str::to_owned)];
    let time = |time: Option<Time>| cell(time.map(|time| time.to_second(zone)));
    lines.extend(rows.iter().map(|row| {
        [
            row.key_id.digits()[..SHOWN_DIGITS].to_owned(),
            clean(&row.name, MAX_NAME),
            super::role(row.role, row.agent),
            row.state.name().to_owned(),
            time(row.last_seen),
            time(row.expires_at),
            row.commands.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(",")),
        ]
    }));
    columns(&lines)
}

/// Finds a key by its name or the beginning of its digits. Expired and revoked keys count only if no other matches.
pub fn find<'k>(rows: &'k [KeyRow], called: &str) -> Result<&'k KeyRow, UnknownKey> {
    let pin: Option<Pin> = called.parse().ok();
    let digits = called.strip_prefix("sha256:").unwrap_or(called);
    let is_meant = |row: &&KeyRow| {
        pin == Some(row.key_id)
            || row.name == called
            || (digits.len() >= FEWEST_DIGITS && row.key_id.digits().starts_with(digits))
    };
    let good = |row: &&KeyRow| matches!(row.state, KeyState::Active | KeyState::Invited);
    let all: Vec<&KeyRow> = rows.iter().filter(is_meant).collect();
    let mut meant: Vec<&KeyRow> = all.iter().copied().filter(good).collect();
    if meant.is_empty() {
        meant = all;
    }
    match meant[..] {
        [] => Err(UnknownKey::NoSuchKey(called.to_owned())),
        [row] => Ok(row),
        _ => {
            let each = |row: &&KeyRow| {
                format!(
                    "{} ({}, {})",
                    &row.key_id.digits()[..SHOWN_DIGITS],
                    row.role,
                    row.state.name()
                )
            };
            let all: Vec<String> = meant.iter().map(each).collect();
            Err(UnknownKey::Ambiguous(called.to_owned(), all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::role::Role;

    use super::*;

    fn row(first: u8, name: &str, state: KeyState) -> KeyRow {
        let mut bytes = [0; 32];
        bytes[0] = first;
        KeyRow {
            agent: false,
            key_id: Pin::from_bytes(bytes),
            name: name.into(),
            role: Role::Viewer,
            commands: None,
            created_at: Time::from_millis(0),
            last_seen: None,
            expires_at: None,
            state,
        }
    }

    #[test]
    fn a_key_is_called_by_its_name_or_the_beginning_of_its_digits() {
        let rows = [
            row(0xab, "phone", KeyState::Used),
            row(0xac, "phone", KeyState::Active),
            row(0xad, "cron", KeyState::Revoked),
            row(0xad, "twin", KeyState::Active),
        ];
        let found = |called: &str| find(&rows, called).map(|row| row.key_id.as_bytes()[0]);
        assert_eq!(found("phone").unwrap(), 0xac, "the one that is good");
        assert_eq!(found("ab00").unwrap(), 0xab);
        assert_eq!(found("sha256:ab00").unwrap(), 0xab);
        assert_eq!(found(&rows[0].key_id.to_string()).unwrap(), 0xab);
        assert_eq!(found("cron").unwrap(), 0xad);
        assert!(matches!(found("ab0"), Err(UnknownKey::NoSuchKey(_))));
        let twins = [row(1, "a", KeyState::Active), row(2, "a", KeyState::Active)];
        assert!(matches!(find(&twins, "a"), Err(UnknownKey::Ambiguous(..))));
    }
}
