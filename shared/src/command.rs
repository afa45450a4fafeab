//! The declaration of a command as clients see it: name, arguments, effect and role. How it is carried out (`exec`,
//! environment, hooks) stays on the server.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::pattern::Pattern;
use crate::role::Role;
use crate::text;

/// How much a command changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Only reads.
    Read,
    /// Makes a change that can be undone.
    Write,
    /// Makes a change that cannot be undone.
    #[default]
    Destructive,
}

impl Effect {
    /// The role that a command of this effect needs where its declaration names none.
    pub fn default_role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Write => Role::Operator,
            Self::Destructive => Role::Admin,
        }
    }
}

wire_enum! {
    /// The type of an argument's value.
    #[derive(Default)]
    pub enum ArgType {
        /// Text of one line.
        #[default]
        String = "string",
        /// A whole number of 64 bits.
        Int = "int",
        /// A finite number.
        Float = "float",
        /// `true` or `false`.
        Bool = "bool",
        /// One of `choices`.
        Enum = "enum",
        /// Whole numbers with units, such as `20m` and `1h30m`; without a unit, seconds.
        Duration = "duration",
        /// The path of a file or a directory on the server's machine, without `..`.
        Path = "path",
        /// Text that is shown and kept nowhere: [`MASK`] stands for it.
        Secret = "secret",
        /// A file of the client's device: it is sent with `file/open`, and its value is the `fileId`.
        File = "file",
    }
}

/// The argument that asks why a command is run. Its value goes into the run's row and the audit log, not to the program.
pub const REASON: &str = "reason";

/// The value of `expose` that makes a command a tool of agents.
pub const MCP: &str = "mcp";

/// What stands for a secret wherever its argument is shown.
pub const MASK: &str = "***";

impl ArgType {
    /// Whether its values are any text, choices and rules apart.
    pub fn is_text(self) -> bool {
        match self {
            Self::String | Self::Enum | Self::Path | Self::Secret => true,
            Self::Int | Self::Float | Self::Bool | Self::Duration | Self::File => false,
        }
    }
}

fn known_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ArgType, D::Error> {
    let name = Cow::<'de, str>::deserialize(deserializer)?;
    Ok(ArgType::from_name(&name).unwrap_or_default())
}

/// One typed argument: what a client shows and checks before it sends, and the server checks again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Arg {
    /// Its name, in `args` and as `--name`.
    pub name: String,
    /// The type of its value; text where this version does not know the type of a newer server, which checks the value.
    #[serde(rename = "type", deserialize_with = "known_type")]
    pub kind: ArgType,
    /// One line for hints and forms.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a run without it is refused.
    pub required: bool,
    /// The value where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The only values that pass, if any are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// What some of the choices are, for people, by the text of the value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether the server knows the choices only when it is asked: `command/choices` returns them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub choices_from: bool,
    /// The least number that passes; for a duration, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest number that passes; for a duration, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The fewest characters that pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// The most characters that pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// What a text must match as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// The most bytes of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// Wildcards for the name of a file, such as `*.jpg`, of which one must match; none: any name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Whether it takes a list of values, each of its type; by position, all that are left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// The fewest values of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// The most values of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// The values that earlier arguments must have for this one to apply, one or a list of them each. Where it does not apply,
    /// it cannot be given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Value>,
    /// Whether a string may begin with `-`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_dash: bool,
    /// Whether the last positional argument takes the rest of the line, as one text.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// Whether it is given by its name only, and has no position.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}

impl Arg {
    /// Whether it can be given beside these values of earlier arguments, defaults filled in.
    pub fn applies(&self, args: &Map<String, Value>) -> bool {
        self.when.iter().all(|(name, wanted)| match (args.get(name), wanted) {
            (Some(value), Value::Array(any)) => any.contains(value),
            (value, wanted) => value == Some(wanted),
        })
    }

    /// Whether a word of the command line may give it without its name.
    pub fn has_position(&self) -> bool {
        self.kind != ArgType::Bool && !self.by_name
    }
}

/// One entry of the menu, as `commands/list` tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Command {
    /// The name that runs it.
    pub name: String,
    /// A few words for the menu.
    pub title: String,
    /// One sentence for help.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The heading it stands under.
    pub category: String,
    /// Other names that run it.
    pub aliases: Vec<String>,
    /// How much it changes.
    pub effect: Effect,
    /// The least role that may run it.
    pub role: Role,
    /// The least role of the user who must approve each run, other than the one who asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Role>,
    /// What may call it beside people: [`MCP`] stands for agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// The question to ask a person first, with `{argument}` places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Milliseconds until it is ended; none: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether a run may ask for input.
    pub stdin: Stdin,
    /// What its output is.
    pub output: Output,
    /// Whether the box starts it by itself at times.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
    /// Its arguments, in positional order.
    pub args: Vec<Arg>,
}

impl Command {
    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// Whether `name` is this command's name or one of its aliases.
    pub fn answers_to(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The names of `commands` that an error may offer in place of a mistyped `name`, nearest first. A destructive command
    /// must be typed as it is.
    pub fn nearest<'c>(name: &str, commands: impl IntoIterator<Item = &'c Self>) -> Vec<&'c str> {
        let offered = commands.into_iter().filter(|command| command.effect != Effect::Destructive);
        text::nearest(name, offered.flat_map(Self::names))
    }

    /// Whether a run must say why it is started, in the argument [`REASON`].
    pub fn asks_reason(&self) -> bool {
        self.args.iter().any(|arg| arg.by_name && arg.name == REASON)
    }

    /// Whether agents may call it.
    pub fn is_exposed_to_agents(&self) -> bool {
        self.expose.iter().any(|to| to == MCP)
    }

    /// The least role that may approve a run of it; none: the run needs no approval. For an agent, a person approves what asks
    /// to be confirmed, and what cannot be undone.
    pub fn approver(&self, is_for_agent: bool) -> Option<Role> {
        let asks_person = self.confirm.is_some() || self.effect == Effect::Destructive;
        let of_agents = (is_for_agent && asks_person).then_some(Role::Operator);
        let least = self.approval.max(of_agents)?;
        Some(least.max(self.role))
    }

    /// Whether any of its arguments is a secret.
    pub fn has_secret(&self) -> bool {
        self.args.iter().any(|arg| arg.kind == ArgType::Secret)
    }

    /// Its arguments that take a file.
    pub fn file_args(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(|arg| arg.kind == ArgType::File)
    }

    /// `args` as they may be shown and kept.
    pub fn masked(&self, args: &Map<String, Value>) -> Map<String, Value> {
        let mut masked = args.clone();
        for arg in self.args.iter().filter(|arg| arg.kind == ArgType::Secret) {
            if let Some(value) = masked.get_mut(&arg.name) {
                *value = Value::from(MASK);
            }
        }
        masked
    }
}

/// What a run's standard input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Stdin {
    /// Nothing can be sent to it.
    #[default]
    None,
    /// It may ask: `run/input` answers.
    Prompt,
}

/// What a run's output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Text for people.
    #[default]
    Text,
    /// One JSON value.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_approved_by_the_declared_role_and_for_an_agent_where_a_person_is_asked() {
        let command = |effect, role, approval, confirm: Option<&str>| Command {
            effect,
            role,
            approval,
            confirm: confirm.map(str::to_owned),
            ..Command::default()
        };
        let (viewer, operator, admin) = (Role::Viewer, Role::Operator, Role::Admin);
        for (command, of_people, of_agents) in [
            (command(Effect::Read, viewer, None, None), None, None),
            (command(Effect::Read, viewer, None, Some("?")), None, Some(operator)),
            (command(Effect::Write, operator, None, None), None, None),
            (command(Effect::Destructive, operator, None, None), None, Some(operator)),
            (command(Effect::Destructive, admin, None, None), None, Some(admin)),
            (command(Effect::Read, viewer, Some(admin), None), Some(admin), Some(admin)),
            (command(Effect::Read, viewer, Some(viewer), Some("?")), Some(viewer), Some(operator)),
        ] {
            assert_eq!(command.approver(false), of_people, "{command:?}");
            assert_eq!(command.approver(true), of_agents, "{command:?}");
        }
    }

    #[test]
    fn an_argument_of_a_type_that_a_newer_server_has_is_text() {
        let read = |kind: &str| -> Arg {
            serde_json::from_value(serde_json::json!({ "name": "at", "type": kind })).unwrap()
        };
        assert_eq!(read("colour").kind, ArgType::String);
        assert_eq!(read("int").kind, ArgType::Int);
    }
}
