//! Response pane: one block for each command, with its output and its state.

mod block_of_run;
mod cancel;
pub(crate) mod export;
pub(crate) mod file_sending;
mod info;
mod output_stream;
pub(crate) mod run_request;
mod selection;

use serde_json::{Map, Value};
use topside_shared::methods::BuiltinAnswer;
use topside_shared::records::{RunApproval, RunRow, RunState};
use topside_shared::{RunId, Time};

use super::clock::Clock;
use crate::scrollback::{Channel, Pane, grouped};
pub(crate) use cancel::cancel;
pub(crate) use info::{Info, Phase};

/// Most blocks that are kept; beyond it the oldest ended one is dropped.
const MAX_BLOCKS: usize = 2_000;
/// The number of the block that says how many were dropped; no other block has it.
const DROPPED: u64 = u64::MAX;

#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) pane: Pane,
    infos: Vec<Info>,
    /// The selected block, for copy, save and fold; none: the newest.
    selected: Option<u64>,
    /// Commands that lost their blocks.
    dropped: u64,
    /// The blocks that were cleared, and `dropped` at that time.
    cleared: (Vec<Info>, u64),
}

impl Runs {
    /// Resizes the pane.
    pub(crate) fn lay(&mut self, width: u16, height: u16) {
        self.pane.set_size(width, height);
    }

    pub(crate) fn info(&self, id: u64) -> Option<&Info> {
        self.infos.iter().rfind(|info| info.id == id)
    }

    fn info_mut(&mut self, id: u64) -> Option<&mut Info> {
        self.infos.iter_mut().rfind(|info| info.id == id)
    }

    pub(crate) fn of_run(&self, run: RunId) -> Option<&Info> {
        self.infos.iter().rfind(|info| info.run == Some(run))
    }

    /// What is lost if all blocks are dropped; none if no command was run.
    pub(crate) fn loss(&self) -> Option<String> {
        match self.commands().count() {
            0 => None,
            1 => Some("The output of 1 command on this screen is dropped.".to_owned()),
            n => Some(format!("The output of {n} commands on this screen is dropped.")),
        }
    }

    #[cfg(test)]
    pub(crate) fn newest(&self) -> Option<u64> {
        self.infos.last().map(|info| info.id)
    }

    /// The blocks that have a command; a note has none.
    fn commands(&self) -> impl DoubleEndedIterator<Item = &Info> {
        self.infos.iter().filter(|info| info.phase != Phase::Note)
    }

    pub(crate) fn has_commands(&self) -> bool {
        self.commands().next().is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.infos.is_empty()
    }

    /// The live blocks, newest first.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Info> {
        self.infos.iter().rev().filter(|info| info.phase.is_live())
    }

    fn add(&mut self, info: Info) {
        self.pane.add_block(info.id);
        self.add_info(info);
    }

    fn add_info(&mut self, info: Info) {
        self.infos.push(info);
        let mut dropped = None;
        while self.infos.len() > MAX_BLOCKS {
            let mut infos = self.infos.iter();
            let oldest = infos.position(|info| !info.phase.is_open() && info.id != DROPPED);
            let Some(oldest) = oldest else { break };
            let info = self.infos.remove(oldest);
            self.pane.remove(info.id);
            self.dropped += u64::from(info.phase != Phase::Note);
            dropped = Some((info.at, info.began));
        }
        if let Some((at, began)) = dropped.filter(|_| self.dropped > 0) {
            self.tell_dropped(at, began);
        }
    }

    /// Shows above all blocks how many were dropped, with the time of the newest of them.
    fn tell_dropped(&mut self, at: Time, began: u64) {
        let line = match self.dropped {
            1 => "1 earlier command dropped".to_owned(),
            n => format!("{} earlier commands dropped", grouped(n)),
        };
        if let Some(known) = self.infos.first_mut().filter(|info| info.id == DROPPED) {
            known.line = line;
            return;
        }
        let note = Info::note(DROPPED, &line, Clock { wall: at, mono: began });
        self.infos.insert(0, note);
        self.pane.add_first(DROPPED);
        self.pane.finish(DROPPED);
    }

    /// A command was sent, with these arguments as a row shows them.
    pub(crate) fn sent(
        &mut self,
        id: u64,
        line: &str,
        (command, args): (&str, Map<String, Value>),
        clock: Clock,
    ) {
        self.selected = None;
        self.pane.end();
        self.add(Info {
            command: command.to_owned(),
            args,
            request: Some(id),
            sent: true,
            own: true,
            phase: Phase::Sent,
            ..Info::note(id, line, clock)
        });
    }

    /// The output of another client's run was requested.
    pub(crate) fn attached(
        &mut self,
        id: u64,
        line: &str,
        note: &str,
        (row, own): (&RunRow, bool),
        clock: Clock,
    ) {
        self.selected = None;
        self.pane.end();
        let ended = row.state.ended();
        self.add(Info {
            command: row.command.clone(),
            at: row.started_at,
            began: clock.mono.saturating_sub(clock.wall.millis_since(row.started_at)),
            run: Some(row.run_id),
            own,
            phase: if ended { Phase::Reading } else { Phase::of(row) },
            bytes: ended.then_some(row.bytes),
            ..Info::note(id, line, clock)
        });
        self.pane.push_marker(id, note);
        self.say_wait(id, row, clock.mono);
    }

    /// Adds a note of the client, with sentences below its title.
    pub(crate) fn note(&mut self, id: u64, title: &str, sentences: &[String], clock: Clock) {
        let lines = std::iter::once(title).chain(sentences.iter().map(String::as_str));
        self.pane.add_note(id, lines);
        self.add_info(Info::note(id, title, clock));
    }

    /// A command was refused, or its result is unknown: the sentence says why.
    pub(crate) fn refused(&mut self, id: u64, phase: Phase, sentence: &str) {
        self.clear_wait(id);
        if let Some(info) = self.info_mut(id) {
            info.phase = phase;
            self.pane.push(id, Channel::Stdout, format!("{sentence}\n").as_bytes());
            self.pane.finish(id);
        }
    }

    /// The server sent the state of a run.
    pub(crate) fn changed(&mut self, row: &RunRow, now: u64) {
        let Some(info) = self.claim(row) else { return };
        let known = info.phase;
        // The end comes as the answer, after the last output.
        let waits = row.state == RunState::Queued;
        if row.state.ended() || !waits && !matches!(known, Phase::Sent | Phase::Queued { .. }) {
            return;
        }
        let id = info.id;
        info.phase = Phase::of(row);
        if let Phase::Queued { cancelling: true, .. } = known
            && let Some(cancelling) = info.phase.cancelling()
        {
            *cancelling = true;
        }
        if let Phase::Queued { .. } = known
            && row.state == RunState::Running
        {
            // The duration counts from the start.
            info.began = now;
        }
        if let Phase::Queued { .. } = known {
            self.erase_line(id);
        }
        self.say_wait(id, row, now);
    }

    /// Shows in the block of a queued run why it waits, on a line that the next reason replaces.
    fn say_wait(&mut self, id: u64, row: &RunRow, now: u64) {
        let approval = row.approval.as_ref().filter(|_| row.awaits_approval());
        let left = approval.and_then(|approval| approval.in_ms);
        if let Some(info) = self.info_mut(id) {
            info.approval_ends = left.map(|ms| now.saturating_add(ms));
        }
        // The line stays, so it has no time that is left: the header counts it.
        let approval =
            approval.map(|approval| RunApproval { in_ms: None, ..approval.clone() }.sentence());
        if let Some(wait) = approval.or_else(|| row.wait()) {
            self.pane.push(id, Channel::Stdout, format!("\x1b[2m{wait}\x1b[m").as_bytes());
        }
    }

    /// Removes that line.
    fn clear_wait(&mut self, id: u64) {
        if self.info(id).is_some_and(|info| matches!(info.phase, Phase::Queued { .. })) {
            self.erase_line(id);
        }
    }

    fn erase_line(&mut self, id: u64) {
        self.pane.push(id, Channel::Stdout, b"\r\x1b[K");
    }

    /// Takes the answer to a command.
    pub(crate) fn ended(&mut self, id: u64, row: &RunRow, now: u64) {
        self.clear_wait(id);
        let Some(info) = self.info_mut(id) else { return };
        info.run = Some(row.run_id);
        info.phase = Phase::end(row, now.saturating_sub(info.began));
        info.bytes = Some(row.bytes);
        let not_approved = row.approved().filter(|_| row.was_not_approved());
        info.cancelled = row.cancelled().or(not_approved);
        let fewer = info.received > row.bytes;
        if fewer {
            let kept =
                format!("the server has only the first {} bytes of this", grouped(row.bytes));
            self.pane.push_marker(id, &kept);
        }
        if let Some(cut) = row.cut() {
            self.pane.push_marker(id, &cut);
        }
        if let Some(left) = row.left() {
            self.pane.push_marker(id, &left);
        }
        self.pane.finish(id);
    }

    /// A built-in has answered: its block ends without a run.
    fn answered(&mut self, request: u64, answer: &BuiltinAnswer) {
        let id = self.without_run(request);
        let Some(info) = self.info_mut(id) else { return };
        info.phase = Phase::Ended {
            state: answer.state,
            exit: Some(answer.exit_code),
            signal: None,
            ms: answer.duration_ms,
        };
        info.received = answer.output.len() as u64;
        info.bytes = Some(info.received);
        let has_failed = answer.state != RunState::Succeeded;
        let channel = if has_failed { Channel::Stderr } else { Channel::Stdout };
        self.pane.push(id, channel, answer.output.as_bytes());
        self.pane.finish(id);
    }

    /// A request of a verb was answered: its block has this text and no run.
    pub(crate) fn printed(&mut self, id: u64, text: &str, now: u64) {
        let Some(info) = self.info_mut(id) else { return };
        let ms = now.saturating_sub(info.began);
        let (state, exit) = (RunState::Succeeded, Some(0));
        info.phase = Phase::Ended { state, exit, signal: None, ms };
        let text = format!("{}\n", text.trim_end());
        info.received = text.len() as u64;
        info.bytes = Some(info.received);
        self.pane.push(id, Channel::Stdout, text.as_bytes());
        self.pane.finish(id);
    }

    /// Clears the blocks that have ended; returns whether there were any.
    pub(crate) fn clear(&mut self) -> bool {
        let (ended, open): (Vec<Info>, Vec<Info>) =
            std::mem::take(&mut self.infos).into_iter().partition(|info| !info.phase.is_open());
        self.infos = open;
        if ended.is_empty() {
            return false;
        }
        self.pane.clear_finished();
        self.pane.end();
        self.selected = None;
        self.cleared = (ended, std::mem::take(&mut self.dropped));
        true
    }

    /// Whether the cleared blocks can be restored. Their memory is freed first when new output needs it.
    pub(crate) fn can_undo_clear(&self) -> bool {
        self.pane.cleared().next().is_some()
    }

    /// Restores the blocks that were cleared last.
    pub(crate) fn undo_clear(&mut self) {
        let kept: Vec<u64> = self.pane.cleared().collect();
        let (cleared, dropped) = std::mem::take(&mut self.cleared);
        let back = cleared.into_iter().filter(|info| kept.contains(&info.id));
        let back: Vec<Info> = back.filter(|info| self.info(info.id).is_none()).collect();
        // Numbers grow; the block about dropped ones is above all.
        let rank = |id: u64| (id != DROPPED, id);
        self.infos.extend(back);
        self.infos.sort_by_key(|info| rank(info.id));
        self.pane.undo_clear(rank);
        self.dropped += dropped;
    }

    /// The output of a block, as text.
    pub(crate) fn text(&self, id: u64) -> String {
        let Some(block) = self.pane.block(id) else { return String::new() };
        let lines = block.lines();
        if lines.is_empty() {
            return String::new();
        }
        block.plain_text(lines) + "\n"
    }
}
