//! Which file the audit log goes on in: the one of an earlier start, or a new one.

use std::fs::File;
use std::io;

use super::chain::Link;
use super::entry::{By, Entry};
use super::files::{self, End};
use super::writer::{Growing, Stand, Writer};

impl Writer {
    /// Begins another file.
    pub(super) fn begin(&mut self, over: Stand) -> io::Result<Growing> {
        let Stand::Over { last, holds, why } = over else { return self.open() };
        let begin = || {
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
            let object = format!("up to seq {}", end.last);
            let result = "removed: more is not kept";
            self.own.push(Entry::new(By::server(), super::LET_GO, object).result(result));
            self.going = going.into_iter().map(|closed| closed.path).collect();
        }
        Ok(Growing { file, bytes: 0, last: last.clone(), synced_bytes: 0, synced: last })
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

    /// Where the chain goes on: after the last line, or where lines are gone that were there, as if they were not, so
    /// that whoever verifies it finds the gap.
    fn furthest(&self, last: Option<Link>, head: Option<Link>) -> Link {
        let last = last.unwrap_or_default();
        match head {
            Some(head)
                if head.seq > last.seq || (head.seq == last.seq && head.hash != last.hash) =>
            {
                tracing::error!(
                    target: "topside", synced = head.seq, found = last.seq,
                    "the end of the audit log was changed: `topsided audit verify` says where"
                );
                head
            }
            _ => last,
        }
    }
}
