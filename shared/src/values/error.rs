//! Errors of values: a message for people, and fields for programs.

use serde_json::Value;

use crate::command::{Arg, ArgType, MASK};
use crate::error::{ErrorKind, RpcError};
use crate::text;

use super::describe;

/// The rule that a value breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Only declared arguments may be given.
    Unknown,
    /// A required argument must be given.
    Required,
    /// A value is of the declared type.
    Type,
    /// Only the named choices pass.
    Choices,
    /// The least number.
    Minimum,
    /// The greatest number.
    Maximum,
    /// The fewest characters.
    MinLength,
    /// The most characters.
    MaxLength,
    /// The pattern.
    Pattern,
    /// A path has no `..`, and is not empty.
    Path,
    /// A secret is not the sign that stands for one.
    Secret,
    /// A path stays below its root, by whatever links it goes.
    Root,
    /// Text begins with `-` only where that is allowed.
    Dash,
    /// Text has no control characters.
    Control,
    /// A value has a greatest size in bytes.
    Size,
}

impl Rule {
    /// The rule's name in `data.rule`; where a field of the declaration sets it, that field's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Required => "required",
            Self::Type => "type",
            Self::Choices => "choices",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::MinLength => "minLength",
            Self::MaxLength => "maxLength",
            Self::Pattern => "pattern",
            Self::Path => "path",
            Self::Root => "root",
            Self::Secret => "secret",
            Self::Dash => "allowDash",
            Self::Control => "control",
            Self::Size => "size",
        }
    }
}

/// What is said in the place of a wrong secret.
const HIDDEN: &str = "what was given";

/// An argument that does not pass: which one, by which rule, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    /// No argument of this name is declared.
    #[error("there is no argument {argument}{}", describe::unknown_tail(.nearest, .expected))]
    Unknown {
        /// The name that was given, cut to a readable length.
        argument: String,
        /// The names that were perhaps meant.
        nearest: Vec<String>,
        /// The names that there are.
        expected: String,
    },
    /// It was not given, and must be.
    #[error("{argument} is missing: it must be {expected}")]
    Required {
        /// The argument.
        argument: String,
        /// What would pass.
        expected: String,
    },
    /// Its value breaks a rule.
    #[error("{argument} must be {expected}, not {given}")]
    Value {
        /// The argument.
        argument: String,
        /// The rule.
        rule: Rule,
        /// What would pass.
        expected: String,
        /// What was given, cut to a readable length.
        given: String,
    },
}

impl ArgError {
    /// The argument's name.
    pub fn argument(&self) -> &str {
        match self {
            Self::Unknown { argument, .. }
            | Self::Required { argument, .. }
            | Self::Value { argument, .. } => argument,
        }
    }

    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Unknown { .. } => Rule::Unknown,
            Self::Required { .. } => Rule::Required,
            Self::Value { rule, .. } => *rule,
        }
    }

    /// What would pass: the tail of "it must be ..".
    pub fn expected(&self) -> &str {
        match self {
            Self::Unknown { expected, .. }
            | Self::Required { expected, .. }
            | Self::Value { expected, .. } => expected,
        }
    }

    pub(super) fn unknown(name: &str, args: &[Arg]) -> Self {
        let names = || args.iter().map(|arg| arg.name.as_str());
        Self::Unknown {
            argument: text::quote(name, text::MAX_NAME),
            nearest: text::nearest(name, names()).into_iter().map(str::to_owned).collect(),
            expected: match args {
                [] => "no argument at all".to_owned(),
                _ => describe::any_of(names().map(str::to_owned)),
            },
        }
    }

    /// Something else, or nothing, where a list of values belongs.
    pub(super) fn no_list(arg: &Arg, value: &Value) -> Self {
        let given = match value {
            Value::Array(_) => "an empty one".to_owned(),
            other => describe::given(arg, other),
        };
        let expected = format!("a list of at least one value, each {}", describe::expected(arg));
        Self::broken(arg, Rule::Type, expected, given)
    }

    /// A path that leads out of its root, or cannot be followed; where the root is, is not said.
    pub fn outside(argument: &str, path: &str) -> Self {
        Self::Value {
            argument: argument.to_owned(),
            rule: Rule::Root,
            expected: "a path that stays below the directory of this command".to_owned(),
            given: describe::typed(path),
        }
    }

    pub(super) fn required(arg: &Arg) -> Self {
        Self::Required { argument: arg.name.clone(), expected: describe::expected(arg) }
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

    /// A value that breaks a rule; of a secret it is not said what was given.
    pub(super) fn broken(arg: &Arg, rule: Rule, expected: String, given: String) -> Self {
        let given = if arg.kind == ArgType::Secret { HIDDEN.to_owned() } else { given };
        Self::Value { argument: arg.name.clone(), rule, expected, given }
    }

    /// The same without what was given, where that may not be said.
    #[must_use]
    pub fn hidden_if(mut self, private: bool) -> Self {
        if let Self::Value { given, .. } = &mut self
            && private
        {
            HIDDEN.clone_into(given);
        }
        self
    }

    /// The sign that stands for a secret, in the secret's place.
    pub(super) fn mask(arg: &Arg) -> Self {
        Self::Value {
            argument: arg.name.clone(),
            rule: Rule::Secret,
            expected: "the secret itself".to_owned(),
            given: format!("the {MASK} that stands for it"),
        }
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
        Self::Value { argument: arg.name.clone(), rule, expected, given: describe::typed(given) }
    }
}

impl From<ArgError> for RpcError {
    fn from(error: ArgError) -> Self {
        let rpc = Self::new(ErrorKind::InvalidParams, &error)
            .with("argument", error.argument())
            .with("rule", error.rule().name())
            .with("expected", error.expected());
        match error {
            ArgError::Unknown { nearest, .. } if !nearest.is_empty() => {
                rpc.with("nearest", nearest)
            }
            _ => rpc,
        }
    }
}
