//! Choices of an argument that a program or a function of a worker lists (`choices_from`).

use std::fmt;
use std::sync::Arc;
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
use crate::process::piped_program::PipedProgram;
use crate::workers::WorkerRef;
use crate::workers::run_rules::{ChoicesFrom, DeclaredChoices};

/// How long the program or the function may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Most bytes of what it lists, so that the choices fit in a line.
const MAX_OUTPUT: usize = 64 * 1024;
const MAX_CHOICES: usize = 1_000;

/// The choices of one argument, and what lists them.
#[derive(Debug)]
pub(crate) struct Choices {
    argument: String,
    source: Source,
    ttl: Duration,
    /// Private to this type, never held across an `.await`.
    last: Mutex<Option<Listed>>,
    /// One list serves all who wait for it.
    turn: Semaphore,
}

#[derive(Debug)]
enum Source {
    Program(PipedProgram),
    Function(Arc<WorkerRef>, String),
}

/// What was listed, or why nothing was.
#[derive(Debug, Clone)]
struct Listed {
    at: Instant,
    choices: Result<Vec<Choice>, String>,
}

impl Choices {
    /// `worker` carries the command out, if it has one; none: `declared` names a function, and there is no worker.
    pub(crate) fn new(declared: &DeclaredChoices, worker: Option<&Arc<WorkerRef>>) -> Option<Self> {
        let DeclaredChoices { argument, from, ttl } = declared.clone();
        let source = match from {
            ChoicesFrom::Program(program) => Source::Program(program),
            ChoicesFrom::Function(function) => Source::Function(Arc::clone(worker?), function),
        };
        Some(Self { argument, source, ttl, last: Mutex::default(), turn: Semaphore::new(1) })
    }

    pub(crate) fn argument(&self) -> &str {
        &self.argument
    }

    /// The choices of `arg`, at most `choices_ttl` old.
    ///
    /// # Errors
    /// `spawnFailed`: they cannot be listed.
    pub(crate) async fn list(
        &self,
        arg: &Arg,
        instance: Option<&str>,
    ) -> Result<Vec<Choice>, RpcError> {
        self.list_since(arg, instance, Instant::now().checked_sub(self.ttl)).await
    }

    /// Checks the value of `arg`, one or a list of them, against the choices that there are now.
    ///
    /// # Errors
    /// `invalidParams`: it is none of them. `spawnFailed`: they cannot be listed.
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
                arg.name, self.source
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
        let named = |why: String| format!("{}: {why}", self.source);
        let listed = match &self.source {
            Source::Program(program) => match program.output(instance, LIMIT, MAX_OUTPUT).await {
                Ok(output) => read_lines(arg, &output).map_err(named),
                Err(error) => Err(error.to_string()),
            },
            Source::Function(worker, function) => {
                // It would answer only after one of its calls: what it listed last counts until then.
                if worker.0.is_busy()
                    && let Some(Listed { choices: Ok(choices), .. }) = self.last.lock().clone()
                {
                    return Ok(choices);
                }
                let result = worker.0.list(function, LIMIT).await;
                result.and_then(|result| read_result(arg, &result).map_err(named))
            }
        };
        if let Err(error) = &listed {
            tracing::warn!(target: "topside", argument = arg.name, error, "choices_from failed");
        }
        listed
    }
}

/// Its name in messages.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(program) => f.write_str(&program.path),
            Self::Function(worker, function) => {
                write!(f, "{function} of the worker {}", worker.0.name())
            }
        }
    }
}

/// The choices in the lines of a program.
fn read_lines(arg: &Arg, output: &str) -> Result<Vec<Choice>, String> {
    let lines = (1..).zip(output.lines()).filter(|(_, line)| !line.trim().is_empty());
    collect(lines.map(|(at, line)| read_line(arg, line).map_err(|why| format!("line {at} {why}"))))
}

/// The choices in the result of a function: an array of values and of objects, or a text of lines as of a program.
fn read_result(arg: &Arg, result: &Value) -> Result<Vec<Choice>, String> {
    let size = result.to_string().len();
    match result {
        _ if size > MAX_OUTPUT => Err(format!("its result has more than {MAX_OUTPUT} bytes")),
        Value::String(text) => read_lines(arg, text),
        Value::Array(items) => {
            let choice = |(at, item): (usize, &Value)| {
                read_item(arg, item).map_err(|why| format!("item {at} of its result {why}"))
            };
            collect((1..).zip(items).map(choice))
        }
        _ => Err("its result must be an array of values, or of objects with `value` and `label`"
            .to_owned()),
    }
}

/// The choices, each once.
fn collect(listed: impl Iterator<Item = Result<Choice, String>>) -> Result<Vec<Choice>, String> {
    let mut choices: Vec<Choice> = Vec::new();
    for choice in listed {
        let choice = choice?;
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
    match object {
        Some(object) => read_item(arg, &Value::Object(object)),
        None => match line.split_once('\t') {
            Some((value, label)) => choice(arg, value, Some(label)),
            None => choice(arg, line, None),
        },
    }
}

/// A value, or an object with `value` and perhaps `label`.
fn read_item(arg: &Arg, item: &Value) -> Result<Choice, String> {
    let (value, label) = match item {
        Value::Object(object) => (object.get("value"), object.get("label").and_then(Value::as_str)),
        value => (Some(value), None),
    };
    match value {
        Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
            choice(arg, &values::to_text(value), label)
        }
        _ => Err("has no `value` that is a string or a number".to_owned()),
    }
}

fn choice(arg: &Arg, value: &str, label: Option<&str>) -> Result<Choice, String> {
    let text = if arg.kind == ArgType::String { value } else { value.trim() };
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
        read_lines(&arg, output).map(|choices| serde_json::to_value(choices).unwrap())
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
        assert!(
            listed(ArgType::Enum, "{\"label\": \"a\"}").unwrap_err().contains("has no `value`")
        );
        let many: String = (0..=MAX_CHOICES).map(|number| format!("{number}\n")).collect();
        assert!(listed(ArgType::Enum, &many).unwrap_err().contains("more than 1000 choices"));
    }

    #[test]
    fn the_result_of_a_function_is_an_array_or_a_text() {
        let arg = Arg { name: "style".into(), kind: ArgType::Enum, ..Arg::default() };
        let listed = |result: Value| {
            read_result(&arg, &result).map(|choices| serde_json::to_value(choices).unwrap())
        };
        let result = json!(["dark", {"value": "light", "label": "By day"}, {"value": 3}, "dark"]);
        let choices =
            json!([{"value": "dark"}, {"value": "light", "label": "By day"}, {"value": "3"}]);
        assert_eq!(listed(result), Ok(choices.clone()));
        assert_eq!(listed(json!("dark\nlight\tBy day\n3\n")), Ok(choices));
        assert_eq!(listed(json!([])), Ok(json!([])));
        for (result, why) in [
            (json!(null), "must be an array"),
            (json!({"a": 1}), "must be an array"),
            (json!(["a", null]), "item 2 of its result has no `value`"),
            (json!([["a"]]), "item 1 of its result has no `value`"),
            (json!(["\u{1b}[1m"]), "item 1 of its result does not pass"),
            (json!(["x".repeat(70_000)]), "more than 65536 bytes"),
        ] {
            assert!(listed(result.clone()).unwrap_err().contains(why), "{result}");
        }
    }
}
