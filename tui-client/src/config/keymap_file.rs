//! Reader of `keymap.toml`: the names of actions, and the keys that replace their own.

use std::ops::Range;

use toml_edit::{Document, Item, Value};
use topside_shared::text::{MAX_NAME, clean};

use super::toml_errors::{Fault, unknown};
use crate::input::Keymap;
use crate::input::actions::{ACTIONS, Id};
use crate::input::key::Key;

/// The keymap with all entries that are right, and what is wrong with the others: their actions keep their own keys.
pub(super) fn keymap(document: &Document<String>) -> (Keymap, Vec<Fault>) {
    let root = document.as_table();
    let (mut changes, mut spans, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (name, item) in root.iter() {
        let span = root.key(name).and_then(toml_edit::Key::span);
        match change(name, item, span.clone()) {
            Ok(change) => {
                changes.push(change);
                spans.push(span);
            }
            Err(fault) => faults.push(fault),
        }
    }
    loop {
        match Keymap::with(&changes) {
            Ok(keymap) => return (keymap, faults),
            Err((nth, why)) => {
                changes.remove(nth);
                faults.push((spans.remove(nth), why.to_string()));
            }
        }
    }
}

/// Earlier names of actions, so that a file written for an earlier version still applies.
const RENAMED: [(&str, &str); 1] = [("call-off", "cancel-shutdown")];

/// One entry: an action and its keys.
fn change(name: &str, item: &Item, span: Option<Range<usize>>) -> Result<(Id, Vec<Key>), Fault> {
    let current = RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
    let Some(action) = ACTIONS.iter().find(|action| action.name == current) else {
        let near = unknown(name, ACTIONS.iter().map(|action| action.name));
        return Err((span, format!("there is no action {near}")));
    };
    Ok((action.id, keys(item)?))
}

fn keys(item: &Item) -> Result<Vec<Key>, Fault> {
    const SHAPE: &str = "keys are written as [\"f2\", \"ctrl-x\"]";
    let key = |value: &Value| {
        let name = value.as_str().ok_or_else(|| (value.span(), SHAPE.to_owned()))?;
        name.parse().map_err(|_| (value.span(), format!("there is no key {}", mistyped(name))))
    };
    match item {
        Item::Value(Value::Array(array)) => array.iter().map(key).collect(),
        Item::Value(value) => key(value).map(|key| vec![key]),
        _ => Err((item.span(), SHAPE.to_owned())),
    }
}

/// A name that is no key, and what to write for it.
fn mistyped(name: &str) -> String {
    let shown = clean(name, MAX_NAME);
    let lower = name.replace('+', "-").to_lowercase();
    if lower.parse::<Key>().is_ok() {
        return format!("`{shown}`: write \"{lower}\"");
    }
    if let Some(letter) = lower.strip_prefix("shift-").filter(|rest| rest.chars().count() == 1) {
        return format!("`{shown}`: write the character itself, \"{}\"", letter.to_uppercase());
    }
    let sent = [("ctrl-i", "Tab"), ("ctrl-m", "Enter"), ("ctrl-[", "Esc")];
    match sent.iter().find(|(key, _)| *key == lower) {
        Some((_, key)) => format!("`{shown}`, because terminals send {key} for it: use another"),
        None => unknown(name, Key::names()),
    }
}
