//! A program that is started once and talked to through its standard streams: same environment, same
//! group, same refusals as a run's.

use std::process::{Command, Stdio};

use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};

use super::pipe;
use super::process::Group;
use super::spawn::{DEFAULT_CWD, SpawnError, base_environment, explain};
use crate::family::WORKERS;
use crate::process;

/// How a resident worker is started. Made by `declare`, which has checked it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct Daemon {
    /// An absolute path.
    pub(in crate::commands) path: String,
    /// The argument list after the program itself.
    pub(in crate::commands) args: Vec<String>,
    /// Where it runs; none: `/`.
    pub(in crate::commands) cwd: Option<String>,
    /// Variables on top of the clean environment.
    pub(in crate::commands) env: Vec<(String, String)>,
    /// Variables taken over from the server's own environment.
    pub(in crate::commands) inherit_env: Vec<String>,
}

/// A started one. Dropping it kills its whole group.
#[derive(Debug)]
pub(in crate::commands) struct Piped {
    pub(in crate::commands) child: Child,
    pub(in crate::commands) group: Group,
    pub(in crate::commands) stdin: ChildStdin,
    pub(in crate::commands) stdout: Receiver,
    pub(in crate::commands) stderr: Receiver,
}

impl Daemon {
    /// The program and its arguments, as declared.
    pub(in crate::commands) fn argv(&self) -> Vec<String> {
        std::iter::once(&self.path).chain(&self.args).cloned().collect()
    }

    /// Starts it for the server of this instance, whose next start knows by it what a crash has left.
    ///
    /// # Errors
    /// Why it did not start.
    pub(in crate::commands) fn spawn(&self, instance: Option<&str>) -> Result<Piped, SpawnError> {
        let cwd = self.cwd.as_deref().unwrap_or(DEFAULT_CWD);
        let fail = |error| explain(error, &self.path, cwd);
        let (stdout, stdout_writer) = pipe::pair().map_err(fail)?;
        let (stderr, stderr_writer) = pipe::pair().map_err(fail)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .current_dir(cwd)
            .env_clear()
            .envs(base_environment(&self.inherit_env, &self.env))
            .env("TOPSIDE_RUN", WORKERS.0.to_string())
            .envs(instance.map(|instance| ("TOPSIDE_INSTANCE", instance)))
            .stdin(Stdio::piped())
            .stdout(stdout_writer)
            .stderr(stderr_writer);
        let mut child = process::start(command).map_err(fail)?;
        let group = Group::of(&child);
        let stdin = child
            .stdin
            .take()
            .ok_or_else(|| fail(std::io::Error::other("the system gave it no standard input")))?;
        Ok(Piped { child, group, stdin, stdout, stderr })
    }
}
