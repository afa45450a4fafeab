//! Choices of an argument that a program lists (`choices_from`).

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use topside_shared::command::{Arg, ArgType};
use topside_shared::methods::Choice;
use topside_shared::text::{self, MAX_REASON};
use topside_shared::values::{self, Limits};
use topside_shared::{ErrorKind, RpcError};

use crate::base::mutex::Mutex;
use crate::workers::run_rules::ChoicesProgram;

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Most bytes of its output, so that the choices fit in a line.
const MAX_OUTPUT: usize = 64 * 1024;
const MAX_CHOICES: usize = 1_000;

/// The choices of one argument, and the program that lists them.
#[derive(Debug)]
pub(crate) struct Choices {
    declared: ChoicesProgram,
    /// Private to this type, never held across an `.await`.
    last: Mutex<Option<Listed>>,
    /// One run of the program serves all who wait for it.
    turn: Semaphore,
}

/// What the program listed, or why it did not.
#[derive(Debug, Clone)]
struct Listed {
    at: Instant,
    choices: Result<Vec<Choice>, String>,
}

impl Choices {
    pub(crate) fn new(declared: &ChoicesProgram) -> Self {
        Self { declared: declared.clone(), last: Mutex::default(), turn: Semaphore::new(1) }
    }

    pub(crate) fn argument(&self) -> &str {
        &self.declared.argument
    }

    /// The choices of `arg`, at most `choices_ttl` old.
    ///
    /// # Errors
    /// `spawnFailed`: the program does not list them.
    pub(crate) async fn list(
        &self,
        arg: &Arg,
        instance: Option<&str>,
    ) -> Result<Vec<Choice>, RpcError> {
        self.list_since(arg, instance, Instant::now().checked_sub(self.declared.ttl)).await
    }

    /// Checks the value of `arg`, one or a list of them, against the choices that there are now.
    ///
    /// # Errors
    /// `invalidParams`: it is none of them. `spawnFailed`: the program does not list them.
    pub(crate) async fn check(
        &self,
        arg: &Arg,
        value: &Value,
        instance: Option<&str>,
    ) -> Result<(), RpcError> {
        let choices = self.list_since(arg, instance, Some(Instant::now())).await?;
        let choices = choices.into_iter().map(|choice| choice.value).collect();
        let arg = Arg { choices, ..arg.clone() };
        if arg.choices.is_empty() {
            let message = format_args!(
                "{} has no choices at the moment: {} lists none",
                arg.name, self.declared.program.path
            );
            return Err(RpcError::invalid_argument(&arg.name, message));
        }
        Ok(values::check_one(&arg, value, Limits::default()).map(drop)?)
    }

    /// The choices as they were at `oldest` or later; none: at any time.
    async fn list_since(
        &self,
        arg: &Arg,
        instance: Option<&str>,
        oldest: Option<Instant>,
    ) -> Result<Vec<Choice>, RpcError> {
        let asked = Instant::now();
        let known = |asked: Instant| {
            let last = self.last.lock().clone()?;
            let is_new = oldest.is_none_or(|oldest| last.at >= oldest);
            // A failure is told to those who waited for it, and not kept for others.
            (last.at >= asked || (is_new && last.choices.is_ok())).then_some(last.choices)
        };
        let choices = match known(asked) {
            Some(choices) => choices,
            None => {
                // It is never closed.
                let _turn = self.turn.acquire().await;
                match known(asked) {
                    Some(choices) => choices,
                    None => {
                        let choices = self.run(arg, instance).await;
                        let listed = Listed { at: Instant::now(), choices: choices.clone() };
                        *self.last.lock() = Some(listed);
                        choices
                    }
                }
            }
        };
        choices.map_err(|why| {
            let message = format_args!("the choices of {} cannot be listed: {why}", arg.name);
            RpcError::new(ErrorKind::SpawnFailed, message).with("argument", arg.name.clone())
        })
    }

    async fn run(&self, arg: &Arg, instance: Option<&str>) -> Result<Vec<Choice>, String> {
        let program = &self.declared.program;
        let listed = match program.output(instance, LIMIT, MAX_OUTPUT).await {
            Ok(output) => read(arg, &output).map_err(|why| format!("{}: {why}", program.path)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = &listed {
            tracing::warn!(target: "topside", argument = arg.name, error, "choices_from failed");
        }
        listed
    }
}

/// The choices in the lines of a program.
fn read(arg: &Arg, output: &str) -> Result<Vec<Choice>, String> {
    let mut choices: Vec<Choice> = Vec::new();
    let lines = output.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in lines {
        let choice = read_line(arg, line).map_err(|why| format!("line {} {why}", at + 1))?;
        if choices.iter().any(|known| known.value == choice.value) {
            continue;
        }
        if choices.len() == MAX_CHOICES {
            return Err(format!("it lists more than {MAX_CHOICES} choices"));
        }
        choices.push(choice);
    }
    Ok(choices)
}

/// `value`, `value<TAB>label` or `{"value": .., "label": ..}`.
fn read_line(arg: &Arg, line: &str) -> Result<Choice, String> {
    let object = Some(line).filter(|line| line.starts_with('{'));
    let object = object.and_then(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    let (value, label) = match &object {
        Some(object) => {
            let value = object.get("value").ok_or("has no `value`")?;
            (values::to_text(value), object.get("label").and_then(Value::as_str))
        }
        None => match line.split_once('\t') {
            Some((value, label)) => (value.to_owned(), Some(label)),
            None => (line.to_owned(), None),
        },
    };
    let text = if arg.kind == ArgType::String { value.as_str() } else { value.trim() };
    let value = values::from_text(&Arg { multiple: false, ..arg.clone() }, text)
        .map_err(|error| format!("does not pass: {error}"))?;
    let label = label.map(|label| text::clean(label.trim(), MAX_REASON));
    Ok(Choice { value, label: label.filter(|label| !label.is_empty()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(kind: ArgType, output: &str) -> Result<Value, String> {
        let arg = Arg { name: "unit".into(), kind, ..Arg::default() };
        read(&arg, output).map(|choices| serde_json::to_value(choices).unwrap())
    }

    #[test]
    fn a_line_is_a_value_and_perhaps_a_label() {
        let lines = "a\n\nb\tlabel b\r\n{\"value\": \"c\", \"label\": \"The c\"}\n{\"value\": 4}\n-d\na\tagain\n";
        let choices = json!([
            {"value": "a"}, {"value": "b", "label": "label b"}, {"value": "c", "label": "The c"},
            {"value": "4"}, {"value": "-d"},
        ]);
        assert_eq!(listed(ArgType::Enum, lines), Ok(choices));
        let numbers = json!([{"value": 1, "label": "one"}, {"value": 2}]);
        assert_eq!(listed(ArgType::Int, "1\tone\n2\n"), Ok(numbers));
        assert_eq!(listed(ArgType::Enum, ""), Ok(json!([])));
    }

    #[test]
    fn a_line_that_is_no_value_is_named() {
        let said = listed(ArgType::Int, "1\nCONTAINER ID\n").unwrap_err();
        assert_eq!(said, "line 2 does not pass: unit must be a whole number, not CONTAINER ID");
        assert!(listed(ArgType::Enum, "\u{1b}[1ma\n").unwrap_err().contains("U+001B"));
        assert!(listed(ArgType::Enum, "{\"label\": \"a\"}").unwrap_err().contains("no `value`"));
        let many: String = (0..=MAX_CHOICES).map(|number| format!("{number}\n")).collect();
        assert!(listed(ArgType::Enum, &many).unwrap_err().contains("more than 1000 choices"));
    }
}
