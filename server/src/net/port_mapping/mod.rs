//! Port mapping: a port of the router is requested, renewed before it expires, and removed at the end.
//!
//! A mapping expires. [`keep`] requests it, renews it, and requests it again if it is lost. The protocols are behind
//! [`Router`].

pub(crate) mod external_address;
pub(crate) mod protocols;
pub(crate) mod router_address;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::net::port_mapping::external_address::{ExternalAddress, unreachable};
use crate::net::port_mapping::protocols::NoMapping;

/// The pause after a refusal doubles from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// PCP forbids to renew more often (RFC 6887, section 11.2.1), also if the router grants a shorter lifetime.
const SHORTEST_RENEWAL: Duration = Duration::from_secs(4);
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) outside: ExternalAddress,
    pub(crate) lifetime: Duration,
}

pub(crate) trait Router {
    async fn ask(&mut self) -> Result<Grant, NoMapping>;
    /// Requests the granted port again. If the future is dropped, the old grant stays.
    async fn renew(&mut self) -> Result<Grant, NoMapping>;
    async fn remove(&mut self);
    /// Ready once the router, or this machine's address behind it, has changed since the request.
    async fn moved(&self);
}

/// Holds the port until `closing` is ready, then gives it back.
pub(crate) async fn keep<C: Future<Output = ()>>(
    mut router: impl Router,
    outside: &watch::Sender<Option<ExternalAddress>>,
    closing: impl Fn() -> C,
) {
    let mut failures: u32 = 0;
    loop {
        let asked = tokio::select! {
            asked = router.ask() => asked,
            () = closing() => return,
        };
        match asked {
            Ok(grant) => {
                failures = 0;
                publish(outside, &grant);
                let lost = tokio::select! {
                    lost = hold(&mut router, grant, outside) => lost,
                    () = closing() => {
                        outside.send_replace(None);
                        let _ = timeout(GOODBYE, router.remove()).await;
                        return;
                    }
                };
                outside.send_replace(None);
                tracing::warn!(target: "topside", "the router's port is lost: {lost}");
                if matches!(lost, Lost::Moved) {
                    continue;
                }
            }
            // A router without the protocol is reported once.
            Err(error) if failures == 0 => {
                tracing::warn!(
                    target: "topside",
                    "no port of the router: {error}; forward one to this machine by hand, or see `topsided doctor`"
                );
            }
            Err(error) => {
                tracing::debug!(target: "topside", "still no port of the router: {error}");
            }
        }
        tokio::select! {
            () = sleep(pause(failures)) => failures += 1,
            () = router.moved() => failures = 0,
            () = closing() => return,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the network of this machine has changed")]
    Moved,
    #[error("it could not be renewed in time: {0}")]
    Expired(#[source] NoMapping),
}

/// Renews the grant as long as the router and the network allow.
async fn hold(
    router: &mut impl Router,
    mut grant: Grant,
    outside: &watch::Sender<Option<ExternalAddress>>,
) -> Lost {
    loop {
        let until = Instant::now() + grant.lifetime;
        grant = loop {
            let left = until.saturating_duration_since(Instant::now());
            tokio::select! {
                () = sleep(renew_after(left)) => {}
                () = router.moved() => return Lost::Moved,
            }
            match router.renew().await {
                Ok(grant) => break grant,
                Err(error) if Instant::now() >= until => return Lost::Expired(error),
                Err(error) => {
                    tracing::debug!(target: "topside", "the router's port is not renewed yet: {error}");
                }
            }
        };
        if outside.borrow().as_ref() != Some(&grant.outside) {
            publish(outside, &grant);
        }
    }
}

/// Half of the remaining time, as in PCP.
fn renew_after(left: Duration) -> Duration {
    (left / 2).max(SHORTEST_RENEWAL)
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}

fn publish(outside: &watch::Sender<Option<ExternalAddress>>, grant: &Grant) {
    let ExternalAddress { address, port, protocol } = grant.outside;
    outside.send_replace(Some(grant.outside));
    tracing::info!(
        target: "topside", %address, port, protocol = protocol.title(),
        "the router forwards a port of its own to this machine"
    );
    if let Some(why) = unreachable(address) {
        tracing::warn!(
            target: "topside",
            "the router's outside address {address} {why}: clients on the internet cannot reach it"
        );
    }
}

#[cfg(test)]
mod tests;
