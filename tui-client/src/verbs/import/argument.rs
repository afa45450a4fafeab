//! Arguments of an action.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;
use topside_shared::command::{Arg, ArgType};
use topside_shared::pattern::Pattern;
use topside_shared::text::{MAX_NAME, MAX_REASON, clean, is_control};
use topside_shared::values::{Limits, check_one};
use yaml_rust2::Yaml;

use super::menu::Menu;
use super::shell::Named;
use super::yaml::{Fields, shown};

/// An argument of an action.
pub(super) struct Argument {
    pub(super) name: String,
    /// Its name in the menu file.
    pub(super) own: String,
    pub(super) title: String,
    pub(super) kind: String,
    description: Option<String>,
    default: Option<String>,
    /// Values, and titles that differ from them.
    choices: Vec<(String, Option<String>)>,
    lost: Vec<String>,
}

/// Most characters of a name of an argument.
const MAX_OWN_NAME: usize = 40;

/// Types with a pattern, and whether no value of it means anything to a shell.
const PATTERNS: [(&str, &str, bool); 6] = [
    ("ascii", "[a-zA-Z0-9]+", true),
    ("ascii_identifier", "[a-zA-Z0-9._-]+", true),
    ("shell_safe_identifier", "[a-zA-Z0-9._-]+", true),
    ("ascii_sentence", "[a-zA-Z0-9._, -]+", false),
    ("unicode_identifier", r"[\w./\\ -]+", false),
    ("datetime", "[0-9T:. -]+", false),
];

/// Gives each argument a name that a menu file may have; returns the names of those that are removed, as another has the same.
pub(super) fn name_all(arguments: &mut Vec<Argument>) -> Vec<String> {
    let (mut names, mut taken, mut repeated) = (HashSet::new(), HashSet::new(), Vec::new());
    arguments.retain_mut(|argument| {
        if argument.kind == "confirmation" {
            return true;
        }
        if !names.insert(argument.name.clone()) {
            repeated.push(argument.name.clone());
            return false;
        }
        let first = allowed_name(&argument.name);
        let numbered = (2..).map(|number| format!("{first}-{number}"));
        let mut free = std::iter::once(first.clone()).chain(numbered);
        argument.own = free.find(|name| taken.insert(name.clone())).unwrap_or_default();
        true
    });
    repeated
}

/// A name in small letters, digits, `-` and `_`, a letter first.
fn allowed_name(name: &str) -> String {
    let small = name.chars().take(MAX_OWN_NAME).map(|c| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_') => c,
        _ => '-',
    });
    let small: String = small.collect();
    match small.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => small,
        false => {
            format!("arg-{}", small.trim_start_matches(['-', '_'])).trim_end_matches('-').to_owned()
        }
    }
}

impl Argument {
    pub(super) fn read(value: &Yaml) -> Option<Self> {
        let mut fields = Fields::of(value)?;
        let kind = fields.text("type").unwrap_or_default();
        let name = fields.text("name").unwrap_or_default();
        let title = fields.text("title").unwrap_or_else(|| name.clone());
        let choices = fields.take("choices").and_then(Yaml::as_vec).cloned().unwrap_or_default();
        let choices = choices.iter().filter_map(|choice| {
            let mut fields = Fields::of(choice)?;
            let value = fields.text("value")?;
            let title = fields.text("title").filter(|title| *title != value);
            Some((value, title))
        });
        let choices = choices.collect();
        let description = fields.text("description");
        let default = fields.text("default");
        let owner =
            |key: &str, value: &Yaml| format!("{key} = {} of the argument {name}", shown(value));
        let lost = fields.0.iter().map(|(key, value)| owner(key, value)).collect();
        let own = name.clone();
        let mut read = Self { name, own, title, kind, description, default, choices, lost };
        read.drop_wrong_values();
        Some(read)
    }

    /// Takes out choices and a default that a menu file may not have.
    fn drop_wrong_values(&mut self) {
        let mut seen = HashSet::new();
        let Self { name, choices, lost, .. } = self;
        choices.retain(|(value, _)| {
            let is_kept = seen.insert(value.clone()) && !value.contains(is_control);
            if !is_kept {
                lost.push(format!("the choice {value} of the argument {name}"));
            }
            is_kept
        });
        let is_wrong = |default: &&str| !self.accepts(default);
        if let Some(default) = self.default().filter(is_wrong).map(str::to_owned) {
            self.default = None;
            self.lost.push(format!(
                "the default {default} of the argument {}, which is none of its values",
                self.name
            ));
        }
    }

    /// Whether this is a value of it, as the menu file declares it.
    fn accepts(&self, value: &str) -> bool {
        let is_int = self.is_int();
        let read = |text: &str| match is_int {
            true => text.parse::<i64>().map(Value::from).ok(),
            false => Some(Value::from(text)),
        };
        let kind = match (is_int, self.choices.is_empty()) {
            (true, _) => ArgType::Int,
            (false, false) => ArgType::Enum,
            (false, true) => ArgType::String,
        };
        let pattern = self.pattern().filter(|_| kind == ArgType::String);
        let arg = Arg {
            name: self.name.clone(),
            kind,
            minimum: (is_int && self.choices.is_empty()).then_some(0.0),
            pattern: pattern.and_then(|(pattern, _)| Pattern::new(pattern).ok()),
            choices: self.choices.iter().filter_map(|(value, _)| read(value)).collect(),
            ..Arg::default()
        };
        read(value).is_some_and(|value| check_one(&arg, &value, Limits::default()).is_ok())
    }

    fn is_int(&self) -> bool {
        self.kind == "int" && self.choices.iter().all(|(value, _)| value.parse::<i64>().is_ok())
    }

    pub(super) fn default(&self) -> Option<&str> {
        self.default.as_deref().filter(|default| !default.is_empty())
    }

    fn pattern(&self) -> Option<(&str, bool)> {
        if let Some(own) = self.kind.strip_prefix("regex:") {
            return Some((own.trim_start_matches('^').trim_end_matches('$'), false));
        }
        let found = PATTERNS.iter().find(|(kind, ..)| *kind == self.kind);
        found.map(|(_, pattern, is_plain)| (*pattern, *is_plain))
    }

    pub(super) fn named(&self) -> Named {
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:,@+".contains(&b))
        };
        let is_plain = match self.choices.is_empty() {
            false => self.choices.iter().all(|(value, _)| is_plain(value)),
            true => self.kind == "int" || self.pattern().is_some_and(|(_, is_plain)| is_plain),
        };
        Named { name: self.name.clone(), own: self.own.clone(), is_plain }
    }

    pub(super) fn write(&self, menu: &mut Menu, command: &str) {
        menu.text.push('\n');
        for lost in &self.lost {
            menu.lost(lost);
        }
        if self.own != self.name {
            menu.lost(format!("the name {} of an argument, which is {} here", self.name, self.own));
        }
        let (mut kind, mut pattern) = ("string", None);
        let is_int = self.is_int();
        if !self.choices.is_empty() && !is_int {
            kind = "enum";
        } else if is_int {
            kind = "int";
        } else if self.kind == "password" {
            menu.lost("the password, which was a part of the command line: pass a `secret` by `env` or `stdin`");
        } else if let Some((found, _)) = self.pattern() {
            match Pattern::new(found) {
                Ok(_) => pattern = Some(found.to_owned()),
                Err(_) => menu.lost(format!(
                    "the pattern {found} of {}, which is no regular expression here",
                    self.name
                )),
            }
            if found.contains('-') {
                menu.lost(format!(
                    "a value of {} that begins with -, which is refused here",
                    self.name
                ));
            }
        } else {
            let kind = if self.kind.is_empty() { "none" } else { &self.kind };
            menu.lost(format!("the check of the type {kind} of {}", self.name));
        }
        let _ = writeln!(menu.text, "[[commands.{command}.args]]");
        menu.set("name", self.own.clone());
        menu.set("type", kind);
        let description = self.description.as_ref().unwrap_or(&self.title);
        menu.set("description", clean(description, MAX_REASON));
        if let Some(pattern) = pattern {
            menu.set("pattern", pattern);
        }
        if is_int && self.choices.is_empty() {
            menu.set("minimum", 0);
        }
        let number = |text: &str| text.parse::<i64>().ok().filter(|_| is_int);
        if !self.choices.is_empty() {
            let value = |text: &str| match number(text) {
                Some(number) => toml_edit::Value::from(number),
                None => toml_edit::Value::from(text),
            };
            let values = self.choices.iter().map(|(text, title)| match title {
                Some(title) => labelled(value(text), title),
                None => value(text),
            });
            menu.set("choices", values.collect::<toml_edit::Array>());
        }
        match self.default() {
            None => menu.set("required", true),
            Some(default) => match number(default) {
                Some(number) => menu.set("default", number),
                None => menu.set("default", default),
            },
        }
    }
}

/// A choice with a label.
fn labelled(value: toml_edit::Value, title: &str) -> toml_edit::Value {
    let mut table = toml_edit::InlineTable::new();
    table.insert("value", value);
    table.insert("label", clean(title, MAX_NAME).into());
    table.into()
}
