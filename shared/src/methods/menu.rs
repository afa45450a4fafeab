//! The menu: `commands/list`, `command/choices` and `command/run`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, Method};
use crate::command::Command;
use crate::error::ErrorKind;
use crate::records::{RunRow, RunState};

/// Most bytes of JSON of one command in the menu: a page with one fits in a line with any id.
pub const MAX_COMMAND: usize = 190 * 1024;
/// Most bytes of JSON that the commands of one page take.
pub const MAX_MENU_PAGE: usize = MAX_COMMAND;
/// Most bytes of JSON of a whole menu, which the server checks at load and the client while it reads.
pub const MAX_MENU: usize = 16 * 1024 * 1024;

/// `commands/list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandsList {
    /// Only commands after the one of this name, in the menu's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Maximum number of commands: 1 to 1,000; 1,000 by default. Fewer are returned if they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(CommandsList -> Menu);

/// Answer to `commands/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Menu {
    /// Grows with each menu that is loaded.
    pub revision: u64,
    /// The commands that the caller may run.
    pub commands: Vec<Command>,
    /// What to give as `after` for more; absent: these were all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Menu {
    /// The command that `name` runs, by name or alias.
    pub fn find(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.answers_to(name))
    }
}

/// Puts the pages of a menu together. A reload while they are fetched starts again, so that all are of one menu.
#[derive(Debug, Default)]
pub struct MenuPages {
    menu: Menu,
    bytes: usize,
}

/// The server does not stop sending pages of a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's menu does not end after {MAX_MENU} bytes")]
pub struct MenuTooLarge;

impl MenuPages {
    /// The request for the next page.
    pub fn request(&self) -> CommandsList {
        CommandsList { after: self.menu.next.clone(), limit: None }
    }

    /// Takes the answer to that request and its length in bytes; returns the whole menu after its last page.
    pub fn take(&mut self, page: Menu, bytes: usize) -> Result<Option<Menu>, MenuTooLarge> {
        let is_later = self.menu.next.is_some();
        if is_later && page.revision != self.menu.revision {
            self.start_again();
            return Ok(None);
        }
        self.bytes += bytes;
        // The commas and the envelopes of the pages are not the menu's.
        if self.bytes > 2 * MAX_MENU {
            return Err(MenuTooLarge);
        }
        let Menu { revision, commands, next } = page;
        // Only a page with a command leads on.
        let next = next.filter(|_| !commands.is_empty());
        self.menu.revision = revision;
        self.menu.commands.extend(commands);
        self.menu.next = next;
        Ok(self.menu.next.is_none().then(|| std::mem::take(&mut self.menu)))
    }

    /// Starts again if the next page was refused because a reload removed the command before it; whether it was.
    pub fn start_again_after(&mut self, refusal: ErrorKind) -> bool {
        let is_gone = self.menu.next.is_some() && refusal == ErrorKind::NotFound;
        if is_gone {
            self.start_again();
        }
        is_gone
    }

    fn start_again(&mut self) {
        // The bytes are not reset: a menu that changes all the time cannot occupy a client forever.
        self.menu = Menu::default();
    }
}

/// `command/choices`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandChoices {
    /// Name or alias.
    pub command: String,
    /// The name of the argument.
    pub argument: String,
}
call!(CommandChoices -> Choices);

/// Answer to `command/choices`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// The values that pass, in the order in which they are offered.
    pub choices: Vec<Choice>,
}

/// One value of an argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// `command/run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandRun {
    /// Name or alias.
    pub command: String,
    /// Values by argument name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Whether the output of a run is sent as it comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// Whether the result of a run waits for its end.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Whether the user has confirmed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}
call!(CommandRun -> CommandResult);

fn yes() -> bool {
    true
}

/// Answer to `command/run`. Only a run has a `runId`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CommandResult {
    /// A program or a worker was started.
    Run(Box<RunResult>),
    /// A built-in has answered.
    Answer(BuiltinAnswer),
}

/// What a built-in answered: it is no run, so it has no number and appears in no list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuiltinAnswer {
    /// `succeeded`, `failed` or `timedOut`.
    pub state: RunState,
    /// The whole text: one JSON document if the built-in has the argument `json` and it is true.
    pub output: String,
    /// 0, or 1 unless it succeeded.
    pub exit_code: i32,
    /// How long it took.
    pub duration_ms: u64,
}

/// A run as `command/run` returns it: the row, and with `wait` alone its output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The run.
    #[serde(flatten)]
    pub row: RunRow,
    /// Standard output and error in order of arrival, at most as many of its last bytes as fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The same where it is not UTF-8 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_base64: Option<String>,
    /// Whether the beginning of the output is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

impl RunResult {
    /// A run without its output.
    pub fn without_output(row: RunRow) -> Self {
        Self { row, output: None, output_base64: None, truncated: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(revision: u64, name: &str, next: Option<&str>) -> Menu {
        let command = Command { name: name.into(), ..Command::default() };
        Menu { revision, commands: vec![command], next: next.map(str::to_owned) }
    }

    fn names(menu: &Menu) -> Vec<&str> {
        menu.commands.iter().map(|command| command.name.as_str()).collect()
    }

    #[test]
    fn pages_of_one_menu_are_put_together() {
        let mut pages = MenuPages::default();
        assert_eq!(pages.request().after, None);
        assert_eq!(pages.take(page(1, "a", Some("a")), 9), Ok(None));
        assert_eq!(pages.request().after.as_deref(), Some("a"));
        let menu = pages.take(page(1, "b", None), 9).unwrap().unwrap();
        assert_eq!((names(&menu), &menu.next), (vec!["a", "b"], &None));
    }

    #[test]
    fn a_menu_that_is_loaded_anew_between_two_pages_is_begun_again() {
        let mut pages = MenuPages::default();
        assert_eq!(pages.take(page(1, "a", Some("a")), 9), Ok(None));
        assert_eq!(pages.take(page(2, "b", None), 9), Ok(None));
        assert_eq!(pages.request().after, None);
        assert_eq!(pages.take(page(2, "x", Some("x")), 9), Ok(None));
        assert!(pages.start_again_after(ErrorKind::NotFound));
        assert_eq!(pages.request().after, None);
        // The first page is refused for another reason.
        assert!(!pages.start_again_after(ErrorKind::NotFound));
        let menu = pages.take(page(3, "c", None), 9).unwrap().unwrap();
        assert_eq!((menu.revision, names(&menu)), (3, vec!["c"]));
    }

    #[test]
    fn a_result_without_a_run_number_is_an_answer() {
        let answer =
            r#"{"state":"succeeded","output":"hi\n","exitCode":0,"durationMs":0,"later":1}"#;
        let CommandResult::Answer(answer) = serde_json::from_str(answer).unwrap() else {
            panic!("{answer}");
        };
        assert_eq!((answer.output.as_str(), answer.exit_code), ("hi\n", 0));
        let run = r#"{"runId":7,"command":"df","args":{},"user":"u","clientId":1,"later":1,
            "state":"succeeded","startedAt":"2026-01-01T00:00:00.000Z","bytes":0}"#;
        let CommandResult::Run(run) = serde_json::from_str(run).unwrap() else { panic!("{run}") };
        assert_eq!(run.row.run_id.0, 7);
    }

    #[test]
    fn a_menu_that_does_not_end_is_given_up() {
        let mut pages = MenuPages::default();
        let taken = (0..1_000).map(|_| pages.take(page(1, "a", Some("a")), MAX_COMMAND));
        assert!(taken.into_iter().any(|taken| taken == Err(MenuTooLarge)));
        let empty = Menu { next: Some("a".into()), ..Menu::default() };
        assert!(MenuPages::default().take(empty, 9).unwrap().is_some());
    }
}
