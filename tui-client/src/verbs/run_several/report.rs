//! Report of several boxes: groups for people, and a line of JSON for each box.

use serde_json::{Map, Value, json};
use topside_shared::cmdline::quote;
use topside_shared::notifications::Stream;

use super::super::errors::VerbError;
use super::super::printer::{OutputPart, Printer};
use super::super::server_verbs::json_line;
use crate::fan_out::{Captured, CommandEnd, Group, Outcome, OutcomeKind, TargetBox, group};
use crate::terminal;
use crate::text::base64;

/// The names of boxes as a shell takes them.
pub(super) fn names(boxes: &[TargetBox], members: &[usize]) -> String {
    let names: Vec<_> = members.iter().map(|index| quote(&boxes[*index].name)).collect();
    names.join(" ")
}

/// Why a box did not run it to its end, in a sentence; the server's refusal as for one box.
pub(super) fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { error, lost } => VerbError::by_call(error, lost.clone()).sentence,
        outcome => outcome.reason(),
    }
}

/// Prints the groups to standard output, and the standard error of their runs to standard error.
pub(super) async fn print_groups(
    boxes: &[TargetBox],
    outcomes: &[Option<Outcome>],
    printer: &Printer,
) {
    let done = outcomes.iter().enumerate();
    let done = done.filter_map(|(index, outcome)| Some((index, outcome.as_ref()?)));
    let is_one_terminal = {
        use std::io::IsTerminal;
        std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    };
    for group in group(done) {
        let head = format!("{}  {}\n", label(&group), names(boxes, &group.boxes));
        printer.write(OutputPart::Print(head.clone())).await;
        match group.outcome {
            Outcome::Ended(run) => {
                print_output(Stream::Stdout, &run.stdout, printer).await;
                if run.stderr.bytes().is_empty() {
                    continue;
                }
                if !is_one_terminal {
                    printer.write(OutputPart::Say(head)).await;
                }
                print_output(Stream::Stderr, &run.stderr, printer).await;
            }
            outcome => {
                let text = format!("  {}\n", reason(outcome));
                printer.write(OutputPart::Print(text)).await;
            }
        }
    }
    for (index, outcome) in outcomes.iter().enumerate() {
        let name = names(boxes, &[index]);
        for note in outcome.iter().flat_map(|outcome| outcome.notes(&name)) {
            printer.say(format!("{name}: {note}")).await;
        }
    }
}

/// The sign, the number of boxes and the state of a group.
fn label(group: &Group<'_>) -> String {
    let (sign, ascii) = match group.outcome.standing() {
        OutcomeKind::Succeeded => ("✓", "+"),
        OutcomeKind::Failed | OutcomeKind::Refused => ("✗", "x"),
        OutcomeKind::Unreachable | OutcomeKind::NotStarted => ("○", "o"),
    };
    format!("{} {}", if terminal::speaks_utf8() { sign } else { ascii }, group.label())
}

/// Prints output with two spaces before each line, so that its end is visible.
async fn print_output(stream: Stream, output: &Captured, printer: &Printer) {
    let output = output.bytes();
    if output.is_empty() {
        return;
    }
    let lines = output.split_inclusive(|byte| *byte == b'\n');
    let mut text: Vec<u8> = lines.flat_map(|line| [b"  ", line].concat()).collect();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    printer.write(OutputPart::Output(stream, text)).await;
    printer.write(OutputPart::EndOfRun).await;
}

pub(super) fn json(of: &TargetBox, outcome: &Outcome, status: Option<u8>) -> String {
    let mut line = Map::new();
    if let Outcome::Ended(run) = outcome {
        let result = match &run.result {
            CommandEnd::Run(row) => serde_json::to_value(row),
            CommandEnd::Answer(answer) => serde_json::to_value(answer),
        };
        if let Ok(Value::Object(result)) = result {
            // The two streams have the output.
            line.extend(result.into_iter().filter(|(name, _)| name != "output"));
        }
        add_output(&mut line, "stdout", &run.stdout);
        add_output(&mut line, "stderr", &run.stderr);
        line.insert(
            "truncated".to_owned(),
            (run.stdout.missing() + run.stderr.missing() > 0).into(),
        );
    }
    let (kind, error) = match outcome {
        Outcome::Ended(_) => ("ended", None),
        Outcome::Rejected(_) => ("refused", Some(json!({ "message": reason(outcome) }))),
        Outcome::Failed { error, lost } => {
            let kind =
                if outcome.standing() == OutcomeKind::Failed { "unknown" } else { "refused" };
            (kind, Some(VerbError::by_call(error, lost.clone()).error_object()))
        }
        Outcome::Abandoned { run } => {
            let run = run.map(|run| json!({ "message": reason(outcome), "runId": run }));
            ("unknown", Some(run.unwrap_or_else(|| json!({ "message": reason(outcome) }))))
        }
        Outcome::Unreachable(_) => ("unreachable", Some(json!({ "message": reason(outcome) }))),
        Outcome::NotStarted(_) => ("notStarted", Some(json!({ "message": reason(outcome) }))),
    };
    line.insert("box".to_owned(), of.name.clone().into());
    line.insert("outcome".to_owned(), kind.into());
    line.insert("status".to_owned(), status.map_or(Value::Null, Value::from));
    if let Some(error) = error {
        line.insert("error".to_owned(), error);
    }
    json_line(&line)
}

/// How many boxes stand how.
#[derive(Debug, Default)]
pub(super) struct Counts {
    boxes: usize,
    succeeded: usize,
    failed: usize,
    refused: usize,
    unreachable: usize,
    not_started: usize,
}

impl Counts {
    pub(super) fn add(&mut self, kind: OutcomeKind) {
        self.boxes += 1;
        *match kind {
            OutcomeKind::Succeeded => &mut self.succeeded,
            OutcomeKind::Failed => &mut self.failed,
            OutcomeKind::Refused => &mut self.refused,
            OutcomeKind::Unreachable => &mut self.unreachable,
            OutcomeKind::NotStarted => &mut self.not_started,
        } += 1;
    }

    /// The last line of `--json`; `status` is the exit status for all boxes.
    pub(super) fn json(&self, status: u8) -> String {
        json_line(&json!({ "summary": {
            "boxes": self.boxes,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "refused": self.refused,
            "unreachable": self.unreachable,
            "notStarted": self.not_started,
            "status": status,
        }}))
    }
}

/// Output as text, or as Base64 under another key where it is not UTF-8.
fn add_output(line: &mut Map<String, Value>, stream: &str, output: &Captured) {
    match String::from_utf8(output.bytes()) {
        Ok(text) => line.insert(stream.to_owned(), text.into()),
        Err(error) => {
            line.insert(format!("{stream}Base64"), base64::encode(error.as_bytes()).into())
        }
    };
}
