//! The programs of a `[commands.NAME]` table: `exec` and `safe_state`, and the places of arguments in them.

use std::ops::Range;
use std::path::Path;

use topside_shared::command::ArgType;
use topside_shared::text;

use super::{Missing, args};
use crate::commands::exec::{Absent, Element, Passed, find_program};
use crate::config::{Field, Fields, Mistakes, guard};

/// The arguments of a worker's `exec`, and its program, where they can be had.
pub(super) fn exec_of_worker(
    fields: &Fields<'_, '_>,
    missing: Missing,
    m: &mut Mistakes<'_>,
) -> (Vec<String>, Option<Result<String, String>>) {
    let (elements, program) = exec(fields, &[], missing, m);
    let literal = |element| match element {
        Element::Literal(text) => Some(text),
        // Without arguments there is none.
        Element::Argument(_) => None,
    };
    (elements.into_iter().filter_map(literal).collect(), program)
}

/// The elements of `exec` after the first, and the program, where they can be had.
pub(super) fn exec(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    missing: Missing,
    m: &mut Mistakes<'_>,
) -> (Vec<Element>, Option<Result<String, String>>) {
    let before = m.count();
    let items = fields.strings("exec", m);
    let Some((first, rest)) = items.split_first() else {
        if m.count() == before {
            let span = fields.get("exec").map_or(fields.span.clone(), toml::Spanned::span);
            m.add(
                &span,
                format_args!(
                    "{} needs `exec`: the program and its arguments, such as [\"/usr/bin/df\", \
                     \"-h\"]",
                    fields.owner
                ),
            );
        }
        return (Vec::new(), None);
    };
    for item in &items {
        if item.value.contains('\0') {
            m.add(&item.span, "an element of `exec` cannot hold a NUL character");
        }
    }
    let program = program(first, missing, m);
    let mut elements: Vec<Element> =
        rest.iter().map(|item| element(item, fields, arguments, m)).collect();
    for (index, argument) in arguments.iter().enumerate() {
        if argument.arg.kind == ArgType::Secret && argument.passed == Passed::Element {
            m.add(
                &argument.span,
                format_args!(
                    "argument `{}` of {} is a secret, and an argument list can be read by everybody \
                     on the machine: give it `env = \"NAME\"` or `stdin = true`",
                    argument.arg.name, fields.owner
                ),
            );
            continue;
        }
        if elements.contains(&Element::Argument(index)) || argument.passed != Passed::Element {
            continue;
        }
        if argument.flag.is_some() {
            elements.push(Element::Argument(index));
        } else {
            let name = &argument.arg.name;
            m.add(
                &argument.span,
                format_args!(
                    "argument `{name}` goes nowhere: put \"{{{name}}}\" into `exec`, or give it a \
                     `flag` or an `env`"
                ),
            );
        }
    }
    (elements, program)
}

/// The program that closes what a run leaves, with its arguments; `Err` as for [`program`].
pub(super) fn safe_state(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    missing: Missing,
    m: &mut Mistakes<'_>,
) -> Option<Result<Vec<String>, String>> {
    let value = fields.get("safe_state")?;
    let before = m.count();
    let items = fields.strings("safe_state", m);
    let Some((first, rest)) = items.split_first() else {
        if m.count() == before {
            m.add(
                &value.span(),
                "`safe_state` needs a program, such as [\"/opt/zones\", \"close-all\"]",
            );
        }
        return None;
    };
    for item in &items {
        let places = placeholders(&item.value);
        let is_argument = |name: &str| arguments.iter().any(|one| one.arg.name == name);
        if item.value.contains('\0') {
            m.add(&item.span, "an element of `safe_state` cannot hold a NUL character");
        } else if let Some((name, _)) = places.iter().find(|(name, _)| is_argument(name)) {
            m.add(
                &item.span,
                format_args!(
                    "`safe_state` gets no arguments, so `{{{name}}}` has no place in it: it must reach \
                     the safe state whatever the run was given, which `TOPSIDE_RUN` names"
                ),
            );
        }
    }
    let argv = |path| std::iter::once(path).chain(rest.iter().map(|item| item.value.clone()));
    Some(program(first, missing, m)?.map(|path| argv(path).collect()))
}

fn element(
    item: &Field<String>,
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Mistakes<'_>,
) -> Element {
    let text = &item.value;
    let find = |name: &str| arguments.iter().position(|argument| argument.arg.name == name);
    match placeholders(text).as_slice() {
        [(name, range)] if *range == (0..text.len()) => {
            if let Some(index) = find(name) {
                if arguments[index].passed != Passed::Element {
                    m.add(
                        &item.span,
                        format_args!(
                            "argument `{name}` does not go into the argument list: take \
                             \"{{{name}}}\" out of `exec`"
                        ),
                    );
                }
                return Element::Argument(index);
            }
            let near = text::nearest(name, arguments.iter().map(|a| a.arg.name.as_str()));
            let hint = match near.as_slice() {
                [] => format!("; braces that the program itself reads are written `{{ {name} }}`"),
                near => text::did_you_mean(near),
            };
            m.add(&item.span, format_args!("{} has no argument `{name}`{hint}", fields.owner));
        }
        // Braces inside an element may be the program's own, such as curl's `%{http_code}`; with a name
        // that is nearly an argument's, and no such sign before them, they are not.
        places => {
            let names = || arguments.iter().map(|argument| argument.arg.name.as_str());
            let near = places.iter().find_map(|(name, range)| {
                let near = || match text[..range.start].ends_with(['$', '%', '@', '#']) {
                    true => None,
                    false => text::nearest(name, names()).first().copied(),
                };
                Some((name, find(name).map(|_| *name).or_else(near)?))
            });
            if let Some((name, meant)) = near {
                m.add(
                    &item.span,
                    format_args!(
                        "\"{{{meant}}}\" must be an element of `exec` by itself: a value is never \
                         part of one, and `{{{name}}}` stands inside another"
                    ),
                );
            }
        }
    }
    Element::Literal(text.clone())
}

/// The places of the form `{name}` in a text.
pub(super) fn placeholders(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices('{') {
        let inner = &text[open + 1..];
        if let Some(length) = inner.find('}')
            && is_placeholder(&inner[..length])
        {
            found.push((&inner[..length], open..open + length + 2));
        }
    }
    found
}

/// Whether a text in braces can be meant for an argument's name.
fn is_placeholder(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The path of the program to run. `Err` holds why the menu goes without it.
fn program(
    first: &Field<String>,
    missing: Missing,
    m: &mut Mistakes<'_>,
) -> Option<Result<String, String>> {
    let name = text::clean(&first.value, 256);
    let reason = match find_program(&first.value) {
        Ok(path) => match std::fs::metadata(&path) {
            Ok(meta) => {
                let real = Path::new(&path).canonicalize().unwrap_or_else(|_| (&path).into());
                match guard::fault(&real, &meta).or_else(|| guard::directory_fault(&real)) {
                    None => return Some(Ok(path)),
                    Some(fault) => format!("the program {name} is refused: {fault}"),
                }
            }
            Err(error) => format!("the program {name} cannot be looked at: {error}"),
        },
        Err(absent @ Absent::Relative) => {
            m.add(&first.span, format_args!("`{name}` {absent}"));
            return None;
        }
        Err(absent) => format!("the program {name} {absent}"),
    };
    match missing {
        Missing::Leave => Some(Err(reason)),
        Missing::Refuse => {
            m.add(&first.span, reason);
            None
        }
    }
}
