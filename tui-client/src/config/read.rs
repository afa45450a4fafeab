//! Reading `client.toml`: every mistake with its line and column.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value};
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::DEFAULT_PORT;
use super::profiles::{ConfigError, Profile};
use super::validate::{Field, validate};

/// Reads the text of the file at `path`, which is only named in errors.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
) -> Result<(Document<String>, Vec<Profile>), ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let end = good.len();
        fault(path, &good, Some(end..end), "this is not UTF-8".to_owned())
    })?;
    let document = Document::parse(text.to_owned()).map_err(|error| {
        // The parser's sentence may go on with lines of its own picture of the place.
        let message = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
        fault(path, text, error.span(), message)
    })?;
    let profiles =
        servers(&document).map_err(|(span, message)| fault(path, text, span, message))?;
    Ok((document, profiles))
}

type Fault = (Option<Range<usize>>, String);

fn fault(path: &Path, text: &str, span: Option<Range<usize>>, message: String) -> ConfigError {
    let (line, column) = place(text, span.map_or(0, |span| span.start));
    ConfigError::Invalid { path: path.to_owned(), line, column, message }
}

/// Line and column of a byte, from 1, the column in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn servers(document: &Document<String>) -> Result<Vec<Profile>, Fault> {
    let root = document.as_table();
    for (key, _) in root.iter() {
        if key != "server" {
            let near = did_you_mean(&nearest(key, ["server"]));
            let span = root.key(key).and_then(toml_edit::Key::span);
            return Err((
                span,
                format!("there is no `{}` in this file{near}", clean(key, MAX_NAME)),
            ));
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
    let mut profiles: Vec<Profile> = Vec::new();
    for (table, span) in entries {
        let profile = server(table, span)?;
        if profiles.iter().any(|other| other.name == profile.name) {
            let span = table.get("name").and_then(Item::span);
            return Err((span, format!("there are two servers called `{}`", profile.name)));
        }
        profiles.push(profile);
    }
    Ok(profiles)
}

fn server(table: &dyn TableLike, span: Option<Range<usize>>) -> Result<Profile, Fault> {
    for (key, _) in table.iter() {
        if !Field::ALL.iter().any(|field| field.key() == key) {
            let near = did_you_mean(&nearest(key, Field::ALL.map(Field::key)));
            let span = table.key(key).and_then(toml_edit::Key::span);
            return Err((span, format!("a server has no `{}`{near}", clean(key, MAX_NAME))));
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
            .ok_or_else(|| (item.span(), format!("{} is a number from 1 to 65535", field.key()))),
    };
    let profile = Profile {
        name: text(Field::Name)?
            .ok_or_else(|| (span, "this server has no name: add name = \"..\"".to_owned()))?,
        lan: text(Field::Lan)?,
        internet: text(Field::Internet)?,
        port: port(Field::Port)?.unwrap_or(DEFAULT_PORT),
        internet_port: port(Field::InternetPort)?,
        pin: text(Field::Pin)?,
    };
    validate(&profile)
        .map_err(|error| (table.get(error.field.key()).and_then(Item::span), error.message))?;
    Ok(profile)
}
