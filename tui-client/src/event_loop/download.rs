//! Download of a run's output to a file, over a connection of its own. The connection is held back while the disk is
//! slow, so that nothing is skipped and little waits here.

use tokio::sync::mpsc;
use topside_shared::dirs::Dirs;
use topside_shared::methods::{Call as _, RunAttach};
use topside_shared::notifications::Notification;
use topside_shared::{ErrorKind, RunId};

use super::new_file::NewFile;
use super::transfer_progress::ProgressReporter;
use crate::app::Msg;
use crate::app::runs::export::{ExportFailed, Exported};
use crate::connect::{self, CallError, Event, Hello, Session, connect, read_answer};
use crate::text::base64::output_bytes;

/// The name in the list of clients.
const HELLO: Hello = Hello { notices: false, agent: false, name: "topside save" };
/// Pieces that wait for the disk; each is at most one `run/output`.
const WAITING: usize = 16;

#[derive(Debug)]
pub(super) struct Download {
    pub(super) id: u64,
    pub(super) run: RunId,
    /// How many bytes of the output to fetch.
    pub(super) until: u64,
    pub(super) name: String,
}

/// Downloads, and sends the progress to the screen. Dropping the future leaves no file.
pub(super) async fn fetch(
    place: connect::Target,
    fetch: &Download,
    dirs: Dirs,
    tell: &mpsc::Sender<Msg>,
) -> Result<Exported, ExportFailed> {
    let session = connect(&place, &HELLO)
        .await
        .map_err(|error| ExportFailed::Failed(super::network::sentence(error)))?;
    let (pieces, waiting) = mpsc::channel(WAITING);
    let name = fetch.name.clone();
    let writer = tokio::task::spawn_blocking(move || write_all(waiting, &dirs, &name));
    let read = read_all(session, fetch, &pieces, ProgressReporter::after_interval(tell)).await;
    let missing = match read {
        Ok(missing) => missing,
        // The writer's error is the more specific one.
        Err(Stopped::Writer) => 0,
        Err(Stopped::Reader(why)) => return Err(why),
    };
    // A writer that has ended returns its error below.
    let _ = pieces.send(DownloadPart::Whole).await;
    let written = writer.await.unwrap_or_else(|_| Err("the thread that writes has failed".into()));
    let (path, length) = written.map_err(ExportFailed::Failed)?;
    Ok(Exported { path, length, missing })
}

enum DownloadPart {
    Bytes(Vec<u8>),
    Gap(u64),
    /// The end of the output: only now the file gets its name.
    Whole,
}

enum Stopped {
    /// Writing failed.
    Writer,
    Reader(ExportFailed),
}

/// Reads the output to its end, or to `fetch.until`; returns how many bytes of it the server did not have any more.
async fn read_all(
    session: Session,
    fetch: &Download,
    pieces: &mpsc::Sender<DownloadPart>,
    mut progress: ProgressReporter<'_>,
) -> Result<u64, Stopped> {
    let Session { handle, mut events, .. } = session;
    events.hold_output();
    let failed = |why: String| Stopped::Reader(ExportFailed::Failed(why));
    let call = handle.ask(RunAttach::METHOD, &RunAttach { run_id: fetch.run, from: 0 });
    call.map_err(|error| failed(error.to_string()))?;
    let (mut at, mut missing) = (0, 0);
    while at < fetch.until {
        let left = fetch.until - at;
        let piece = match events.next().await {
            Event::Notice(Notification::RunOutput(output)) if output.run_id == fetch.run => {
                let mut bytes = output_bytes(&output).into_owned();
                bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                at += bytes.len() as u64;
                DownloadPart::Bytes(bytes)
            }
            Event::Notice(Notification::RunGap(gap)) if gap.run_id == fetch.run => {
                let gap = gap.bytes.min(left);
                at += gap;
                missing += gap;
                DownloadPart::Gap(gap)
            }
            Event::Notice(_) => continue,
            // The answer before the last byte: the server does not have the rest.
            Event::Answer { result, .. } => match read_answer::<RunAttach>(result) {
                Ok(_) => {
                    at = fetch.until;
                    missing += left;
                    DownloadPart::Gap(left)
                }
                Err(CallError::Refused(error)) if error.kind() == ErrorKind::NotFound => {
                    return Err(Stopped::Reader(ExportFailed::NotKept));
                }
                Err(error) => return Err(failed(error.to_string())),
            },
            Event::Lost(reason) => {
                return Err(failed(format!("{reason}, after {at} of {} bytes", fetch.until)));
            }
        };
        pieces.send(piece).await.map_err(|_| Stopped::Writer)?;
        progress.report(|| Msg::Fetching { id: fetch.id, done: at });
    }
    handle.close();
    Ok(missing)
}

/// The writer's thread: writes to the end, and then gives the file its name. Without an end it leaves no file.
fn write_all(
    mut pieces: mpsc::Receiver<DownloadPart>,
    dirs: &Dirs,
    name: &str,
) -> Result<(String, u64), String> {
    let mut file = NewFile::create(dirs, name)?;
    let (mut length, mut last) = (0, b'\n');
    let mut write = |bytes: &[u8]| {
        length += bytes.len() as u64;
        last = bytes.last().copied().unwrap_or(last);
        (file.write(bytes), last)
    };
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            DownloadPart::Bytes(bytes) => write(&bytes).0?,
            DownloadPart::Gap(bytes) => {
                let begin = if write(&[]).1 == b'\n' { "" } else { "\n" };
                let unit = if bytes == 1 { "byte is" } else { "bytes are" };
                write(format!("{begin}[topside: {bytes} {unit} missing here]\n").as_bytes()).0?;
            }
            DownloadPart::Whole => {
                let path = file.keep()?;
                return Ok((path.display().to_string(), length));
            }
        }
    }
    Err("the download was cancelled".to_owned())
}
