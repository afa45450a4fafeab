//! Servers that announce themselves on the LAN. An announcement is a hint: the pin decides.

use std::collections::HashSet;

use topside_shared::Pin;
use topside_shared::text::{MAX_NAME, clean, host_port};

use crate::app::State;
use crate::config::Profile;
use crate::connect::DiscoveredServer;

/// Takes the servers that were discovered, with their texts sanitized.
pub(super) fn load(state: &mut State, found: Vec<DiscoveredServer>) {
    let safe = |find: DiscoveredServer| {
        let (name, host) = (clean(&find.name, MAX_NAME), clean(&find.host, MAX_NAME));
        DiscoveredServer { name, host, ..find }
    };
    state.discovered = found.into_iter().map(safe).collect();
    relist(state);
}

/// Finds out which discovered servers are neither saved nor boxes of a fleet: one of the three lists has changed.
pub(super) fn relist(state: &mut State) {
    let boxes: HashSet<Pin> = state.fleet.iter().filter_map(|each| each.profile.key()).collect();
    let is_new = |find: &DiscoveredServer| {
        !state.servers.iter().any(|profile| is(find, profile))
            && find.pin.is_none_or(|pin| !boxes.contains(&pin))
    };
    let all = state.discovered.iter().enumerate();
    state.new_finds = all.filter(|(_, find)| is_new(find)).map(|(index, _)| index).collect();
}

/// The servers that are neither saved nor boxes of a fleet.
pub(crate) fn listed(state: &State) -> impl Iterator<Item = &DiscoveredServer> {
    state.new_finds.iter().map(|index| &state.discovered[*index])
}

/// Whether it is this saved server: by its pin, or by its address if one of the two has no pin.
fn is(find: &DiscoveredServer, profile: &Profile) -> bool {
    match (find.pin, profile.key()) {
        (Some(found), Some(saved)) => found == saved,
        _ => {
            let here = |host: &str| {
                host == find.host
                    || find.addresses.iter().any(|address| address.to_string() == host)
            };
            find.port == profile.port && profile.lan.as_deref().is_some_and(here)
        }
    }
}

/// The address to save: IPv4 before IPv6, which is long; the host name if it announced no address.
pub(crate) fn address(find: &DiscoveredServer) -> String {
    let first = find.addresses.iter().find(|address| address.is_ipv4());
    let first = first.or(find.addresses.first());
    first.map_or_else(|| find.host.clone(), ToString::to_string)
}

/// Where a saved server was discovered, if it is another address than the saved one.
pub(crate) fn hint(state: &State, profile: &Profile) -> Option<String> {
    let pin = profile.key()?;
    let find = state.discovered.iter().find(|find| find.pin == Some(pin))?;
    let known = profile.lan.as_deref().is_some_and(|lan| {
        find.port == profile.port
            && (lan == find.host || find.addresses.iter().any(|address| address.to_string() == lan))
    });
    (!known).then(|| host_port(&address(find), find.port))
}
