//! Opens the audit log at the start: the file of an earlier start is continued, or a new one is made.

use std::fs::File;
use std::io;

use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::files::End;
use crate::audit::writer::{Growing, Stand, Writer};
use crate::audit::{files, retained};

impl Writer {
    /// Begins another file.
    pub(super) fn begin(&mut self, over: Stand) -> io::Result<Growing> {
        let Stand::Over { last, holds, why } = over else { return self.open() };
        let begin = || {
            files::begin_head(&self.state, &last)?;
            if holds {
                files::close(&self.state, last.seq)?;
            } else {
                files::discard(&self.state)?;
            }
            let file = files::begin(&self.state)?;
            Ok((file, self.too_many()?))
        };
        let (file, going) = match begin() {
            Ok(begun) => begun,
            Err(error) => {
                self.stand = Stand::Over { last, holds, why };
                return Err(error);
            }
        };
        if let Some(why) = why {
            let result = format!("a file that could not be synced was closed: {why}");
            self.own.push(Entry::new(By::server(), "audit/renewed", files::FILE).result(result));
        }
        if let Some(end) = going.last() {
            self.let_go(end.last, &going);
        }
        Ok(Growing { file, bytes: 0, last: last.clone(), synced_bytes: 0, synced: last })
    }

    /// Copies the administrative lines of these files, and has the next write record and remove the files.
    fn let_go(&mut self, last: u64, going: &[files::Closed]) {
        let copied = match retained::copy(&self.state, going, self.sizes.kept) {
            Ok(copied) => copied,
            Err(error) => {
                // They stay until the next file is begun.
                tracing::warn!(target: "topside", %error, "old audit logs cannot be copied, and are not removed");
                return;
            }
        };
        let argv = copied.anchor.map(|anchor| anchor.argv()).unwrap_or_default();
        let entry = Entry::new(By::server(), crate::audit::LET_GO, format!("up to seq {last}"));
        self.own.push(entry.argv(argv).result("removed: more is not kept"));
        self.kept_is_full = copied.is_full;
        self.going = going.iter().map(|closed| closed.path.clone()).collect();
    }

    /// The oldest of the closed files, where all of them are too much.
    fn too_many(&self) -> io::Result<Vec<files::Closed>> {
        let mut closed = files::closed(&self.state)?;
        let most = self.sizes.file * (self.sizes.files - 1);
        // The last lines of a file may have come in one write, and go over its end.
        let bytes = |closed: &files::Closed| closed.bytes.min(self.sizes.file);
        let mut sum: u64 = closed.iter().map(bytes).sum();
        let mut going = 0;
        while sum > most && going + 1 < closed.len() {
            sum -= bytes(&closed[going]);
            going += 1;
        }
        closed.truncate(going);
        Ok(closed)
    }

    /// Looks at what an earlier start left behind, and goes on after it.
    pub(super) fn open(&mut self) -> io::Result<Growing> {
        let head = files::head(&self.state);
        if std::mem::take(&mut self.is_missing) {
            let message =
                "the audit log was missing at the start of the server, which has run here before";
            self.raise(files::FILE, message);
        } else if head.is_none() && files::has_any(&self.state)? {
            let message = "audit.head was missing or unreadable: whether lines were cut off at the end is not known";
            self.raise(files::HEAD, message);
        }
        let Some(mut file) = files::open(&self.state)? else {
            let before = self.before()?;
            let last = self.furthest(before, head);
            return self.begin(Stand::Over { last, holds: false, why: None });
        };
        let end = End::of(&mut file)?;
        let link = match &end.last {
            Some(_) => end.link(),
            None => self.before()?,
        };
        let last = self.furthest(link, head);
        if !end.torn.is_empty() {
            let torn = end.torn.len();
            let name = files::set_aside(&self.state, last.seq + 1, &end.torn)?;
            file.set_len(end.whole)?;
            tracing::warn!(target: "topside", file = name, bytes = torn, "a torn line of the audit log is set aside");
            let result = format!("a torn line of {torn} bytes was set aside");
            self.own.push(Entry::new(By::server(), "audit/torn", name).result(result));
        }
        if let Err(error) = file.sync_data() {
            let why = Some(error.to_string());
            self.stand = Stand::Over { last, holds: end.whole > 0, why };
            return Err(error);
        }
        self.show_synced(&last);
        Ok(Growing {
            file,
            bytes: end.whole,
            last: last.clone(),
            synced_bytes: end.whole,
            synced: last,
        })
    }

    /// The last line of the closed files; none: there is none, or it cannot be read.
    fn before(&self) -> io::Result<Option<Link>> {
        let Some(newest) = files::closed(&self.state)?.pop() else { return Ok(None) };
        Ok(End::of(&mut File::open(newest.path)?)?.link())
    }

    /// The line that the chain goes on after: the last one that is there, or, if lines are gone that were on the disk, the
    /// last one that was, so that verification finds the gap.
    fn furthest(&mut self, last: Option<Link>, head: Option<Link>) -> Link {
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
                self.raise(files::FILE, &message);
                head
            }
            _ => last,
        }
    }
}
