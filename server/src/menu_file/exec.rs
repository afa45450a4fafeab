//! The programs of a `[commands.NAME]` table: `exec` and `safe_state`, and the placeholders in them.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;
use topside_shared::command::ArgType;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::menu_file::{Missing, Rules, args, joined_element, names, run_paths};
use crate::process::declared_program::{CheckedProgram, Unusable, in_words, refuse};
use crate::process::program_spec::{Element, Passed};
use crate::process::resolve_program::{Absent, PATH};

/// The arguments of a worker's `exec`, and its program.
pub(super) fn exec_of_worker(
    fields: &Fields<'_, '_>,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> (Vec<String>, Option<Result<String, String>>) {
    let (elements, program) = exec(fields, &[], rules, m);
    let literal = |element| match element {
        Element::Literal(text) => Some(text),
        // A worker has no arguments.
        Element::Argument(_) | Element::Joined { .. } => None,
    };
    (elements.into_iter().filter_map(literal).collect(), program)
}

/// The elements of `exec` after the first, and the program.
pub(super) fn exec(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> (Vec<Element>, Option<Result<String, String>>) {
    let before = m.count();
    let items = fields.strings("exec", m);
    let Some((first, rest)) = items.split_first() else {
        if m.count() == before && !fields.misspells("exec") {
            let span = fields.span_of("exec");
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
    let program = program(first, fields, rules, m);
    if let Some(Ok(path)) = &program {
        script(path, rest, rules, m);
    }
    let mut elements: Vec<Element> =
        rest.iter().map(|item| element(item, fields, arguments, m)).collect();
    for (index, argument) in arguments.iter().enumerate() {
        if argument.arg.kind == ArgType::Secret && argument.passed == Passed::Element {
            m.add(
                &argument.span,
                format_args!(
                    "argument `{}` of {} is a secret, and an argument list can be read by all users \
                     on the machine: give it `env = \"NAME\"` or `stdin = true`",
                    argument.arg.name, fields.owner
                ),
            );
            continue;
        }
        let is_placed = elements.iter().any(|element| element.holds(index))
            || run_paths::places(fields, &argument.arg.name);
        if is_placed || argument.passed != Passed::Element {
            continue;
        }
        if argument.flag.is_some() {
            elements.push(Element::Argument(index));
        } else if !is_misplaced(&items, &argument.arg.name) {
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

/// Whether a reported placeholder was meant for this argument.
fn is_misplaced(items: &[Field<String>], argument: &str) -> bool {
    let mut names = items.iter().flat_map(|item| placeholders(&item.value));
    names.any(|(name, _)| name == argument || !text::similar(name, [argument]).is_empty())
}

/// Programs that run the first file among their arguments.
const STARTERS: &str = "\
    sh bash dash ash ksh zsh fish busybox python pypy perl ruby node nodejs deno bun php lua luajit tclsh wish \
    Rscript guile pwsh env nice ionice nohup timeout setsid stdbuf chrt taskset sudo doas runuser setpriv unshare \
    systemd-run";

/// The position of the script among the arguments of an interpreter.
pub(super) fn script_of<'a>(
    program: &str,
    mut arguments: impl Iterator<Item = &'a str>,
) -> Option<usize> {
    let name = program.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_script = |argument: &str| argument.starts_with('/') && Path::new(argument).is_file();
    if names(STARTERS).contains(&name) { arguments.position(is_script) } else { None }
}

/// Reports a script of an interpreter that others may change.
fn script(program: &str, rest: &[Field<String>], rules: Rules<'_>, m: &mut Errors<'_>) {
    if rules.missing == Missing::Leave {
        return;
    }
    if let Some(at) = script_of(program, rest.iter().map(|item| item.value.as_str())) {
        let script = &rest[at];
        let shown = text::clean(&script.value, 256);
        refuse(script, &shown, &rules.programs.faults(Path::new(&script.value)), m);
    }
}

/// A program without arguments of the run: how its field is called, an example, and why `{argument}` has no place in it.
pub(super) struct FixedProgram {
    pub(super) field: &'static str,
    pub(super) example: &'static str,
    pub(super) why_no_arguments: &'static str,
}

const SAFE_STATE: FixedProgram = FixedProgram {
    field: "safe_state",
    example: "[\"/opt/zones\", \"close-all\"]",
    why_no_arguments: "it must reach the safe state for any arguments of the run, which `TOPSIDE_RUN` names",
};

/// The `safe_state` program with its arguments; `Err` as for [`program`].
pub(super) fn safe_state(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Option<Result<Vec<String>, String>> {
    fixed_program(&SAFE_STATE, fields, fields, (arguments, rules), m)
}

/// The program of a field of `fields` with its arguments; `Err` as for [`program`].
pub(super) fn fixed_program(
    FixedProgram { field, example, why_no_arguments }: &FixedProgram,
    fields: &Fields<'_, '_>,
    command: &Fields<'_, '_>,
    (arguments, rules): (&[args::Argument], Rules<'_>),
    m: &mut Errors<'_>,
) -> Option<Result<Vec<String>, String>> {
    let value = fields.get(field)?;
    let before = m.count();
    let items = fields.strings(field, m);
    let Some((first, rest)) = items.split_first() else {
        if m.count() == before {
            m.add(&value.span(), format_args!("`{field}` needs a program, such as {example}"));
        }
        return None;
    };
    for item in &items {
        let places = placeholders(&item.value);
        let is_argument = |name: &str| arguments.iter().any(|one| one.arg.name == name);
        if item.value.contains('\0') {
            m.add(&item.span, format_args!("an element of `{field}` cannot hold a NUL character"));
        } else if let Some((name, _)) = places.iter().find(|(name, _)| is_argument(name)) {
            m.add(
                &item.span,
                format_args!(
                    "`{field}` gets no arguments, so `{{{name}}}` has no place in it: {why_no_arguments}"
                ),
            );
        }
    }
    let argv = |path| std::iter::once(path).chain(rest.iter().map(|item| item.value.clone()));
    Some(program(first, command, rules, m)?.map(|path| argv(path).collect()))
}

fn element(
    item: &Field<String>,
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Errors<'_>,
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
        places => {
            let inside: Vec<usize> = places.iter().filter_map(|(name, _)| find(name)).collect();
            if let Some(message) = refuse_inside(text, places, fields, arguments) {
                m.add(&item.span, message);
            }
            if !inside.is_empty() {
                return Element::Joined { text: text.clone(), arguments: inside };
            }
        }
    }
    Element::Literal(text.clone())
}

/// Why the placeholders inside an element cannot be there. Braces may be the program's own, such as curl's
/// `%{http_code}`, unless the name is nearly an argument's and no such sign precedes them.
fn refuse_inside(
    text: &str,
    places: &[(&str, Range<usize>)],
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
) -> Option<String> {
    places.iter().find_map(|(name, range)| {
        let before = &text[..range.start];
        let Some(found) = arguments.iter().find(|argument| argument.arg.name == *name) else {
            if before.ends_with(['$', '%', '@', '#']) {
                return None;
            }
            let near = text::nearest(name, arguments.iter().map(|a| a.arg.name.as_str()));
            let hint = text::did_you_mean(&near);
            return (!near.is_empty())
                .then(|| format!("{} has no argument `{name}`{hint}", fields.owner));
        };
        if before.ends_with('$') {
            return Some(format!(
                "`${{{name}}}` is a variable of a shell, not the argument: give \"{{{name}}}\" an element of its \
                 own, which a script reads as \"$1\""
            ));
        }
        let why = joined_element::unfit(found, range.start == 0)?;
        Some(format!("`{{{name}}}` cannot stand inside another element: {why}"))
    })
}

/// The placeholders `{name}` in a text.
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

fn is_placeholder(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The PATH of a command or worker, which its `env` or `inherit_env` may set.
fn run_path(fields: &Fields<'_, '_>) -> OsString {
    let own = fields.get("env").and_then(|env| match env.get_ref() {
        DeValue::Table(env) => env.get("PATH")?.get_ref().as_str(),
        _ => None,
    });
    let inherits = fields.get("inherit_env").is_some_and(|names| match names.get_ref() {
        DeValue::Array(names) => names.iter().any(|name| name.get_ref().as_str() == Some("PATH")),
        _ => false,
    });
    let inherited = || inherits.then(|| std::env::var_os("PATH")).flatten();
    own.map(OsString::from).or_else(inherited).unwrap_or_else(|| PATH.into())
}

/// The path of the program in `first`. `Err`: why the starter menu leaves the command out.
fn program(
    first: &Field<String>,
    fields: &Fields<'_, '_>,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Option<Result<String, String>> {
    let name = text::clean(&first.value, 256);
    let checked = rules.programs.program(&first.value, &run_path(fields));
    let CheckedProgram { path, faults } = match checked {
        Ok(checked) => checked,
        Err(reason @ Unusable::Absent(Absent::Relative)) => {
            m.add(&first.span, format_args!("`{name}` {reason}"));
            return None;
        }
        Err(reason) => {
            // Its permissions are reported with it.
            if rules.missing == Missing::Refuse {
                m.add(&first.span, format_args!("the program {name} {reason}"));
                refuse(first, &name, &rules.programs.faults(Path::new(&first.value)), m);
                return None;
            }
            return Some(Err(format!("the program {name} {reason}")));
        }
    };
    match (faults.first(), rules.missing) {
        (None, _) => Some(Ok(path)),
        (Some(fault), Missing::Leave) => {
            Some(Err(format!("the program {name} is refused: {}", in_words(fault))))
        }
        (Some(_), Missing::Refuse) => {
            refuse(first, &name, &faults, m);
            None
        }
    }
}
