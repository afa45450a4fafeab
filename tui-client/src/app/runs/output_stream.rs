//! Output of runs: bytes, gaps, and how it continues in the next session.

use topside_shared::RunId;
use topside_shared::notifications::{RunGap, RunOutput, Stream};

use super::{Phase, Runs};
use crate::scrollback::Channel;
use crate::text::base64;

impl Runs {
    /// Appends output; bytes that the block has already are skipped.
    pub(crate) fn output(&mut self, output: &RunOutput) {
        let bytes = base64::output_bytes(output);
        let end = output.offset + bytes.len() as u64;
        let Some((id, from)) = self.go_on(output.run_id, output.offset, end) else { return };
        let channel = match output.stream {
            Stream::Stdout => Channel::Stdout,
            Stream::Stderr => Channel::Stderr,
        };
        let known = usize::try_from(from - output.offset).unwrap_or(usize::MAX);
        self.pane.push(id, channel, bytes.get(known..).unwrap_or_default());
    }

    pub(crate) fn gap(&mut self, gap: &RunGap) {
        let end = gap.offset + gap.bytes;
        if let Some((id, from)) = self.go_on(gap.run_id, gap.offset, end) {
            self.skip(id, end - from);
        }
    }

    /// The block of a run with new output from `offset` to `end`, and where the part begins that the block does not have.
    /// Missing bytes before it are marked as skipped.
    fn go_on(&mut self, run: RunId, offset: u64, end: u64) -> Option<(u64, u64)> {
        let info = self.infos.iter_mut().rfind(|info| info.run == Some(run))?;
        let (id, received) = (info.id, info.received);
        if end <= received {
            return None;
        }
        info.received = end;
        if offset > received {
            self.skip(id, offset - received);
        }
        Some((id, offset.max(received)))
    }

    /// Marks bytes as skipped, the first time with advice.
    fn skip(&mut self, id: u64, bytes: u64) {
        let Some(info) = self.info_mut(id) else { return };
        let first = !std::mem::replace(&mut info.skipped, true);
        self.pane.push_gap(id, bytes);
        if first {
            self.pane.push_marker(id, "(saving it gets all that the server keeps)");
        }
    }

    /// The session has ended. The next one continues the runs that have a number; the result of the others is unknown.
    pub(crate) fn lose(&mut self) {
        let live: Vec<u64> = self.live().map(|info| info.id).collect();
        for id in live {
            self.clear_wait(id);
            match self.info_mut(id) {
                Some(info) if info.run.is_some() => info.phase = Phase::CutOff,
                _ => {
                    let sentence = "the session ended first: what became of it is not known here";
                    self.refused(id, Phase::Unknown, sentence);
                }
            }
        }
    }

    /// A new session with the same server: the runs to continue, as block, run and the number of bytes that the block
    /// has.
    pub(crate) fn resume(&mut self) -> Vec<(u64, RunId, u64)> {
        let cut = self.infos.iter_mut().filter(|info| info.phase == Phase::CutOff);
        cut.filter_map(|info| {
            info.phase = Phase::Running { cancelling: false };
            info.request = None;
            Some((info.id, info.run?, info.received))
        })
        .collect()
    }
}
