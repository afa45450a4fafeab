//! Names of commands and workers.

use std::collections::HashMap;

use topside_shared::text;

use crate::base::toml_file::errors::{Errors, Position};
use crate::base::toml_file::fields::Field;
use crate::menu_file::Source;

const MAX_NAME: usize = 64;

/// Checks that `name` is one plain word for a `what`. The error says what would pass.
pub(crate) fn check_name(name: &str, what: &str) -> Result<(), String> {
    let passes = name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if passes {
        return Ok(());
    }
    Err(format!(
        "`{}` cannot name a {what}: use 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`, the \
         first a letter or a digit",
        text::clean(name, 64)
    ))
}

/// Names and aliases in use; the names of built-ins have no position.
pub(super) struct Names(HashMap<String, Option<NameUse>>);

struct NameUse {
    command: String,
    file: String,
    at: Position,
}

impl Names {
    pub(super) fn new(reserved: &[&str]) -> Self {
        Self(reserved.iter().map(|name| ((*name).to_owned(), None)).collect())
    }

    pub(super) fn take(
        &mut self,
        name: &Field<String>,
        command: &str,
        source: Source<'_>,
        errors: &mut Errors<'_>,
    ) {
        let Field { value, span } = name;
        if let Err(message) = check_name(value, "command") {
            errors.add(span, message);
            return;
        }
        let message = match self.0.get(value) {
            None => {
                let at = errors.position(span.start);
                let (command, file) = (command.to_owned(), source.name.to_owned());
                self.0.insert(value.clone(), Some(NameUse { command, file, at }));
                return;
            }
            Some(None) => format!("`{value}` is a built-in command: use another name"),
            Some(Some(NameUse { command, file, at })) => {
                let elsewhere = format!(" of {file}:{}:{}", at.line, at.column);
                let place = if file == source.name { "" } else { &elsewhere };
                format!("`{value}` is taken by command `{command}`{place}: use another name")
            }
        };
        errors.add(span, message);
    }
}
