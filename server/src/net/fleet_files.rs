//! Files of the fleet that the box has joined, in the state directory: how it joined, and the accepted roster.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use topside_shared::Time;
use topside_shared::fleet::{JoinString, MAX_ROSTER, RosterError, VerifiedRoster};
use topside_shared::hub::{Entry, HubAccessError, HubRole, HubUser, HubUserError, MAX_CREDENTIALS};

use crate::base::atomic_file;

const MEMBERSHIP: &str = "fleet.json";
/// The credentials file of the box, at a hub in operator mode.
const CREDENTIALS: &str = "hub.creds";
const ROSTER: &str = "roster.json";
/// Devices that joined by an invite and are not on the roster yet.
const DEVICES: &str = "devices.json";

/// The variable with the string that a new box joins with at its start, for images.
const JOIN: &str = "TOPSIDE_JOIN";
/// The same with a file that the string is in.
const JOIN_FILE: &str = "TOPSIDE_JOIN_FILE";
/// Longest file with a string.
const MAX_STRING: u64 = 64 * 1024;

/// Why a file cannot be used, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetFileError {
    #[error("{} cannot be {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
    #[error("others may read {}, which holds a secret: `chmod 600 {}`", .0.display(), .0.display())]
    Open(PathBuf),
    #[error("{} cannot be used: {why}; `topsided join` with a string of the fleet writes it again", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} cannot be used: {why}", path.display())]
    Credentials { path: PathBuf, why: HubUserError },
    #[error("{variable} cannot be used: {why}")]
    Variable { variable: &'static str, why: String },
    #[error("{} cannot be used: {why}", path.display())]
    Roster { path: PathBuf, why: RosterError },
}

/// How the box joined its fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The string, with its invite until the box has signed its announcement.
    pub(crate) join: JoinString,
    /// The signed announcement.
    pub(crate) announcement: Option<String>,
    /// The sequence and the time at which the hub stored the announcement.
    pub(crate) stored: Option<(u64, Time)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MembershipFile {
    join: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announcement: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<(u64, Time)>,
}

impl Membership {
    /// As the box has it before it has announced itself.
    pub(crate) fn new(join: JoinString) -> Self {
        Self { join, announcement: None, stored: None }
    }
}

/// Joins by the string in a variable, or in the file that a variable names, unless the box has joined already.
pub(crate) fn join_by_variable(state: &Path) -> Result<(), FleetFileError> {
    if state.join(MEMBERSHIP).exists() {
        return Ok(());
    }
    let (variable, text) = match (std::env::var(JOIN), std::env::var_os(JOIN_FILE)) {
        (Ok(text), _) => (JOIN, text),
        (Err(_), Some(path)) => {
            let path = PathBuf::from(path);
            let mut text = String::new();
            let read =
                File::open(&path).and_then(|file| file.take(MAX_STRING).read_to_string(&mut text));
            read.map_err(|source| FleetFileError::Io { path, what: "read", source })?;
            (JOIN_FILE, text)
        }
        (Err(_), None) => return Ok(()),
    };
    let unusable = |why: String| FleetFileError::Variable { variable, why };
    let join =
        JoinString::find(&text, HubRole::Box).map_err(|error| unusable(error.to_string()))?;
    if join.enrolment.is_none() {
        return Err(unusable("this string has no invite".to_owned()));
    }
    write_membership(state, &Membership::new(join))
}

/// How the box joined its fleet; none without the file.
pub(crate) fn membership(state: &Path) -> Result<Option<Membership>, FleetFileError> {
    let path = state.join(MEMBERSHIP);
    let Some(text) = read(&path)? else { return Ok(None) };
    let unreadable = |why: String| FleetFileError::Unreadable { path: path.clone(), why };
    let MembershipFile { join, announcement, stored } =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let join = JoinString::find(&join, HubRole::Box);
    let mut join = join.map_err(|error: HubAccessError| unreadable(error.to_string()))?;
    let path = state.join(CREDENTIALS);
    join.access.user = read(&path)?.map(|text| user(&path, &text)).transpose()?;
    Ok(Some(Membership { join, announcement, stored }))
}

/// Joins a fleet, or records what has become of its announcement.
pub(crate) fn write_membership(
    state: &Path,
    membership: &Membership,
) -> Result<(), FleetFileError> {
    let Membership { join, announcement, stored } = membership;
    let (announcement, stored) = (announcement.clone(), *stored);
    let file = MembershipFile { join: join.to_string(), announcement, stored };
    let text = serde_json::to_string(&file).map_err(io::Error::other);
    match &join.access.user {
        Some(user) => {
            let path = state.join(CREDENTIALS);
            let written = write(state, &path, user.file().as_bytes());
            written.map_err(|source| FleetFileError::Io { path, what: "written", source })?;
        }
        None => remove_file(&state.join(CREDENTIALS)).map(drop)?,
    }
    let path = state.join(MEMBERSHIP);
    let written = text.and_then(|text| write(state, &path, text.as_bytes()));
    written.map_err(|source| FleetFileError::Io { path, what: "written", source })
}

/// The accepted roster; none without the file, or if it is that of another fleet.
pub(crate) fn roster(
    state: &Path,
    join: &JoinString,
) -> Result<Option<VerifiedRoster>, FleetFileError> {
    let path = state.join(ROSTER);
    let Some(text) = read(&path)? else { return Ok(None) };
    match VerifiedRoster::read(&text, &join.authority, &join.access.fleet) {
        Ok(roster) => Ok(Some(roster)),
        Err(why) => Err(FleetFileError::Roster { path, why }),
    }
}

/// Keeps the accepted roster.
pub(crate) fn write_roster(state: &Path, roster: &VerifiedRoster) -> Result<(), FleetFileError> {
    let path = state.join(ROSTER);
    let written = write(state, &path, roster.text().as_bytes());
    written.map_err(|source| FleetFileError::Io { path, what: "written", source })
}

/// An announcement of a device, as the hub had it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRow {
    key: String,
    value: String,
    sequence: u64,
    stored_at: Time,
}

/// The announcements of devices that the hub had. They are not verified.
pub(crate) fn devices(state: &Path) -> Result<Vec<Entry>, FleetFileError> {
    let path = state.join(DEVICES);
    let Some(text) = read(&path)? else { return Ok(Vec::new()) };
    let rows: Vec<DeviceRow> = serde_json::from_slice(&text)
        .map_err(|error| FleetFileError::Unreadable { path, why: error.to_string() })?;
    let entry = |row: DeviceRow| {
        let DeviceRow { key, value, sequence, stored_at } = row;
        Entry { key, value: value.into(), sequence, stored_at }
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Keeps the announcements of devices.
pub(crate) fn write_devices(state: &Path, entries: &[Entry]) -> Result<(), FleetFileError> {
    let row = |entry: &Entry| DeviceRow {
        key: entry.key.clone(),
        value: String::from_utf8_lossy(&entry.value).into_owned(),
        sequence: entry.sequence,
        stored_at: entry.stored_at,
    };
    let rows: Vec<DeviceRow> = entries.iter().map(row).collect();
    let path = state.join(DEVICES);
    let text = serde_json::to_string(&rows).map_err(io::Error::other);
    let written = text.and_then(|text| write(state, &path, text.as_bytes()));
    written.map_err(|source| FleetFileError::Io { path, what: "written", source })
}

/// Leaves the fleet; whether the box had joined one.
pub(crate) fn remove(state: &Path) -> Result<bool, FleetFileError> {
    let had_joined = remove_file(&state.join(MEMBERSHIP))?;
    remove_file(&state.join(CREDENTIALS))?;
    remove_file(&state.join(ROSTER))?;
    remove_file(&state.join(DEVICES))?;
    Ok(had_joined)
}

/// Removes a file; whether there was one.
fn remove_file(path: &Path) -> Result<bool, FleetFileError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FleetFileError::Io { path: path.to_owned(), what: "removed", source }),
    }
}

/// The user in a credentials file that an admin of the hub has given.
pub(crate) fn read_credentials(path: &Path) -> Result<HubUser, FleetFileError> {
    let mut text = Vec::new();
    let limit = MAX_CREDENTIALS as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text));
    read.map_err(|source| FleetFileError::Io { path: path.to_owned(), what: "read", source })?;
    user(path, &text)
}

fn user(path: &Path, text: &[u8]) -> Result<HubUser, FleetFileError> {
    let unusable = |why| FleetFileError::Credentials { path: path.to_owned(), why };
    HubUser::read(&String::from_utf8_lossy(text)).map_err(unusable)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FleetFileError> {
    let failed = |source| FleetFileError::Io { path: path.to_owned(), what: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(FleetFileError::Open(path.to_owned()));
    }
    let mut text = Vec::new();
    file.take(MAX_ROSTER as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Replaces a file. It belongs to the owner of the directory, also if root writes it.
fn write(state: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let owner = std::fs::metadata(state)?;
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match new {
        // The owner and the mode stay when the content is replaced.
        Ok(file) => std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    atomic_file::write(path, bytes)
}
