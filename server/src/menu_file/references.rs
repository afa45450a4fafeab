//! Names that commands use of each other and of groups: `then` and `group`. They are checked once all files are read, as
//! a file may name what a later one declares.

use std::num::NonZeroUsize;
use std::ops::Range;

use topside_shared::command::{Command, REASON};
use topside_shared::text;

use crate::base::toml_file::errors::{Errors, FileError, FileErrors};
use crate::base::toml_file::fields::{Field, Fields};
use crate::menu_file::command_name::check_name;
use crate::menu_file::{Item, Menu, Source, concurrency_fields};
use crate::workers::concurrency::RunGroup;

/// A name that a command uses, and its place.
struct Reference<'a> {
    source: Source<'a>,
    command: String,
    name: Field<String>,
}

#[derive(Default)]
pub(super) struct References<'a> {
    then: Vec<Reference<'a>>,
    group: Vec<Reference<'a>>,
    groups: Vec<RunGroup>,
}

impl<'a> References<'a> {
    /// Reads a `[groups.NAME]` table.
    pub(super) fn read_group(&mut self, name: &str, fields: &Fields<'_, '_>, m: &mut Errors<'_>) {
        fields.refuse_unknown(&["max_concurrent"], m);
        if let Err(message) = check_name(name, "group") {
            m.add(&fields.span, message);
        }
        if self.groups.iter().any(|group| group.name == name) {
            let message = format_args!("another file has a group `{name}`: use another name");
            m.add(&fields.span, message);
        }
        let most = concurrency_fields::from_1(fields, "max_concurrent", m);
        if most.is_none() && fields.get("max_concurrent").is_none() {
            m.add(
                &fields.span,
                format_args!(
                    "{} needs `max_concurrent`: how many of its runs may be running at once",
                    fields.owner
                ),
            );
        }
        let max_concurrent = most.unwrap_or(NonZeroUsize::MIN);
        self.groups.push(RunGroup { name: name.to_owned(), max_concurrent });
    }

    /// Notes the names that a command uses.
    pub(super) fn note(
        &mut self,
        command: &str,
        fields: &Fields<'_, '_>,
        source: Source<'a>,
        m: &mut Errors<'_>,
    ) {
        let reference = |name| Reference { source, command: command.to_owned(), name };
        self.then.extend(fields.strings("then", m).into_iter().map(reference));
        let group = fields.string("group", m);
        let owned = |Field { value, span }: Field<&str>| Field { value: value.to_owned(), span };
        self.group.extend(group.map(owned).map(reference));
    }

    /// Checks the names of `then`, and gives each command its group.
    pub(super) fn resolve(self, menu: &mut Menu, reserved: &[&str]) -> Result<(), FileErrors> {
        let mut wrong = Vec::new();
        for (at, Reference { source, command, name }) in self.then.iter().enumerate() {
            let earlier = &self.then[..at];
            let message = match then_error(menu, reserved, command, &name.value) {
                Some(message) => message,
                None if leads_to(earlier, &name.value, command) => format!(
                    "`then` goes round in a circle: a success of `{command}` would start it again. Take out \
                     one of these"
                ),
                None => {
                    if let Some(item) = find_mut(menu, command) {
                        item.rules_mut().then.push(name.value.clone());
                    }
                    continue;
                }
            };
            wrong.extend(error(*source, &name.span, message));
        }
        for Reference { source, command, name } in &self.group {
            let Some(group) = self.groups.iter().find(|group| group.name == name.value) else {
                let near =
                    text::nearest(&name.value, self.groups.iter().map(|group| group.name.as_str()));
                let message = format!(
                    "there is no [groups.{}]{}",
                    text::clean(&name.value, text::MAX_NAME),
                    text::did_you_mean(&near)
                );
                wrong.extend(error(*source, &name.span, message));
                continue;
            };
            if let Some(item) = find_mut(menu, command) {
                item.exclusion_mut().group = Some(group.clone());
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(FileErrors(wrong)) }
    }
}

fn find_mut<'m>(menu: &'m mut Menu, command: &str) -> Option<&'m mut Item> {
    menu.commands.iter_mut().find(|item| item.info().name == command)
}

fn error(source: Source<'_>, span: &Range<usize>, message: String) -> Vec<FileError> {
    let mut errors = Errors::new(source.name, source.text);
    errors.add(span, message);
    errors.finish().err().map(|errors| errors.0).unwrap_or_default()
}

/// Why a command cannot start `target` after a success.
fn then_error(menu: &Menu, reserved: &[&str], command: &str, target: &str) -> Option<String> {
    let find = |name: &str| menu.commands.iter().map(Item::info).find(|i| i.name == name);
    let shown = text::clean(target, text::MAX_NAME);
    let Some(found) = find(target) else {
        if menu.left_out.iter().any(|left_out| left_out.name == target) {
            return None;
        }
        if reserved.contains(&target) {
            return Some(format!(
                "`{shown}` is a built-in command, which is no run: `then` names commands of the menu files"
            ));
        }
        let names = menu.commands.iter().map(|item| item.info().name.as_str());
        let near = text::did_you_mean(&text::nearest(target, names));
        return Some(format!("there is no command `{shown}` in the menu files{near}"));
    };
    let needed = |found: &Command| {
        let mut args = found.args.iter();
        args.find(|arg| arg.required && arg.name != REASON).map(|arg| arg.name.clone())
    };
    if let Some(arg) = needed(found) {
        return Some(format!(
            "`then` gives no arguments, and `{shown}` needs `{arg}`: give that a `default`"
        ));
    }
    if found.approval.is_some() {
        return Some(format!(
            "`{shown}` has `approval`, so `then` cannot start it: each run of it waits for the user who approves \
             it. Take one of the two out"
        ));
    }
    let own = find(command)?.role;
    (found.role > own).then(|| {
        format!(
            "`{shown}` needs role {} and `{command}` only {own}: a user of `{command}` would start it. Set \
             `role` of one of them",
            found.role
        )
    })
}

/// Whether a success of `from` leads to a run of `to`, by these references.
fn leads_to(then: &[Reference<'_>], from: &str, to: &str) -> bool {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(name) = reached.get(next).copied() {
        if name == to {
            return true;
        }
        next += 1;
        for reference in then.iter().filter(|reference| reference.command == name) {
            if !reached.contains(&reference.name.value.as_str()) {
                reached.push(&reference.name.value);
            }
        }
    }
    false
}
