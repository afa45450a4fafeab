//! Files of a command, sent over a connection of their own: the server knows them by their user, so the session of the screen
//! runs the command with them.

use tokio::sync::mpsc;
use topside_shared::command::Command;
use topside_shared::methods::CommandRun;

use super::transfer_progress::ProgressReporter;
use crate::app::Msg;
use crate::connect::{self, Hello, connect};
use crate::file_transfer::{self, Step};

/// The name in the list of clients.
const HELLO: Hello = Hello { notices: false, agent: false, name: "topside send" };

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) id: u64,
    pub(super) command: Box<Command>,
    pub(super) run: Box<CommandRun>,
}

/// Sends the files; returns the command with their ids, or why they were not sent, as a sentence.
pub(super) async fn send(
    place: &connect::Target,
    upload: Upload,
    tell: &mpsc::Sender<Msg>,
) -> Result<Box<CommandRun>, String> {
    let Upload { id, command, mut run } = upload;
    let args = run.args.clone();
    let checked = tokio::task::spawn_blocking(move || file_transfer::local_files(&command, &args));
    let mut files = checked.await.map_err(|error| error.to_string())??;
    let session = connect(place, &HELLO).await.map_err(super::network::sentence)?;
    let mut progress = ProgressReporter::new(tell);
    let mut report = |Step { name, done, size }: Step<'_>| {
        progress.report(|| Msg::Sending { id, name: name.to_owned(), done, size });
    };
    let sent = file_transfer::send(&session.handle, &mut files, &mut run.args, &mut report).await;
    session.handle.close();
    sent.map(|()| run).map_err(|error| error.to_string())
}
