//! Names of commands and workers.

use topside_shared::text;

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
