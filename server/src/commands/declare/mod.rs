//! Reading `commands.toml`: what a person declares becomes a menu, or a list of mistakes with their
//! places. Read when the server starts and by `topsided check`; the whole file or nothing.

mod args;
mod command;

use std::collections::HashMap;
use std::path::Path;

use toml::de::DeValue;
use topside_shared::command::Command;

use super::exec::Program;
use crate::config::{Field, Fields, FileErrors, Mistakes, guard};

/// The menu that serves where a user has written none.
pub(crate) const STARTER: &str = include_str!("../../../../config/commands.toml");
/// What [`STARTER`] is called in messages.
pub(crate) const STARTER_NAME: &str = "config/commands.toml (built in)";

/// A text to read a menu from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// What the text is called in messages: its path.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// What becomes of a command whose program is not on this machine, or cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is a mistake in the file.
    Refuse,
    /// The menu goes without the command, and says so in [`Menu::left_out`].
    Leave,
}

/// A menu as declared, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Menu {
    /// The commands.
    pub commands: Vec<Declared>,
    /// Commands that this machine cannot run; only under [`Missing::Leave`].
    pub left_out: Vec<LeftOut>,
}

/// One declared command.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// What clients see of it.
    pub info: Command,
    /// What a run of it starts.
    pub program: Program,
}

/// A command that the menu goes without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why: a sentence for the log.
    pub reason: String,
}

/// Reads a menu. `reserved` are the names and aliases that are taken already: the built-ins'.
///
/// # Errors
/// All the mistakes of the text, or its first where it is not TOML.
pub(crate) fn load(
    source: Source<'_>,
    reserved: &[&str],
    missing: Missing,
) -> Result<Menu, FileErrors> {
    let Source { name: file, text } = source;
    let document = Fields::parse(file, text)?;
    let mut mistakes = Mistakes::new(file, text);
    let top = Fields::of(&document, "the menu");
    top.refuse_unknown(&["commands"], &mut mistakes);
    let commands =
        top.read("commands", "a table of commands", &mut mistakes, |value| match value {
            DeValue::Table(table) => Some(table),
            _ => None,
        });

    let mut menu = Menu::default();
    if let Some(Field { value: table, .. }) = commands {
        // The table is sorted by name; people order their menu themselves.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut names = Names::new(reserved);
        for (key, value) in entries {
            let name: &str = key.get_ref();
            names.take(&Field { value: name.to_owned(), span: key.span() }, name, &mut mistakes);
            let DeValue::Table(table) = value.get_ref() else {
                mistakes.add(
                    &value.span(),
                    format_args!("`{name}` must be a table: begin it with [commands.{name}]"),
                );
                continue;
            };
            let owner = format!("command `{name}`");
            let fields = Fields { table, owner, span: key.span() };
            for alias in command::aliases(&fields, &mut mistakes) {
                names.take(&alias, name, &mut mistakes);
            }
            match command::read(name, &fields, missing, &mut mistakes) {
                Some(command::Outcome::Ready(declared)) => menu.commands.push(*declared),
                Some(command::Outcome::Absent(reason)) => {
                    menu.left_out.push(LeftOut { name: name.to_owned(), reason });
                }
                None => {}
            }
        }
    }
    mistakes.finish()?;
    Ok(menu)
}

/// Reads a user's menu file; none where there is no such file.
///
/// # Errors
/// The mistakes in it, or why the file itself cannot be obeyed.
pub(crate) fn load_file(path: &Path, reserved: &[&str]) -> Result<Option<Menu>, FileErrors> {
    let Some(text) = guard::read(path, "the menu")? else { return Ok(None) };
    let name = path.display().to_string();
    load(Source { name: &name, text: &text }, reserved, Missing::Refuse).map(Some)
}

/// The starter menu, without what this machine cannot run.
///
/// # Errors
/// Only where a built-in took one of its names, which a test keeps from happening.
pub(crate) fn starter(reserved: &[&str]) -> Result<Menu, FileErrors> {
    load(Source { name: STARTER_NAME, text: STARTER }, reserved, Missing::Leave)
}

/// Names and aliases that are taken, and by whom.
struct Names(HashMap<String, Option<String>>);

impl Names {
    fn new(reserved: &[&str]) -> Self {
        Self(reserved.iter().map(|name| ((*name).to_owned(), None)).collect())
    }

    fn take(&mut self, name: &Field<String>, command: &str, mistakes: &mut Mistakes<'_>) {
        let Field { value, span } = name;
        if !command::is_name(value) {
            mistakes.add(
                span,
                format_args!(
                    "`{}` cannot name a command: use 1 to {} letters, digits, `-`, `_` and `.`, \
                     the first a letter or a digit",
                    topside_shared::text::clean(value, 64),
                    command::MAX_NAME,
                ),
            );
            return;
        }
        match self.0.get(value) {
            None => {
                self.0.insert(value.clone(), Some(command.to_owned()));
            }
            Some(None) => mistakes
                .add(span, format_args!("`{value}` is a built-in command: use another name")),
            Some(Some(other)) => mistakes.add(
                span,
                format_args!("`{value}` is taken by command `{other}`: use another name"),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
