//! Files: those that clients send for runs, and the results of runs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use topside_shared::command::Command;
use topside_shared::methods::{
    Empty, FileClose, FileOpen, FileOpened, FileReceived, FileWrite, MaskedText, RESULT_PIECE,
    RunFile, RunFilePiece,
};
use topside_shared::values::check_file;
use topside_shared::{ClientId, ErrorKind, RpcError, text};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::base::blocking::blocking;
use crate::base::shortage::{self, Shortage};
use crate::files::receive_upload::{Sender, check_request};
use crate::files::results;
use crate::methods::Caller;
use crate::methods::runs::{decode_base64, no_run, unreadable};

pub(super) async fn open(caller: Caller, params: FileOpen) -> Result<FileOpened, RpcError> {
    check_request(&params)?;
    check_use(&caller, &params)?;
    let server = &caller.server;
    let settings = server.now().config.files;
    let is_connected = is_connected(&caller);
    server.runs.files.open(sender(&caller, &is_connected), params, settings).await
}

/// Refuses a file that the caller could give to no command.
fn check_use(caller: &Caller, file: &FileOpen) -> Result<(), RpcError> {
    let (now, who) = (caller.server.now(), caller.client.who());
    let mut args = now.menu.of(&who).flat_map(Command::file_args).peekable();
    if args.peek().is_none() {
        let message = "no command that you may run takes a file";
        return Err(RpcError::new(ErrorKind::Forbidden, message));
    }
    if args.any(|arg| check_file(arg, &file.name, file.size).is_ok()) {
        return Ok(());
    }
    let (name, size) = (text::quote(&file.name, text::MAX_NAME), text::bytes(file.size));
    let message = format_args!("no command that you may run takes the file {name} of {size}");
    Err(RpcError::invalid_argument("name", message))
}

pub(super) async fn write(caller: Caller, params: FileWrite) -> Result<FileReceived, RpcError> {
    let FileWrite { file_id, offset, data } = params;
    let piece = decode_base64(&data.0).ok_or_else(|| {
        let message = "`data` of file/write is not base64 as in section 4 of RFC 4648";
        RpcError::invalid_argument("data", message)
    })?;
    let is_connected = is_connected(&caller);
    let by = sender(&caller, &is_connected);
    let received = caller.server.runs.files.write(by, file_id, offset, piece).await?;
    Ok(FileReceived { received })
}

pub(super) async fn close(caller: Caller, params: FileClose) -> Result<Empty, RpcError> {
    let Caller { server, client } = &caller;
    let is_connected = is_connected(&caller);
    let by = sender(&caller, &is_connected);
    let (name, size, sha256) = server.runs.files.complete(by, params.file_id).await?;
    let entry = Entry::new(client.by(), AuditAction::FileClose, format!("file {name}"));
    server.audit.note(
        entry.argv(vec![format!("size={size}"), format!("sha256={sha256}")]).result("received"),
    );
    Ok(Empty {})
}

/// One piece of a result of a run.
pub(super) async fn read_result(caller: Caller, params: RunFile) -> Result<RunFilePiece, RpcError> {
    let Caller { server, client } = &caller;
    let RunFile { run_id: id, name, from } = params;
    let row = server.runs.find_row(id, &client.who()).await.map_err(unreadable)?;
    let row = row.ok_or_else(|| no_run(id))?;
    let Some(place) = row.files.iter().position(|file| file.name == name) else {
        let near = text::nearest(&name, row.files.iter().map(|file| file.name.as_str()));
        let (name, hint) = (text::quote(&name, text::MAX_REASON), text::did_you_mean(&near));
        let message = match row.state.ended() {
            true => format!("run {id} has no result `{name}`{hint}"),
            false => format!("run {id} has not ended: its results are there afterwards"),
        };
        return Err(RpcError::new(ErrorKind::NotFound, message).with("nearest", near));
    };
    let file = row.files[place].clone();
    if from > file.size {
        let message = format_args!("`from` is {from}, and {name} has {} bytes", file.size);
        return Err(RpcError::invalid_argument("from", message));
    }
    let path = results::path(&server.runs.history.results(id), place);
    let piece = blocking(move || read_piece(&path, from)).await;
    let piece = piece.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
        let message = format!("the result {name} of run {id} cannot be read: {error}");
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Internal,
        };
        shortage::answer(Shortage::of(&error), &message, kind)
    })?;
    let data = MaskedText(data_encoding::BASE64.encode(&piece));
    Ok(RunFilePiece { size: file.size, sha256: file.sha256, data })
}

fn read_piece(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let left = file.metadata()?.len().saturating_sub(from);
    let mut piece = vec![0; RESULT_PIECE.min(usize::try_from(left).unwrap_or(RESULT_PIECE))];
    file.read_exact_at(&mut piece, from)?;
    Ok(piece)
}

fn is_connected(caller: &Caller) -> impl Fn(ClientId) -> bool + use<> {
    let server = Arc::clone(&caller.server);
    move |id| server.clients.get(id).is_some()
}

fn sender<'a>(
    caller: &Caller,
    is_connected: &'a (dyn Fn(ClientId) -> bool + Send + Sync),
) -> Sender<'a> {
    Sender { owner: caller.client.who().owner, client: caller.client.id, is_connected }
}
