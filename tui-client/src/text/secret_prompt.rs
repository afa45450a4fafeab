//! Recognizes a question that asks for a secret, by its words.

const SECRETS: [&str; 5] = ["password", "passphrase", "secret", "pin", "token"];

/// Most characters of a question that are examined and shown: its last ones.
pub(crate) const MAX_QUESTION: usize = 200;

/// Whether one of the secret words occurs in the text as a word of its own.
pub(crate) fn asks_for_a_secret(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.map(str::to_lowercase).any(|word| SECRETS.contains(&word.as_str()))
}
