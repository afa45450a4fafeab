//! The block that a run belongs to. The first notification of a run does not name the request that started it.
//!
//! Most requests start in order, but one that needs a lookup of its path can start later. So a run is assigned to the
//! oldest command with its arguments that has no run. The answer names its request and corrects a wrong assignment.

use topside_shared::RunId;
use topside_shared::records::RunRow;
use topside_shared::values::to_text;

use super::{Info, Phase, Runs};

impl Info {
    /// Whether it was sent and has no run yet.
    fn waits_for_word(&self) -> bool {
        self.phase == Phase::Sent && self.run.is_none()
    }

    /// Whether the row has all arguments that were given; it may have more by default.
    fn was_given(&self, row: &RunRow) -> bool {
        let same =
            |(name, value): (&String, _)| row.args.get(name).map(to_text) == Some(to_text(value));
        self.args.iter().all(same)
    }
}

impl Runs {
    /// Assigns a run to a block, and returns the header of that block.
    pub(super) fn claim(&mut self, row: &RunRow) -> Option<&mut Info> {
        let infos = &self.infos;
        let may = |info: &Info| info.waits_for_word() && info.command == row.command;
        let place = infos
            .iter()
            .rposition(|info| info.run == Some(row.run_id))
            .or_else(|| infos.iter().position(|info| may(info) && info.was_given(row)))
            .or_else(|| infos.iter().position(may))?;
        let info = &mut self.infos[place];
        info.run = Some(row.run_id);
        Some(info)
    }

    /// The block of a request that was answered with this run. If the run was assigned to another block, that block
    /// gets the request, and the two swap their command lines.
    pub(crate) fn with_run(&mut self, request: u64, run: RunId) -> u64 {
        let Some(asked) = self.asked(request) else { return request };
        let takes = |info: &Info| info.run == Some(run) && info.request.is_some();
        let other = self.infos.iter().position(takes);
        self.settle(asked, other)
    }

    /// The block of a request that was refused. If a run was assigned to it, the run belongs to another request of the
    /// same command, and the two blocks swap their command lines.
    pub(crate) fn without_run(&mut self, request: u64) -> u64 {
        let Some(asked) = self.asked(request) else { return request };
        let info = &self.infos[asked];
        let other = (info.request.is_some() && info.run.is_some()).then(|| {
            let same = |other: &Info| other.waits_for_word() && other.command == info.command;
            self.infos.iter().position(same)
        });
        self.settle(asked, other.flatten())
    }

    fn asked(&self, request: u64) -> Option<usize> {
        let sent = self.infos.iter().rposition(|info| info.request == Some(request));
        sent.or_else(|| self.infos.iter().rposition(|info| info.id == request))
    }

    fn settle(&mut self, asked: usize, other: Option<usize>) -> u64 {
        let mut at = asked;
        if let Some(other) = other
            && let Ok([one, two]) = self.infos.get_disjoint_mut([asked, other])
        {
            std::mem::swap(&mut one.line, &mut two.line);
            std::mem::swap(&mut one.args, &mut two.args);
            std::mem::swap(&mut one.request, &mut two.request);
            at = other;
        }
        let info = &mut self.infos[at];
        info.request = None;
        info.id
    }
}
