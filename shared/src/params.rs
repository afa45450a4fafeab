//! Reads the parameters of a method. Errors use the words of the protocol, not those of the library.

use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, RpcError};
use crate::text;

/// Reads the parameters of `method`, as they stand in the request.
///
/// # Errors
/// `invalidParams`, in one sentence that names the field and says what would pass; `data.argument` is
/// the field.
pub fn read<T: DeserializeOwned>(method: &str, params: &str) -> Result<T, RpcError> {
    // The path of the field is needed only for an error.
    serde_json::from_str(params).or_else(|_| {
        let mut reader = serde_json::Deserializer::from_str(params);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let said = error.inner().to_string();
            // The place in the line comes last; what was sent, which may read like it, before.
            let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
            refusal(method, &path, said)
        })
    })
}

fn refusal(method: &str, path: &str, said: &str) -> RpcError {
    // The library calls the whole of it a dot.
    let path = text::quote(path, text::MAX_NAME);
    let field = (path != ".").then_some(&*path);
    let what = match field {
        Some(field) => format!("`{field}` of {method}"),
        None => format!("params of {method}"),
    };
    if let Some(name) = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
    {
        let inside = field.map_or_else(String::new, |field| format!(" in `{field}`"));
        return refused(format_args!("{method} needs `{name}`{inside}"), Some(name));
    }
    if let Some((found, choices)) =
        said.strip_prefix("unknown variant `").and_then(|rest| rest.rsplit_once("`, expected "))
    {
        let choices = choices.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
        let found = text::quote(found, text::MAX_QUOTED);
        return refused(format_args!("{what} must be one of {choices}, not {found}"), field);
    }
    let form = said
        .strip_prefix("invalid type: ")
        .or_else(|| said.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    match form {
        // So it says of a choice that is no text.
        None if said == "expected value" => refused(format_args!("{what} must be a string"), field),
        Some((_, expected)) => refused(format_args!("{what} must be {}", form_of(expected)), field),
        // A sentence of our own type.
        None => refused(format_args!("{what} is wrong: {said}"), field),
    }
}

fn refused(message: std::fmt::Arguments<'_>, field: Option<&str>) -> RpcError {
    let error = RpcError::new(ErrorKind::InvalidParams, message);
    match field {
        Some(field) => error.with("argument", field),
        None => error,
    }
}

/// What the library expects, as a person would say it.
fn form_of(expected: &str) -> &str {
    match expected {
        "u64" | "u32" | "u16" | "usize" => "a whole number from 0",
        "i64" | "i32" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        structure if structure.starts_with("struct ") => "an object",
        choice if choice.contains("enum") || choice.contains("variant") => "a string",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::{ClientsList, CommandRun, EventsSubscribe, Initialize};

    fn said<T: DeserializeOwned + std::fmt::Debug>(params: &str) -> String {
        read::<T>("a/method", params).unwrap_err().message
    }

    #[test]
    fn what_is_wrong_is_named_and_what_would_pass() {
        assert_eq!(said::<CommandRun>("{}"), "a/method needs `command`");
        assert_eq!(
            said::<CommandRun>(r#"{"command":7}"#),
            "`command` of a/method must be a string"
        );
        assert_eq!(
            said::<CommandRun>(r#"{"command":"x","args":[]}"#),
            "`args` of a/method must be an object"
        );
        assert_eq!(
            said::<CommandRun>(r#"{"command":"x","wait":"no"}"#),
            "`wait` of a/method must be true or false"
        );
        assert_eq!(
            said::<ClientsList>(r#"{"limit":-1}"#),
            "`limit` of a/method must be a whole number from 0"
        );
        assert_eq!(
            said::<ClientsList>(r#"{"after":"7"}"#),
            "`after` of a/method must be a whole number from 0"
        );
        assert_eq!(
            said::<EventsSubscribe>(r#"{"topics":["clients","weather"]}"#),
            "`topics[1]` of a/method must be one of clients, runs, log, server, keys, schedules, approvals, not weather"
        );
        assert_eq!(
            said::<EventsSubscribe>(r#"{"topics":["x\u001b[2J at line `, expected `y`"]}"#),
            "`topics[0]` of a/method must be one of clients, runs, log, server, keys, schedules, approvals, not \
             \"x\\u{1b}[2J at line `, expected `y`\""
        );
        assert_eq!(
            said::<EventsSubscribe>(r#"{"topics":[7]}"#),
            "`topics[0]` of a/method must be a string"
        );
        assert_eq!(
            said::<EventsSubscribe>(r#"{"topics":"clients"}"#),
            "`topics` of a/method must be an array"
        );
        assert_eq!(
            said::<Initialize>(r#"{"client":{"name":7}}"#),
            "`client.name` of a/method must be a string"
        );
        assert_eq!(said::<Initialize>("7"), "params of a/method must be an object");
    }

    #[test]
    fn the_field_is_named_for_programs_too() {
        let error = read::<CommandRun>("command/run", r#"{"command":7}"#).unwrap_err();
        assert_eq!(error.data.more["argument"], "command");
    }
}
