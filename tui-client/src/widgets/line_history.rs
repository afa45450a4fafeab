//! History of typed lines: Up and Down walk through those that begin with the typed text, and Ctrl-R searches.
//! `config` keeps it on disk.

use std::collections::HashSet;

/// Lines typed at one server, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineHistory {
    lines: Vec<String>,
    walk: Option<Walk>,
}

/// A walk through the lines, begun by the first Up.
#[derive(Debug, Clone)]
struct Walk {
    /// What was typed when it began; only lines that begin so are met.
    prefix: String,
    /// The line shown.
    at: usize,
}

/// A search by Ctrl-R.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recall {
    /// What is looked for.
    pub(crate) query: String,
    /// The chosen one of the lines that match; it is in the input.
    pub(crate) chosen: Option<usize>,
    /// What stood in the input before.
    pub(crate) before: String,
}

impl LineHistory {
    pub(crate) fn load(&mut self, lines: Vec<String>) {
        // What was typed while the file was read comes after what it held.
        let typed = std::mem::replace(&mut self.lines, lines);
        self.lines.extend(typed);
        self.walk = None;
    }

    /// Remembers a line; false for one that is not to be saved.
    pub(crate) fn push(&mut self, line: &str) -> bool {
        self.walk = None;
        if line.trim().is_empty() || line.starts_with(' ') {
            return false;
        }
        if self.lines.last().is_some_and(|last| last == line) {
            return false;
        }
        self.lines.push(line.to_owned());
        true
    }

    /// The lines, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().rev().map(String::as_str)
    }

    /// Forgets the walk: the line was edited or sent.
    pub(crate) fn rest(&mut self) {
        self.walk = None;
    }

    /// The next older line that begins as `typed` did when the walk began.
    pub(crate) fn older(&mut self, typed: &str) -> Option<String> {
        let (prefix, below) = match &self.walk {
            Some(walk) => (walk.prefix.clone(), walk.at),
            None => (typed.to_owned(), self.lines.len()),
        };
        let shown = typed;
        let at = (0..below.min(self.lines.len()))
            .rev()
            .find(|at| self.lines[*at].starts_with(&prefix) && self.lines[*at] != shown)?;
        self.walk = Some(Walk { prefix, at });
        Some(self.lines[at].clone())
    }

    /// The next newer line, and after the newest what was typed.
    pub(crate) fn newer(&mut self, shown: &str) -> Option<String> {
        let walk = self.walk.take()?;
        let next = (walk.at + 1..self.lines.len())
            .find(|at| self.lines[*at].starts_with(&walk.prefix) && self.lines[*at] != shown);
        match next {
            Some(at) => {
                self.walk = Some(Walk { at, ..walk });
                Some(self.lines[at].clone())
            }
            None => Some(walk.prefix),
        }
    }

    /// The lines that hold `query`, the newest first, equal ones once.
    pub(crate) fn matches(&self, query: &str) -> Vec<&str> {
        let mut seen = HashSet::new();
        self.newest_first().filter(|line| line.contains(query) && seen.insert(*line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> LineHistory {
        let mut history = LineHistory::default();
        for line in ["zones", "temp", "zone-run 3", "temp", "status"] {
            history.push(line);
        }
        history
    }

    #[test]
    fn up_meets_only_lines_that_begin_as_typed_and_down_comes_back() {
        let mut history = history();
        assert_eq!(history.older("zo").as_deref(), Some("zone-run 3"));
        assert_eq!(history.older("zone-run 3").as_deref(), Some("zones"));
        assert_eq!(history.older("zones"), None);
        assert_eq!(history.newer("zones").as_deref(), Some("zone-run 3"));
        assert_eq!(history.newer("zone-run 3").as_deref(), Some("zo"));
        assert_eq!(history.newer("zo"), None);
    }

    #[test]
    fn blank_repeated_and_indented_lines_are_not_kept() {
        let mut history = history();
        assert!(!history.push("status"));
        assert!(!history.push(" secret"));
        assert!(!history.push("  "));
        assert!(history.push("status 2"));
        assert_eq!(history.lines.len(), 6);
    }

    #[test]
    fn a_search_finds_each_line_once_and_the_newest_first() {
        assert_eq!(history().matches("e"), ["temp", "zone-run 3", "zones"]);
        assert_eq!(history().matches("").len(), 4);
        assert!(history().matches("#").is_empty());
    }
}
