//! Reading `server.toml`: all its mistakes at once, each with its place.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;
use topside_shared::Role;
use topside_shared::dirs::Dirs;

use super::fields::{Field, Fields, as_json, as_str};
use super::mistakes::{FileErrors, Mistakes};
use super::{Limits, Local, SERVER_FILE, guard, units};

/// The keys of `[limits]`.
const LIMITS: &[&str] = &[
    "max_runs",
    "admin_runs",
    "max_runs_per_client",
    "max_argument",
    "max_outbox",
    "write_timeout",
    "shutdown_timeout",
];
const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];
/// What stands for no limit where sizes are added up.
const NO_SIZE_LIMIT: usize = usize::MAX / 4;

pub(super) fn load(dirs: &Dirs, named: Option<&Path>) -> Result<(Local, Limits), FileErrors> {
    let usual = dirs.config.join(SERVER_FILE);
    let path = named.unwrap_or(&usual);
    let text = match guard::read(path, "the configuration")? {
        Some(text) => text,
        None if named.is_some() => return Err(FileErrors::absent(path)),
        None => String::new(),
    };
    parse(&path.display().to_string(), &text)
}

fn parse(file: &str, text: &str) -> Result<(Local, Limits), FileErrors> {
    let document = Fields::parse(file, text)?;
    let mut m = Mistakes::new(file, text);
    let top = Fields::of(&document, "server.toml");
    top.refuse_unknown(&["local", "limits"], &mut m);
    let local = top.table("local", &mut m).map(|table| local(&table, &mut m));
    let limits = top.table("limits", &mut m).map(|table| limits(&table, &mut m));
    m.finish()?;
    Ok((local.unwrap_or_default(), limits.unwrap_or_default()))
}

fn local(table: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Local {
    table.refuse_unknown(&["allow"], m);
    let Some(users) = table.table("allow", m) else { return Local::default() };
    let users = Fields { owner: "`allow` in [local]".to_owned(), ..users };
    let roles = ROLES.map(|role| (role.name(), role));
    let mut allow = BTreeMap::new();
    for user in users.table.keys() {
        let user: &str = user.get_ref();
        if let Some(role) = users.one_of(user, &roles, m) {
            allow.insert(user.to_owned(), role);
        }
    }
    Local { allow }
}

fn limits(table: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Limits {
    table.refuse_unknown(LIMITS, m);
    let usual = Limits::default();
    Limits {
        max_runs: count(table, "max_runs", m).map_or(usual.max_runs, no_limit_at_0),
        // None kept for admins is none, not no limit.
        admin_runs: count(table, "admin_runs", m).unwrap_or(usual.admin_runs),
        max_runs_per_client: count(table, "max_runs_per_client", m)
            .map_or(usual.max_runs_per_client, no_limit_at_0),
        max_argument: size(table, "max_argument", m).unwrap_or(usual.max_argument),
        max_outbox: size(table, "max_outbox", m).unwrap_or(usual.max_outbox),
        write_timeout: time(table, "write_timeout", m).unwrap_or(usual.write_timeout),
        shutdown_timeout: time(table, "shutdown_timeout", m).unwrap_or(usual.shutdown_timeout),
    }
}

fn no_limit_at_0(count: usize) -> usize {
    if count == 0 { usize::MAX } else { count }
}

fn count(table: &Fields<'_, '_>, name: &str, m: &mut Mistakes<'_>) -> Option<usize> {
    let form = format!("a whole number from 0 to {}", u32::MAX);
    let read = |value| Some(u32::try_from(as_json(value)?.as_u64()?).ok()? as usize);
    table.read(name, &form, m, read).map(|field| field.value)
}

fn size(table: &Fields<'_, '_>, name: &str, m: &mut Mistakes<'_>) -> Option<usize> {
    let form = format!("{}, or 0 for no limit", units::SIZE_FORM);
    let read = |value| match (is_0(value), as_str(value)) {
        (true, _) => Some(0),
        (false, text) => usize::try_from(units::parse_size(text?)?).ok(),
    };
    let Field { value, .. } = table.read(name, &form, m, read)?;
    Some(if value == 0 { NO_SIZE_LIMIT } else { value.min(NO_SIZE_LIMIT) })
}

fn time(table: &Fields<'_, '_>, name: &str, m: &mut Mistakes<'_>) -> Option<Option<Duration>> {
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

    fn of(text: &str) -> Result<(Local, Limits), FileErrors> {
        parse("server.toml", text)
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
    fn a_mistake_is_named_with_its_line_and_column_and_what_would_pass() {
        for (text, said) in [
            (
                "[limits]\nmax_rums = 1\n",
                "server.toml:2:1: [limits] has no field `max_rums`: did you mean max_runs?",
            ),
            (
                "[limits]\nwrite_timeout = 10\n",
                "server.toml:2:17: `write_timeout` of [limits] must be a whole number and a unit of \
                 ms, s, m, h or d, such as \"90s\", or 0 for no limit",
            ),
            (
                "[local]\nallow = { alice = \"king\" }\n",
                "server.toml:2:19: `alice` of `allow` in [local] must be one of viewer, operator, \
                 admin, not `king`",
            ),
            (
                "[limits]\nmax_runs = -1\n",
                "server.toml:2:12: `max_runs` of [limits] must be a whole number",
            ),
            ("limits = 3\n", "server.toml:1:10: `limits` of server.toml must be a table"),
            ("[limits\n", "server.toml:1:"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
        let text = "[limits]\nmax_rums = 1\nmax_outbox = \"1\"\n[locl]\n";
        let error = of(text).unwrap_err();
        let lines: Vec<_> = error.0.iter().map(|one| one.at.unwrap().line).collect();
        assert_eq!(lines, [2, 3, 4], "{error}");
    }

    #[test]
    fn the_sample_cut_anywhere_is_read_or_refused_with_a_place() {
        let sample = include_str!("../../../config/server.toml");
        for end in (0..sample.len()).filter(|end| sample.is_char_boundary(*end)) {
            if let Err(errors) = of(&sample[..end]) {
                assert!(errors.0.iter().all(|error| error.at.is_some()), "{errors}");
            }
        }
    }
}
