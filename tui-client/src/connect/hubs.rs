//! Saved hubs: the string of each, in a file of its own below `hubs` of the state directory. Every paired server is looked for
//! at each of them.

use std::io;
use std::path::{Path, PathBuf};

use topside_shared::hub::{
    DialError, FleetName, HubAccess, HubAccessError, HubConnection, HubRole, HubStream, Refusal,
};
use topside_shared::{Pin, text};

use super::error::ConnectError;
use crate::config::write_private;

const DIR: &str = "hubs";

/// Why the saved hubs cannot be read or changed, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubsError {
    #[error("{} cannot be {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
    #[error("{} cannot be used: {why}; `topside hub add` writes it again", path.display())]
    Unreadable { path: PathBuf, why: HubAccessError },
    #[error("there is no saved hub {0}: `topside hub list` lists them")]
    Unknown(String),
    #[error("another hub is saved as {0}: `topside hub remove {0}` has this device forget it")]
    Taken(FleetName),
}

/// The saved hubs, by name.
pub(crate) fn saved(state: &Path) -> Result<Vec<HubAccess>, HubsError> {
    let dir = state.join(DIR);
    let failed = |source| HubsError::Io { path: dir.clone(), what: "read", source };
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut hubs = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        // Another name is that of a file which is being written.
        if let Some(name) = name.to_str().filter(|name| name.parse::<FleetName>().is_ok()) {
            hubs.push(read(&dir.join(name))?);
        }
    }
    hubs.sort_by(|a, b| a.fleet.cmp(&b.fleet));
    Ok(hubs)
}

fn read(path: &Path) -> Result<HubAccess, HubsError> {
    let failed = |source| HubsError::Io { path: path.to_owned(), what: "read", source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let found = HubAccess::find(&text, HubRole::Person);
    found.map_err(|why| HubsError::Unreadable { path: path.to_owned(), why })
}

/// The names of the saved hubs, for the screen.
pub(crate) fn names(state: &Path) -> Vec<String> {
    // An error is reported where a hub is used.
    let hubs = saved(state).unwrap_or_default();
    hubs.into_iter().map(|access| access.fleet.to_string()).collect()
}

/// Saves a hub, by the name that it has. One that is saved already is replaced by its new string.
pub(crate) fn add(state: &Path, access: &HubAccess) -> Result<(), HubsError> {
    let path = state.join(DIR).join(access.fleet.as_str());
    if read(&path).is_ok_and(|other| other.hub != access.hub) {
        return Err(HubsError::Taken(access.fleet.clone()));
    }
    let written = write_private(&path, &format!("{access}\n"));
    written.map_err(|source| HubsError::Io { path: path.clone(), what: "written", source })
}

/// Forgets a hub.
pub(crate) fn remove(state: &Path, name: &str) -> Result<(), HubsError> {
    let unknown = || HubsError::Unknown(text::clean(name, text::MAX_NAME));
    if name.parse::<FleetName>().is_err() {
        return Err(unknown());
    }
    let path = state.join(DIR).join(name);
    std::fs::remove_file(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => unknown(),
        _ => HubsError::Io { path, what: "removed", source },
    })
}

/// Dials a box at a hub.
pub(super) async fn dial(access: &HubAccess, server: &Pin) -> Result<HubStream, ConnectError> {
    let hub = HubConnection::open(access).await.map_err(|error| {
        let lasting = error.is_lasting();
        ConnectError::NoHub { why: error.to_string(), lasting }
    })?;
    let name = access.fleet.to_string();
    hub.dial(server).await.map_err(|error| match error {
        DialError::Away => ConnectError::NotAtHub { hub: name },
        DialError::Silent => ConnectError::NoAnswer { at: format!("the hub {name}") },
        DialError::Refused(Refusal::Busy | Refusal::Closing | Refusal::Other) => {
            ConnectError::BusyAtHub { hub: name }
        }
        DialError::Malformed | DialError::Hub(_) => ConnectError::NoHub {
            why: format!("the hub {name} does not carry it: {error}"),
            lasting: false,
        },
    })
}
