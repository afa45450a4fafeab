//! The plan for a box: the request that a command line means by the menu of that box, and what it asks first.

use serde_json::{Map, Value};
use topside_shared::cmdline::{self, LineErrorKind};
use topside_shared::command::{Command, Stdin};
use topside_shared::methods::{CommandRun, Menu};
use topside_shared::text::{MAX_REASON, clean};

use super::one_box::{Plan, PlanError};
use super::outcome::Rejection;
use crate::file_transfer::{self, LocalFile};
use crate::input::admin_actions;

/// What to do where a secret is missing: each box would have to ask for its own.
const NOT_ASKED: &str = "on several boxes it is not asked for: give it after the command";

/// Makes the plan for the words of a command line. `hint` may explain an argument that the command does not have.
pub(crate) fn plan(
    words: &[String],
    menu: &Menu,
    hint: impl Fn(&str, &[String]) -> Option<String>,
) -> Result<Plan, PlanError> {
    let (name, rest) = words.split_first().map_or(("", words), |(name, rest)| (name, rest));
    let rejected = |kind: LineErrorKind, sentence| {
        PlanError::Rejected(Rejection { status: kind.exit_status(), sentence })
    };
    let command = match cmdline::find(name, &menu.commands) {
        Ok(command) => command,
        Err(error) => {
            return Err(match admin_actions::shell_hint(name) {
                Some(hint) => rejected(error.kind, hint),
                None if error.kind == LineErrorKind::UnknownCommand => {
                    PlanError::NotInMenu { command: name.to_owned() }
                }
                None => rejected(error.kind, error.message),
            });
        }
    };
    let parsed = cmdline::parse_args(command, rest).map_err(|error| {
        let sentence = match error.kind {
            LineErrorKind::UnknownArgument => match hint(name, rest) {
                Some(hint) => format!("{hint} ({})", error.message),
                None => error.message,
            },
            LineErrorKind::MissingSecret => format!("{}; {NOT_ASKED}", error.message),
            _ => error.message,
        };
        rejected(error.kind, sentence)
    })?;
    if let Some(sentence) = admin_actions::power_off_by_verb(&command.name, &parsed.args) {
        return Err(rejected(LineErrorKind::BadValue, sentence.to_owned()));
    }
    let request = CommandRun {
        command: command.name.clone(),
        args: parsed.args,
        stream: true,
        wait: true,
        confirm: false,
    };
    Ok(Plan {
        effect: command.effect,
        question: command.question(&request.args).map(|question| clean(&question, MAX_REASON)),
        reads_input: command.stdin == Stdin::Prompt,
        files: local_files(command, &request.args)?,
        request,
    })
}

/// The files of this device that the arguments name.
fn local_files(command: &Command, args: &Map<String, Value>) -> Result<Vec<LocalFile>, PlanError> {
    file_transfer::local_files(command, args).map_err(|sentence| {
        PlanError::Rejected(Rejection { status: LineErrorKind::BadValue.exit_status(), sentence })
    })
}
