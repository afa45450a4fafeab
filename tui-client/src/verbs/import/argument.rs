//! Arguments of an action.

use std::fmt::Write as _;

use topside_shared::text::{MAX_NAME, clean};
use yaml_rust2::Yaml;

use super::menu::Menu;
use super::shell::Named;
use super::yaml::{Fields, shown};

/// An argument of an action.
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) kind: String,
    description: Option<String>,
    default: Option<String>,
    /// Values, and titles that differ from them.
    choices: Vec<(String, Option<String>)>,
    lost: Vec<String>,
}

/// Types with a pattern, and whether no value of it means anything to a shell.
const PATTERNS: [(&str, &str, bool); 6] = [
    ("ascii", "[a-zA-Z0-9]+", true),
    ("ascii_identifier", "[a-zA-Z0-9._-]+", true),
    ("shell_safe_identifier", "[a-zA-Z0-9._-]+", true),
    ("ascii_sentence", "[a-zA-Z0-9._, -]+", false),
    ("unicode_identifier", r"[\w./\\ -]+", false),
    ("datetime", "[0-9T:. -]+", false),
];

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
        Some(Self { name, title, kind, description, default, choices, lost })
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
        Named { name: self.name.clone(), is_plain }
    }

    pub(super) fn write(&self, menu: &mut Menu, command: &str) {
        menu.text.push('\n');
        for lost in &self.lost {
            menu.lost(lost);
        }
        let (mut kind, mut pattern) = ("string", None);
        let is_int = self.kind == "int"
            && self.choices.iter().all(|(value, _)| value.parse::<i64>().is_ok());
        if !self.choices.is_empty() && !is_int {
            kind = "enum";
        } else if is_int {
            kind = "int";
        } else if self.kind == "password" {
            menu.lost("the password, which was a part of the command line: pass a `secret` by `env` or `stdin`");
        } else if let Some((found, _)) = self.pattern() {
            pattern = Some(found.to_owned());
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
        menu.set("name", self.name.clone());
        menu.set("type", kind);
        menu.set("description", self.description.clone().unwrap_or_else(|| self.title.clone()));
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
