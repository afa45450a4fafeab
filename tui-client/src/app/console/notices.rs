//! Notices of a session: the notifications of the server and the changes of the connection, with their time.

use std::collections::VecDeque;

use topside_shared::Time;

const KEPT: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionNotice {
    pub(crate) at: Time,
    /// Whether it is a warning.
    pub(crate) warns: bool,
    pub(crate) text: String,
}

/// The newest notices.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    kept: VecDeque<SessionNotice>,
    /// Number of older notices that were dropped.
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

    pub(crate) fn newest(&self) -> impl Iterator<Item = &SessionNotice> {
        self.kept.iter().rev()
    }

    /// Number of notices, dropped ones included.
    pub(crate) fn count(&self) -> u64 {
        self.dropped + self.kept.len() as u64
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
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
