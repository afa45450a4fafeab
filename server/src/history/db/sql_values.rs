//! Conversion of values for the database of runs.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use topside_shared::Pin;

use crate::base::identity::Owner;

pub(super) fn text(value: Option<&impl Serialize>) -> rusqlite::Result<Option<String>> {
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn of_text<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| invalid(column))
}

pub(super) fn invalid(column: usize) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(column, 0)
}

/// The owner of the runs of schedules.
const SCHEDULE: &str = "schedule";
/// Before the number of a user: the owner of the runs of this user's agents.
const AGENT: &str = "agent:";

pub(super) fn owner_text(owner: Owner) -> String {
    match owner {
        Owner::User(uid) => format!("uid:{uid}"),
        Owner::Agent(uid) => format!("{AGENT}{uid}"),
        Owner::Key(pin) => pin.to_string(),
        Owner::Schedule => SCHEDULE.to_owned(),
    }
}

pub(super) fn owner_of(text: &str) -> Option<Owner> {
    if text == SCHEDULE {
        return Some(Owner::Schedule);
    }
    if let Some(uid) = text.strip_prefix(AGENT) {
        return uid.parse().ok().map(Owner::Agent);
    }
    match text.strip_prefix("uid:") {
        Some(uid) => uid.parse().ok().map(Owner::User),
        None => text.parse::<Pin>().ok().map(Owner::Key),
    }
}

pub(super) fn of_name<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}
