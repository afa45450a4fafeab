//! Saves a paired server in `client.toml`.

use std::net::IpAddr;

use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::text::MAX_NAME;

use super::Via;
use super::remote::Address;
use crate::config::{ConfigError, FILE_NAME, Profile, ProfileStore, THIS_MACHINE};

/// A server as it was saved, and its entry before.
#[derive(Debug)]
pub(super) struct PairedProfile {
    pub(super) profile: Profile,
    before: Option<Profile>,
    first: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SaveAs<'a> {
    /// Its name here; without one, the name that it gives itself.
    pub(crate) name: Option<&'a str>,
    /// The saved server with another key that it replaces: the box was set up again.
    pub(crate) replaces: Option<&'a str>,
}

/// The saved server that may be the invite's server before it was set up again: it has another key, and the same name or
/// address. None where the invite's server is saved already.
pub(crate) fn replaceable<'p>(
    profiles: &'p [Profile],
    invite: &Invite,
    name: Option<&str>,
) -> Option<&'p Profile> {
    if find(profiles, invite, SaveAs { name, replaces: None }).is_some() {
        return None;
    }
    let name = name.unwrap_or(given_name(&invite.name));
    let same_lan = |profile: &Profile| {
        profile.port == invite.port && profile.lan.as_deref().is_some_and(|lan| names(invite, lan))
    };
    let same_router = |profile: &Profile| {
        profile.internet.is_some()
            && profile.internet == invite.router
            && profile.internet_port.unwrap_or(profile.port) == invite.router_port
    };
    let paired = || profiles.iter().filter(|profile| profile.pin.is_some());
    paired()
        .find(|profile| profile.name == name)
        .or_else(|| paired().find(|profile| same_lan(profile) || same_router(profile)))
}

/// Whether another server than that of the invite is saved under this name.
pub(super) fn is_anothers(
    dirs: &Dirs,
    invite: &Invite,
    save_as: SaveAs<'_>,
) -> Result<bool, ConfigError> {
    let Some(name) = save_as.name else { return Ok(false) };
    let store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
    let own = find(store.profiles(), invite, save_as);
    Ok(store.get(name).is_some_and(|taken| own.is_none_or(|own| own.name != taken.name)))
}

/// Saves the server of an invite, which was reached at `reached`. One that is saved already keeps its name, unless another
/// is asked for, and its other fields as far as they may still be right. Only a state directory that was paired before
/// (`may_rename`) gives it another name, where one entry has the pin; else the entry may be that of another state directory,
/// and the new name gets an entry of its own.
pub(super) fn save(
    dirs: &Dirs,
    invite: &Invite,
    save_as: SaveAs<'_>,
    reached: &Address,
    may_rename: bool,
) -> Result<PairedProfile, ConfigError> {
    let mut store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
    let first = !store.path().exists();
    let keeps_name = |found: &&Profile| save_as.name.is_none_or(|name| name == found.name);
    let has_one = store.profiles().iter().filter(|profile| has_pin(profile, invite)).count() == 1;
    let before = find(store.profiles(), invite, save_as)
        .filter(|found| may_rename && has_one || keeps_name(found) || !has_pin(found, invite))
        .cloned();
    let mut profile = updated(before.clone().unwrap_or_default(), invite, reached);
    match &before {
        Some(old) => {
            if let Some(name) = save_as.name {
                profile.name = free(name, &store, Some(&old.name));
            }
            store.replace(&old.name, profile.clone())?;
        }
        None => {
            profile.name = free(save_as.name.unwrap_or(given_name(&invite.name)), &store, None);
            store.add(profile.clone())?;
        }
    }
    store.save()?;
    Ok(PairedProfile { profile, before, first })
}

impl PairedProfile {
    pub(super) fn renamed(&self) -> Option<String> {
        let was = &self.before.as_ref()?.name;
        (*was != self.profile.name).then(|| was.clone())
    }

    /// Restores the addresses that were saved before, if there were any: they may be newer than those of an invite that is
    /// used again.
    pub(super) fn with_old_addresses(self, dirs: &Dirs) -> Result<Profile, ConfigError> {
        let Self { profile: new, before, .. } = self;
        let Some(old) = before.filter(|old| old.lan.is_some() || old.internet.is_some()) else {
            return Ok(new);
        };
        let profile = Profile { name: new.name.clone(), pin: new.pin.clone(), ..old };
        let mut store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
        store.replace(&new.name, profile.clone())?;
        store.save()?;
        Ok(profile)
    }

    /// Restores the entry from before, and removes a file that this pairing created.
    pub(super) fn undo(self, dirs: &Dirs) -> Result<(), ConfigError> {
        let mut store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
        match self.before {
            Some(old) => store.replace(&self.profile.name, old)?,
            None => store.remove(&self.profile.name)?,
        }
        store.save()?;
        let empty = || std::fs::read(store.path()).is_ok_and(|text| text.trim_ascii().is_empty());
        if self.first && empty() {
            let path = store.path().to_owned();
            std::fs::remove_file(&path).map_err(|source| ConfigError::Write { path, source })?;
        }
        Ok(())
    }
}

fn has_pin(profile: &Profile, invite: &Invite) -> bool {
    profile.pin.as_deref() == Some(&*invite.server.to_string())
}

/// The saved server of the invite: the one with its pin (of several, the one with the name that is asked for), else the one
/// that it replaces, else one without a pin that has its name or address.
fn find<'p>(profiles: &'p [Profile], invite: &Invite, save_as: SaveAs<'_>) -> Option<&'p Profile> {
    let name = save_as.name.unwrap_or(&invite.name);
    let named = profiles.iter().find(|profile| profile.name == name && has_pin(profile, invite));
    let replaced = |profile: &&Profile| save_as.replaces == Some(profile.name.as_str());
    let typed = |profile: &&Profile| {
        profile.pin.is_none()
            && (profile.name == name
                || profile.lan.as_deref().is_some_and(|lan| names(invite, lan))
                || profile.internet.is_some() && profile.internet == invite.router)
    };
    let paired = || profiles.iter().find(|profile| has_pin(profile, invite));
    let replaced = || profiles.iter().find(replaced);
    named.or_else(paired).or_else(replaced).or_else(|| profiles.iter().find(typed))
}

fn names(invite: &Invite, address: &str) -> bool {
    address.parse().is_ok_and(|address: IpAddr| invite.addresses.contains(&address))
}

/// The name that the server gives itself, if a server can be saved under it.
fn given_name(name: &str) -> &str {
    match name.trim() {
        "" | THIS_MACHINE => "server",
        name => name,
    }
}

/// The name, or the name and a number where another server has it.
fn free(name: &str, store: &ProfileStore, own: Option<&str>) -> String {
    let taken = |name: &str| Some(name) != own && store.get(name).is_some();
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number| {
        let end = format!("-{number}");
        let begin: String = name.chars().take(MAX_NAME - end.len()).collect();
        begin + &end
    });
    numbered.into_iter().find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

/// Address, ports and pin of the invite. A host name that the user wrote is kept, and so is an address that the invite
/// contains too.
fn updated(old: Profile, invite: &Invite, reached: &Address) -> Profile {
    let is_name = |host: &String| host.parse::<IpAddr>().is_err();
    let lan = old.lan.filter(|lan| is_name(lan) || names(invite, lan));
    let lan = lan.or_else(|| match reached {
        Address::Network { via: Via::Lan, host, .. } => Some(host.clone()),
        // A link-local address means nothing without an interface of this device, so it cannot be saved.
        _ => invite.addresses.iter().find(|ip| !is_link_local(**ip)).map(ToString::to_string),
    });
    let internet_port = (invite.router_port != invite.port).then_some(invite.router_port);
    let (internet, internet_port) = match &invite.router {
        None => (old.internet, old.internet_port),
        Some(router) => {
            let internet = old.internet.filter(is_name).unwrap_or_else(|| router.clone());
            (Some(internet), internet_port)
        }
    };
    Profile {
        name: old.name,
        lan,
        internet,
        port: invite.port,
        internet_port,
        pin: Some(invite.server.to_string()),
        tags: old.tags.clone(),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use topside_shared::private_key::Seed;
    use topside_shared::{Pin, Time};

    use super::*;

    fn invite() -> Invite {
        Invite {
            server: Pin::from_bytes([1; 32]),
            seed: Seed::from_bytes([2; 32]),
            lasting: false,
            expires_at: Time::from_millis(0),
            name: "sprinkler".into(),
            addresses: vec!["192.168.1.10".parse().unwrap(), "10.0.0.5".parse().unwrap()],
            router: Some("203.0.113.7".into()),
            port: 8677,
            router_port: 443,
        }
    }

    fn reached(host: &str) -> Address {
        Address::Network { via: Via::Lan, host: host.into(), port: 8677 }
    }

    fn saved() -> Profile {
        Profile {
            name: "sprinkler".into(),
            lan: Some("10.0.0.5".into()),
            internet: Some("203.0.113.7".into()),
            port: 8677,
            internet_port: Some(443),
            pin: Some(invite().server.to_string()),
            tags: Vec::new(),
        }
    }

    /// What `save` makes of a file, and the file's entries after it and after the undoing of it.
    fn save_into(before: &[Profile], name: Option<&str>) -> (Profile, Vec<Profile>) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name| dir.path().join(name);
        let (config, state, runtime) = (at("c"), at("s"), at("r"));
        let dirs = Dirs { config, state, runtime, runtime_only: true };
        let load = || ProfileStore::load(dirs.config.join(FILE_NAME)).unwrap();
        let mut store = load();
        before.iter().for_each(|profile| store.add(profile.clone()).unwrap());
        store.save().unwrap();
        let save_as = SaveAs { name, replaces: None };
        let entry = save(&dirs, &invite(), save_as, &reached("10.0.0.5"), true).unwrap();
        let (profile, after) = (entry.profile.clone(), load().profiles().to_vec());
        assert!(after.contains(&profile));
        entry.undo(&dirs).unwrap();
        assert_eq!(load().profiles(), before);
        (profile, after)
    }

    #[test]
    fn a_new_server_is_saved_with_the_address_that_answered() {
        assert_eq!(save_into(&[], None).0, saved());
        let named = Profile { name: "garden".into(), ..saved() };
        assert_eq!(save_into(&[], Some("garden")).0, named);
        let host = "203.0.113.7".to_owned();
        let by_router = Address::Network { via: Via::Internet, host, port: 8677 };
        let addresses = vec!["fe80::1".parse().unwrap(), "192.168.1.10".parse().unwrap()];
        let invite = Invite { addresses, ..invite() };
        let lan = updated(Profile::default(), &invite, &by_router).lan;
        assert_eq!(lan.as_deref(), Some("192.168.1.10"));
    }

    #[test]
    fn a_name_that_is_another_servers_is_numbered() {
        let other = |name: &str| Profile {
            name: name.into(),
            pin: Some(Pin::from_bytes([9; 32]).to_string()),
            ..saved()
        };
        let (saved, after) = save_into(&[other("sprinkler"), other("sprinkler-2")], None);
        assert_eq!((saved.name.as_str(), after.len()), ("sprinkler-3", 3));
        let long = "x".repeat(64);
        let (saved, _) = save_into(&[other(&long)], Some(&long));
        assert_eq!(saved.name, format!("{}-2", "x".repeat(62)));
        for odd in ["", " ", THIS_MACHINE] {
            assert_eq!(given_name(odd), "server");
        }
    }

    #[test]
    fn a_server_that_is_saved_keeps_its_name_and_what_is_still_right() {
        let old = Profile {
            name: "garden".into(),
            lan: Some("192.168.1.77".into()),
            internet: Some("home.example".into()),
            port: 1,
            internet_port: None,
            tags: vec!["garden".into()],
            ..saved()
        };
        let new = Profile { lan: Some("10.0.0.5".into()), port: 8677, ..old.clone() };
        let new = Profile { internet_port: Some(443), ..new };
        assert_eq!(save_into(std::slice::from_ref(&old), None), (new.clone(), vec![new.clone()]));
        let renamed = save_into(&[old], Some("shed")).0;
        assert_eq!(renamed, Profile { name: "shed".into(), ..new });

        let kept = Profile { lan: Some("192.168.1.10".into()), ..saved() };
        assert_eq!(save_into(std::slice::from_ref(&kept), None).0, kept, "it is the box's as well");
        let no_router = Invite { router: None, router_port: 8677, ..invite() };
        assert_eq!(updated(saved(), &no_router, &reached("10.0.0.5")), saved());
    }

    #[test]
    fn a_box_that_was_set_up_again_is_known_by_its_name_or_its_address() {
        let old = Profile { pin: Some(Pin::from_bytes([9; 32]).to_string()), ..saved() };
        let find = |profile: Profile, name: Option<&str>| {
            replaceable(&[profile], &invite(), name).map(|found| found.name.clone())
        };
        let some = Some("sprinkler".to_owned());
        assert_eq!(find(old.clone(), None), some);
        let moved = Profile { lan: None, internet: None, ..old.clone() };
        assert_eq!(find(moved, None), some);
        let garden = Profile { name: "garden".into(), ..old.clone() };
        assert_eq!(find(garden.clone(), None), Some("garden".into()));
        let by_router = Profile { lan: None, ..garden.clone() };
        assert_eq!(find(by_router, None), Some("garden".into()));
        // Other boxes behind the same router, or on another port, are others.
        let other = Profile { lan: None, internet_port: Some(444), ..garden.clone() };
        assert_eq!(find(other, None), None);
        let other = Profile { internet: None, port: 1, ..garden };
        assert_eq!(find(other, None), None);
        assert_eq!(find(saved(), None), None, "it has the key of the invite");
        let unpaired = Profile { pin: None, ..old };
        assert_eq!(find(unpaired, None), None, "it waits for a key");
    }

    #[test]
    fn a_server_that_was_typed_in_gets_its_pin() {
        let typed = Profile { name: "garden".into(), pin: None, ..Profile::default() };
        for typed in [
            Profile { name: "sprinkler".into(), port: 1, ..typed.clone() },
            Profile { lan: Some("192.168.1.10".into()), port: 1, ..typed.clone() },
            Profile { internet: Some("203.0.113.7".into()), port: 1, ..typed.clone() },
        ] {
            let (saved, after) = save_into(std::slice::from_ref(&typed), None);
            assert_eq!((saved.name, after.len()), (typed.name, 1));
        }
        let other = Profile { lan: Some("192.168.1.99".into()), port: 1, ..typed };
        assert_eq!(save_into(&[other], None).1.len(), 2);
    }
}
