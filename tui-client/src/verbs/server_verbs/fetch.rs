//! `topside fetch`: results of a run.

use topside_shared::RunId;
use topside_shared::methods::RunsList;
use topside_shared::notifications::Stream;
use topside_shared::records::{ResultFile, RunRow};
use topside_shared::tables;
use topside_shared::text::{MAX_REASON, bytes, clean};

use super::one_shot::OneShot;
use crate::connect::Session;
use crate::file_transfer::{self, Download, expanded};
use crate::verb_args::server::Fetch;
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;
use crate::verbs::printer::OutputPart;
use crate::verbs::transfers::{Retries, TransferLine, failed};

/// The name for standard output.
const STDOUT: &str = "-";

pub(super) async fn fetch(session: &mut OneShot<'_>, args: &Fetch) -> Result<u8, VerbError> {
    let row = row(session, RunId(args.run)).await?;
    let files = tables::chosen_results(&row, args.name.as_deref()).map_err(VerbError::not_found)?;
    if args.list {
        return session.print(&row.files, |files| tables::results(files)).await;
    }
    if args.output.as_deref() == Some(STDOUT) {
        return to_stdout(session, &row, files).await;
    }
    let downloads = places(&row, files, args.output.as_deref())?;
    transfer(session, args, &downloads).await?;
    let to: Vec<String> = downloads.iter().map(|one| one.to.display().to_string()).collect();
    session.print(&to, |_| downloads.iter().map(sentence).collect()).await
}

/// The row of the run.
async fn row(session: &mut OneShot<'_>, id: RunId) -> Result<RunRow, VerbError> {
    session.call(&RunsList::one(id)).await?.find(id).ok_or_else(|| {
        VerbError::not_found(format!(
            "there is no run {id}: `topside runs` lists those that you may see"
        ))
    })
}

/// Where each result goes: see [`file_transfer::place`].
fn places(
    row: &RunRow,
    files: &[ResultFile],
    output: Option<&str>,
) -> Result<Vec<Download>, VerbError> {
    let output = output.map(expanded);
    let run_id = row.run_id;
    let refused = |sentence: String| Err(VerbError::refused(sentence));
    if let Some(path) = output.as_ref().filter(|path| files.len() > 1 && !path.is_dir()) {
        return refused(format!(
            "{} is no directory, and run {run_id} has left several results: make it first, or name a result",
            path.display()
        ));
    }
    let mut downloads: Vec<Download> = Vec::with_capacity(files.len());
    for file in files {
        let to = match file_transfer::place(file, output.as_deref()) {
            Ok(to) => to,
            Err(sentence) => return refused(format!("{sentence} with -o")),
        };
        if downloads.iter().any(|other| other.to == to) {
            return refused(format!(
                "run {run_id} has left several results that would be {}: fetch each with its own -o",
                to.display()
            ));
        }
        downloads.push(Download { run_id, file: file.clone(), to });
    }
    Ok(downloads)
}

/// Fetches these results, over other connections where one is cut.
async fn transfer(
    session: &mut OneShot<'_>,
    args: &Fetch,
    downloads: &[Download],
) -> Result<(), VerbError> {
    let mut line = TransferLine::new();
    let (mut retries, mut other) = (Retries::default(), None::<Session>);
    for download in downloads {
        loop {
            let handle = other.as_ref().map_or(&session.handle, |other| &other.handle).clone();
            let fetched = line
                .beside(session.printer, async |report| {
                    file_transfer::fetch(&handle, download, report).await
                })
                .await;
            match fetched {
                Err(error) if error.is_cut() => {
                    let target = args.how.on.target().map_err(|error| VerbError::own(&error))?;
                    other = Some(retries.again(&target, line.done(), session.printer).await?);
                }
                fetched => {
                    fetched.map_err(|error| failed(&error))?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Prints one result. It is incomplete or changed where the exit status is not 0.
async fn to_stdout(
    session: &mut OneShot<'_>,
    row: &RunRow,
    files: &[ResultFile],
) -> Result<u8, VerbError> {
    let [file] = files else {
        let sentence =
            format!("run {} has left several results: name the one to print", row.run_id);
        return Err(VerbError::refused(sentence));
    };
    let (handle, printer) = (session.handle.clone(), session.printer);
    let take = async |piece| printer.write(OutputPart::Output(Stream::Stdout, piece)).await;
    let printed = file_transfer::fetch_pieces(&handle, row.run_id, file, take).await;
    printer.write(OutputPart::EndOfRun).await;
    printed.map_err(|error| failed(&error))?;
    Ok(exit_status::OK)
}

fn sentence(download: &Download) -> String {
    let size = bytes(download.file.size);
    format!("{} ({size})\n", clean(&download.to.display().to_string(), MAX_REASON))
}
