//! Reader of `keymap.toml`: the names of actions, and the keys that replace their own.

use toml_edit::{Document, Item, Value};

use super::toml_errors::{Fault, unknown};
use crate::input::Keymap;
use crate::input::actions::{ACTIONS, Id};
use crate::input::key::Key;

pub(super) fn keymap(document: &Document<String>) -> Result<Keymap, Fault> {
    let root = document.as_table();
    let mut changes: Vec<(Id, Vec<Key>)> = Vec::new();
    let mut spans = Vec::new();
    for (name, item) in root.iter() {
        let span = root.key(name).and_then(toml_edit::Key::span);
        let Some(action) = ACTIONS.iter().find(|action| action.name == name) else {
            let near = unknown(name, ACTIONS.iter().map(|action| action.name));
            return Err((span, format!("there is no action {near}")));
        };
        changes.push((action.id, keys(item)?));
        spans.push(span);
    }
    Keymap::with(&changes).map_err(|(nth, why)| (spans[nth].clone(), why.to_string()))
}

fn keys(item: &Item) -> Result<Vec<Key>, Fault> {
    const SHAPE: &str = "keys are written as [\"f2\", \"ctrl-x\"]";
    let key = |value: &Value| {
        let name = value.as_str().ok_or_else(|| (value.span(), SHAPE.to_owned()))?;
        name.parse()
            .map_err(|_| (value.span(), format!("there is no key {}", unknown(name, Key::names()))))
    };
    match item {
        Item::Value(Value::Array(array)) => array.iter().map(key).collect(),
        Item::Value(value) => key(value).map(|key| vec![key]),
        _ => Err((item.span(), SHAPE.to_owned())),
    }
}
