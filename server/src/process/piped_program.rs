//! Starts a program with pipes and a clean environment, as a run has it: workers, notifiers with `exec`, choices, safe states.

use std::os::fd::AsFd as _;
use std::process::Stdio;

use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};

use crate::process::program_spec::DEFAULT_CWD;
use crate::process::run_processes::WORKERS;
use crate::process::run_user::{self, RunUser};
use crate::process::running_program::Group;
use crate::process::start_program::{SpawnError, base_environment, explain};
use crate::process::{pipes, spawn};

/// A program that the server starts with pipes, as the configuration declares it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PipedProgram {
    /// An absolute path.
    pub(crate) path: String,
    pub(crate) args: Vec<String>,
    /// None: the server's own user.
    pub(crate) user: Option<Box<RunUser>>,
    /// None: `/`.
    pub(crate) cwd: Option<String>,
    /// Variables beside the clean environment.
    pub(crate) env: Vec<(String, String)>,
    /// Variables from the server's own environment.
    pub(crate) inherit_env: Vec<String>,
}

/// A started program with its pipes. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct PipedProcess {
    pub(crate) child: Child,
    pub(crate) group: Group,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: Receiver,
    pub(crate) stderr: Receiver,
}

impl PipedProgram {
    pub(crate) fn argv(&self) -> Vec<String> {
        std::iter::once(&self.path).chain(&self.args).cloned().collect()
    }

    /// Starts it with this instance in its environment, by which the next start of the server finds it after a crash.
    pub(crate) fn spawn(&self, instance: Option<&str>) -> Result<PipedProcess, SpawnError> {
        let cwd = self.cwd.as_deref().unwrap_or(DEFAULT_CWD);
        let user = self.user.as_deref();
        let fail = |error| explain(error, run_user::executed(user, &self.path), cwd);
        run_user::check_exists(user, &self.path).map_err(fail)?;
        let (stdout, stdout_writer) = pipes::pair().map_err(fail)?;
        let (stderr, stderr_writer) = pipes::pair().map_err(fail)?;
        run_user::chown_pipes(user, [stdout_writer.as_fd(), stderr_writer.as_fd()])
            .map_err(fail)?;
        let mut command = run_user::command(user, &self.path);
        command
            .args(&self.args)
            .current_dir(cwd)
            .env_clear()
            .envs(base_environment(&self.inherit_env, &self.env, user))
            .env("TOPSIDE_RUN", WORKERS.0.to_string())
            .envs(instance.map(|instance| ("TOPSIDE_INSTANCE", instance)))
            .stdin(Stdio::piped())
            .stdout(stdout_writer)
            .stderr(stderr_writer);
        let mut child = spawn::start(command).map_err(fail)?;
        let group = Group::of(&child);
        let no_stdin = || fail(std::io::Error::other("the system gave it no standard input"));
        let stdin = child.stdin.take().ok_or_else(no_stdin)?;
        Ok(PipedProcess { child, group, stdin, stdout, stderr })
    }
}
