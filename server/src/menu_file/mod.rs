//! Reading `commands.toml` and `commands.d/*.toml`: the result is a menu, or a list of errors with their positions.
//! Read when the server starts and by `topsided check`. One file: the steps of a reading, and the menu that it gives.

mod approval;
mod args;
mod choices;
mod command;
pub(crate) mod command_name;
mod concurrency_fields;
mod exec;
mod function;
mod joined_element;
pub(crate) mod packs;
mod references;
mod results;
mod run_paths;
mod run_rules;
mod run_user;
pub(crate) mod schedule;
pub(crate) mod schedule_rule;
mod unavailable_command;
mod unsafe_variables;
mod variables;
mod watched_files;
pub(crate) mod wire_size;
mod worker_safe_state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;
use topside_shared::command::Command;
use topside_shared::methods::MAX_SCHEDULES;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::{Errors, FileError, FileErrors};
use crate::base::toml_file::fields::{Field, Fields};
use crate::base::toml_file::protected_files;
use crate::base::toml_file::protected_files::ProtectedFile;
use crate::menu_file::command_name::{Names, check_name};
use crate::menu_file::references::References;
use crate::menu_file::schedule::DeclaredSchedule;
pub(crate) use crate::menu_file::unavailable_command::{LeftOut, STARTER_NAME};
use crate::process::declared_program::ProgramChecks;
use crate::process::program_spec::Program;
use crate::settings::notify::{self, EventKind};
use crate::workers;
use crate::workers::DeclaredFunction;
use crate::workers::concurrency::Exclusion;
use crate::workers::run_rules::RunRules;

pub(crate) const COMMANDS_FILE: &str = "commands.toml";
/// Directory of further files of the menu.
pub(crate) const COMMANDS_DIR: &str = "commands.d";
const MENU: &str = "the menu";

/// The menu for users without one.
pub(crate) const STARTER: &str = include_str!("starter.toml");

#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Treatment of a command with a missing or untrusted program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Report an error.
    Refuse,
    /// Leave the command out: [`Menu::left_out`].
    Leave,
}

#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    missing: Missing,
    programs: &'a ProgramChecks,
}

/// A menu as declared, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Menu {
    pub commands: Vec<Item>,
    pub workers: Vec<workers::DeclaredWorker>,
    /// The schedules of its commands.
    pub schedules: Vec<DeclaredSchedule>,
    /// The events that commands have reported, by their names.
    pub notify: BTreeMap<String, Vec<EventKind>>,
    /// Commands that this machine cannot run; only with [`Missing::Leave`], which `skip_missing` of a file sets.
    pub left_out: Vec<LeftOut>,
    /// Hints that are not errors.
    pub remarks: Vec<String>,
    /// Whether it is the starter menu.
    pub is_starter: bool,
    /// Bytes of JSON of its commands on the wire.
    pub wire: usize,
}

/// A declared command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Program(DeclaredProgram),
    /// A function of a worker.
    Function(DeclaredFunction),
}

impl Item {
    /// What clients see of it.
    pub(crate) fn info(&self) -> &Command {
        match self {
            Self::Program(declared) => &declared.info,
            Self::Function(function) => &function.info,
        }
    }

    fn info_mut(&mut self) -> &mut Command {
        match self {
            Self::Program(declared) => &mut declared.info,
            Self::Function(function) => &mut function.info,
        }
    }

    fn exclusion_mut(&mut self) -> &mut Exclusion {
        match self {
            Self::Program(declared) => &mut declared.exclusion,
            Self::Function(function) => &mut function.exclusion,
        }
    }

    fn rules_mut(&mut self) -> &mut RunRules {
        match self {
            Self::Program(declared) => &mut declared.rules,
            Self::Function(function) => &mut function.rules,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredProgram {
    /// What clients see of it.
    pub info: Command,
    pub program: Program,
    pub exclusion: Exclusion,
    pub rules: RunRules,
}

fn absolute_path<'a>(
    fields: &Fields<'a, '_>,
    name: &str,
    m: &mut Errors<'_>,
) -> Option<Field<&'a str>> {
    let read =
        |value| DeValue::as_str(value).filter(|path| path.starts_with('/') && !path.contains('\0'));
    fields.read(name, "an absolute path", m, read)
}

/// The names in a list with spaces between.
fn names(list: &str) -> Vec<&str> {
    list.split_ascii_whitespace().collect()
}

/// Reads a menu from one or several texts. `reserved` are the names of built-ins. The error lists the
/// errors of all texts; of a text that is not TOML, the first.
pub(crate) fn load(
    sources: &[Source<'_>],
    reserved: &[&str],
    missing: Missing,
    trust: Trust,
) -> Result<Menu, FileErrors> {
    let rules = Rules { missing, programs: &ProgramChecks::new(trust) };
    let mut menu = Menu::default();
    let mut names = Names::new(reserved);
    let mut workers = function::ReadWorkers::default();
    let mut references = References::default();
    let mut errors = Vec::new();
    for source in sources {
        let added = add(*source, rules, &mut names, &mut workers, &mut references, &mut menu);
        if let Err(FileErrors(wrong)) = added {
            errors.extend(wrong);
        }
    }
    // What is missing may be in a command that was not read.
    if errors.is_empty()
        && let Err(FileErrors(wrong)) = references.resolve(&mut menu, reserved)
    {
        errors = wrong;
    }
    if errors.is_empty() { Ok(menu) } else { Err(FileErrors::once(errors)) }
}

/// Adds the workers and commands of one text to a menu. A command may name a worker of its own file or of an earlier
/// one.
fn add<'a>(
    source: Source<'a>,
    rules: Rules<'_>,
    names: &mut Names,
    workers: &mut function::ReadWorkers,
    references: &mut References<'a>,
    menu: &mut Menu,
) -> Result<(), FileErrors> {
    let Source { name: file, text } = source;
    let document = Fields::parse(file, text).inspect_err(|_| workers.incomplete = true)?;
    let mut errors = Errors::new(file, text);
    let top = Fields::of(&document, "the menu");
    top.refuse_unknown(&["commands", "workers", "groups", "skip_missing"], &mut errors);
    let rules = match top.boolean("skip_missing", &mut errors) {
        true => Rules { missing: Missing::Leave, ..rules },
        false => rules,
    };
    if top.table.is_empty() {
        menu.remarks.push(format!(
            "{file} declares no command: the starter menu serves only where there is no menu file"
        ));
    }
    for (name, fields) in tables(&top, "workers", "worker", &mut errors) {
        if let Err(message) = check_name(name, "worker") {
            errors.add(&fields.span, message);
        }
        if workers.known.iter().any(|(other, _)| other == name) {
            errors.add(
                &fields.span,
                format_args!("another file has a worker `{name}`: use another name"),
            );
        }
        let read = function::worker(name, &fields, rules, &mut errors);
        if let Some(Ok(worker)) = &read {
            menu.workers.push(worker.clone());
        }
        workers.known.push((name.to_owned(), read));
    }
    for (name, fields) in tables(&top, "groups", "group", &mut errors) {
        references.read_group(name, &fields, &mut errors);
    }
    for (name, fields) in tables(&top, "commands", "command", &mut errors) {
        let own = Field { value: name.to_owned(), span: fields.span.clone() };
        names.take(&own, name, source, &mut errors);
        for alias in command::aliases(&fields, &mut errors) {
            names.take(&alias, name, source, &mut errors);
        }
        let read = match fields.get("worker") {
            None => command::read(name, &fields, rules, &mut errors),
            Some(_) => function::read(name, &fields, workers, rules, &mut errors),
        };
        match read {
            Some(Ok(mut item)) => {
                let info = item.info_mut();
                let reason = run_rules::reason(&fields, &info.args, &mut errors);
                info.args.extend(reason);
                approval::read(info, &fields, &mut errors);
                references.note(name, &fields, source, &mut errors);
                let schedules = schedule::read(item.info(), &fields, &mut errors);
                item.info_mut().scheduled = !schedules.is_empty();
                add_schedules(menu, schedules, &mut errors);
                if let Some(kinds) = notify::of_command(&fields, &mut errors) {
                    menu.notify.insert(name.to_owned(), kinds);
                }
                check_size(menu, name, &fields, wire_size::wire_size(item.info()), &mut errors);
                menu.commands.push(item);
            }
            Some(Err(reason)) => {
                let (file, name) = (file.to_owned(), name.to_owned());
                menu.left_out.push(LeftOut { file, name, reason });
            }
            None => {}
        }
    }
    errors.finish()
}

/// Adds the schedules of a command to its menu, and reports those that it cannot have.
fn add_schedules(
    menu: &mut Menu,
    schedules: Vec<Field<DeclaredSchedule>>,
    errors: &mut Errors<'_>,
) {
    for Field { value: schedule, span } in schedules {
        let name = &schedule.name;
        if let Some(other) = menu.schedules.iter().find(|other| other.name == *name) {
            let command = &other.command;
            errors.add(
                &span,
                format_args!(
                    "`{name}` is a schedule of command `{command}` already: use another name"
                ),
            );
        } else if menu.schedules.len() == MAX_SCHEDULES {
            let message =
                format_args!("a menu has at most {MAX_SCHEDULES} schedules: take some out");
            errors.add(&span, message);
            return;
        } else {
            menu.schedules.push(schedule);
        }
    }
}

/// Adds the size of a command to its menu, and reports a command or menu that is too large.
fn check_size(menu: &mut Menu, name: &str, at: &Fields<'_, '_>, size: usize, m: &mut Errors<'_>) {
    if let Err(error) = wire_size::check_command_size(size) {
        m.add(&at.span, format_args!("the command `{name}` is refused: {error}"));
    }
    let before = menu.wire;
    menu.wire += size;
    // Only the command that exceeds the limit is reported.
    if wire_size::check_menu_size(before).is_ok()
        && let Err(error) = wire_size::check_menu_size(menu.wire)
    {
        m.add(&at.span, format_args!("at `{name}` the menu is refused: {error}"));
    }
}

/// The `[FIELD.NAME]` tables in the order of the file; `kind` names one in messages.
fn tables<'a, 'i>(
    top: &Fields<'a, 'i>,
    field: &str,
    kind: &str,
    errors: &mut Errors<'_>,
) -> Vec<(&'a str, Fields<'a, 'i>)> {
    let form = format!("a table of {field}");
    let all = top.read(field, &form, errors, |value| match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    });
    let Some(Field { value: all, .. }) = all else { return Vec::new() };
    // The parser sorts by name; the order of the file is the menu's order.
    let mut entries: Vec<_> = all.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut tables = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let name: &'a str = key.get_ref();
        match value.get_ref() {
            DeValue::Table(table) => {
                let owner = format!("{kind} `{name}`");
                tables.push((name, Fields { table, owner, span: key.span() }));
            }
            _ => errors.add(
                &value.span(),
                format_args!("`{name}` must be a table: begin it with [{field}.{name}]"),
            ),
        }
    }
    tables
}

/// Reads a user's menu file; none if there is no such file.
pub(crate) fn load_file(
    path: &Path,
    reserved: &[&str],
    trust: Trust,
) -> Result<Option<Menu>, FileErrors> {
    load_files(&[path.to_owned()], Vec::new(), reserved, trust)
}

/// Reads `commands.toml` of this directory, then `commands.d/*.toml` by name; none if there is no such file.
pub(crate) fn load_directory(
    directory: &Path,
    reserved: &[&str],
    trust: Trust,
) -> Result<Option<Menu>, FileErrors> {
    let mut paths = vec![directory.join(COMMANDS_FILE)];
    let (files, errors) = protected_files::list(&directory.join(COMMANDS_DIR), "toml", MENU, trust);
    paths.extend(files);
    load_files(&paths, errors, reserved, trust)
}

/// Reads these files as one menu. `errors` are known already; all files are read even so, to report everything.
fn load_files(
    paths: &[PathBuf],
    mut errors: Vec<FileError>,
    reserved: &[&str],
    trust: Trust,
) -> Result<Option<Menu>, FileErrors> {
    let mut texts = Vec::new();
    for path in paths {
        let ProtectedFile { text, errors: wrong } = protected_files::look(path, MENU, trust);
        texts.extend(text.map(|text| (path.display().to_string(), text)));
        errors.extend(wrong);
    }
    let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
    let menu = match load(&sources, reserved, Missing::Refuse, trust) {
        Ok(menu) if errors.is_empty() => menu,
        Ok(_) => return Err(FileErrors::once(errors)),
        Err(FileErrors(wrong)) => {
            errors.extend(wrong);
            return Err(FileErrors::once(errors));
        }
    };
    Ok((!sources.is_empty()).then_some(menu))
}

/// The starter menu, without the commands that this machine cannot run.
pub(crate) fn starter(reserved: &[&str], trust: Trust) -> Result<Menu, FileErrors> {
    let source = Source { name: STARTER_NAME, text: STARTER };
    let menu = load(&[source], reserved, Missing::Leave, trust)?;
    Ok(Menu { is_starter: true, ..menu })
}

#[cfg(test)]
mod function_tests;
#[cfg(test)]
mod tests;
