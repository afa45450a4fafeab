//! Files of a run: before its start its uploads go into its directory, after its end its results come out of it.

use std::io;

use topside_shared::notifications::Stream;
use topside_shared::{ErrorKind, RpcError};

use crate::base::blocking::blocking;
use crate::base::shortage::{self, Shortage};
use crate::files::results::{self, Collected};
use crate::menu::{Executor, Runnable};
use crate::runs::run_end::RunGuard;
use crate::workers::arguments::Arguments;
use crate::workers::worker::Call;

impl RunGuard {
    /// Makes the directory of the run, if it takes files or has results; the arguments name the files there afterwards.
    ///
    /// # Errors
    /// `busy` or `internal`: the disk refuses it.
    pub(super) async fn prepare_files(
        &mut self,
        command: &Runnable,
        call: &mut Call,
    ) -> Result<(), RpcError> {
        if self.taken.is_empty() && patterns(command).is_empty() {
            return Ok(());
        }
        // Before that, the directories of an earlier server are deleted.
        self.runs.history.instance().await?;
        let (files, run) = (self.runs.files.clone(), self.run.id);
        let (taken, args) = (std::mem::take(&mut self.taken), call.args().clone());
        let user = command.user.clone();
        let prepared = blocking(move || files.prepare(run, taken, args, user.as_deref())).await;
        let prepared = prepared.unwrap_or_else(|error| Err(io::Error::other(error)));
        let (directory, args) = prepared.map_err(|error| {
            let message = format!("the directory for the files of the run cannot be made: {error}");
            shortage::answer(Shortage::of(&error), &message, ErrorKind::Internal)
        })?;
        self.results = patterns(command).to_vec();
        self.files_of.clone_from(&command.user);
        self.directory = Some(directory);
        call.args = Arguments(args);
        Ok(())
    }

    /// Keeps the results of the run, and deletes its directory; returns the bytes that the results take on the disk. The
    /// output says which files were not kept, and why.
    pub(super) async fn collect_results(&mut self) -> u64 {
        let Some(directory) = self.directory.take() else { return 0 };
        if self.results.is_empty() {
            return 0;
        }
        let (patterns, into) =
            (std::mem::take(&mut self.results), self.runs.history.results(self.run.id));
        let most = self.runs.services.config.get().config.runs.keep_bytes;
        let user = self.files_of.take();
        let collect =
            move || results::collect(directory.path(), &patterns, &into, most, user.as_deref());
        let collected = blocking(collect).await;
        let Collected { files, disk_bytes, left_out } =
            collected.unwrap_or_else(|error| Collected {
                left_out: vec![format!("the results are not kept: {error}")],
                ..Collected::default()
            });
        for sentence in left_out {
            self.run.output.append(Stream::Stderr, format!("{sentence}\n").as_bytes()).await;
        }
        self.run.row.lock().files = files;
        disk_bytes
    }
}

fn patterns(command: &Runnable) -> &[glob::Pattern] {
    match &command.executor {
        Executor::Program(program) => &program.results,
        Executor::Worker(..) => &[],
    }
}
