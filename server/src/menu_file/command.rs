//! One `[commands.NAME]` table.

use std::time::Duration;

use rustix::process::Signal;
use toml::de::DeValue;
use topside_shared::command::{ArgType, Command, Effect, Output, Stdin};
use topside_shared::role::Role;
use topside_shared::text;
use topside_shared::time::millis;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::base::toml_file::units;
use crate::menu_file::exec::{exec, placeholders, safe_state};
use crate::menu_file::{
    DeclaredProgram, Item, Rules, absolute_path, args, choices, concurrency_fields, names, results,
    run_paths, run_rules, run_user, variables,
};
use crate::process::piped_program::PipedProgram;
use crate::process::program_spec::{Passed, Policy, Program, ProgramArg, Stop};
use crate::workers::run_rules::RunRules;

pub(super) const FIELDS: &str = "\
    title description category aliases exec user cwd env env_file inherit_env effect role confirm timeout stop_signal \
    stop_timeout success_exit_codes max_concurrent queue lock stdin output max_output safe_state safe_state_on \
    on_disconnect on_shutdown notify args schedule results then menu rate reason group \
    approval expose";

/// The default heading.
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

/// A command, or why this machine cannot run it; none if an error was reported.
pub(super) type ReadCommand = Option<Result<Item, String>>;

pub(super) fn aliases(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<Field<String>> {
    fields.strings("aliases", m)
}

pub(super) fn read(
    name: &str,
    fields: &Fields<'_, '_>,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> ReadCommand {
    let before = m.count();
    fields.refuse_unknown(&names(FIELDS), m);
    let arguments = args::read(fields, m);
    // As root reads an `env_file`, the user must not be able to change it.
    let env_file = run_paths::env_file(fields, &arguments, rules, m);
    let user = run_user::read(fields, rules.programs, m);
    let own_checks = run_user::checks(user.as_deref(), rules.programs);
    let rules = Rules { programs: own_checks.as_deref().unwrap_or(rules.programs), ..rules };
    let (elements, program) = exec(fields, &arguments, rules, m);
    let (safe_state, program) = match safe_state(fields, &arguments, rules, m) {
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
    let exclusion = concurrency_fields::read(fields, &arguments, m);
    let run_rules = run_rules::read(fields, m);
    let (env, inherit_env) = (variables::env(fields, m), variables::inherit_env(fields, m));
    let cwd = run_paths::cwd(fields, &arguments, m);
    let like = PipedProgram {
        user: user.clone(),
        // One that depends on arguments is not known yet.
        cwd: cwd.clone().filter(|cwd| placeholders(cwd).is_empty()),
        env: env.clone(),
        inherit_env: inherit_env.clone(),
        ..PipedProgram::default()
    };
    let (choices, program) = match choices::listed(fields, &arguments, &like, rules, m) {
        Ok(choices) => (choices, program),
        Err(reason) => (Vec::new(), program.map(|_| Err(reason))),
    };
    let run_rules = RunRules { choices, ..run_rules };
    let set: Vec<String> = env.iter().map(|(name, _)| name).chain(&inherit_env).cloned().collect();
    variables::one_each(fields, &arguments, &set, m);
    if info.stdin == Stdin::Prompt
        && let Some(secret) = arguments.iter().find(|argument| argument.passed == Passed::Input)
    {
        let span = fields.span_of("stdin");
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
            user,
            elements,
            args: arguments
                .into_iter()
                .map(|argument| ProgramArg {
                    name: argument.arg.name,
                    flag: argument.flag,
                    root: argument.root,
                    passed: argument.passed,
                    exists: argument.exists,
                })
                .collect(),
            cwd,
            env_file,
            env,
            inherit_env,
            timeout,
            stop,
            success_exit_codes: success_exit_codes(fields, m),
            max_output: max_output(fields, m),
            safe_state,
            stdin: info.stdin,
            results: results::results(fields, m),
            policy: policy(fields, m),
        })
    });
    if m.count() > before {
        return None;
    }
    Some(program?.map(|program| {
        Item::Program(DeclaredProgram { info, program, exclusion, rules: run_rules })
    }))
}

pub(super) fn info(
    name: &str,
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Errors<'_>,
) -> Command {
    let effect = fields
        .one_of("effect", &[Effect::Read, Effect::Write, Effect::Destructive].map(named_effect), m)
        .unwrap_or_default();
    let role = fields
        .one_of("role", &Role::ALL.map(|role| (role.name(), role)), m)
        .unwrap_or_else(|| effect.default_role());
    let timeout = timeout(fields, m);
    Command {
        name: name.to_owned(),
        title: fields.words("title", m).unwrap_or_else(|| name.to_owned()),
        description: fields.words("description", m).unwrap_or_default(),
        category: fields.words("category", m).unwrap_or_else(|| CATEGORY.to_owned()),
        // Their errors were reported when the names were taken.
        aliases: names_of(fields.get("aliases").map(toml::Spanned::get_ref)),
        effect,
        role,
        confirm: confirm(fields, arguments, m),
        // `approval` reads them.
        approval: None,
        expose: Vec::new(),
        timeout_ms: timeout.map(millis),
        stdin: fields
            .one_of("stdin", &[("none", Stdin::None), ("prompt", Stdin::Prompt)], m)
            .unwrap_or_default(),
        output: fields
            .one_of("output", &[("text", Output::Text), ("json", Output::Json)], m)
            .unwrap_or_default(),
        // Set when its schedules are read.
        scheduled: false,
        args: arguments.iter().map(|argument| argument.arg.clone()).collect(),
    }
}

pub(super) fn stop_timeout(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Duration {
    duration(fields, "stop_timeout", m).map_or(STOP_TIMEOUT, |field| field.value)
}

pub(super) fn policy(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Policy {
    let safe_state_on = fields.one_of("safe_state_on", &[("failure", false), ("always", true)], m);
    if safe_state_on.is_some() && fields.get("safe_state").is_none() {
        let span = fields.span_of("safe_state_on");
        m.add(&span, format_args!("{} has `safe_state_on`, but no `safe_state`", fields.owner));
    }
    Policy {
        safe_state_always: safe_state_on.unwrap_or_default(),
        cancel_on_disconnect: fields
            .one_of("on_disconnect", &[("keep", false), ("cancel", true)], m)
            .unwrap_or_default(),
        wait_on_shutdown: fields
            .one_of("on_shutdown", &[("cancel", false), ("wait", true)], m)
            .unwrap_or_default(),
    }
}

pub(super) fn max_output(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> u64 {
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
    items.iter().filter_map(|item| item.get_ref().as_str()).map(str::to_owned).collect()
}

fn duration(fields: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<Field<Duration>> {
    fields
        .read(name, units::DURATION_FORM, m, |value| units::parse_duration(DeValue::as_str(value)?))
}

fn timeout(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Duration> {
    let form = format!("\"none\", or {}", units::DURATION_FORM);
    let read = |value| match DeValue::as_str(value)? {
        "none" => Some(None),
        // A run without any time could never succeed.
        limit => units::parse_duration(limit).filter(|limit| !limit.is_zero()).map(Some),
    };
    fields.read("timeout", &form, m, read).map_or(Some(TIMEOUT), |field| field.value)
}

pub(super) fn cwd(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<String> {
    absolute_path(fields, "cwd", m).map(|field| field.value.to_owned())
}

fn success_exit_codes(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<i32> {
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
    m: &mut Errors<'_>,
) -> Option<String> {
    let question = fields.words("confirm", m)?;
    let span = fields.span_of("confirm");
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
