//! Connection to a hub: TLS with the pinned key of the hub, the credential of this side, and reconnects.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use tokio::sync::{broadcast, watch};

use super::Subjects;
use super::access::{FleetName, HubAccess, HubRole};
use crate::text::host_port;
use crate::tls;

/// How long one try to connect may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest pause before a try to reconnect.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Silence after which the hub is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Messages of one subscription that wait for their reader: a list of all boxes of a hub, which comes at once.
const WAITING_MESSAGES: usize = 128 * 1024;
/// Refusals that a request may leave unread; with more, it waits for its answer in vain.
const REFUSALS: usize = 64;

/// Why a hub cannot be reached, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub enum ConnectHubError {
    /// It shows another key.
    #[error(
        "what answers at {at} is not the hub of {fleet}: it has another key. If the hub was set up anew, ask its admin \
         for a new string"
    )]
    WrongKey {
        /// The fleet.
        fleet: FleetName,
        /// Its addresses.
        at: String,
    },
    /// It does not accept the credential.
    #[error(
        "the hub of {fleet} at {at} does not accept this side's credential: ask its admin for a new string, or for a \
         credentials file (`--credentials`) where the hub has a user for each box and person"
    )]
    NotAccepted {
        /// The fleet.
        fleet: FleetName,
        /// Its addresses.
        at: String,
    },
    /// It does not accept the user of the credentials file.
    #[error(
        "the hub of {fleet} at {at} does not accept the user {user} of the credentials file: ask its admin for a new file"
    )]
    UserNotAccepted {
        /// The fleet.
        fleet: FleetName,
        /// Its addresses.
        at: String,
        /// The name of the user.
        user: String,
    },
    /// It does not answer.
    #[error("the hub of {fleet} cannot be reached at {at}: {why}")]
    Unreachable {
        /// The fleet.
        fleet: FleetName,
        /// Its addresses.
        at: String,
        /// The error.
        why: String,
    },
}

impl ConnectHubError {
    /// Whether another try fails too until a person changes something.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Unreachable { .. })
    }
}

/// A connection to a hub. That of a box reconnects by itself; streams that were open then have ended.
#[derive(Debug, Clone)]
pub struct HubConnection {
    pub(super) client: Client,
    pub(super) subjects: Subjects,
    pub(super) fleet: FleetName,
    /// What the subjects of this end begin with.
    own: String,
    /// How often the connection was lost. It changes when the connection is back, too.
    pub(super) losses: watch::Receiver<u64>,
    /// The subjects that the hub did not let this side publish to, as it reports them.
    refusals: broadcast::Sender<String>,
}

impl HubConnection {
    /// Connects, at the first address that answers.
    pub async fn open(access: &HubAccess) -> Result<Self, ConnectHubError> {
        let failed = |error: &(dyn Error + 'static)| of_error(access, error);
        let config =
            tls::client_config(access.hub, Arc::new(NoKey)).map_err(|error| failed(&error))?;
        let addresses = access
            .addresses
            .iter()
            .map(|(host, port)| format!("tls://{}", host_port(host, *port)).parse::<ServerAddr>());
        let addresses: Vec<ServerAddr> =
            addresses.collect::<io::Result<_>>().map_err(|error| failed(&error))?;
        let subjects = Subjects::of(&access.fleet);
        let (lost, losses) = watch::channel(0);
        let refusals = broadcast::Sender::new(REFUSALS);
        let refused = refusals.clone();
        let was_connected = Arc::new(AtomicBool::new(false));
        let reconnects = Arc::clone(&was_connected);
        // A caller opens another connection for its next stream.
        let reconnects_at_most = match access.role {
            HubRole::Box => None,
            HubRole::Person | HubRole::Admin => Some(addresses.len()),
        };
        let options = match &access.user {
            Some(user) => {
                ConnectOptions::with_credentials(user.file()).map_err(|error| failed(&error))?
            }
            None => ConnectOptions::with_user_and_password(
                access.role.name().to_owned(),
                access.password(),
            ),
        };
        let own = subjects.own(access.role, access.user.as_ref());
        let options = options
            .require_tls(true)
            .tls_client_config(config)
            .ignore_discovered_servers()
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .ping_interval(PING_EVERY)
            .max_reconnects(reconnects_at_most)
            .subscription_capacity(WAITING_MESSAGES)
            .custom_inbox_prefix(own.clone())
            .reconnect_delay_callback(move |attempt| match reconnects.load(Ordering::Relaxed) {
                true => pause(attempt),
                false => Duration::ZERO,
            })
            .event_callback(move |event| {
                let is_lost = matches!(event, Event::Disconnected | Event::Closed);
                lost.send_modify(|count| *count += u64::from(is_lost));
                if let Some(subject) = refused_subject(&event) {
                    // No request waits for it.
                    let _ = refused.send(subject);
                }
                std::future::ready(())
            });
        match options.connect(addresses).await {
            Ok(client) => {
                was_connected.store(true, Ordering::Relaxed);
                Ok(Self { client, subjects, fleet: access.fleet.clone(), own, losses, refusals })
            }
            Err(error) => Err(match error.kind() {
                ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                    let (fleet, at) = (access.fleet.clone(), access.places());
                    match &access.user {
                        None => ConnectHubError::NotAccepted { fleet, at },
                        Some(user) => {
                            let user = user.name().to_owned();
                            ConnectHubError::UserNotAccepted { fleet, at, user }
                        }
                    }
                }
                ConnectErrorKind::TimedOut => ConnectHubError::Unreachable {
                    fleet: access.fleet.clone(),
                    at: access.places(),
                    why: format!("no answer for {} s", PATIENCE.as_secs()),
                },
                _ => failed(&error),
            }),
        }
    }

    /// What the subjects of this end begin with.
    pub(super) fn own(&self) -> &str {
        &self.own
    }

    /// Returns once the hub reports that it does not let this side publish to this subject. Only reports after this call count.
    pub(super) fn refused(&self, subject: String) -> impl Future<Output = ()> + use<> {
        let mut refusals = self.refusals.subscribe();
        async move {
            loop {
                match refusals.recv().await {
                    // The server of a leaf node reports the subject in the domain of the hub.
                    Ok(refused) if refused.ends_with(&subject) => return,
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        }
    }

    /// Whether it is connected now.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until the connection is lost or back.
    pub async fn changed(&mut self) {
        if self.losses.changed().await.is_err() {
            // The connection has ended for good.
            std::future::pending::<()>().await;
        }
    }
}

/// A device that has no key for the hub: its credential is a password.
#[derive(Debug)]
struct NoKey;

impl ResolvesClientCert for NoKey {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The subject that the hub did not let this side publish to, where an event reports that.
fn refused_subject(event: &Event) -> Option<String> {
    let Event::ServerError(ServerError::Other(text)) = event else { return None };
    let (_, rest) = text.split_once("Permissions Violation for Publish to \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn of_error(access: &HubAccess, error: &(dyn Error + 'static)) -> ConnectHubError {
    let (fleet, at) = (access.fleet.clone(), access.places());
    // The innermost error says what happened.
    let mut cause = error;
    loop {
        if let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(rustls::Error::InvalidCertificate(_)) = inner.downcast_ref()
        {
            return ConnectHubError::WrongKey { fleet, at };
        }
        let Some(next) = cause.source() else { break };
        cause = next;
    }
    ConnectHubError::Unreachable { fleet, at, why: cause.to_string() }
}

/// The pause before this try to reconnect: random, so that the boxes of a hub that restarts do not return all at once.
fn pause(attempt: usize) -> Duration {
    let most = Duration::from_secs(attempt.try_into().unwrap_or(u64::MAX)).min(LONGEST_PAUSE);
    let mut random = [128];
    // Without randomness the pause is half as long.
    let _ = tls::provider().secure_random.fill(&mut random);
    most.mul_f64(f64::from(random[0]) / 255.0)
}
