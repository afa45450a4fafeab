//! A result of a run, fetched over a connection of its own.

use tokio::sync::mpsc;
use topside_shared::RunId;
use topside_shared::records::ResultFile;

use super::transfer_progress::ProgressReporter;
use crate::app::Msg;
use crate::app::runs::export::Exported;
use crate::connect::{self, Hello, connect};
use crate::file_transfer::{self, Download, Step};

/// The name in the list of clients.
const HELLO: Hello = Hello { notices: false, agent: false, name: "topside save" };

#[derive(Debug)]
pub(super) struct ResultDownload {
    pub(super) id: u64,
    pub(super) run: RunId,
    pub(super) file: ResultFile,
    /// The path on this device, or empty.
    pub(super) to: String,
}

/// Fetches the result; returns where it is, or why it was not fetched, as a sentence.
pub(super) async fn fetch(
    place: &connect::Target,
    wanted: ResultDownload,
    tell: &mpsc::Sender<Msg>,
) -> Result<Exported, String> {
    let ResultDownload { id, run: run_id, file, to } = wanted;
    let named = Some(to.trim()).filter(|to| !to.is_empty()).map(file_transfer::expanded);
    let to = file_transfer::place(&file, named.as_deref())?;
    let session = connect(place, &HELLO).await.map_err(super::network::sentence)?;
    let mut progress = ProgressReporter::new(tell);
    let mut report = |step: Step<'_>| progress.report(|| Msg::Fetching { id, done: step.done });
    let download = Download { run_id, file, to };
    let fetched = file_transfer::fetch(&session.handle, &download, &mut report).await;
    session.handle.close();
    fetched.map_err(|error| error.to_string())?;
    let path = std::path::absolute(&download.to).unwrap_or(download.to);
    Ok(Exported { path: path.display().to_string(), length: download.file.size, missing: 0 })
}
