//! The question that a command asks before it runs, with the values of its arguments.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::to_text;
use crate::command::{Arg, Command};

impl Command {
    /// The question to ask a person first, with the values that a run with `args` has in their `{argument}` places.
    pub fn question(&self, args: &Map<String, Value>) -> Option<String> {
        let mut rest = self.confirm.as_deref()?;
        let shown = self.masked(args);
        let absent = |arg: &Arg| arg.default.as_ref().map_or_else(|| "–".to_owned(), to_text);
        let mut args: HashMap<&str, String> =
            self.args.iter().map(|arg| (&*arg.name, absent(arg))).collect();
        args.extend(shown.iter().map(|(name, value)| (&**name, to_text(value))));
        let mut question = String::with_capacity(rest.len());
        // In one pass: a value that looks like a place is a value.
        while let Some((before, after)) = rest.split_once('{') {
            question.push_str(before);
            match after.split_once('}').and_then(|(name, end)| Some((args.get(name)?, end))) {
                Some((value, end)) => {
                    question.push_str(value);
                    rest = end;
                }
                None => {
                    question.push('{');
                    rest = after;
                }
            }
        }
        question.push_str(rest);
        Some(question)
    }
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
