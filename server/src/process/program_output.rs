//! Runs a program for its output alone: with a time limit, and with all of its processes ended at that limit.

use std::io::ErrorKind;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, copy, sink};
use tokio::time::timeout;
use topside_shared::text;
use topside_shared::time::millis;

use crate::process::piped_program::{PipedProcess, PipedProgram};
use crate::process::start_program::SpawnError;

/// How much of the standard error is looked at for its first line.
const STDERR: u64 = 4096;

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoOutput {
    #[error(transparent)]
    NotStarted(#[from] SpawnError),
    #[error("{program} did not end within {}", text::duration(millis(*.limit)))]
    TimedOut { program: String, limit: Duration },
    #[error("{program} ended with {status}{}", after_colon(.stderr))]
    Failed { program: String, status: ExitStatus, stderr: String },
    #[error("{program} printed more than {most} bytes")]
    TooLong { program: String, most: usize },
    #[error("{program} printed bytes that are not UTF-8")]
    NotText { program: String },
    #[error("the output of {program} cannot be read: {error}")]
    Unreadable { program: String, error: std::io::Error },
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl PipedProgram {
    /// Runs it to its end, and returns its standard output, of at most `most` bytes. Dropping the future kills its group.
    pub(crate) async fn output(
        &self,
        instance: Option<&str>,
        limit: Duration,
        most: usize,
    ) -> Result<String, NoOutput> {
        let program = || self.path.clone();
        let PipedProcess { mut child, mut group, stdin, mut stdout, mut stderr } =
            self.spawn(instance)?;
        // Its input is at the end.
        drop(stdin);
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let read = async {
            let stdout = async {
                let read = (&mut stdout).take(most as u64 + 1).read_to_end(&mut output).await;
                // It may print for ever: its end is not waited for.
                if output.len() > most { Err(ErrorKind::FileTooLarge.into()) } else { read }
            };
            let stderr = async {
                // It matters for the message alone.
                let _ = (&mut stderr).take(STDERR).read_to_end(&mut errors).await;
                let _ = copy(&mut stderr, &mut sink()).await;
                Ok(())
            };
            tokio::try_join!(stdout, stderr)
        };
        let ended = timeout(limit, async {
            tokio::pin!(read);
            read.await?;
            child.wait().await
        })
        .await;
        let status = match ended {
            Ok(Ok(status)) => status,
            Ok(Err(error)) if error.kind() == ErrorKind::FileTooLarge => {
                return Err(NoOutput::TooLong { program: program(), most });
            }
            Ok(Err(error)) => return Err(NoOutput::Unreadable { program: program(), error }),
            Err(_) => return Err(NoOutput::TimedOut { program: program(), limit }),
        };
        // Its number may be reused from now on.
        group.release();
        if !status.success() {
            let stderr = String::from_utf8_lossy(&errors);
            let stderr = text::clean(stderr.lines().next().unwrap_or_default(), text::MAX_REASON);
            return Err(NoOutput::Failed { program: program(), status, stderr });
        }
        String::from_utf8(output).map_err(|_| NoOutput::NotText { program: program() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> PipedProgram {
        PipedProgram {
            path: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            ..PipedProgram::default()
        }
    }

    async fn output(script: &str) -> Result<String, String> {
        let output = sh(script).output(None, Duration::from_secs(20), 100).await;
        output.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_output_is_returned_and_a_failure_says_what_the_program_said() {
        assert_eq!(output("cat; echo a; echo b >&2").await.unwrap(), "a\n");
        let failed = output("echo no docker here >&2; echo more >&2; exit 3").await.unwrap_err();
        assert_eq!(failed, "/bin/sh ended with exit status: 3: no docker here");
        assert!(output("yes | head -c 101").await.unwrap_err().contains("more than 100 bytes"));
        // One that never ends is ended.
        assert!(output("yes").await.unwrap_err().contains("more than 100 bytes"));
        assert_eq!(output("yes | head -c 100").await.unwrap().len(), 100);
        assert!(output("printf '\\377'").await.unwrap_err().contains("not UTF-8"));
        assert!(output("head -c 300000 /dev/zero >&2; echo a").await.is_ok());
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pids");
        let script = format!("sleep 600 & echo $! > {0}; echo $$ >> {0}; wait", file.display());
        let error = sh(&script).output(None, Duration::from_secs(5), 100).await.unwrap_err();
        assert!(error.to_string().contains("/bin/sh did not end within"), "{error}");
        let pids = std::fs::read_to_string(&file).unwrap();
        let lives = |pid: &str| {
            // A zombie has ended.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while pids.lines().any(lives) {
            assert!(std::time::Instant::now() < until, "{pids}");
            tokio::task::yield_now().await;
        }
    }
}
