//! The menu file that an import writes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use topside_shared::text::clean;

use super::yaml::{Fields, shown};

/// A menu file, as it is written.
#[derive(Default)]
pub(super) struct Menu {
    pub(super) text: String,
    pub(super) names: HashSet<String>,
    /// The commands of actions, by their titles.
    pub(super) actions: HashMap<String, Imported>,
    /// Commands, and those that they start after a success.
    then: Vec<(String, String)>,
}

/// The command of an action.
#[derive(Debug, Clone)]
pub(super) struct Imported {
    pub(super) name: String,
    /// The first argument without a default.
    pub(super) needs: Option<String>,
}

impl Menu {
    /// An empty menu file, which knows the commands of actions already.
    pub(super) fn knowing(actions: HashMap<String, Imported>) -> Self {
        Self { actions, ..Self::default() }
    }

    pub(super) fn lost(&mut self, what: impl AsRef<str>) {
        let _ = writeln!(self.text, "# lost: {}", clean(what.as_ref(), 300));
    }

    pub(super) fn rest(&mut self, owner: &str, fields: Fields<'_>) {
        for (key, value) in fields.0 {
            self.lost(format!("{owner}{key} = {}", shown(value)));
        }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<toml_edit::Value>) {
        let _ = writeln!(self.text, "{key} = {}", value.into());
    }

    pub(super) fn list(&mut self, key: &str, values: &[String]) {
        self.set(key, values.iter().map(String::as_str).collect::<toml_edit::Array>());
    }

    /// The commands of the actions with these titles, which the command `name` starts after a success.
    pub(super) fn then(&mut self, name: &str, titles: &[String]) {
        let mut then = Vec::new();
        for title in titles {
            let why = match self.actions.get(title).cloned() {
                None => "there is no command of it".to_owned(),
                Some(Imported { needs: Some(needs), .. }) => format!("{needs} has no default"),
                Some(Imported { name: other, .. }) if self.leads_to(&other, name) => {
                    "it would start this one again".to_owned()
                }
                Some(Imported { name: other, .. }) => {
                    self.then.push((name.to_owned(), other.clone()));
                    then.push(other);
                    continue;
                }
            };
            self.lost(format!("the trigger of \"{title}\": {why}"));
        }
        if !then.is_empty() {
            self.lost("the triggers after a failure: `then` starts commands after a success only");
            self.list("then", &then);
        }
    }

    /// Whether a success of `from` leads to a run of `to`.
    fn leads_to(&self, from: &str, to: &str) -> bool {
        // The commands before this one have no circle.
        let next = self.then.iter().filter(|(command, _)| command == from);
        from == to || next.into_iter().any(|(_, other)| self.leads_to(other, to))
    }
}
