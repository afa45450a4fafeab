//! A `[commands.NAME]` table that names a worker, and the `[workers.NAME]` tables.

use std::num::NonZeroUsize;

use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::menu_file::command::ReadCommand;
use crate::menu_file::worker_safe_state::{FUNCTION_FORM, function_name};
use crate::menu_file::{
    Item, Rules, args, choices, command, concurrency_fields, exec, names, run_rules, run_user,
    variables, watched_files, worker_safe_state,
};
use crate::process::piped_program::PipedProgram;
use crate::process::program_spec::Passed;
use crate::workers::run_rules::RunRules;
use crate::workers::{DeclaredFunction, DeclaredWorker};

const WORKER_FIELDS: &str = "\
    exec user cwd env inherit_env max_concurrent calls stop_timeout on_cancel safe_state watch";

const FUNCTION_FIELDS: &str = "\
    worker function title description category aliases effect role confirm timeout max_concurrent queue lock output \
    max_output on_cancel on_disconnect on_shutdown safe_state safe_state_on notify args schedule then menu rate reason group \
    approval expose";

/// Fields about a program, which a worker has itself.
const PROGRAM_FIELDS: &str = "\
    exec user cwd env env_file inherit_env stop_signal stop_timeout success_exit_codes stdin results";

/// A worker, or why this machine cannot run it; none if an error was reported.
pub(super) type ReadWorker = Option<Result<DeclaredWorker, String>>;

#[derive(Debug, Default)]
pub(super) struct ReadWorkers {
    pub(super) known: Vec<(String, ReadWorker)>,
    /// A file is not TOML, so a missing worker is not another error.
    pub(super) incomplete: bool,
}

pub(super) fn worker(
    name: &str,
    fields: &Fields<'_, '_>,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> ReadWorker {
    let before = m.count();
    fields.refuse_unknown(&names(WORKER_FIELDS), m);
    let user = run_user::read(fields, rules.programs, m);
    let own_checks = run_user::checks(user.as_deref(), rules.programs);
    let rules = Rules { programs: own_checks.as_deref().unwrap_or(rules.programs), ..rules };
    let (args, program) = exec::exec_of_worker(fields, rules, m);
    let max_concurrent = max_concurrent(fields, m);
    let declared = program.map(|path| {
        path.map(|path| DeclaredWorker {
            name: name.to_owned(),
            watched: watched_files::read(fields, &path, &args, rules, m),
            program: PipedProgram {
                path,
                args,
                user,
                cwd: command::cwd(fields, m),
                env: variables::env(fields, m),
                inherit_env: variables::inherit_env(fields, m),
            },
            max_concurrent,
            waits_for_cancelled: on_cancel(fields, m).unwrap_or_default(),
            stop_timeout: command::stop_timeout(fields, m),
            safe_state: worker_safe_state::function(fields, m),
        })
    });
    if m.count() > before { None } else { declared }
}

/// How many calls the worker gets at once.
fn max_concurrent(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> usize {
    let limit = concurrency_fields::from_1(fields, "max_concurrent", m).map(NonZeroUsize::get);
    match fields.one_of("calls", &[("one", false), ("many", true)], m) {
        Some(true) => limit.unwrap_or(usize::MAX),
        Some(false) if limit.is_some_and(|limit| limit > 1) => {
            let span = fields.span_of("calls");
            m.add(
                &span,
                format_args!(
                    "{} gets one call at a time by `calls`, and more by `max_concurrent`: take one of \
                     the two out",
                    fields.owner
                ),
            );
            1
        }
        _ => limit.unwrap_or(1),
    }
}

/// Whether a cancelled call may take any time to end.
fn on_cancel(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<bool> {
    fields.one_of("on_cancel", &[("stop", false), ("wait", true)], m)
}

pub(super) fn read(
    name: &str,
    fields: &Fields<'_, '_>,
    workers: &ReadWorkers,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> ReadCommand {
    let before = m.count();
    let known = [names(FUNCTION_FIELDS), names(PROGRAM_FIELDS)].concat();
    fields.refuse_unknown(&known, m);
    let arguments = args::read(fields, m);
    refuse_program_fields(fields, &arguments, m);
    let found = find_worker(fields, workers, m);
    let function = fields.read("function", FUNCTION_FORM, m, function_name);
    let function = function.map_or(name, |field| field.value);
    let info = command::info(name, fields, &arguments, m);
    let max_output = command::max_output(fields, m);
    let policy = command::policy(fields, m);
    let on_cancel = on_cancel(fields, m);
    let exclusion = concurrency_fields::read(fields, &arguments, m);
    let run_rules = run_rules::read(fields, m);
    let like = match found {
        Some((_, Some(Ok(declared)))) => declared.program.clone(),
        _ => PipedProgram::default(),
    };
    let own_checks = run_user::checks(like.user.as_deref(), rules.programs);
    let rules = Rules { programs: own_checks.as_deref().unwrap_or(rules.programs), ..rules };
    let safe_state = match worker_safe_state::read(fields, &arguments, rules, m).transpose() {
        Ok(safe_state) => safe_state,
        Err(reason) => return (m.count() == before).then_some(Err(reason)),
    };
    let choices = match choices::listed(fields, &arguments, &like, rules, m) {
        Ok(choices) => choices,
        Err(reason) => return (m.count() == before).then_some(Err(reason)),
    };
    if m.count() > before {
        return None;
    }
    Some(match found {
        Some((worker, Some(Ok(declared)))) => Ok(Item::Function(DeclaredFunction {
            info,
            worker: worker.clone(),
            function: function.to_owned(),
            max_output,
            policy,
            waits_for_cancelled: on_cancel.unwrap_or(declared.waits_for_cancelled),
            exclusion,
            rules: RunRules { choices, ..run_rules },
            safe_state: safe_state.map(|safe_state| safe_state.of(&declared.program)),
        })),
        Some((_, Some(Err(reason)))) => Err(reason.clone()),
        // The worker's own errors are reported.
        Some((_, None)) | None => return None,
    })
}

/// Reports fields that only a command with a program of its own has.
fn refuse_program_fields(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    m: &mut Errors<'_>,
) {
    for field in names(PROGRAM_FIELDS) {
        if let Some(value) = fields.get(field) {
            m.add(
                &value.span(),
                format_args!(
                    "`{field}` is about a program of the command's own, and {} is carried out by a \
                     worker: take it out, or `worker`",
                    fields.owner
                ),
            );
        }
    }
    for argument in arguments {
        let about_programs = [
            ("flag", argument.flag.is_some()),
            ("root", argument.root.is_some()),
            ("exists", argument.exists),
            ("env", matches!(argument.passed, Passed::Variable(_))),
            ("stdin", argument.passed == Passed::Input),
        ];
        for (field, _) in about_programs.iter().filter(|(_, set)| *set) {
            m.add(
                &argument.span,
                format_args!(
                    "argument `{}` of {} goes to a function by its name: take `{field}` out",
                    argument.arg.name, fields.owner
                ),
            );
        }
    }
}

/// The worker of a command; an unknown one is reported.
fn find_worker<'w>(
    fields: &Fields<'_, '_>,
    workers: &'w ReadWorkers,
    m: &mut Errors<'_>,
) -> Option<&'w (String, ReadWorker)> {
    let worker = fields.string("worker", m)?;
    let found = workers.known.iter().find(|(name, _)| name == worker.value);
    if found.is_none() && !workers.incomplete {
        let near = text::nearest(worker.value, workers.known.iter().map(|(name, _)| name.as_str()));
        m.add(
            &worker.span,
            format_args!(
                "there is no [workers.{}]{}",
                text::clean(worker.value, 64),
                text::did_you_mean(&near)
            ),
        );
    }
    found
}
