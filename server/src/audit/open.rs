//! Opens the audit log at the start: continues the file of an earlier start, or makes a new one.

use std::fs::File;
use std::io;

use crate::audit::action::AuditAction;
use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::entry_writer::{CurrentFile, FileState, Writer};
use crate::audit::log_files::{ClosedFile, FileEnd};
use crate::audit::{log_files, retained};

impl Writer {
    pub(super) fn begin(&mut self, ended: FileState) -> io::Result<CurrentFile> {
        let FileState::Ended { last, holds, why } = ended else { return self.open() };
        let begin = || {
            log_files::begin_head(&self.directory, &last)?;
            if holds {
                log_files::close(&self.directory, last.seq)?;
            } else {
                log_files::discard(&self.directory)?;
            }
            let file = log_files::create(&self.directory)?;
            Ok((file, self.too_many()?))
        };
        let (file, removing) = match begin() {
            Ok(begun) => begun,
            Err(error) => {
                self.file = FileState::Ended { last, holds, why };
                return Err(error);
            }
        };
        if let Some(why) = why {
            let result = format!("a file that could not be synced was closed: {why}");
            self.put_first(AuditAction::AuditRenewed, log_files::FILE, result);
        }
        if let Some(end) = removing.last() {
            self.let_go(end.last, &removing);
        }
        Ok(CurrentFile { file, bytes: 0, last: last.clone(), synced_bytes: 0, synced: last })
    }

    /// Copies the administrative lines of these files. The next write records their removal, and removes them.
    fn let_go(&mut self, last: u64, removing: &[ClosedFile]) {
        let copied = match retained::copy(&self.directory, removing, self.sizes.kept) {
            Ok(copied) => copied,
            Err(error) => {
                // They stay until the next file is begun.
                tracing::warn!(target: "topside", %error, "old audit logs cannot be copied, and are not removed");
                return;
            }
        };
        let argv = copied.anchor.map(|anchor| anchor.argv()).unwrap_or_default();
        let entry = Entry::new(By::server(), AuditAction::AuditLetGo, format!("up to seq {last}"));
        self.first.push(entry.argv(argv).result("removed: more is not kept"));
        self.kept_is_full = copied.is_full;
        self.removing = removing.iter().map(|closed| closed.path.clone()).collect();
    }

    /// The oldest closed files that exceed the limit.
    fn too_many(&self) -> io::Result<Vec<ClosedFile>> {
        let mut closed = log_files::closed(&self.directory)?;
        let most = self.sizes.file * (self.sizes.files - 1);
        // The last write to a file may go over its size.
        let bytes = |closed: &ClosedFile| closed.bytes.min(self.sizes.file);
        let mut sum: u64 = closed.iter().map(bytes).sum();
        let mut count = 0;
        while sum > most && count + 1 < closed.len() {
            sum -= bytes(&closed[count]);
            count += 1;
        }
        closed.truncate(count);
        Ok(closed)
    }

    /// Opens the log as an earlier start left it.
    pub(super) fn open(&mut self) -> io::Result<CurrentFile> {
        let head = log_files::head(&self.directory);
        if std::mem::take(&mut self.is_missing) {
            let message =
                "the audit log was missing at the start of the server, which has run here before";
            self.raise(log_files::FILE, message);
        } else if head.is_none() && log_files::has_any(&self.directory)? {
            let message = "audit.head was missing or unreadable: whether lines were cut off at the end is not known";
            self.raise(log_files::HEAD, message);
        }
        let Some(mut file) = log_files::open(&self.directory)? else {
            let before = self.last_closed()?;
            let last = self.continue_after(before, head);
            return self.begin(FileState::Ended { last, holds: false, why: None });
        };
        let end = FileEnd::of(&mut file)?;
        let link = match &end.last {
            Some(_) => end.link(),
            None => self.last_closed()?,
        };
        let last = self.continue_after(link, head);
        if !end.torn.is_empty() {
            let torn = end.torn.len();
            let name = log_files::set_aside(&self.directory, last.seq + 1, &end.torn)?;
            file.set_len(end.whole)?;
            tracing::warn!(target: "topside", file = name, bytes = torn, "a torn line of the audit log is set aside");
            self.put_first(
                AuditAction::AuditTorn,
                &name,
                format!("a torn line of {torn} bytes was set aside"),
            );
        }
        if let Err(error) = file.sync_data() {
            let why = Some(error.to_string());
            self.file = FileState::Ended { last, holds: end.whole > 0, why };
            return Err(error);
        }
        self.shared.synced.lock().clone_from(&last);
        let (bytes, synced) = (end.whole, last.clone());
        Ok(CurrentFile { file, bytes, last, synced_bytes: bytes, synced })
    }

    /// The last line of the closed files; none if there is none, or it cannot be read.
    fn last_closed(&self) -> io::Result<Option<Link>> {
        let Some(newest) = log_files::closed(&self.directory)?.pop() else { return Ok(None) };
        Ok(FileEnd::of(&mut File::open(newest.path)?)?.link())
    }

    /// The line that the chain continues after: the last one that exists, or the head if synced lines are gone, so that
    /// verification finds the gap.
    fn continue_after(&mut self, last: Option<Link>, head: Option<Link>) -> Link {
        let last = last.unwrap_or_default();
        match head {
            Some(head)
                if head.seq > last.seq || (head.seq == last.seq && head.hash != last.hash) =>
            {
                let message = format!(
                    "the end of the audit log was changed: entry {} was on the disk, and the last one found is {}; \
                     `topsided audit verify` names what is missing",
                    head.seq, last.seq
                );
                self.raise(log_files::FILE, &message);
                head
            }
            _ => last,
        }
    }
}
