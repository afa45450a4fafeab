//! Store of the fleets of this device: a directory for each below `fleets` of the state directory. It holds the access to the hub, the
//! last roster that was verified, and the members that this roster and the announcements at the hub make.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use topside_shared::Pin;
use topside_shared::fleet::{
    BoxEntry, FleetInvite, JoinString, PersonEntry, Roster, RosterError, VerifiedAnnouncement,
    VerifiedRoster, may_use, merge,
};
use topside_shared::hub::{
    FleetName, HubAccess, HubAccessError, HubRole, HubUser, HubUserError, MAX_CREDENTIALS,
};
use topside_shared::text::{MAX_NAME, clean};
use topside_shared::time::Time;

use crate::config::write_private;

pub(super) const DIR: &str = "fleets";
const ACCESS: &str = "access";
/// The credentials file of this device, at a hub in operator mode.
const CREDENTIALS: &str = "hub.creds";
const ROSTER: &str = "roster.json";
const MEMBERS: &str = "members.json";

/// Why the fleets of this device cannot be read or changed, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetsError {
    #[error("{} cannot be {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
    #[error("{} cannot be used: {why}; remove it, and ask an admin of the fleet for a new invite", path.display())]
    Access { path: PathBuf, why: HubAccessError },
    #[error("{} cannot be used: {why}", path.display())]
    Credentials { path: PathBuf, why: HubUserError },
    #[error("{} cannot be used: {why}; remove it, and the hub gives it again", path.display())]
    Roster { path: PathBuf, why: RosterError },
    #[error("this device has no fleet called {name}{}", listed(.known))]
    Unknown { name: String, known: Vec<String> },
    #[error(
        "this device has no fleet: `topside pair INVITE` joins one, `topside fleet create` creates one"
    )]
    NoFleet,
    #[error("this device has several fleets, {}: say which with --fleet", .0.join(", "))]
    Several(Vec<String>),
    #[error(
        "this device has another fleet called {0}, with another authority: `topside fleet leave {0}` forgets that one"
    )]
    Taken(FleetName),
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(": it has {}", known.join(", ")) }
}

/// A fleet that this device has joined or created.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    /// The access of a person.
    pub(crate) access: HubAccess,
    /// The pin of the key that signs the roster.
    pub(crate) authority: Pin,
    /// The last roster that was verified; none before the hub was reached.
    pub(crate) roster: Option<VerifiedRoster>,
    /// The members when the hub was last asked.
    pub(crate) members: Members,
    pub(super) dir: PathBuf,
}

/// The fleets of this device, by name. Files of one that cannot be used leave the others as they are.
#[derive(Debug, Default)]
pub(crate) struct SavedFleets {
    pub(crate) fleets: Vec<Fleet>,
    /// The names of the others, each with the reason.
    pub(crate) unusable: Vec<(String, FleetsError)>,
}

impl SavedFleets {
    /// The fleet of this name, if there is one.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<Fleet>, FleetsError> {
        if let Some(at) = self.fleets.iter().position(|fleet| fleet.name().as_str() == name) {
            return Ok(Some(self.fleets.swap_remove(at)));
        }
        let unusable = self.unusable.iter().position(|(other, _)| other == name);
        unusable.map_or(Ok(None), |at| Err(self.unusable.swap_remove(at).1))
    }

    fn names(&self) -> Vec<String> {
        let fleets = self.fleets.iter().map(|fleet| fleet.name().to_string());
        fleets.chain(self.unusable.iter().map(|(name, _)| name.clone())).collect()
    }
}

/// The fleets of this device.
pub(crate) fn saved(state: &Path) -> Result<SavedFleets, FleetsError> {
    let mut saved = SavedFleets::default();
    for name in names(state)? {
        match load(state, &name) {
            Ok(fleet) => saved.fleets.push(fleet),
            Err(error) => saved.unusable.push((clean(&name, MAX_NAME), error)),
        }
    }
    Ok(saved)
}

/// The names of the fleets of this device, in order.
pub(crate) fn names(state: &Path) -> Result<Vec<String>, FleetsError> {
    let dir = state.join(DIR);
    let failed = |source| FleetsError::Io { path: dir.clone(), what: "read", source };
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // One without access is being removed.
        if entry.path().join(ACCESS).exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The fleet of this name.
pub(crate) fn load(state: &Path, name: &str) -> Result<Fleet, FleetsError> {
    Fleet::load(&state.join(DIR).join(name))
}

/// The fleet of this name; without a name, the only one.
pub(crate) fn chosen(state: &Path, name: Option<&str>) -> Result<Fleet, FleetsError> {
    let mut saved = saved(state)?;
    let known = saved.names();
    let name = match (name, &known[..]) {
        (Some(name), _) => name,
        (None, []) => return Err(FleetsError::NoFleet),
        (None, [only]) => only,
        (None, _) => return Err(FleetsError::Several(known)),
    };
    let unknown = || FleetsError::Unknown { name: clean(name, MAX_NAME), known: known.clone() };
    saved.take(name)?.ok_or_else(unknown)
}

/// The hubs of the fleets of this device. Each paired server may be at each of them. The rosters are not read: with many servers
/// this is asked for each of them.
pub(crate) fn hubs(state: &Path) -> Result<Vec<HubAccess>, FleetsError> {
    // A fault in the files of one is reported where that fleet is used.
    Ok(names(state)?.into_iter().filter_map(|name| access(state, &name)).collect())
}

/// How this device reaches the hub of the fleet of this name; none if it has no such fleet that can be used.
pub(crate) fn access(state: &Path, name: &str) -> Option<HubAccess> {
    Some(read_access(&state.join(DIR).join(name)).ok()?.access)
}

/// The names of all boxes and people, each with what it is, for completion.
pub(crate) fn member_names(state: &Path) -> Vec<(String, &'static str)> {
    let SavedFleets { fleets, .. } = saved(state).unwrap_or_default();
    let names = fleets.into_iter().flat_map(|Fleet { members, .. }| {
        let boxes = members.boxes.into_iter().map(|each| (each.name, "Box"));
        let people = members.people.into_iter().map(|each| (each.name, "Person"));
        boxes.chain(people).collect::<Vec<_>>()
    });
    names.collect()
}

/// Forgets a fleet.
pub(crate) fn forget(fleet: &Fleet) -> Result<(), FleetsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FleetsError::Io { path, what: "removed", source }
    };
    // Without it the directory is no fleet any more, even if a later step fails.
    let access = fleet.dir.join(ACCESS);
    std::fs::remove_file(&access).map_err(failed(&access))?;
    std::fs::remove_dir_all(&fleet.dir).map_err(failed(&fleet.dir))
}

/// A file of a fleet; none where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, FleetsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FleetsError::Io { path: path.to_owned(), what: "read", source }),
    }
}

/// The user in a credentials file.
pub(crate) fn read_credentials(path: &Path) -> Result<HubUser, FleetsError> {
    let mut text = Vec::new();
    let limit = MAX_CREDENTIALS as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text));
    read.map_err(|source| FleetsError::Io { path: path.to_owned(), what: "read", source })?;
    let unusable = |why| FleetsError::Credentials { path: path.to_owned(), why };
    HubUser::read(&String::from_utf8_lossy(&text)).map_err(unusable)
}

/// How a device reaches the hub of a fleet, and the fleet's authority.
fn read_access(dir: &Path) -> Result<JoinString, FleetsError> {
    let path = dir.join(ACCESS);
    let member = JoinString::find(&read(&path)?.unwrap_or_default(), HubRole::Person);
    let mut member = member.map_err(|why| FleetsError::Access { path, why })?;
    let path = dir.join(CREDENTIALS);
    if path.exists() {
        member.access.user = Some(read_credentials(&path)?);
    }
    Ok(member)
}

impl Fleet {
    fn load(dir: &Path) -> Result<Self, FleetsError> {
        let JoinString { access, authority, .. } = read_access(dir)?;
        let path = dir.join(ROSTER);
        let roster = match read(&path)? {
            None => None,
            Some(text) => {
                let roster = VerifiedRoster::read(text.as_bytes(), &authority, &access.fleet);
                Some(roster.map_err(|why| FleetsError::Roster { path, why })?)
            }
        };
        let members = match read(&dir.join(MEMBERS))? {
            // The hub gives it again.
            Some(text) => serde_json::from_str(&text).unwrap_or_default(),
            None => Members::default(),
        };
        Ok(Self { access, authority, roster, members, dir: dir.to_owned() })
    }

    pub(crate) fn name(&self) -> &FleetName {
        &self.access.fleet
    }

    /// The fleet of a join string: with the roster that this device has seen, if it has the fleet already.
    pub(crate) fn of_string(state: &Path, string: &JoinString) -> Result<Self, FleetsError> {
        let JoinString { mut access, authority, .. } = string.clone();
        let dir = state.join(DIR).join(access.fleet.as_str());
        let (roster, members) = match dir.join(ACCESS).exists() {
            true => {
                let saved = Self::load(&dir)?;
                if saved.authority != authority {
                    return Err(FleetsError::Taken(access.fleet));
                }
                if access.user.is_none() && saved.access.hub == access.hub {
                    access.user = saved.access.user;
                }
                (saved.roster, saved.members)
            }
            false => (None, Members::default()),
        };
        Ok(Self { access, authority, roster, members, dir })
    }

    /// Takes a roster, if it is of the authority and not older than the one that this device has seen.
    pub(crate) fn take_roster(&mut self, text: &[u8]) -> Result<(), RosterError> {
        let found = VerifiedRoster::read(text, &self.authority, self.name())?;
        match &self.roster {
            Some(held) if !found.replaces(held)? => {}
            _ => self.roster = Some(found),
        }
        Ok(())
    }

    /// The invite with this key on the roster.
    pub(super) fn invite(&self, key: &Pin) -> Option<&FleetInvite> {
        self.roster.as_ref()?.roster().invites.iter().find(|invite| invite.key == *key)
    }

    fn keep(&self, name: &str, text: &str) -> Result<(), FleetsError> {
        let path = self.dir.join(name);
        if read(&path)?.as_deref() == Some(text) {
            return Ok(());
        }
        let written = write_private(&path, text);
        written.map_err(|source| FleetsError::Io { path, what: "written", source })
    }

    /// Saves what the hub has said of the members. A fleet that this device has left or moved to another hub meanwhile, in
    /// another process, stays so.
    pub(crate) fn save_members(&self) -> Result<(), FleetsError> {
        let is_same =
            |saved: JoinString| saved.access == self.access && saved.authority == self.authority;
        match read_access(&self.dir).is_ok_and(is_same) {
            true => self.write_members(),
            false => Ok(()),
        }
    }

    fn write_members(&self) -> Result<(), FleetsError> {
        if let Some(roster) = &self.roster {
            self.keep(ROSTER, roster.text())?;
            self.keep(MEMBERS, &serde_json::to_string(&self.members).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Saves it, with its access.
    pub(crate) fn save(&self) -> Result<(), FleetsError> {
        self.write_members()?;
        let path = self.dir.join(CREDENTIALS);
        match &self.access.user {
            Some(user) => self.keep(CREDENTIALS, user.file())?,
            None if path.exists() => std::fs::remove_file(&path)
                .map_err(|source| FleetsError::Io { path, what: "removed", source })?,
            None => {}
        }
        let (access, authority) = (self.access.clone(), self.authority);
        self.keep(ACCESS, &format!("{}\n", JoinString { access, authority, enrolment: None }))
    }
}

/// The members, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Members {
    pub(crate) boxes: Vec<BoxEntry>,
    pub(crate) people: Vec<PersonEntry>,
    /// The person that this device is; none before the fleet has admitted it.
    pub(crate) own: Option<PersonEntry>,
}

impl Members {
    /// The members by a roster and the announcements at the hub.
    pub(crate) fn of(
        roster: &Roster,
        announcements: &[VerifiedAnnouncement],
        own_key: Option<Pin>,
    ) -> Self {
        let merged = merge(roster, announcements, Time::now());
        let (mut boxes, mut people) = (merged.boxes, merged.people);
        let own = people.iter().find(|person| Some(person.pin) == own_key).cloned();
        people.sort_by(|a, b| a.name.cmp(&b.name));
        boxes.sort_by(|a, b| a.name.cmp(&b.name));
        Self { boxes, people, own }
    }

    /// The boxes that this device may use: none once the fleet does not list it.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = &BoxEntry> {
        let may =
            |each: &&BoxEntry| self.own.as_ref().is_some_and(|own| may_use(&own.tags, &each.tags));
        self.boxes.iter().filter(may)
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::private_key::Seed;

    use super::*;

    fn fleet(dir: &Path, host: &str) -> Fleet {
        let access = HubAccess {
            role: HubRole::Person,
            hub: Pin::from_bytes([3; 32]),
            secret: Seed::from_bytes([4; 32]),
            fleet: "garden".parse().unwrap(),
            addresses: vec![(host.to_owned(), 4222)],
            user: None,
        };
        let (authority, dir) = (Pin::from_bytes([5; 32]), dir.join(DIR).join("garden"));
        Fleet { access, authority, roster: None, members: Members::default(), dir }
    }

    /// A picker that was open wrote the hub that it knew over the new one, and made a fleet anew that was left.
    #[test]
    fn what_a_hub_says_of_the_members_changes_no_access() {
        let state = tempfile::tempdir().unwrap();
        let old = fleet(state.path(), "old.example.org");
        old.save().unwrap();
        let new = fleet(state.path(), "new.example.org");
        new.save().unwrap();
        old.save_members().unwrap();
        assert_eq!(access(state.path(), "garden").unwrap().addresses, new.access.addresses);
        forget(&new).unwrap();
        new.save_members().unwrap();
        assert_eq!(names(state.path()).unwrap(), [""; 0]);
        assert!(!new.dir.exists());
    }
}
