//! A time in the past, as people type it.

use super::{DURATION_FORM, parse_duration_argument};
use crate::Time;

/// Reads a time in the past: how long ago (`2h`), or a time in RFC 3339.
///
/// # Errors
/// One sentence: the text is neither.
pub fn parse_since(text: &str) -> Result<Time, String> {
    if let Some(ago) = parse_duration_argument(text) {
        let ago = i64::try_from(ago).unwrap_or(i64::MAX);
        return Ok(Time::from_millis(Time::now().as_millis().saturating_sub(ago).max(0)));
    }
    serde_json::from_value(text.into())
        .map_err(|_| format!("it is {DURATION_FORM}, or a time such as 2026-03-01T09:00:00Z"))
}
