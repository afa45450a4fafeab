//! What becomes of keys while the server runs: the sessions of one that is over end, and when keys came in
//! is written down now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use topside_shared::ClientId;
use topside_shared::notifications::{EndCode, SessionEnded};

use crate::base::clock::ClockWatch;
use crate::base::identity::{Identity, Owner};
use crate::keys::Standing;
use crate::listen::local::local_role;
use crate::server::Server;

/// How often is looked whether a key is over: the clock may have been set, too.
const LOOK: Duration = Duration::from_secs(30);
/// How often is written down when keys came in, in looks.
const SAVE: u32 = 10;

/// Watches for ever; ends with the future.
pub(crate) async fn keys(server: &Arc<Server>) {
    let mut looks = 0;
    let mut clock = ClockWatch::new(&server.clock);
    loop {
        let until = server.keys.next_expiry_ms();
        let pause = until.map_or(LOOK, |ms| Duration::from_millis(ms + 1).min(LOOK));
        tokio::select! {
            () = sleep(pause) => {}
            // Another key may be over sooner.
            () = server.keys.changed.notified() => continue,
        }
        clock.look();
        enforce(server, None, "its time is over", "");
        looks += 1;
        if looks % SAVE == 0 {
            save(server).await;
        }
    }
}

/// Writes down when keys came in, and from where.
pub(crate) async fn save(server: &Arc<Server>) {
    let save = |server: &Server| (server.keys.save_seen().err(), server.door.save_known().err());
    let Ok((keys, sources)) = server.blocking(save).await else { return };
    if let Some(error) = keys {
        tracing::warn!(target: "topside", %error, "when keys came in is not written down");
    }
    if let Some(error) = sources {
        tracing::warn!(target: "topside", %error, "from where keys came in is not written down");
    }
}

/// Who somebody is by now, whether or not a session of theirs is left.
///
/// # Errors
/// A sentence, where their key may not come in any more.
pub(crate) fn identity(server: &Server, who: &Arc<Identity>) -> Result<Arc<Identity>, String> {
    let key = match who.owner {
        Owner::Key(key) => key,
        Owner::User(uid) => {
            let gone = || format!("{} might not use this server any more by then.", who.user);
            return local_identity(server, uid, who).ok_or_else(gone);
        }
    };
    match server.keys.standing(key) {
        Standing::Good(access) => Ok(Arc::new(access.identity(key))),
        Standing::Invited(_) => Err(format!("{} has an invite's key only.", who.user)),
        Standing::Expired => Err(format!("the time of {}'s key was over by then.", who.user)),
        Standing::Revoked | Standing::Unknown => {
            Err(format!("{}'s key had been revoked by then.", who.user))
        }
    }
}

/// Who a user of this machine is by now; none: they may not use this server any more.
fn local_identity(server: &Server, uid: u32, who: &Arc<Identity>) -> Option<Arc<Identity>> {
    let role = local_role(server, uid, &who.user)?;
    Some(match role == who.role {
        true => Arc::clone(who),
        false => Arc::new(Identity { role, ..Identity::clone(who) }),
    })
}

/// Brings what clients may do in line with their keys: who holds one that is over is told so and ended,
/// and who holds one that gives something else now has that. All but `spared`, which ends by itself.
pub(crate) fn enforce(server: &Server, spared: Option<ClientId>, reason: &str, by: &str) {
    for client in server.clients.all() {
        if spared == Some(client.id) {
            continue;
        }
        let who = client.who();
        let Owner::Key(key) = who.owner else { continue };
        match server.keys.standing(key) {
            Standing::Good(access) => {
                let identity = access.identity(key);
                if *who != identity {
                    server.clients.set_identity(&client, identity);
                }
            }
            Standing::Invited(_) => {}
            Standing::Expired | Standing::Revoked | Standing::Unknown => {
                client.outbox.end(SessionEnded {
                    code: EndCode::Revoked,
                    reason: reason.to_owned(),
                    by: by.to_owned(),
                });
            }
        }
    }
}

/// Brings what users of this machine may do in line with `[local]`, as [`enforce`] does for keys.
pub(crate) fn enforce_local(server: &Server, by: &str) {
    for client in server.clients.all() {
        let who = client.who();
        let Owner::User(uid) = who.owner else { continue };
        match local_identity(server, uid, &who) {
            Some(now) if Arc::ptr_eq(&now, &who) => {}
            Some(now) => server.clients.set_identity(&client, Identity::clone(&now)),
            None => client.outbox.end(SessionEnded {
                code: EndCode::Kicked,
                reason: format!("[local] allow of server.toml does not name {} any more", who.user),
                by: by.to_owned(),
            }),
        }
    }
}
