//! What commands and resident workers may be called.

use topside_shared::text;

/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// Whether `name` can be typed as one word and read by nobody as anything else; `what` it is to name.
///
/// # Errors
/// A sentence that says what would pass.
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
