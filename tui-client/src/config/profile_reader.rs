//! Reader of `client.toml`: every mistake with its line and column. A mistake in an entry hides that entry only.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value};

use super::DEFAULT_PORT;
use super::profiles::{ConfigError, Profile};
use super::toml_errors::{Fault, fault, parse, unknown};
use super::validation::{Field, port_rule, tag, validate};

#[derive(Debug, Clone)]
pub(super) struct ProfileEntry {
    /// None where it cannot be read.
    pub(super) name: Option<String>,
    /// None where the entry has a mistake.
    pub(super) profile: Option<Profile>,
}

impl From<Profile> for ProfileEntry {
    fn from(profile: Profile) -> Self {
        Self { name: Some(profile.name.clone()), profile: Some(profile) }
    }
}

pub(super) struct Contents {
    pub(super) document: Document<String>,
    pub(super) entries: Vec<ProfileEntry>,
    /// Each mistake, with the name of the entry that it hides, if it hides one with a name.
    pub(super) mistakes: Vec<(Option<String>, ConfigError)>,
}

/// Reads the text of the file at `path`. Fails where the text is not TOML, or `server` is not a list.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Contents, ConfigError> {
    let document = parse(path, bytes)?;
    let mut faults = Vec::new();
    let entries = servers(&document, &mut faults);
    let located = |mistake| fault(path, document.raw(), mistake);
    let entries = entries.map_err(located)?;
    let mistakes = faults.into_iter().map(|(name, mistake)| (name, located(mistake))).collect();
    Ok(Contents { document, entries, mistakes })
}

type NamedFault = (Option<String>, Fault);

fn servers(
    document: &Document<String>,
    faults: &mut Vec<NamedFault>,
) -> Result<Vec<ProfileEntry>, Fault> {
    let root = document.as_table();
    for (key, _) in root.iter() {
        // [screen] has a reader of its own: a mistake there hides no server.
        if !["server", "screen"].contains(&key) {
            let span = root.key(key).and_then(toml_edit::Key::span);
            let near = unknown(key, ["server", "screen"]);
            faults.push((None, (span, format!("this file has no {near}"))));
        }
    }
    let shape = |span| (span, "servers are written as [[server]], each with a name".to_owned());
    let entries: Vec<(&dyn TableLike, Option<Range<usize>>)> = match root.get("server") {
        None => Vec::new(),
        Some(Item::ArrayOfTables(tables)) => {
            tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect()
        }
        Some(Item::Value(Value::Array(array))) => array
            .iter()
            .map(|value| match value {
                Value::InlineTable(table) => Ok((table as &dyn TableLike, table.span())),
                other => Err(shape(other.span())),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(shape(other.span())),
    };
    let mut read: Vec<ProfileEntry> = Vec::new();
    for (table, span) in entries {
        let name = table.get("name").and_then(Item::as_str).map(str::to_owned);
        let is_taken = name.is_some() && read.iter().any(|other| other.name == name);
        let profile = match server(table, span) {
            Ok(profile) if is_taken => {
                let span = table.get("name").and_then(Item::span);
                Err((span, format!("there are two servers called `{}`", profile.name)))
            }
            checked => checked,
        };
        let profile = profile.map_err(|fault| faults.push((name.clone(), fault))).ok();
        read.push(ProfileEntry { name, profile });
    }
    Ok(read)
}

fn server(table: &dyn TableLike, span: Option<Range<usize>>) -> Result<Profile, Fault> {
    for (key, _) in table.iter() {
        if !Field::ALL.iter().any(|field| field.key() == key) {
            let near = unknown(key, Field::ALL.map(Field::key));
            let span = table.key(key).and_then(toml_edit::Key::span);
            return Err((span, format!("a server has no {near}")));
        }
    }
    let text = |field: Field| match table.get(field.key()) {
        None => Ok(None),
        Some(item) => match item.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err((item.span(), format!("{} is a text in quotes", field.key()))),
        },
    };
    let port = |field: Field| match table.get(field.key()) {
        None => Ok(None),
        Some(item) => item
            .as_integer()
            .and_then(|number| u16::try_from(number).ok())
            .filter(|port| *port > 0)
            .map(Some)
            .ok_or_else(|| {
                let given = item.to_string();
                (item.span(), format!("{} {}", field.key(), port_rule(given.trim())))
            }),
    };
    let profile = Profile {
        name: text(Field::Name)?
            .ok_or_else(|| (span, "this server has no name: add name = \"..\"".to_owned()))?,
        lan: text(Field::Lan)?,
        internet: text(Field::Internet)?,
        port: port(Field::Port)?.unwrap_or(DEFAULT_PORT),
        internet_port: port(Field::InternetPort)?,
        pin: text(Field::Pin)?,
        tags: tags(table.get(Field::Tags.key()))?,
    };
    validate(&profile)
        .map_err(|error| (table.get(error.field.key()).and_then(Item::span), error.message))?;
    Ok(profile)
}

/// The tags of an entry; an error is at the tag that is wrong.
fn tags(item: Option<&Item>) -> Result<Vec<String>, Fault> {
    let Some(item) = item else { return Ok(Vec::new()) };
    let shape = |span| (span, "tags is a list of texts in quotes, such as [\"garden\"]".to_owned());
    let values = item.as_array().ok_or_else(|| shape(item.span()))?;
    let mut tags: Vec<String> = Vec::new();
    for value in values {
        let text = value.as_str().ok_or_else(|| shape(value.span()))?;
        tag(text).map_err(|rule| (value.span(), format!("a tag {rule}")))?;
        if tags.iter().any(|other| other == text) {
            return Err((value.span(), format!("tags has `{text}` twice: remove one")));
        }
        tags.push(text.to_owned());
    }
    Ok(tags)
}
