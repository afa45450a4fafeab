//! Messages for the user. Each is shown on a line of its own for [`SHOWN_MS`], so that no key hint is covered.

use topside_shared::RunId;

use super::State;
use crate::input::actions::Id;
use crate::input::key::Key;
use crate::text::fit;

/// Milliseconds for which a message is shown.
pub(crate) const SHOWN_MS: u64 = 8_000;

/// Columns beside the text of a message: its sign, and a margin on both sides.
pub(crate) const MESSAGE_MARGIN: u16 = 4;

/// A screen with fewer rows is low: views fill it.
const LOW: u16 = 30;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    /// When it disappears, by the monotonic clock.
    until: u64,
    /// What makes it untrue before that.
    ends_with: Option<EndsWith>,
}

/// What makes a message untrue, so that it disappears at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndsWith {
    /// Any key but that of [`Id::Interrupt`]: the message says what that one does next.
    OtherKey,
    /// The end of this run.
    Run(RunId),
}

/// How a message is meant; its sign and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It was done.
    Done,
    /// News that need no answer.
    Note,
    /// News that matter to the user.
    Warning,
    /// It was not done, and why.
    Refused,
}

impl State {
    /// Shows that something was done.
    pub(crate) fn done(&mut self, text: impl Into<String>) {
        self.show(Tone::Done, &text.into());
    }

    /// Shows something that was neither done nor refused.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.show(Tone::Note, &text.into());
    }

    /// Shows what a key does next; another key removes it.
    pub(crate) fn note_next_key(&mut self, text: impl Into<String>) {
        self.note(text);
        self.remark.iter_mut().for_each(|remark| remark.ends_with = Some(EndsWith::OtherKey));
    }

    /// Shows what goes on with a run; its end removes it.
    pub(crate) fn note_of_run(&mut self, run: RunId, text: impl Into<String>) {
        self.note(text);
        self.remark.iter_mut().for_each(|remark| remark.ends_with = Some(EndsWith::Run(run)));
    }

    /// Removes what was said about the next key, which is this one.
    pub(crate) fn drop_remark_of_key(&mut self, key: Key) {
        if !self.keys.means(Id::Interrupt, key) {
            self.remark.take_if(|remark| remark.ends_with == Some(EndsWith::OtherKey));
        }
    }

    /// Removes what was said about a run, which has ended.
    pub(crate) fn drop_remark_of_run(&mut self, run: RunId) {
        self.remark.take_if(|remark| remark.ends_with == Some(EndsWith::Run(run)));
    }

    /// Shows a warning.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.show(Tone::Warning, &text.into());
    }

    /// Shows why something was not done.
    pub(crate) fn refuse(&mut self, text: impl Into<String>) {
        self.show(Tone::Refused, &text.into());
    }

    fn show(&mut self, tone: Tone, text: &str) {
        // Several mistakes of a file come in a line each, and a message has no line ends.
        let text = text.trim_end().replace('\n', "; ");
        self.remark = Some(Remark {
            tone,
            text,
            until: self.clock.mono.saturating_add(SHOWN_MS),
            ends_with: None,
        });
    }

    /// Removes a message that was shown for long enough.
    pub(crate) fn drop_old_remark(&mut self) {
        let now = self.clock.mono;
        self.remark.take_if(|remark| remark.until <= now);
    }

    /// Milliseconds until the message disappears.
    pub(crate) fn remark_changes_in(&self) -> Option<u64> {
        Some(self.remark.as_ref()?.until.saturating_sub(self.clock.mono))
    }

    /// Rows for the message that is shown now: 0 without one.
    pub(crate) fn message_rows(&self) -> u16 {
        let most = if self.size.height < 15 { 2 } else { 3 };
        let room = usize::from(self.size.width.saturating_sub(MESSAGE_MARGIN));
        let rows = self.message().map_or(0, |(_, text)| fit::wrap_rows(text, room, most).len());
        u16::try_from(rows).unwrap_or(1)
    }

    /// Rows that a message takes from the open view, beside the last row of the screen. On a low screen a view may leave it no
    /// other room.
    pub(crate) fn message_rows_of_views(&self) -> u16 {
        let is_low = self.size.height < LOW;
        let covers = self.views.last().is_some_and(|top| !top.draws_messages());
        if is_low && covers { self.message_rows().saturating_sub(1) } else { 0 }
    }

    /// The message that is shown now: a new one, else what is wrong in the settings until the user closes it.
    pub(crate) fn message(&self) -> Option<(Tone, &str)> {
        let remark = self.remark.as_ref().map(|remark| (remark.tone, remark.text.as_str()));
        remark.or_else(|| Some((Tone::Refused, self.settings_mistakes.front()?.as_str())))
    }
}
