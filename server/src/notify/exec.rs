//! Sends an event by a program: it gets the event as JSON on its standard input.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};
use topside_shared::text::{MAX_REASON, clean};

use crate::process::drain::drain;
use crate::process::piped_program::{PipedProcess, PipedProgram};

/// How long the program may take; then it is killed with all that it started.
const LIMIT: Duration = Duration::from_secs(30);
/// How long its output is read after its end, while a process that it left behind holds it.
const LINGER: Duration = Duration::from_millis(200);
/// Most bytes of its output that are kept: the last ones.
const KEPT: usize = 4096;

/// # Errors
/// Why the program could not be started, or how it failed.
pub(super) async fn send(
    argv: &[String],
    notifier: &str,
    instance: Option<&str>,
    json: &[u8],
) -> Result<(), String> {
    let Some((path, args)) = argv.split_first() else { return Err("no program is set".into()) };
    let program = PipedProgram {
        path: path.clone(),
        args: args.to_vec(),
        env: vec![("TOPSIDE_NOTIFIER".to_owned(), notifier.to_owned())],
        ..PipedProgram::default()
    };
    let piped = program.spawn(instance).map_err(|error| error.to_string())?;
    match timeout(LIMIT, run(piped, json)).await {
        Ok(result) => result,
        // Dropping it has killed the program.
        Err(_) => Err(format!("it took longer than {} s and was killed", LIMIT.as_secs())),
    }
}

async fn run(piped: PipedProcess, json: &[u8]) -> Result<(), String> {
    let PipedProcess { mut child, mut group, mut stdin, mut stdout, mut stderr } = piped;
    let (mut said, mut errors) = (Vec::new(), Vec::new());
    let status = {
        let mut write = pin!(async {
            // A program that does not read its input may succeed even so.
            let _ = stdin.write_all(json).await;
            drop(stdin);
        });
        let mut read = pin!(async {
            tokio::join!(read(&mut stdout, &mut said), read(&mut stderr, &mut errors));
        });
        let (mut is_written, mut is_read) = (false, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                () = &mut write, if !is_written => is_written = true,
                () = &mut read, if !is_read => is_read = true,
            }
        };
        if !is_read {
            tokio::select! {
                () = &mut read => {}
                () = sleep(LINGER) => {}
            }
        }
        status
    };
    // A program may leave one behind that sends its mail.
    group.release();
    let open = [stdout, stderr].into_iter().filter_map(|pipe| pipe.into_nonblocking_fd().ok());
    drain(open.collect(), "a notifier");
    let status = status.map_err(|error| format!("how it ended is not known: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let last = last_line(&errors).or_else(|| last_line(&said));
    let last = last.map(|line| format!(": {line}")).unwrap_or_default();
    Err(format!("it ended with {status}{last}"))
}

/// Reads to the end, and keeps the last bytes.
async fn read(pipe: &mut Receiver, kept: &mut Vec<u8>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }
}

fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(clean(line, MAX_REASON / 2))
}
