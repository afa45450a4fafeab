//! Applies changes of keys to live sessions: a session ends when its key expires or is revoked, and has a new role at
//! once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::notifications::{EndCode, SessionEnded};
use topside_shared::{ClientId, Pin};

use crate::base::clock::{Clock, ClockWatch};
use crate::base::identity::{Identity, Owner};
use crate::clients::registry::Registry;
use crate::keys::{KeyStanding, Keys};
use crate::settings::Local;

/// Longest time between two checks for expired keys: the clock may have been set.
const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// Checks between two saves of the time that each key was last used.
const SAVE: u32 = 10;

/// Ends sessions as their keys expire, passes each key that expires to `expired`, and calls `save` every few minutes; ends
/// with the future.
pub(crate) async fn watch(
    keys: &Keys,
    clients: &Registry,
    clock: &Clock,
    expired: impl Fn(&KeyRow),
    save: impl AsyncFn(),
) {
    let mut known: HashSet<Pin> = expired_keys(keys).map(|row| row.key_id).collect();
    let mut looks = 0;
    let mut clock = ClockWatch::new(clock);
    loop {
        let until = keys.next_expiry_ms();
        let pause = until.map_or(CLOCK_CHECK, |ms| Duration::from_millis(ms + 1).min(CLOCK_CHECK));
        tokio::select! {
            () = sleep(pause) => {}
            // Another key may expire sooner.
            () = keys.changed.notified() => continue,
        }
        clock.check();
        enforce(keys, clients, None, "its key has expired", "");
        for row in expired_keys(keys) {
            if known.insert(row.key_id) {
                expired(&row);
            }
        }
        looks += 1;
        if looks % SAVE == 0 {
            save().await;
        }
    }
}

fn expired_keys(keys: &Keys) -> impl Iterator<Item = KeyRow> {
    keys.list().into_iter().filter(|row| row.state == KeyState::Expired)
}

/// The present identity of `who`, whether or not a session is left. The error is a sentence that says why the key or
/// user is not accepted any more.
pub(crate) fn identity(
    keys: &Keys,
    local: &Local,
    who: &Arc<Identity>,
) -> Result<Arc<Identity>, String> {
    let key = match who.owner {
        Owner::Key(key) => key,
        Owner::Schedule => return Ok(Arc::clone(who)),
        Owner::User(uid) | Owner::Agent(uid) => {
            let gone = || format!("{} might not use this server any more by then.", who.user);
            return local_identity(local, uid, who).ok_or_else(gone);
        }
    };
    match keys.standing(key) {
        KeyStanding::Good(identity) if who.agent => Ok(Arc::new(identity.as_agent())),
        KeyStanding::Good(identity) => Ok(Arc::new(identity)),
        KeyStanding::Invited(_) => Err(format!("{} has an invite's key only.", who.user)),
        KeyStanding::Expired => Err(format!("the time of {}'s key was over by then.", who.user)),
        KeyStanding::Revoked | KeyStanding::Unknown => {
            Err(format!("{}'s key had been revoked by then.", who.user))
        }
    }
}

fn local_identity(local: &Local, uid: u32, who: &Arc<Identity>) -> Option<Arc<Identity>> {
    let role = local.role(uid, &who.user)?;
    if who.agent {
        return Some(Arc::clone(who));
    }
    Some(match role == who.role {
        true => Arc::clone(who),
        false => Arc::new(Identity { role, ..Identity::clone(who) }),
    })
}

/// Applies the state of the keys to all sessions but that of `spared`: the session of an expired or revoked key ends,
/// and a changed role or scope takes effect.
pub(crate) fn enforce(
    keys: &Keys,
    clients: &Registry,
    spared: Option<ClientId>,
    reason: &str,
    by: &str,
) {
    for client in clients.all() {
        if spared == Some(client.id) {
            continue;
        }
        let who = client.who();
        let Owner::Key(key) = who.owner else { continue };
        match keys.standing(key) {
            KeyStanding::Good(identity) => {
                let identity = if who.agent { identity.as_agent() } else { identity };
                if *who != identity {
                    clients.set_identity(&client, identity);
                }
            }
            KeyStanding::Invited(_) => {}
            KeyStanding::Expired | KeyStanding::Revoked | KeyStanding::Unknown => {
                client.outbox.end(SessionEnded::new(EndCode::Revoked, reason, by));
            }
        }
    }
}

/// Applies `[local]` to the sessions of users of this machine.
pub(crate) fn enforce_local(local: &Local, clients: &Registry, by: &str) {
    for client in clients.all() {
        let who = client.who();
        let (Owner::User(uid) | Owner::Agent(uid)) = who.owner else { continue };
        match local_identity(local, uid, &who) {
            Some(now) if Arc::ptr_eq(&now, &who) => {}
            Some(now) => clients.set_identity(&client, Identity::clone(&now)),
            None => client.outbox.end(SessionEnded::new(
                EndCode::Kicked,
                format!("[local] allow of server.toml no longer names `{}`", who.user),
                by,
            )),
        }
    }
}
