//! Baseline JSON server: reads a line, parses the request with serde and answers it. It knows `ping`, `command/run` of `echo`,
//! `spawn` (a program for each request), `output` (a program's output in pieces of 32 KiB), and `subscribe` and `broadcast` for
//! the fan-out.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::sync::broadcast;

use crate::exchange::NOTICE;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Response<'a, T> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: T,
}

#[derive(Serialize)]
struct Notification<T> {
    jsonrpc: &'static str,
    method: &'static str,
    params: T,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow, rename = "command")]
    _command: Cow<'a, str>,
    #[serde(borrow)]
    args: Args<'a>,
}

#[derive(Deserialize)]
struct Args<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// As long as our answer of a built-in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuiltinAnswer<'a> {
    state: &'static str,
    output: &'a str,
    exit_code: i32,
    duration_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunOutput<'a> {
    run_id: u64,
    offset: u64,
    stream: &'static str,
    data: &'a str,
}

/// What a connection does after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextStep {
    Go,
    Subscribe,
    Spawn,
    Output(u64),
}

pub(crate) type Broadcaster = broadcast::Sender<Arc<[u8]>>;

pub(crate) fn serve(socket: &Path, workers: &str) -> io::Result<()> {
    let workers = workers.parse().map_err(io::Error::other)?;
    let socket = socket.to_owned();
    serve_on(workers, async move |bus| {
        let listener = UnixListener::bind(socket)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(stream, bus.clone()));
        }
    })
}

/// Serves whom `accept` lets in, until it fails.
pub(crate) fn serve_on<F>(workers: usize, accept: impl FnOnce(Broadcaster) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut runtime = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        workers => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(workers);
            runtime
        }
    };
    runtime.enable_all().build()?.block_on(async {
        let (bus, _) = broadcast::channel(64);
        // On a worker, not on the thread that blocks here.
        tokio::spawn(accept(bus)).await?
    })
}

pub(crate) async fn connection(mut stream: impl AsyncRead + AsyncWrite + Unpin, bus: Broadcaster) {
    let mut rest = Vec::new();
    loop {
        let mut then = NextStep::Go;
        let more = super::turn(&mut stream, &mut rest, |line, out| {
            then = answer(line, out, &bus).unwrap_or(NextStep::Go);
        });
        if !more.await.is_ok_and(|more| more) {
            return;
        }
        let done = match then {
            NextStep::Go => Ok(()),
            NextStep::Spawn => spawn(&mut stream).await,
            NextStep::Output(bytes) => output(&mut stream, bytes).await,
            NextStep::Subscribe => return listen(&mut stream, bus.subscribe()).await,
        };
        if done.is_err() {
            return;
        }
    }
}

fn answer(line: &[u8], out: &mut Vec<u8>, bus: &Broadcaster) -> serde_json::Result<NextStep> {
    let request: Request<'_> = serde_json::from_slice(line)?;
    let mut then = NextStep::Go;
    match &*request.method {
        "command/run" => {
            let params = request.params.map_or("{}", RawValue::get);
            let Run { args, .. } = serde_json::from_str(params)?;
            let output = format!("{}\n", args.text);
            let (state, output) = ("succeeded", output.as_str());
            let result = BuiltinAnswer { state, output, exit_code: 0, duration_ms: 0 };
            respond(out, request.id, result)?;
        }
        "spawn" => then = NextStep::Spawn,
        "output" => {
            then =
                NextStep::Output(serde_json::from_str(request.params.map_or("0", RawValue::get))?);
        }
        "broadcast" => {
            let _ = bus.send(format!("{NOTICE}\n").into_bytes().into());
            respond(out, request.id, Empty {})?;
        }
        method => {
            if method == "subscribe" {
                then = NextStep::Subscribe;
            }
            respond(out, request.id, Empty {})?;
        }
    }
    Ok(then)
}

fn respond(out: &mut Vec<u8>, id: &RawValue, result: impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, &Response { jsonrpc: "2.0", id, result })?;
    out.push(b'\n');
    Ok(())
}

/// Writes what is on the bus until the client has gone.
async fn listen(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut notices: broadcast::Receiver<Arc<[u8]>>,
) {
    let mut nothing = [0];
    loop {
        let notice = tokio::select! {
            notice = notices.recv() => notice,
            // Subscribers say nothing more: what can be read is the end.
            _ = stream.read(&mut nothing) => return,
        };
        let Ok(notice) = notice else { return };
        if stream.write_all(&notice).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Runs `/bin/true` with its output in pipes, and answers when it has ended.
async fn spawn(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    spawn_true().await?;
    stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n").await
}

/// One run of `/bin/true`, as plainly as the runtime can.
pub(crate) async fn spawn_true() -> io::Result<()> {
    let output = Command::new("/bin/true").stdin(Stdio::null()).output().await?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other("/bin/true failed")) }
}

/// A program's output in notifications of at most 32 KiB, then the answer.
async fn output(stream: &mut (impl AsyncWrite + Unpin), bytes: u64) -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["print", &bytes.to_string()])
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()?;
    let pipe = Receiver::from_owned_fd(reader.into())?;
    let mut buffer = vec![0; 32 * 1024];
    let mut line = Vec::new();
    let mut offset = 0;
    loop {
        pipe.readable().await?;
        let count = match pipe.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let data = str::from_utf8(&buffer[..count]).map_err(io::Error::other)?;
        let params = RunOutput { run_id: 1, offset, stream: "stdout", data };
        line.clear();
        let message = Notification { jsonrpc: "2.0", method: "run/output", params };
        serde_json::to_writer(&mut line, &message)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        offset += count as u64;
    }
    child.wait().await?;
    stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n").await
}
