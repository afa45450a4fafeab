//! Texts with `{argument}` places, such as the question that a command asks before it runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::to_text;
use crate::command::{Arg, Command};

impl Command {
    /// The question to ask a person first, with the values that a run with `args` has in their `{argument}` places.
    pub fn question(&self, args: &Map<String, Value>) -> Option<String> {
        let question = self.confirm.as_deref()?;
        let shown = self.masked(args);
        let absent = |arg: &Arg| arg.default.as_ref().map_or_else(|| "–".to_owned(), to_text);
        let mut args: HashMap<&str, String> =
            self.args.iter().map(|arg| (&*arg.name, absent(arg))).collect();
        args.extend(shown.iter().map(|(name, value)| (&**name, to_text(value))));
        Some(fill_places(question, |name| args.get(name).cloned()))
    }
}

/// A text with the values of its `{name}` places; a place that `value` does not know stays as it is.
pub fn fill_places(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut rest = text;
    let mut filled = String::with_capacity(rest.len());
    // In one pass: a value that looks like a place is a value.
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, end)| Some((value(name)?, end))) {
            Some((value, end)) => {
                filled.push_str(&value);
                rest = end;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::command::{Arg, ArgType, Command};

    #[test]
    fn a_value_that_looks_like_a_place_is_not_filled_in_again() {
        let confirm = Some("Water {zone} for {minutes} {of} them? {".into());
        let command = Command { confirm, ..Command::default() };
        let args = json!({"zone": "{minutes}", "minutes": 5});
        let question = command.question(args.as_object().unwrap()).unwrap();
        assert_eq!(question, "Water {minutes} for 5 {of} them? {");
    }

    /// The line client asked "Water lawn for {minutes} minutes?".
    #[test]
    fn a_question_has_the_defaults_of_what_is_not_given() {
        let arg = |name: &str, default| Arg { name: name.into(), default, ..Arg::default() };
        let args = vec![arg("minutes", Some(json!(5))), arg("note", None)];
        let confirm = Some("Water for {minutes} minutes ({note})?".into());
        let command = Command { confirm, args, ..Command::default() };
        let given = json!({});
        let question = command.question(given.as_object().unwrap()).unwrap();
        assert_eq!(question, "Water for 5 minutes (–)?");
    }

    #[test]
    fn a_question_never_tells_a_secret() {
        let args = vec![Arg { name: "word".into(), kind: ArgType::Secret, ..Arg::default() }];
        let command = Command { confirm: Some("Set {word}?".into()), args, ..Command::default() };
        let given = json!({"word": "hunter2"});
        assert_eq!(command.question(given.as_object().unwrap()).unwrap(), "Set ***?");
    }
}
