//! Writer of `client.toml`: changes only what has to change; comments, order and spelling of the rest stay.

use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value,
};

use super::profiles::Profile;
use super::validation::Field;

pub(super) fn add(document: &mut DocumentMut, profile: &Profile) {
    if let Some(array) = document.get_mut("server").and_then(Item::as_array_mut) {
        let mut table = InlineTable::new();
        set_all(&mut table, profile);
        array.push(table);
        return;
    }
    // What is at the end so far, most often a comment, stays above the new entry.
    let above = document.trailing().as_str().unwrap_or_default().to_owned();
    let newline = if above.is_empty() || above.ends_with('\n') { "" } else { "\n" };
    let gap = if above.is_empty() && document.is_empty() { "" } else { "\n" };
    document.set_trailing("");
    let mut table = Table::new();
    set_all(&mut table, profile);
    table.decor_mut().set_prefix(format!("{above}{newline}{gap}"));
    match document.get_mut("server") {
        Some(Item::ArrayOfTables(tables)) => tables.push(table),
        _ => {
            let mut tables = ArrayOfTables::new();
            tables.push(table);
            document.insert("server", Item::ArrayOfTables(tables));
        }
    }
}

/// Sets the fields of server `index` in which `old` and `new` differ.
pub(super) fn replace(document: &mut DocumentMut, index: usize, old: &Profile, new: &Profile) {
    let table: Option<&mut dyn TableLike> = match document.get_mut("server") {
        Some(Item::ArrayOfTables(tables)) => {
            tables.get_mut(index).map(|table| table as &mut dyn TableLike)
        }
        Some(Item::Value(Value::Array(array))) => array
            .get_mut(index)
            .and_then(Value::as_inline_table_mut)
            .map(|table| table as &mut dyn TableLike),
        _ => None,
    };
    let Some(table) = table else { return };
    for field in Field::ALL {
        let (before, after) = (value(old, field), value(new, field));
        if !same(before.as_ref(), after.as_ref()) {
            set(table, field.key(), after);
        }
    }
}

/// Removes server `index` and the comment right above it; comments further up stay.
pub(super) fn remove(document: &mut DocumentMut, index: usize) {
    match document.get_mut("server") {
        Some(Item::ArrayOfTables(tables)) => {
            let above = tables.remove(index);
            let above = above.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
            let kept = blocks_above(above).to_owned();
            if let Some(next) = tables.get_mut(index) {
                let prefix = next.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
                let prefix = join(&kept, prefix);
                next.decor_mut().set_prefix(prefix);
                return;
            }
            if tables.is_empty() {
                document.remove("server");
            }
            let trailing = join(&kept, document.trailing().as_str().unwrap_or_default());
            document.set_trailing(trailing);
        }
        Some(Item::Value(Value::Array(array))) => {
            array.remove(index);
        }
        _ => {}
    }
}

/// The part of a prefix up to its last blank line.
fn blocks_above(prefix: &str) -> &str {
    let mut end = 0;
    let mut at = 0;
    for line in prefix.split_inclusive('\n') {
        if line.trim().is_empty() {
            end = at;
        }
        at += line.len();
    }
    &prefix[..end]
}

/// Two blocks of comments with one blank line between them.
fn join(above: &str, below: &str) -> String {
    if above.trim().is_empty() {
        return below.to_owned();
    }
    let gap = if below.is_empty() || below.starts_with(['\n', '\r']) { "" } else { "\n" };
    format!("{above}{gap}{below}")
}

fn set_all(table: &mut dyn TableLike, profile: &Profile) {
    for field in Field::ALL {
        set(table, field.key(), value(profile, field));
    }
}

/// The value of a field in the file. The port is always written, so that it can be edited by hand.
fn value(profile: &Profile, field: Field) -> Option<Value> {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    match field {
        Field::Name => Some(profile.name.as_str().into()),
        Field::Lan => text(&profile.lan),
        Field::Internet => text(&profile.internet),
        Field::Port => Some(i64::from(profile.port).into()),
        Field::InternetPort => profile.internet_port.map(|port| i64::from(port).into()),
        Field::Pin => text(&profile.pin),
        Field::Tags if profile.tags.is_empty() => None,
        Field::Tags => Some(profile.tags.iter().collect::<Array>().into()),
    }
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    a.map(Value::to_string) == b.map(Value::to_string)
}

/// Sets or removes a value; the comment behind it stays.
pub(super) fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}
