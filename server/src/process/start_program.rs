//! Starts the program of a run: its environment, its process group, and the error if it cannot start.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::net::unix::pipe::Sender;
use topside_shared::command::Stdin;
use topside_shared::ids::RunId;
use topside_shared::role::Role;
use topside_shared::values;

use crate::base::path_trust::{PathChecks, Trust};
use crate::base::shortage::Shortage;
use crate::process::env_file;
use crate::process::pipes::{self, Pipes};
use crate::process::program_spec::{DEFAULT_CWD, Passed, Program};
use crate::process::resolve_program::PATH;
use crate::process::run_processes::{LeaderProcess, RunProcesses};
use crate::process::run_user::{self, RunUser};
use crate::process::running_program::{Group, Process};
use crate::process::safe_state::Hook;
use crate::process::spawn;
use crate::process::stop_processes::ProcessTree;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// `TOPSIDE_RUN`.
    pub run: RunId,
    /// `TOPSIDE_INSTANCE`: distinguishes this server's runs from those of others.
    pub instance: String,
    /// `TOPSIDE_USER`.
    pub user: String,
    /// `TOPSIDE_ROLE`.
    pub role: Role,
    /// `TOPSIDE_FILES`: the directory of the files that it takes, and of its results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("the program {0} is gone")]
    ProgramGone(String),
    #[error(
        "the program {0} needs an interpreter or a loader that is not there: see its first line"
    )]
    NoInterpreter(String),
    #[error("the directory {0}, in which the program should run, is not there")]
    NoDirectory(String),
    #[error("the `env_file` {0} {1}")]
    EnvFile(String, String),
    #[error("the system does not let this user run {0} in {1}")]
    Denied(String, String),
    #[error(
        "{0} is not in a form that the system can run: is a first line such as #!/bin/sh missing?"
    )]
    NotAProgram(String),
    #[error("the program {0} is being written at this moment: try again")]
    BeingWritten(String),
    #[error("the arguments are together longer than the system takes")]
    TooLong,
    #[error("{0} could not be started: {1}")]
    NoRoom(String, #[source] Shortage),
    #[error("{0} could not be started: {1}")]
    Other(String, #[source] io::Error),
}

impl Program {
    /// The pipes for a run. They are made before the run is recorded, so that processes that write into them are found after
    /// a crash.
    pub(crate) fn pipes(&self) -> Result<Pipes, SpawnError> {
        Pipes::new().map_err(|error| explain(error, &self.path, DEFAULT_CWD))
    }

    /// Starts a run. `args` were checked by `values::check`, and their paths followed by [`Program::followed`].
    pub(crate) fn spawn(
        &self,
        args: &Map<String, Value>,
        caller: &Caller,
        pipes: Pipes,
    ) -> Result<Process, SpawnError> {
        let cwd = self.directory(args);
        let user = self.user.as_deref();
        let fail = |error| explain(error, run_user::executed(user, &self.path), &cwd);
        run_user::check_exists(user, &self.path).map_err(fail)?;
        let mut variables = self.file_variables(args)?;
        variables.extend(self.variables(args));
        let Pipes {
            stdout: (stdout, stdout_writer),
            stderr: (stderr, stderr_writer),
            spawn_record,
        } = pipes;
        run_user::chown_pipes(user, [stdout_writer.as_fd(), stderr_writer.as_fd()])
            .map_err(fail)?;
        let argv = self.argv(args);
        let (stdin, input) = self.input(args).map_err(fail)?;

        let mut command = run_user::command(user, &argv[0]);
        command
            .args(&argv[1..])
            .current_dir(&cwd)
            .env_clear()
            .envs(environment(&variables, &self.inherit_env, user, caller))
            .stdin(stdin)
            .stdout(stdout_writer)
            .stderr(stderr_writer);
        let started = Instant::now();
        let child = spawn::start(command).map_err(fail)?;
        let processes = RunProcesses {
            run: caller.run,
            instance: caller.instance.clone(),
            leader: child.id().and_then(LeaderProcess::of),
            spawn_record,
            cgroup: None,
            known: HashMap::new(),
        };
        let tree = ProcessTree::new(Group::of(&child), processes);
        Ok(Process { child, tree, stdin: input, stdout, stderr, stop: self.stop, started })
    }

    /// The `safe_state` program of a run of this caller, if one is declared; `args` holds no secret, as the hook is recorded.
    pub(crate) fn safe_state(&self, caller: &Caller, args: &Map<String, Value>) -> Option<Hook> {
        let argv = self.safe_state.clone()?;
        Some(Hook {
            argv,
            user: self.user.clone(),
            cwd: self.directory(args),
            // Without those of `env_file`: the hook is written to the disk.
            env: self.variables(args),
            inherit_env: self.inherit_env.clone(),
            caller: Some(caller.clone()),
        })
    }

    /// The variables of `env_file`.
    fn file_variables(
        &self,
        args: &Map<String, Value>,
    ) -> Result<Vec<(String, String)>, SpawnError> {
        let Some(path) = &self.env_file else { return Ok(Vec::new()) };
        let path = self.with_values(path, args);
        let checks = PathChecks::new(Trust::of_this_process());
        env_file::read(Path::new(&path), &checks, self.user.is_some())
            .map_err(|why| SpawnError::EnvFile(path, why))
    }

    /// The declared variables, and those that pass arguments.
    fn variables(&self, args: &Map<String, Value>) -> Vec<(String, String)> {
        let passed = self.args.iter().filter_map(|arg| match &arg.passed {
            Passed::Variable(name) => Some((name.clone(), values::to_text(args.get(&arg.name)?))),
            Passed::Element | Passed::Input => None,
        });
        self.env.iter().cloned().chain(passed).collect()
    }

    /// The standard input, and its other end if it can be written while the program runs: a pipe with `prompt`, the argument
    /// that is passed this way and a line end, else `/dev/null`.
    fn input(&self, args: &Map<String, Value>) -> io::Result<(Stdio, Option<Sender>)> {
        if self.stdin == Stdin::Prompt {
            let (reader, writer) = pipes::writable()?;
            return Ok((reader.into(), Some(writer)));
        }
        let input = self.args.iter().find(|arg| arg.passed == Passed::Input);
        let stdin = match input.and_then(|arg| args.get(&arg.name)) {
            Some(value) => pipes::filled(values::to_text(value) + "\n")?.into(),
            None => Stdio::null(),
        };
        Ok((stdin, None))
    }
}

/// The environment of every program that the server starts, as `user` or as its own. Later entries override earlier ones.
pub(crate) fn base_environment(
    inherit: &[String],
    own: &[(String, String)],
    user: Option<&RunUser>,
) -> Vec<(OsString, OsString)> {
    let home = std::env::var_os("HOME").filter(|home| Path::new(home).is_absolute());
    let mut env: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), PATH.into()),
        ("LANG".into(), "C.UTF-8".into()),
        // There is no terminal. Without a value, programs complain or guess.
        ("TERM".into(), "dumb".into()),
        ("HOME".into(), home.unwrap_or_else(|| "/".into())),
    ];
    env.extend(user.into_iter().flat_map(RunUser::variables));
    env.extend(inherit.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))));
    env.extend(own.iter().map(|(name, value)| (name.into(), value.into())));
    env
}

/// The error of `program`, which did not start in `cwd`.
pub(crate) fn explain(error: io::Error, program: &str, cwd: &str) -> SpawnError {
    let program = program.to_owned();
    if let Some(shortage) = Shortage::of(&error) {
        return SpawnError::NoRoom(program, shortage);
    }
    match error.kind() {
        ErrorKind::NotFound if !Path::new(cwd).is_dir() => SpawnError::NoDirectory(cwd.to_owned()),
        ErrorKind::NotADirectory => SpawnError::NoDirectory(cwd.to_owned()),
        ErrorKind::NotFound if Path::new(&program).exists() => SpawnError::NoInterpreter(program),
        ErrorKind::NotFound => SpawnError::ProgramGone(program),
        ErrorKind::PermissionDenied => SpawnError::Denied(program, cwd.to_owned()),
        ErrorKind::ArgumentListTooLong => SpawnError::TooLong,
        ErrorKind::ExecutableFileBusy => SpawnError::BeingWritten(program),
        _ => match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::NOEXEC) => SpawnError::NotAProgram(program),
            _ => SpawnError::Other(program, error),
        },
    }
}

/// The environment of a run. Later entries override earlier ones.
pub(crate) fn environment(
    declared: &[(String, String)],
    inherit: &[String],
    user: Option<&RunUser>,
    caller: &Caller,
) -> Vec<(OsString, OsString)> {
    let mut env = base_environment(inherit, declared, user);
    env.push(("TOPSIDE_RUN".into(), caller.run.0.to_string().into()));
    env.push(("TOPSIDE_INSTANCE".into(), caller.instance.clone().into()));
    env.push(("TOPSIDE_USER".into(), caller.user.clone().into()));
    env.push(("TOPSIDE_ROLE".into(), caller.role.name().into()));
    env.extend(caller.files.iter().map(|files| ("TOPSIDE_FILES".into(), files.into())));
    env
}
