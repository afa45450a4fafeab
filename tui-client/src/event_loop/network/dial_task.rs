//! Dials, probes and pairs on the network thread, with results as the screen shows them.

use std::time::Duration;

use tokio::time::timeout;
use topside_shared::dirs::Dirs;
use topside_shared::time::millis;

use crate::app::msg::{InviteRedeemed, NotPaired};
use crate::app::picker::picker_state::ProbeResult;
use crate::app::picker::probe;
use crate::app::picker::routes::words;
use crate::app::{DialFailed, LocalServer, Target};
use crate::config::Profile;
use crate::connect::{
    self, Address, ConnectError, FleetBox, FleetBoxes, Hello, PastedInvite, Remote, SaveAs,
    Session, Via, connect,
};
use crate::embedded::{Embedded, ReachError, connect_or_start};

pub(super) struct DialResult {
    pub(super) attempt: u64,
    pub(super) result: Result<(Session, connect::Target), DialFailed>,
    pub(super) started: Option<Embedded>,
}

/// How the screen is shown in the list of clients.
pub(super) const HELLO: Hello = Hello { notices: true, agent: false, name: "topside" };

/// The address of a server, or why it cannot be dialled.
pub(super) fn place(
    target: &Target,
    profile: Option<&Profile>,
    dirs: &Dirs,
) -> Result<connect::Target, DialFailed> {
    if target.via == Via::Same {
        return Ok(connect::Target::Local(dirs.local_server_of(profile.and_then(Profile::key))));
    }
    let Some(profile) = profile else {
        let name = target.title();
        return Err(DialFailed::Hopeless(format!("there is no saved server {name} any more")));
    };
    let remote = match of_fleet(profile, dirs) {
        Some(each) => Remote::of_fleet_box(&each, target.via, &dirs.state),
        None => Remote::of_profile(profile, target.via, &dirs.state),
    };
    remote.map(connect::Target::Remote).map_err(|error| DialFailed::Hopeless(error.to_string()))
}

/// The box of a fleet that this is. A saved server with an address of its own is none.
fn of_fleet(profile: &Profile, dirs: &Dirs) -> Option<FleetBox> {
    if profile.lan.is_some() || profile.internet.is_some() {
        return None;
    }
    let boxes = FleetBoxes::load(&dirs.state).ok()?;
    let found = boxes.find(&profile.name).ok()??;
    (profile.pin.as_ref() == Some(&found.pin.to_string())).then(|| found.clone())
}

pub(super) async fn dial(attempt: u64, place: connect::Target, start: bool) -> DialResult {
    let mut started = None;
    let result = if start {
        connect_or_start(&place, &HELLO, &mut started).await
    } else {
        connect(&place, &HELLO).await.map_err(ReachError::from)
    };
    let result = result.map(|session| (session, place));
    let result = result.map_err(|error| match error {
        ReachError::Connect(error) => failed(error),
        ReachError::Start(error) => DialFailed::Other(sentence(error)),
    });
    DialResult { attempt, result, started }
}

/// An error with its causes.
pub(in crate::event_loop) fn sentence(
    error: impl std::error::Error + Send + Sync + 'static,
) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn failed(error: ConnectError) -> DialFailed {
    let as_failed = match &error {
        ConnectError::NoServer { .. } => DialFailed::NoServer,
        error if error.is_lasting() => DialFailed::Hopeless,
        _ => DialFailed::Other,
    };
    as_failed(sentence(error))
}

/// Whether a server answers on this machine, and how fast.
pub(super) async fn probe_here(sockets: &connect::Target) -> LocalServer {
    match connect(sockets, &Hello { notices: false, ..HELLO }).await {
        Ok(session) => {
            let rtt = millis(session.reached.rtt);
            session.handle.close();
            LocalServer::Running(rtt)
        }
        Err(ConnectError::NoServer { .. }) => LocalServer::NotRunning,
        Err(error) => LocalServer::Refused(sentence(error)),
    }
}

/// Whether a paired server answers at an address, and how fast.
pub(super) async fn probe(address: &Address, remote: &Remote) -> ProbeResult {
    let limit = Duration::from_millis(probe::PROBE_LIMIT);
    match timeout(limit, connect::probe(address, remote)).await {
        Err(_) => ProbeResult::Down {
            words: "no answer",
            sentence: format!(
                "{address} has not answered for {} s: is the box on, and does no firewall stand between?",
                limit.as_secs()
            ),
            lasting: false,
        },
        Ok(Ok(rtt)) => ProbeResult::Up(millis(rtt)),
        Ok(Err(error)) => {
            let (words, lasting) = (words(error.first()), error.is_lasting());
            ProbeResult::Down { words, sentence: sentence(error), lasting }
        }
    }
}

pub(super) async fn pair(
    invite: &PastedInvite,
    replaces: Option<&str>,
    dirs: &Dirs,
) -> Result<InviteRedeemed, NotPaired> {
    match invite {
        PastedInvite::Server(invite) => {
            let paired = connect::pair(invite, SaveAs { name: None, replaces }, dirs).await;
            match paired {
                Ok(connect::Paired { profile, role, already, .. }) => {
                    Ok(InviteRedeemed { fleet: None, name: profile.name, role, already })
                }
                Err(error) => Err(NotPaired { lasting: error.is_lasting(), why: sentence(error) }),
            }
        }
        #[cfg(feature = "hub")]
        PastedInvite::Fleet(string) => match connect::fleets::join(string, dirs).await {
            Ok(connect::fleets::JoinedFleet { fleet, name, role, already, .. }) => {
                Ok(InviteRedeemed { fleet: Some(fleet.to_string()), name, role, already })
            }
            Err(error) => Err(NotPaired { lasting: error.is_lasting(), why: sentence(error) }),
        },
    }
}
