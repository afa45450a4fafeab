//! What pairing writes into `client.toml`.

use std::net::IpAddr;

use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::text::MAX_NAME;

use super::Via;
use super::remote::Address;
use crate::config::{ConfigError, FILE_NAME, Profile, ProfileStore, THIS_MACHINE};

/// A server as it was saved, and what stood there before.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) profile: Profile,
    before: Option<Profile>,
}

/// Saves the server of an invite, which was reached at that address. One that is saved already keeps its
/// name, unless another is asked for, and what the person wrote as far as it may still be right.
pub(super) fn save(
    dirs: &Dirs,
    invite: &Invite,
    name: Option<&str>,
    reached: &Address,
) -> Result<Entry, ConfigError> {
    let mut store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
    let before = find(store.profiles(), invite, name).cloned();
    let profile = match &before {
        Some(old) => Profile {
            name: match name {
                Some(name) => free(name, &store, Some(&old.name)),
                None => old.name.clone(),
            },
            ..updated(old, invite, reached)
        },
        None => {
            let name = free(name.unwrap_or(given_name(&invite.name)), &store, None);
            Profile { name, ..updated(&Profile::default(), invite, reached) }
        }
    };
    match &before {
        Some(old) => store.replace(&old.name, profile.clone())?,
        None => store.add(profile.clone())?,
    }
    store.save()?;
    Ok(Entry { profile, before })
}

impl Entry {
    /// Puts back what stood there before.
    pub(super) fn undo(self, dirs: &Dirs) -> Result<(), ConfigError> {
        let mut store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
        match self.before {
            Some(old) => store.replace(&self.profile.name, old)?,
            None => store.remove(&self.profile.name)?,
        }
        store.save()
    }
}

/// The saved server that the invite is of: the one with its pin, else one that was typed in and waits for
/// a pin.
fn find<'p>(profiles: &'p [Profile], invite: &Invite, name: Option<&str>) -> Option<&'p Profile> {
    let pin = invite.server.to_string();
    let name = name.unwrap_or(&invite.name);
    let typed = |profile: &&Profile| {
        profile.pin.is_none()
            && (profile.name == name
                || profile.lan.as_deref().is_some_and(|lan| names(invite, lan))
                || profile.internet.is_some() && profile.internet == invite.router)
    };
    let paired = profiles.iter().find(|profile| profile.pin.as_ref() == Some(&pin));
    paired.or_else(|| profiles.iter().find(typed))
}

fn names(invite: &Invite, address: &str) -> bool {
    address.parse().is_ok_and(|address: IpAddr| invite.addresses.contains(&address))
}

/// What the server calls itself, if a server can be saved as that.
fn given_name(name: &str) -> &str {
    match name.trim() {
        "" | THIS_MACHINE => "server",
        name => name,
    }
}

/// The name, or the name and a number where it is another server's.
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

/// Addresses, ports and pin by the invite. A host's name that the person wrote is kept, and so is an
/// address that the invite names too.
fn updated(old: &Profile, invite: &Invite, reached: &Address) -> Profile {
    let is_name = |host: &&String| host.parse::<IpAddr>().is_err();
    let lan = old.lan.as_ref().filter(|lan| is_name(lan) || names(invite, lan)).cloned();
    let lan = lan.or_else(|| match reached.via {
        Via::Lan => Some(reached.host.clone()),
        _ => invite.addresses.first().map(ToString::to_string),
    });
    let internet_port = (invite.router_port != invite.port).then_some(invite.router_port);
    let (internet, internet_port) = match (&invite.router, &old.internet) {
        (None, _) => (old.internet.clone(), old.internet_port),
        (Some(_), Some(name)) if is_name(&name) => (Some(name.clone()), internet_port),
        (Some(router), _) => (Some(router.clone()), internet_port),
    };
    Profile {
        name: old.name.clone(),
        lan,
        internet,
        port: invite.port,
        internet_port,
        pin: Some(invite.server.to_string()),
    }
}
