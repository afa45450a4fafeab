//! Notices of a session: the notifications of the server and the changes of the connection, with their time.

use std::collections::VecDeque;

use topside_shared::Time;

use crate::app::State;
use crate::app::overlay::room;
use crate::text::{fit, times};

/// How many are kept.
const KEPT: usize = 200;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionNotice {
    pub(crate) at: Time,
    /// Whether it is more than news.
    pub(crate) warns: bool,
    pub(crate) text: String,
}

/// The newest of them.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    kept: VecDeque<SessionNotice>,
    /// How many older ones there were.
    dropped: u64,
}

impl Notices {
    pub(crate) fn push(&mut self, at: Time, warns: bool, text: impl Into<String>) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(SessionNotice { at, warns, text: text.into() });
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &SessionNotice> {
        self.kept.iter().rev()
    }

    /// How many are not kept any more.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Columns before the words: a sign, and the time or `11-24 09:14`.
pub(crate) const BEFORE: u16 = 14;

/// One row of the list.
pub(crate) struct NoticeLine {
    /// Where a notice begins: when, and whether it warns.
    pub(crate) begins: Option<(String, bool)>,
    pub(crate) text: String,
}

/// All rows; what is too long for one goes on in the next.
pub(crate) fn rows(state: &State) -> Vec<NoticeLine> {
    let Some(console) = state.console() else { return Vec::new() };
    let width = room(state.size).width.min(state.size.width.saturating_sub(4));
    let room = usize::from(width.saturating_sub(BEFORE));
    let mut rows = Vec::new();
    for past in console.notices.newest() {
        let at = times::stamp(past.at, state.clock.wall, &state.zone);
        let mut begins = Some((at, past.warns));
        for text in fit::wrap(&past.text, room) {
            rows.push(NoticeLine { begins: begins.take(), text });
        }
    }
    let dropped = console.notices.dropped();
    if dropped > 0 {
        let text = format!("{dropped} older ones are not kept any more");
        rows.push(NoticeLine { begins: None, text });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_are_kept_and_older_ones_counted() {
        let mut notices = Notices::default();
        for nth in 0..=KEPT {
            notices.push(Time::from_millis(0), false, nth.to_string());
        }
        assert_eq!(notices.newest().count(), KEPT);
        assert_eq!(notices.newest().next().unwrap().text, KEPT.to_string());
        assert_eq!(notices.newest().last().unwrap().text, "1");
        assert_eq!(notices.dropped(), 1);
    }
}
