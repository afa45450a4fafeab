//! How far a subscriber has the list of clients: it is sent in pages, as fast as the subscriber reads.

use topside_shared::ClientId;

/// The pages that a subscriber got since the last publication, and where the last of all ended.
#[derive(Debug, Default)]
pub(crate) struct SnapshotProgress {
    /// By the greatest id of each page: the clock of its rows. Both grow from page to page.
    pages: Vec<(ClientId, u64)>,
}

impl SnapshotProgress {
    /// Of a page that goes on after the one before, up to this id, with rows of this clock; none: it was the last.
    pub(crate) fn add(&mut self, up_to: Option<ClientId>, clock: u64) {
        self.pages.push((up_to.unwrap_or(ClientId(u64::MAX)), clock));
    }

    /// Where the next page begins: after this id.
    pub(crate) fn last(&self) -> ClientId {
        self.pages.last().map_or(ClientId(0), |(up_to, _)| *up_to)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.last() == ClientId(u64::MAX)
    }

    /// All changes until now were published: later ones are newer than each page.
    pub(crate) fn published(&mut self) {
        let last = self.last();
        self.pages.clear();
        self.pages.push((last, 0));
    }

    /// The clock of the row of a client; none: it was not sent yet, so a later page has its changes.
    pub(crate) fn clock_of(&self, id: ClientId) -> Option<u64> {
        let page = self.pages.partition_point(|(up_to, _)| *up_to < id);
        self.pages.get(page).map(|(_, clock)| *clock)
    }

    /// The clock of the newest page.
    pub(crate) fn newest(&self) -> u64 {
        self.pages.last().map_or(0, |(_, clock)| *clock)
    }
}
