//! What came of an event that a service has taken. A mail server may refuse some of the recipients of a mail.

/// What came of an event that was sent.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// What the service answered; none where nothing answers.
    pub(super) answer: Option<String>,
    /// The recipients of a mail that have it.
    pub(super) accepted: Vec<String>,
    /// Recipients that the mail server refuses, and why.
    pub(super) refused: Vec<(String, String)>,
    /// The recipients among them that it may accept later.
    pub(super) later: Vec<String>,
}

impl Delivered {
    /// An event that one service has taken.
    pub(super) fn whole(answer: Option<String>) -> Self {
        Self { answer, ..Self::default() }
    }

    /// Notes a recipient that does not get the mail, or gets it later.
    pub(super) fn refused(&mut self, address: String, why: String, may_be_later: bool) {
        if may_be_later {
            self.later.push(address.clone());
        }
        self.refused.push((address, why));
    }

    /// Why some do not have it; none if all have.
    pub(super) fn failure(&self) -> Option<String> {
        failure(self.refused.iter().map(|(address, why)| (&**address, &**why)))
    }
}

/// Who does not have a mail, and why, in words; none if there is no one.
pub(super) fn failure<'a>(refused: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let parts: Vec<String> =
        refused.map(|(address, why)| format!("{address} does not get it: {why}")).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
