//! `topsided audit`: shows and verifies the audit log.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use topside_shared::Time;
use topside_shared::dirs::Dirs;
use topside_shared::text::clean;
use topside_shared::values::parse_since;

use crate::audit::argv::Argument;
use crate::audit::entry::Line;
use crate::audit::read::{Damage, IntactLog, each_entry, verify};
use crate::control::beside_the_service;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Verify the hash chain, and report the first line that was edited, removed or cut
    Verify,
    /// Print the entries, oldest first
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Only entries since a duration ago (90m, 2d) or a time (2026-03-01T09:00:00Z)
    #[arg(long, value_parser = parse_since)]
    since: Option<Time>,
    /// Only entries of this name, key or uid
    #[arg(long)]
    who: Option<String>,
    /// Only this action (key/revoke), or all actions of a group (key)
    #[arg(long)]
    action: Option<String>,
    /// Print the lines unchanged, as JSON
    #[arg(long)]
    json: bool,
}

/// Exit status where the log is damaged. Nothing else ends with it.
const DAMAGED: u8 = 1;
/// Exit status if there is no log yet, or it cannot be read (EX_NOINPUT of sysexits.h).
const NO_INPUT: u8 = 66;
/// Exit status where the output cannot be written (EX_IOERR).
const NO_OUTPUT: u8 = 74;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error("the audit log in {} cannot be read: {source}", state.display())]
    Read { state: PathBuf, source: io::Error },
    #[error("nothing has been recorded in {} yet: no server has run there", .0.display())]
    None(PathBuf),
    #[error("{}", beside_the_service())]
    Service,
    #[error("the output cannot be written: {0}")]
    Write(#[source] io::Error),
    #[error("the audit log is not intact: {0}")]
    Damage(#[from] Damage),
    #[error("{0} lines of the audit log cannot be read: `topsided audit verify` names the first")]
    Unreadable(u64),
}

impl AuditError {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::None(_) | Self::Service => NO_INPUT,
            Self::Write(_) => NO_OUTPUT,
            Self::Damage(_) | Self::Unreadable(_) => DAMAGED,
        }
    }
}

pub(crate) fn run(dirs: &Dirs, verb: &AuditVerb) -> Result<(), AuditError> {
    let state = &dirs.state;
    let failed = |source| AuditError::Read { state: state.clone(), source };
    match verb {
        AuditVerb::Verify => {
            let found = verify(state).map_err(failed)??;
            let intact = intact(&found).ok_or_else(|| nothing(dirs))?;
            written(writeln!(io::stdout(), "{intact}"))
        }
        AuditVerb::Show(args) => {
            let shown = show(state, args).map_err(failed)?;
            written(shown.written)?;
            match shown {
                Shown { unreadable: 0, entries: 0, .. } => Err(nothing(dirs)),
                Shown { unreadable: 0, .. } => Ok(()),
                Shown { unreadable, .. } => Err(AuditError::Unreadable(unreadable)),
            }
        }
    }
}

/// The error for a state directory without entries.
fn nothing(dirs: &Dirs) -> AuditError {
    match dirs.means_service() {
        true => AuditError::Service,
        false => AuditError::None(dirs.state.clone()),
    }
}

/// A closed pipe ends the output without an error.
fn written(result: io::Result<()>) -> Result<(), AuditError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(AuditError::Write(error)),
        _ => Ok(()),
    }
}

/// The report of an intact log; none if it is empty.
fn intact(found: &IntactLog) -> Option<String> {
    let (first, last) = found.entries?;
    let mut text = format!("Audit log intact: entries {first} to {last}");
    if found.files > 1 {
        text += &format!(", in {} files", found.files);
    }
    if first > 1 {
        text += &format!(
            "\nIt begins at {first}; entries 1 to {} were rotated out, as it records; {} of them, about keys and \
             administration, are kept",
            first - 1,
            found.kept
        );
    }
    Some(text)
}

/// What was read and printed.
struct Shown {
    entries: u64,
    unreadable: u64,
    written: io::Result<()>,
}

/// Prints the selected entries.
fn show(state: &Path, args: &ShowArgs) -> io::Result<Shown> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut entries, mut unreadable) = (0, 0);
    let (mut told, zone) = (Ok(()), TimeZone::system());
    each_entry(state, args.since, |bytes, whole, file| {
        let Ok(line) = serde_json::from_slice::<Line>(bytes) else {
            // The last line may be half written.
            unreadable += u64::from(whole || !file.ends_with("audit.jsonl"));
            return true;
        };
        entries += 1;
        if !args.takes(&line) {
            return true;
        }
        told = match args.json {
            true => out.write_all(bytes).and_then(|()| out.write_all(b"\n")),
            false => writeln!(out, "{}", plain(&line, &zone)),
        };
        told.is_ok()
    })?;
    Ok(Shown { entries, unreadable, written: told.and_then(|()| out.flush()) })
}

impl ShowArgs {
    fn takes(&self, line: &Line) -> bool {
        let Self { since, who, action, json: _ } = self;
        let is_kind = |kind: &String| {
            let rest = line.action.strip_prefix(kind.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_who = |name: &String| {
            let key = line.who.key.map(|key| key.to_string());
            line.who.name == *name
                || key.is_some_and(|key| key == *name)
                || line.who.uid.is_some_and(|uid| uid.to_string() == *name)
        };
        since.is_none_or(|since| line.time >= since)
            && who.as_ref().is_none_or(is_who)
            && action.as_ref().is_none_or(is_kind)
    }
}

fn plain(line: &Line, zone: &TimeZone) -> String {
    let Line { seq, time, who, address, action, object, argv, result, .. } = line;
    let by = match (who.name.as_str(), address.as_str()) {
        (name, "") => name.to_owned(),
        ("", address) => address.to_owned(),
        (name, address) => format!("{name} ({address})"),
    };
    let argv: String = argv.iter().map(|argument| format!(" {}", shown(argument))).collect();
    let time = time.to_millisecond(zone);
    clean(&format!("{time} {seq:>6} {by} {action} {object}{argv}: {result}"), usize::MAX)
}

fn shown(argument: &Argument) -> String {
    let quoted = |text: &str| {
        let is_plain =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "'\"\\".contains(c));
        if is_plain { text.to_owned() } else { format!("{text:?}") }
    };
    match argument {
        Argument::Complete(text) => quoted(text),
        Argument::Cut { cut, bytes, sha256 } => {
            format!("{}… ({bytes} bytes, sha256 {sha256})", quoted(cut))
        }
        Argument::Rest { arguments, bytes, sha256 } => {
            format!("… ({arguments} more arguments, {bytes} bytes, sha256 {sha256})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_says_where_a_log_begins_whose_first_entries_were_rotated_out() {
        let found = IntactLog { entries: Some((221, 300)), files: 8, kept: 12 };
        assert_eq!(
            intact(&found).unwrap(),
            "Audit log intact: entries 221 to 300, in 8 files\n\
             It begins at 221; entries 1 to 220 were rotated out, as it records; 12 of them, about keys and \
             administration, are kept"
        );
        let whole = IntactLog { entries: Some((1, 5)), files: 1, kept: 0 };
        assert_eq!(intact(&whole).unwrap(), "Audit log intact: entries 1 to 5");
        assert!(intact(&IntactLog { entries: None, files: 1, kept: 0 }).is_none());
    }
}
