//! `[hooks]`: programs that bring the whole box into its safe state.

use std::time::Duration;

use topside_shared::text;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::process::declared_program::{CheckedProgram, ProgramChecks, refuse};
use crate::process::resolve_program::PATH;
use crate::settings::value_forms::time;

/// `[hooks]`. A program without elements is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxHooks {
    /// Runs before the first worker and the first run start.
    pub on_start: Vec<String>,
    /// Runs after the last run and the last worker have ended.
    pub on_stop: Vec<String>,
    /// How long each may take.
    pub timeout: Option<Duration>,
    /// Whether the server refuses to start after a failure at its start.
    pub required: bool,
}

impl Default for BoxHooks {
    fn default() -> Self {
        let timeout = Some(Duration::from_secs(30));
        Self { on_start: Vec::new(), on_stop: Vec::new(), timeout, required: false }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> BoxHooks {
    table.refuse_unknown(&["on_start", "on_stop", "timeout", "required"], m);
    BoxHooks {
        on_start: argv(table, "on_start", trust, m),
        on_stop: argv(table, "on_stop", trust, m),
        timeout: time::read(table, "timeout", m).unwrap_or(BoxHooks::default().timeout),
        required: table.boolean("required", m),
    }
}

/// A program with its arguments; none where it is not set or has an error.
pub(super) fn argv(
    table: &Fields<'_, '_>,
    name: &str,
    trust: Trust,
    m: &mut Errors<'_>,
) -> Vec<String> {
    if table.get(name).is_none() {
        return Vec::new();
    }
    let before = m.count();
    let items = table.strings(name, m);
    for item in items.iter().filter(|item| item.value.contains('\0')) {
        m.add(&item.span, format_args!("an element of `{name}` cannot hold a NUL character"));
    }
    let Some((first, rest)) = items.split_first().filter(|_| m.count() == before) else {
        return Vec::new();
    };
    let shown = text::clean(&first.value, 256);
    let checked = ProgramChecks::new(trust).program(&first.value, PATH.as_ref());
    let CheckedProgram { path, faults } = match checked {
        Ok(checked) => checked,
        Err(reason) => {
            m.add(&first.span, format_args!("the program {shown} {reason}"));
            return Vec::new();
        }
    };
    refuse(first, &shown, &faults, m);
    std::iter::once(path).chain(rest.iter().map(|item| item.value.clone())).collect()
}
