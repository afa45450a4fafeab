//! Tokenizer: splits a line into words with the quotes of POSIX shells.

use std::ops::Range;

use super::error::{LineError, LineErrorKind};

/// One word, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it says.
    pub text: String,
    /// Where it stands in the line, quotes included.
    pub span: Range<usize>,
}

/// The words of `line`; an error if a quote is not closed, or nothing follows a backslash.
pub fn split(line: &str) -> Result<Vec<Token>, LineError> {
    let scan = scan(line);
    match scan.flaw {
        None => Ok(scan.tokens),
        Some(flaw) => Err(flaw.into_error(line.len())),
    }
}

/// The words of a line that may still be typed: with a flaw, the last one is as far as it goes.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) tokens: Vec<Token>,
    pub(super) flaw: Option<UnfinishedWord>,
}

/// Why the last word has no end.
#[derive(Debug, Clone, Copy)]
pub(super) enum UnfinishedWord {
    /// A quote of this kind opens at this byte and does not close.
    Open(char, usize),
    /// The line ends in this backslash.
    Backslash(usize),
}

impl UnfinishedWord {
    pub(super) fn into_error(self, end: usize) -> LineError {
        let (at, message) = match self {
            Self::Open('"', at) => (at, "the \" is not closed: add another one".to_owned()),
            Self::Open(_, at) => {
                (at, "the ' is not closed: add another one, or write \\' for an apostrophe".into())
            }
            Self::Backslash(at) => {
                (at, "nothing follows the \\ at the end: write \\\\ for a backslash".into())
            }
        };
        LineError::new(at..end, LineErrorKind::Quote, message)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum QuoteState {
    Nothing,
    Single(usize),
    Double(usize),
}

pub(super) fn scan(line: &str) -> Scan {
    let mut tokens = Vec::new();
    let mut word: Option<Token> = None;
    let mut inside = QuoteState::Nothing;
    let mut flaw = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        match (inside, c) {
            (QuoteState::Nothing, ' ' | '\t' | '\n' | '\r') => tokens.extend(word.take()),
            (QuoteState::Nothing, '\'' | '"') => {
                extend(&mut word, at, end, None);
                inside = if c == '"' { QuoteState::Double(at) } else { QuoteState::Single(at) };
            }
            (QuoteState::Single(_), '\'') | (QuoteState::Double(_), '"') => {
                extend(&mut word, at, end, None);
                inside = QuoteState::Nothing;
            }
            (QuoteState::Nothing | QuoteState::Double(_), '\\') => match chars.next() {
                None => {
                    extend(&mut word, at, end, None);
                    flaw = Some(UnfinishedWord::Backslash(at));
                }
                // A continued line: the line ending is part of a word only inside one.
                Some((next, '\n')) => {
                    if let Some(word) = &mut word {
                        word.span.end = next + 1;
                    }
                }
                Some((next, escaped)) => {
                    let double = inside != QuoteState::Nothing;
                    if double && !matches!(escaped, '$' | '`' | '"' | '\\') {
                        extend(&mut word, at, end, Some('\\'));
                    }
                    extend(&mut word, at, next + escaped.len_utf8(), Some(escaped));
                }
            },
            (_, c) => extend(&mut word, at, end, Some(c)),
        }
    }
    tokens.extend(word);
    // An open quote says more than the backslash that ends it.
    match inside {
        QuoteState::Nothing => {}
        QuoteState::Single(at) => flaw = Some(UnfinishedWord::Open('\'', at)),
        QuoteState::Double(at) => flaw = Some(UnfinishedWord::Open('"', at)),
    }
    Scan { tokens, flaw }
}

fn extend(word: &mut Option<Token>, at: usize, end: usize, c: Option<char>) {
    let word = word.get_or_insert_with(|| Token { text: String::new(), span: at..at });
    word.text.extend(c);
    word.span.end = end;
}

/// What the cursor is on.
#[derive(Debug)]
pub struct Spot {
    /// The cursor, at a character's edge within the line.
    pub cursor: usize,
    /// The words before the one under the cursor.
    pub before: Vec<Token>,
    /// The part of the word under the cursor that is left of it; empty between words.
    pub word: Token,
    /// What a completion replaces: the whole word, or nothing where none begins before the cursor.
    pub replace: Range<usize>,
    /// The quote that the cursor is in, and where it opens.
    pub quote: Option<(char, usize)>,
}

/// What stands at `cursor`, wherever that is; inside a character counts as before it.
pub fn at(line: &str, cursor: usize) -> Spot {
    let cursor = line.floor_char_boundary(cursor);
    let mut head = scan(&line[..cursor]);
    let quote = match head.flaw {
        Some(UnfinishedWord::Open(quote, at)) => Some((quote, at)),
        Some(UnfinishedWord::Backslash(_)) | None => None,
    };
    let touches = head.flaw.is_some() || head.tokens.last().is_some_and(|w| w.span.end == cursor);
    let word = match head.tokens.pop() {
        Some(word) if touches => word,
        other => {
            head.tokens.extend(other);
            Token { text: String::new(), span: cursor..cursor }
        }
    };
    let mut end = cursor;
    if word.span.start < cursor {
        let whole = scan(line);
        // A quote that swallows the rest of the line must not have it replaced.
        let closed = whole.tokens.len() - usize::from(whole.flaw.is_some());
        let same = whole.tokens[..closed].iter().find(|t| t.span.start == word.span.start);
        end = same.map_or(cursor, |token| token.span.end.max(cursor));
    }
    Spot { cursor, before: head.tokens, replace: word.span.start..end, word, quote }
}
