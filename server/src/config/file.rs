//! Reading `server.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use topside_shared::Role;
use topside_shared::dirs::Dirs;

use super::{Limits, Local, SERVER_FILE};
use crate::commands::declare::{DURATION_FORM, Position, SIZE_FORM, parse_duration, parse_size};

/// Why `server.toml` is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// One sentence.
        message: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    local: LocalTable,
    limits: LimitsTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LocalTable {
    allow: BTreeMap<String, Role>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    max_runs: Option<Count>,
    admin_runs: Option<Count>,
    max_runs_per_client: Option<Count>,
    max_argument: Option<Size>,
    max_outbox: Option<Size>,
    write_timeout: Option<Time>,
    shutdown_timeout: Option<Time>,
}

/// A count; 0 means no limit.
#[derive(Debug, Clone, Copy)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|count| Self(count as usize))
    }
}

impl Count {
    fn limit(self) -> usize {
        if self.0 == 0 { usize::MAX } else { self.0 }
    }
}

/// A size such as `"32KiB"`; 0 means no limit.
#[derive(Debug, Clone, Copy)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OneOf::deserialize(deserializer)? {
            OneOf::Number(0) => Ok(Self(0)),
            OneOf::Text(text) if parse_size(&text).is_some() => {
                Ok(Self(parse_size(&text).unwrap_or_default()))
            }
            _ => Err(serde::de::Error::custom(format_args!(
                "a size is {SIZE_FORM}, or 0 for no limit"
            ))),
        }
    }
}

impl Size {
    fn limit(self) -> usize {
        match self.0 {
            0 => usize::MAX / 4,
            size => usize::try_from(size).unwrap_or(usize::MAX / 4),
        }
    }
}

/// A time such as `"10s"`; 0 means no limit.
#[derive(Debug, Clone, Copy)]
struct Time(Option<Duration>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OneOf::deserialize(deserializer)? {
            OneOf::Number(0) => Ok(Self(None)),
            OneOf::Text(text) if parse_duration(&text).is_some() => {
                Ok(Self(parse_duration(&text).filter(|time| !time.is_zero())))
            }
            _ => Err(serde::de::Error::custom(format_args!(
                "a time is {DURATION_FORM}, or 0 for no limit"
            ))),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOf {
    Number(i64),
    Text(String),
}

pub(super) fn load(dirs: &Dirs, named: Option<&Path>) -> Result<(Local, Limits), FileError> {
    let path = named.map_or_else(|| dirs.config.join(SERVER_FILE), Path::to_path_buf);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            String::new()
        }
        Err(source) => return Err(FileError::Read { path, source }),
    };
    parse(&path, &text)
}

fn parse(path: &Path, text: &str) -> Result<(Local, Limits), FileError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let at = Position::of(text, error.span().map_or(0, |span| span.start));
        FileError::Wrong {
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            message: error.message().replace('\n', ": "),
        }
    })?;
    let usual = Limits::default();
    let LimitsTable {
        max_runs,
        admin_runs,
        max_runs_per_client,
        max_argument,
        max_outbox,
        write_timeout,
        shutdown_timeout,
    } = file.limits;
    let limits = Limits {
        max_runs: max_runs.map_or(usual.max_runs, Count::limit),
        // None kept for admins is none, not no limit.
        admin_runs: admin_runs.map_or(usual.admin_runs, |count| count.0),
        max_runs_per_client: max_runs_per_client.map_or(usual.max_runs_per_client, Count::limit),
        max_argument: max_argument.map_or(usual.max_argument, Size::limit),
        max_outbox: max_outbox.map_or(usual.max_outbox, Size::limit),
        write_timeout: write_timeout.map_or(usual.write_timeout, |time| time.0),
        shutdown_timeout: shutdown_timeout.map_or(usual.shutdown_timeout, |time| time.0),
    };
    Ok((Local { allow: file.local.allow }, limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(Local, Limits), FileError> {
        parse(Path::new("server.toml"), text)
    }

    #[test]
    fn an_empty_file_and_the_sample_are_the_defaults() {
        let sample = include_str!("../../../config/server.toml");
        for text in ["", sample] {
            assert_eq!(of(text).unwrap(), (Local::default(), Limits::default()));
        }
    }

    #[test]
    fn every_key_of_the_sample_is_read_when_it_is_set() {
        let (local, limits) = of(
            "[local]\nallow = { alice = \"operator\" }\n[limits]\nmax_runs = 1\nadmin_runs = 0\n\
             max_runs_per_client = 2\nmax_argument = \"1KiB\"\nmax_outbox = \"2MiB\"\n\
             write_timeout = \"1s\"\nshutdown_timeout = 0\n",
        )
        .unwrap();
        assert_eq!(local.allow["alice"], Role::Operator);
        let want = Limits {
            max_runs: 1,
            admin_runs: 0,
            max_runs_per_client: 2,
            max_argument: 1024,
            max_outbox: 2 * 1024 * 1024,
            write_timeout: Some(Duration::from_secs(1)),
            shutdown_timeout: None,
        };
        assert_eq!(limits, want);
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_column() {
        for (text, place) in [
            ("[limits]\nmax_rums = 1\n", "server.toml:2:1: unknown field `max_rums`"),
            ("[limits]\nwrite_timeout = 10\n", "server.toml:2:17: a time is"),
            ("[local]\nallow = { alice = \"king\" }\n", "server.toml:2:19: unknown variant `king`"),
            ("[limits\n", "server.toml:1:"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }
}
