//! Errors of values: a message for people, and fields for programs.

use serde_json::Value;

use crate::command::{Arg, ArgType, MASK};
use crate::error::{ErrorKind, RpcError};
use crate::text;

use super::describe;

wire_enum! {
    /// The rule that a value breaks: where a field of the declaration sets it, it has that field's name.
    pub enum Rule {
        /// Only declared arguments may be given.
        Unknown = "unknown",
        /// A required argument must be given.
        Required = "required",
        /// A value is of the declared type.
        Type = "type",
        /// Only the named choices pass.
        Choices = "choices",
        /// The least number.
        Minimum = "minimum",
        /// The greatest number.
        Maximum = "maximum",
        /// The fewest characters.
        MinLength = "minLength",
        /// The most characters.
        MaxLength = "maxLength",
        /// The pattern.
        Pattern = "pattern",
        /// A path has no `..`, and is not empty.
        Path = "path",
        /// A secret is not the sign that stands for one.
        Secret = "secret",
        /// A path stays below its root, also through links.
        Root = "root",
        /// Text begins with `-` only where that is allowed.
        Dash = "allowDash",
        /// Text has no control characters.
        Control = "control",
        /// A value has a greatest size in bytes.
        Size = "size",
        /// A file has a greatest size in bytes.
        MaxSize = "maxSize",
        /// The name of a file matches one of the wildcards.
        Accept = "accept",
        /// The fewest values of a list.
        AtLeast = "atLeast",
        /// The most values of a list.
        AtMost = "atMost",
        /// An argument applies only beside some values of others.
        When = "when",
        /// A path must exist on the server.
        Exists = "exists",
    }
}

/// An argument that does not pass: which one, by which rule, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ArgError {
    /// The argument's name, cut to a readable length.
    pub argument: String,
    /// The rule that was broken.
    pub rule: Rule,
    /// What would pass: the tail of "it must be ..". Of an unknown argument: the names that there are.
    pub expected: String,
    /// The value; none if it may be a secret, which no message shows.
    given: Option<String>,
    nearest: Vec<String>,
}

impl ArgError {
    fn sentence(&self) -> String {
        let Self { argument, rule, expected, given, nearest } = self;
        match rule {
            Rule::Unknown => {
                format!(
                    "there is no argument {argument}{}",
                    describe::unknown_tail(nearest, expected)
                )
            }
            Rule::Required => format!("{argument} is missing: it must be {expected}"),
            Rule::When => format!("{argument} is only for {expected}: leave it out"),
            Rule::AtLeast | Rule::AtMost if given.is_some() => {
                let given = given.as_deref().unwrap_or_default();
                format!("{argument} must have {expected}, not {given}")
            }
            _ => match (given, expected.strip_prefix("text of ")) {
                (Some(given), _) => format!("{argument} must be {expected}, not {given}"),
                (None, Some(length)) => format!("{argument} must have {length}"),
                (None, None) => format!("{argument} must be {expected}"),
            },
        }
    }

    fn new(
        argument: &str,
        rule: Rule,
        expected: impl Into<String>,
        given: impl Into<String>,
    ) -> Self {
        let (expected, given) = (expected.into(), Some(given.into()));
        Self { argument: argument.to_owned(), rule, expected, given, nearest: Vec::new() }
    }

    pub(super) fn unknown(name: &str, args: &[Arg]) -> Self {
        let names = || args.iter().map(|arg| arg.name.as_str());
        let expected = match args {
            [] => "no argument at all".to_owned(),
            _ => describe::any_of(names().map(str::to_owned)),
        };
        let nearest = text::nearest(name, names()).into_iter().map(str::to_owned).collect();
        let shown = text::quote(name, text::MAX_NAME);
        Self { nearest, ..Self::new(&shown, Rule::Unknown, expected, "") }
    }

    /// A value that is no list, or an empty list, for an argument with `multiple`.
    pub(super) fn no_list(arg: &Arg, value: &Value) -> Self {
        let given = match value {
            Value::Array(_) => "an empty one".to_owned(),
            other => describe::given(arg, other),
        };
        let expected = format!("a list of at least one value, each {}", describe::expected(arg));
        Self::broken(arg, Rule::Type, expected, given)
    }

    /// A path that leads out of its root, or cannot be followed. The message does not say where the root is.
    pub fn outside(argument: &str, path: &str) -> Self {
        let expected = "a path that stays below the directory of this command";
        Self::new(argument, Rule::Root, expected, describe::typed(path))
    }

    /// A path that does not exist on the server.
    pub fn not_there(argument: &str, path: &str) -> Self {
        let expected = "a path that exists on the server";
        Self::new(argument, Rule::Exists, expected, describe::typed(path))
    }

    /// An argument that is given where it does not apply.
    pub(crate) fn does_not_apply(arg: &Arg) -> Self {
        Self::new(&arg.name, Rule::When, describe::conditions(arg), "")
    }

    pub(super) fn required(arg: &Arg) -> Self {
        Self::new(&arg.name, Rule::Required, describe::expected(arg), "")
    }

    pub(super) fn value(arg: &Arg, rule: Rule, given: String) -> Self {
        let expected = match rule {
            Rule::Minimum | Rule::Maximum | Rule::MinLength | Rule::MaxLength => {
                describe::range(arg)
            }
            Rule::Pattern => describe::matching(arg),
            _ => describe::expected(arg),
        };
        Self::broken(arg, rule, expected, given)
    }

    /// A value that breaks a rule; the value of a secret is not shown.
    pub(super) fn broken(
        arg: &Arg,
        rule: Rule,
        expected: impl Into<String>,
        given: String,
    ) -> Self {
        Self::new(&arg.name, rule, expected, given).hidden_if(arg.kind == ArgType::Secret)
    }

    /// The same without the value, if that may be a secret.
    #[must_use]
    pub fn hidden_if(mut self, private: bool) -> Self {
        if private {
            self.given = None;
        }
        self
    }

    /// [`MASK`] in the place of a secret.
    pub(super) fn mask(arg: &Arg) -> Self {
        let given = format!("the {MASK} that stands for it");
        Self::new(&arg.name, Rule::Secret, "the secret itself", given)
    }

    /// A whole number outside 64 bits.
    pub(super) fn too_wide(arg: &Arg, rule: Rule, given: &str) -> Self {
        if !arg.choices.is_empty() {
            return Self::value(arg, Rule::Choices, describe::typed(given));
        }
        let expected = match (arg.minimum, arg.maximum) {
            (Some(_), Some(_)) => describe::range(arg),
            _ => format!("a whole number from {} to {}", i64::MIN, i64::MAX),
        };
        Self::new(&arg.name, rule, expected, describe::typed(given))
    }
}

impl From<ArgError> for RpcError {
    fn from(error: ArgError) -> Self {
        let rpc = Self::new(ErrorKind::InvalidParams, &error)
            .with("argument", error.argument)
            .with("rule", error.rule.name())
            .with("expected", error.expected);
        if error.nearest.is_empty() { rpc } else { rpc.with("nearest", error.nearest) }
    }
}
