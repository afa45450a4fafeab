//! `safe_state`: a program that runs after a run that did not succeed.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process::drain::drain;
use crate::process::piped_program::PipedProgram;
use crate::process::polled_program::{PolledEnd, PolledProgram};
use crate::process::program_spec::DEFAULT_CWD;
use crate::process::run_user::{self, RunUser};
use crate::process::start_program::{Caller, base_environment, environment};

const MAX_OUTPUT: usize = 64 * 1024;

/// A hook program, as it is recorded with its run: the menu may have changed when it is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) argv: Vec<String>,
    /// None: the server's own user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Box<RunUser>>,
    pub(crate) cwd: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) inherit_env: Vec<String>,
    /// The caller of its run; none: it is a hook of the box.
    pub(crate) caller: Option<Caller>,
}

/// What makes the state safe after a run, as it is recorded with its row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RunHook {
    Program(Hook),
    /// A function of the worker that carried the run out.
    Function {
        worker: String,
        function: String,
    },
}

/// The `safe_state` program of a worker's function: it runs in the directory and with the environment of the worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SafeState {
    pub(crate) argv: Vec<String>,
    pub(crate) program: PipedProgram,
}

impl SafeState {
    pub(crate) fn hook(&self, caller: Caller) -> Hook {
        let PipedProgram { user, cwd, env, inherit_env, .. } = &self.program;
        Hook {
            argv: self.argv.clone(),
            user: user.clone(),
            cwd: cwd.clone().unwrap_or_else(|| DEFAULT_CWD.to_owned()),
            env: env.clone(),
            inherit_env: inherit_env.clone(),
            caller: Some(caller),
        }
    }
}

#[derive(Debug)]
pub(crate) struct HookResult {
    pub(crate) output: Vec<u8>,
    /// None: the state is safe. Else why it may not be, as one sentence.
    pub(crate) failure: Option<String>,
}

impl HookResult {
    /// Its part of the run's output: its output, and that it failed.
    pub(crate) fn into_output(mut self) -> Vec<u8> {
        if let Some(failure) = self.failure {
            if self.output.last().is_some_and(|last| *last != b'\n') {
                self.output.push(b'\n');
            }
            self.output.extend_from_slice(format!("{failure}\n").as_bytes());
        }
        self.output
    }
}

/// The descriptors of a hook. They are opened in advance, so that its start does not depend on free ones.
#[derive(Debug)]
pub(crate) struct HookPipes {
    stdin: File,
    output: PipeReader,
    stdout: PipeWriter,
    stderr: PipeWriter,
}

impl HookPipes {
    pub(crate) fn new() -> io::Result<Self> {
        let (output, stdout) = io::pipe()?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let stderr = stdout.try_clone()?;
        Ok(Self { stdin: File::open("/dev/null")?, output, stdout, stderr })
    }
}

impl Hook {
    pub(crate) fn start(&self, pipes: HookPipes) -> io::Result<RunningHook> {
        let (program, args) = self.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let HookPipes { stdin, output, stdout, stderr } = pipes;
        let user = self.user.as_deref();
        let environment = match &self.caller {
            Some(caller) => environment(&self.env, &self.inherit_env, user, caller),
            None => base_environment(&self.inherit_env, &self.env, user),
        };
        run_user::chown_pipes(user, [stdout.as_fd(), stderr.as_fd()])?;
        let mut command = run_user::command(user, program);
        command
            .args(args)
            .current_dir(&self.cwd)
            .env_clear()
            .envs(environment)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        PolledProgram::start(command, output, MAX_OUTPUT).map(RunningHook)
    }

    /// The result if it cannot be started.
    pub(crate) fn not_started(&self, error: &io::Error) -> HookResult {
        let failure = Some(self.sentence(&format!("it could not be run: {error}")));
        HookResult { output: Vec::new(), failure }
    }

    fn sentence(&self, why: &str) -> String {
        format!("the safe state may not have been reached by {}: {why}", self.argv.join(" "))
    }
}

#[derive(Debug)]
pub(crate) struct RunningHook(PolledProgram);

impl RunningHook {
    /// Readable when the program writes, or has ended.
    pub(crate) fn output_pipe(&self) -> Option<&PipeReader> {
        self.0.pipe.as_ref()
    }

    /// Reads the program's output, and kills it after `limit` with all that it started; the result, once it has ended. Does
    /// not block.
    pub(crate) fn check(&mut self, hook: &Hook, limit: Option<Duration>) -> Option<HookResult> {
        let Self(program) = self;
        let failure = match program.check(limit)? {
            PolledEnd::Exited(status) if status.success() => None,
            PolledEnd::Exited(status) => Some(format!("it ended with {status}")),
            PolledEnd::Killed => Some("it took too long and was killed".to_owned()),
            PolledEnd::Unknown(error) => Some(format!("how it ended is not known: {error}")),
        };
        // Processes that the program left behind may write more.
        let open = program.pipe.take().map(OwnedFd::from).into_iter().collect();
        let owner = match &hook.caller {
            Some(caller) => format!("safe_state of run {}", caller.run.0),
            None => "a hook of the box".to_owned(),
        };
        drain(open, &owner);
        let output = std::mem::take(&mut program.output);
        Some(HookResult { output, failure: failure.map(|why| hook.sentence(&why)) })
    }
}
