//! Keymap: the keys of each action, from the table of actions and `keymap.toml`.

use std::collections::HashMap;

use super::actions::{ACTIONS, Action, Id, Scope, get};
use crate::input::key::{Code, Key};

/// Actions that must have a key, so that the user can use and leave the program.
const NEEDED: [Id; 4] = [Id::Help, Id::Palette, Id::Interrupt, Id::Quit];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Binding {
    pub(crate) always: Vec<Key>,
    /// Keys that trigger it only while nothing is typed.
    pub(crate) bare: Vec<Key>,
}

impl Binding {
    /// The first and the last key.
    pub(crate) fn range(&self) -> Option<String> {
        let (first, last) = (self.all().next()?, self.all().last()?);
        Some(if first == last { first.to_string() } else { format!("{first} .. {last}") })
    }

    /// Which of the keys this is.
    pub(crate) fn place(&self, key: Key) -> Option<usize> {
        self.all().position(|bound| *bound == key)
    }

    /// All keys, those for an empty input first: they are the shortest.
    fn all(&self) -> impl Iterator<Item = &Key> {
        self.bare.iter().chain(&self.always)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keymap(HashMap<Id, Binding>);

/// Why keys cannot be given to an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeymapError {
    #[error("`{0}` belongs to the input box, and its keys cannot be changed")]
    Typing(&'static str),
    #[error("{key} means `{other}` already: give that another key first, or none: {other} = []")]
    Taken { key: Key, other: &'static str },
    #[error("`{0}` needs a key: without it the program cannot be used or left")]
    Needed(&'static str),
}

impl Default for Keymap {
    fn default() -> Self {
        let parse = |names: &[&str]| names.iter().filter_map(|name| name.parse().ok()).collect();
        let bound =
            |action: &Action| Binding { always: parse(action.always), bare: parse(action.bare) };
        Self(ACTIONS.iter().map(|action| (action.id, bound(action))).collect())
    }
}

impl Keymap {
    /// The keys of the table with these changes. An error holds the index of the change.
    pub(crate) fn with(changes: &[(Id, Vec<Key>)]) -> Result<Self, (usize, KeymapError)> {
        let mut map = Self::default();
        for (nth, (id, keys)) in changes.iter().enumerate() {
            let action = get(*id);
            if !action.dispatched {
                return Err((nth, KeymapError::Typing(action.name)));
            }
            if keys.is_empty() && NEEDED.contains(id) {
                return Err((nth, KeymapError::Needed(action.name)));
            }
            let (bare, always) = keys.iter().partition(|key| is_bare(action, **key));
            map.0.insert(*id, Binding { always, bare });
        }
        // After all changes: two actions may have swapped their keys.
        for (nth, (id, keys)) in changes.iter().enumerate() {
            let action = get(*id);
            for key in keys {
                if let Some(other) = map.owner(action, *key) {
                    return Err((nth, KeymapError::Taken { key: *key, other: other.name }));
                }
            }
        }
        Ok(map)
    }

    /// Another action with this key on the same screen.
    fn owner(&self, action: &Action, key: Key) -> Option<&'static Action> {
        let meet = |other: &Action| {
            other.place == action.place || other.place == Scope::Both || action.place == Scope::Both
        };
        ACTIONS
            .iter()
            .filter(|other| other.id != action.id && meet(other))
            .find(|other| self.of(other.id).all().any(|taken| *taken == key))
    }

    /// Whether a key triggers an action while nothing is typed.
    pub(crate) fn means(&self, id: Id, key: Key) -> bool {
        self.of(id).all().any(|bound| *bound == key)
    }

    pub(crate) fn of(&self, id: Id) -> &Binding {
        const NONE: &Binding = &Binding { always: Vec::new(), bare: Vec::new() };
        self.0.get(&id).unwrap_or(NONE)
    }

    /// The key to show where there is room for one only.
    pub(crate) fn first(&self, id: Id, nothing_typed: bool) -> Option<Key> {
        let bound = self.of(id);
        bound.bare.first().filter(|_| nothing_typed).or(bound.always.first()).copied()
    }

    /// A key for a sentence: one that always triggers it, if there is one; without a key, the palette.
    pub(crate) fn word(&self, id: Id) -> String {
        let key = |id| self.first(id, false).or(self.first(id, true));
        match (key(id), key(Id::Palette)) {
            (Some(key), _) => key.to_string(),
            (None, Some(palette)) => format!("{palette} `{}`", get(id).title),
            (None, None) => format!("`{}`", get(id).title),
        }
    }

    pub(crate) fn shown(&self, id: Id, between: &str) -> String {
        match id {
            // Nine keys, one for each tab.
            Id::SelectTab => self.of(id).range().unwrap_or_default(),
            _ => self.of(id).all().map(Key::to_string).collect::<Vec<_>>().join(between),
        }
    }
}

/// Whether the input box uses a key while something is typed.
fn is_bare(action: &Action, key: Key) -> bool {
    let edits = matches!(
        key.code,
        Code::Home | Code::End | Code::Left | Code::Right | Code::Backspace | Code::Delete
    );
    let types = key.typed().is_some() || key == Key::plain(key.code) && edits || key.is_ctrl('d');
    // Nothing is typed in the picker.
    types && action.place != Scope::Picker
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<Key> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_key_that_types_means_an_action_only_while_nothing_is_typed() {
        for action in ACTIONS {
            for name in action.bare {
                assert!(is_bare(action, name.parse().unwrap()), "{name} of {}", action.name);
            }
            for name in action.always.iter().filter(|_| action.dispatched) {
                assert!(!is_bare(action, name.parse().unwrap()), "{name} of {}", action.name);
            }
        }
    }

    #[test]
    fn other_keys_take_the_place_of_an_actions_own() {
        let map = Keymap::with(&[(Id::Search, keys(&["ctrl-f", "%"]))]).unwrap();
        assert_eq!(map.shown(Id::Search, " "), "% Ctrl-F");
        assert_eq!(map.first(Id::Search, false), Some("ctrl-f".parse().unwrap()));
        let swapped = [(Id::Clients, keys(&["f3"])), (Id::Menu, keys(&["f2"]))];
        assert_eq!(Keymap::with(&swapped).unwrap().shown(Id::Menu, " "), "F2");
        let none = Keymap::with(&[(Id::Copy, Vec::new())]).unwrap();
        assert_eq!(none.word(Id::Copy), "Ctrl-P `Copy the block's output`");
    }

    #[test]
    fn keys_that_mean_two_things_and_a_screen_without_a_way_out_are_refused() {
        let taken = |id, names: &[&str]| Keymap::with(&[(id, keys(names))]).unwrap_err().1;
        assert!(matches!(taken(Id::Copy, &["f2"]), KeymapError::Taken { other: "clients", .. }));
        assert!(matches!(taken(Id::Copy, &["enter"]), KeymapError::Taken { other: "run", .. }));
        assert!(matches!(taken(Id::Mouse, &["a"]), KeymapError::Taken { other: "add", .. }));
        // Two screens, one key each.
        Keymap::with(&[(Id::Copy, keys(&["a"]))]).unwrap();
        for id in NEEDED {
            assert!(matches!(taken(id, &[]), KeymapError::Needed(_)));
        }
        assert!(matches!(taken(Id::KillLine, &["f11"]), KeymapError::Typing("kill-line")));
    }

    #[test]
    fn every_action_has_a_key_or_is_in_the_palette_which_has_one_on_both_screens() {
        let map = Keymap::default();
        for action in ACTIONS {
            assert!(action.dispatched || map.first(action.id, true).is_some(), "{}", action.name);
        }
        let palette = get(Id::Palette);
        assert!(palette.place == Scope::Both && !map.of(Id::Palette).always.is_empty());
    }
}
