//! One `[commands.NAME]` table.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use toml::de::DeValue;
use topside_shared::command::{ArgType, Command, Effect, Output, Stdin};
use topside_shared::role::Role;
use topside_shared::text;

use super::{Declared, Missing, args, exclusion, variables};
use crate::commands::exec::{
    Absent, Element, Passed, Policy, Program, ProgramArg, Stop, find_program,
};
use crate::commands::resident::DeclaredFunction;
use crate::config::{Field, Fields, Mistakes, as_json, as_str, guard, units};

/// The fields of a command.
const FIELDS: &[&str] = &[
    "title",
    "description",
    "category",
    "aliases",
    "exec",
    "cwd",
    "env",
    "inherit_env",
    "effect",
    "role",
    "confirm",
    "timeout",
    "stop_signal",
    "stop_timeout",
    "success_exit_codes",
    "max_concurrent",
    "queue",
    "lock",
    "stdin",
    "output",
    "max_output",
    "safe_state",
    "on_disconnect",
    "on_shutdown",
    "args",
];

/// The heading of a command that names none.
const CATEGORY: &str = "Commands";
const TIMEOUT: Duration = Duration::from_secs(10 * 60);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_OUTPUT: u64 = 64 << 20;

const SIGNALS: &[(&str, Signal)] = &[
    ("SIGTERM", Signal::TERM),
    ("SIGINT", Signal::INT),
    ("SIGHUP", Signal::HUP),
    ("SIGQUIT", Signal::QUIT),
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGKILL", Signal::KILL),
];

/// What became of a table without mistakes.
pub(super) enum Outcome {
    Ready(Box<Declared>),
    Function(Box<DeclaredFunction>),
    /// The machine cannot run it, for this reason.
    Absent(String),
}

pub(super) fn aliases(fields: &Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Vec<Field<String>> {
    fields.strings("aliases", mistakes)
}

/// Reads one command; none where a mistake was found, each of which is recorded.
pub(super) fn read(
    name: &str,
    fields: &Fields<'_, '_>,
    missing: Missing,
    m: &mut Mistakes<'_>,
) -> Option<Outcome> {
    let before = m.count();
    fields.refuse_unknown(FIELDS, m);
    let arguments = args::read(fields, m);
    let (elements, program) = exec(fields, &arguments, missing, m);
    let (safe_state, program) = match safe_state(fields, &arguments, missing, m) {
        Some(Err(reason)) => (None, program.map(|_| Err(reason))),
        Some(Ok(argv)) => (Some(argv), program),
        None => (None, program),
    };
    let info = info(name, fields, &arguments, m);
    let timeout = info.timeout_ms.map(Duration::from_millis);
    let stop = Stop {
        signal: fields.one_of("stop_signal", SIGNALS, m).unwrap_or(Signal::TERM),
        timeout: stop_timeout(fields, m),
    };
    let exclusion = exclusion::read(fields, m);
    let (env, inherit_env) = (variables::env(fields, m), variables::inherit_env(fields, m));
    let set: Vec<String> = env.iter().map(|(name, _)| name).chain(&inherit_env).cloned().collect();
    variables::one_each(fields, &arguments, &set, m);
    if info.stdin == Stdin::Prompt
        && let Some(secret) = arguments.iter().find(|argument| argument.passed == Passed::Input)
    {
        let span = fields.get("stdin").map_or(fields.span.clone(), toml::Spanned::span);
        m.add(
            &span,
            format_args!(
                "`stdin` of {} cannot be \"prompt\": its argument `{}` is the whole of the standard \
                 input; give that an `env` instead, or let the program ask for it",
                fields.owner, secret.arg.name
            ),
        );
    }
    let program = program.map(|path| {
        path.map(|path| Program {
            path,
            elements,
            args: arguments
                .into_iter()
                .map(|argument| ProgramArg {
                    name: argument.arg.name,
                    flag: argument.flag,
                    root: argument.root,
                    passed: argument.passed,
                })
                .collect(),
            cwd: cwd(fields, m),
            env,
            inherit_env,
            timeout,
            stop,
            success_exit_codes: success_exit_codes(fields, m),
            max_output: max_output(fields, m),
            safe_state,
            stdin: info.stdin,
            policy: policy(fields, m),
        })
    });
    if m.count() > before {
        return None;
    }
    Some(match program? {
        Ok(program) => Outcome::Ready(Box::new(Declared { info, program, exclusion })),
        Err(reason) => Outcome::Absent(reason),
    })
}

/// What clients see of a command, whoever carries it out.
pub(super) fn info(
    name: &str,
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Mistakes<'_>,
) -> Command {
    let effect = fields
        .one_of("effect", &[Effect::Read, Effect::Write, Effect::Destructive].map(named_effect), m)
        .unwrap_or_default();
    let role = fields
        .one_of("role", &[Role::Viewer, Role::Operator, Role::Admin].map(|r| (r.name(), r)), m)
        .unwrap_or_else(|| effect.default_role());
    let timeout = timeout(fields, m);
    Command {
        name: name.to_owned(),
        title: fields.words("title", m).unwrap_or_else(|| name.to_owned()),
        description: fields.words("description", m).unwrap_or_default(),
        category: fields.words("category", m).unwrap_or_else(|| CATEGORY.to_owned()),
        // Their mistakes were recorded when the names were taken.
        aliases: names_of(fields.get("aliases").map(toml::Spanned::get_ref)),
        effect,
        role,
        confirm: confirm(fields, arguments, m),
        timeout_ms: timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        stdin: fields
            .one_of("stdin", &[("none", Stdin::None), ("prompt", Stdin::Prompt)], m)
            .unwrap_or_default(),
        output: fields
            .one_of("output", &[("text", Output::Text), ("json", Output::Json)], m)
            .unwrap_or_default(),
        args: arguments.iter().map(|argument| argument.arg.clone()).collect(),
    }
}

/// How long what is told to end has for it.
pub(super) fn stop_timeout(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Duration {
    duration(fields, "stop_timeout", m).map_or(STOP_TIMEOUT, |field| field.value)
}

/// What others' ends do to a run.
pub(super) fn policy(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Policy {
    Policy {
        cancel_on_disconnect: fields
            .one_of("on_disconnect", &[("keep", false), ("cancel", true)], m)
            .unwrap_or_default(),
        wait_on_shutdown: fields
            .one_of("on_shutdown", &[("cancel", false), ("wait", true)], m)
            .unwrap_or_default(),
    }
}

/// How many bytes of a run's output are kept.
pub(super) fn max_output(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> u64 {
    fields.size("max_output", m).unwrap_or(MAX_OUTPUT)
}

fn named_effect(effect: Effect) -> (&'static str, Effect) {
    let name = match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
    };
    (name, effect)
}

fn names_of(value: Option<&DeValue<'_>>) -> Vec<String> {
    let Some(DeValue::Array(items)) = value else { return Vec::new() };
    items.iter().filter_map(|item| as_str(item.get_ref())).map(str::to_owned).collect()
}

fn duration(fields: &Fields<'_, '_>, name: &str, m: &mut Mistakes<'_>) -> Option<Field<Duration>> {
    fields.read(name, units::DURATION_FORM, m, |value| units::parse_duration(as_str(value)?))
}

fn timeout(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Option<Duration> {
    let form = format!("\"none\", or {}", units::DURATION_FORM);
    let read = |value| match as_str(value)? {
        "none" => Some(None),
        // A run that may take no time at all could never succeed.
        limit => units::parse_duration(limit).filter(|limit| !limit.is_zero()).map(Some),
    };
    fields.read("timeout", &form, m, read).map_or(Some(TIMEOUT), |field| field.value)
}

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
fn exec(
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
fn placeholders(text: &str) -> Vec<(&str, Range<usize>)> {
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

pub(super) fn cwd(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Option<String> {
    let read = |value| as_str(value).filter(|path| path.starts_with('/') && !path.contains('\0'));
    fields.read("cwd", "an absolute path", m, read).map(|field| field.value.to_owned())
}

fn success_exit_codes(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Vec<i32> {
    let form = "an array of at least one exit status from 0 to 255";
    fields
        .read("success_exit_codes", form, m, |value| {
            let DeValue::Array(items) = value else { return None };
            let codes: Option<Vec<i32>> = items
                .iter()
                .map(|item| {
                    let code = as_json(item.get_ref())?.as_i64()?;
                    i32::try_from(code).ok().filter(|code| (0..=255).contains(code))
                })
                .collect();
            codes.filter(|codes| !codes.is_empty())
        })
        .map_or_else(|| vec![0], |field| field.value)
}

fn confirm(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Mistakes<'_>,
) -> Option<String> {
    let question = fields.words("confirm", m)?;
    let span = fields.get("confirm").map_or(fields.span.clone(), toml::Spanned::span);
    if question.trim().is_empty() {
        m.add(&span, "`confirm` must be a question to ask");
    }
    for (name, _) in placeholders(&question) {
        let secret = |argument: &&args::Argument| argument.arg.kind == ArgType::Secret;
        if arguments.iter().filter(secret).any(|argument| argument.arg.name == name) {
            m.add(&span, format_args!("`confirm` names `{name}`, which is a secret: take it out"));
        }
        if !arguments.iter().any(|argument| argument.arg.name == name) {
            let near = text::nearest(name, arguments.iter().map(|a| a.arg.name.as_str()));
            m.add(
                &span,
                format_args!(
                    "`confirm` names `{name}`, which is no argument of {}{}",
                    fields.owner,
                    text::did_you_mean(&near)
                ),
            );
        }
    }
    Some(question)
}
