//! Limits on runs at the same time: `max_concurrent`, `queue`, `lock` and `group`.

use std::num::NonZeroUsize;

use serde_json::{Map, Value};
use topside_shared::values::{fill_places, to_text};

/// A command's limits on runs at the same time. By default any number runs at once and none is queued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Runs of this command at once; none: no limit.
    pub max_concurrent: Option<NonZeroUsize>,
    /// How many runs of this command may be queued. At 0 a run that cannot start at once is rejected.
    pub queue: usize,
    /// Names of locks: commands with a common lock never run at once. `{argument}` in a name stands for the value that a
    /// run has for it, each of them for a list.
    pub locks: Vec<String>,
    /// The group of commands to which it belongs.
    pub group: Option<RunGroup>,
}

/// A group of commands: a limit on all of their runs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunGroup {
    /// Its name.
    pub name: String,
    /// Runs of all its commands at once.
    pub max_concurrent: NonZeroUsize,
}

impl Exclusion {
    /// The limits of one run: its locks have the values of its arguments.
    pub(crate) fn of_run(&self, args: &Map<String, Value>) -> Self {
        let lists = args.values().filter_map(Value::as_array);
        let most = lists.map(Vec::len).max().unwrap_or(1);
        let mut locks: Vec<String> = Vec::new();
        for lock in &self.locks {
            for at in 0..most {
                let item = |name: &str| match args.get(name)? {
                    Value::Array(items) => items.get(at).or_else(|| items.last()).map(to_text),
                    one => Some(to_text(one)),
                };
                let lock = fill_places(lock, item);
                if !locks.contains(&lock) {
                    locks.push(lock);
                }
            }
        }
        Self { locks, ..self.clone() }
    }
}
