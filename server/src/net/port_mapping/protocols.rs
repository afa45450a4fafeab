//! Requests to the router: PCP, then NAT-PMP where it does not know PCP, then UPnP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;
use std::time::Duration;

use crab_nat::{
    InternetProtocol, MappingFailure, PortMapping, PortMappingOptions, PortMappingType,
    TimeoutConfig, natpmp,
};
use igd_next::aio::Gateway;
use igd_next::aio::tokio::{Tokio, search_gateway};
use igd_next::{
    AddAnyPortError, AddPortError, GatewayIpVersion, GetExternalIpError, PortMappingProtocol,
    SearchError, SearchOptions,
};

use crate::base::platform;
use crate::net::port_mapping::external_address::{ExternalAddress, Protocol};
use crate::net::port_mapping::{Grant, Router};

/// The requested lifetime. After a restart of the router, the port is missing for half of it at most.
const LIFETIME: Duration = Duration::from_secs(20 * 60);
/// 3.75 s in total: routers are near, and UPnP is still to be tried.
const PATIENCE: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(250),
    max_retries: 3,
    max_retry_timeout: None,
};
const SEARCH: Duration = Duration::from_secs(4);
const DESCRIPTION: &str = "Topside";
const CHECK: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoMapping {
    #[error("this machine has no IPv4 network")]
    NoNetwork,
    #[error("the router's address is not known here, and UPnP: {0}")]
    NoGateway(#[source] NoUpnp),
    #[error("{nat}; UPnP: {upnp}")]
    Neither { nat: MappingFailure, upnp: NoUpnp },
    #[error("{0}")]
    NotRenewed(#[from] MappingFailure),
    #[error("UPnP: {0}")]
    NotRenewedUpnp(#[from] NoUpnp),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoUpnp {
    #[error("no router answers ({0})")]
    Search(#[from] SearchError),
    #[error("{0} answers, which is not this machine's router")]
    Stranger(IpAddr),
    #[error("{0}")]
    Address(#[from] GetExternalIpError),
    #[error("{0}")]
    Add(#[from] AddPortError),
    #[error("{0}")]
    AddAny(#[from] AddAnyPortError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The router, if the system knows it.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// This machine's own address towards the router.
    pub(crate) own: Ipv4Addr,
}

pub(crate) fn place() -> Option<Place> {
    let gateway = platform::default_gateway();
    // Connecting a datagram socket sends nothing: the system only chooses the address that it would use. TEST-NET-1 stands
    // for the internet.
    let toward = gateway.unwrap_or(Ipv4Addr::new(192, 0, 2, 1));
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((toward, crab_nat::GATEWAY_PORT)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(own) if !own.is_unspecified() => Some(Place { gateway, own }),
        _ => None,
    }
}

/// The router of this machine, and the mapping on it.
#[derive(Debug)]
pub(crate) struct HomeRouter<P> {
    port: NonZeroU16,
    place: P,
    asked_at: Option<Place>,
    mapping: Option<Mapping>,
}

#[derive(Debug)]
enum Mapping {
    Nat(Box<PortMapping>),
    Upnp { gateway: Box<Gateway<Tokio>>, own: SocketAddr, outside_port: u16 },
}

impl<P: Fn() -> Option<Place>> HomeRouter<P> {
    /// For this TCP port of this machine; `place` returns the current position.
    pub(crate) fn new(port: NonZeroU16, place: P) -> Self {
        Self { port, place, asked_at: None, mapping: None }
    }
}

impl<P: Fn() -> Option<Place>> Router for HomeRouter<P> {
    async fn ask(&mut self) -> Result<Grant, NoMapping> {
        self.mapping = None;
        self.asked_at = (self.place)();
        let place = self.asked_at.ok_or(NoMapping::NoNetwork)?;
        let nat = match place.gateway {
            Some(gateway) => match ask_nat(gateway, place.own, self.port).await {
                Ok((mapping, grant)) => {
                    self.mapping = Some(Mapping::Nat(Box::new(mapping)));
                    return Ok(grant);
                }
                Err(error) => Some(error),
            },
            None => None,
        };
        match ask_upnp(place, self.port).await {
            Ok((mapping, grant)) => {
                self.mapping = Some(mapping);
                Ok(grant)
            }
            Err(upnp) => Err(match nat {
                Some(nat) => NoMapping::Neither { nat, upnp },
                None => NoMapping::NoGateway(upnp),
            }),
        }
    }

    async fn renew(&mut self) -> Result<Grant, NoMapping> {
        match &mut self.mapping {
            Some(Mapping::Nat(mapping)) => {
                mapping.renew().await?;
                Ok(grant_of(mapping).await.map_err(MappingFailure::from)?)
            }
            Some(Mapping::Upnp { gateway, own, outside_port }) => {
                let address = gateway.get_external_ip().await.map_err(NoUpnp::from)?;
                let lifetime = add(gateway, *outside_port, *own).await.map_err(NoUpnp::from)?;
                let outside =
                    ExternalAddress { address, port: *outside_port, protocol: Protocol::Upnp };
                Ok(Grant { outside, lifetime })
            }
            None => self.ask().await,
        }
    }

    async fn remove(&mut self) {
        let failed = match self.mapping.take() {
            Some(Mapping::Nat(mapping)) => {
                mapping.try_drop().await.err().map(|(error, _)| error.to_string())
            }
            Some(Mapping::Upnp { gateway, outside_port, .. }) => {
                let removed = gateway.remove_port(PortMappingProtocol::TCP, outside_port).await;
                removed.err().map(|error| error.to_string())
            }
            None => None,
        };
        if let Some(error) = failed {
            tracing::debug!(target: "topside", "the router's port was not given back: {error}");
        }
    }

    async fn moved(&self) {
        loop {
            tokio::time::sleep(CHECK).await;
            if (self.place)() != self.asked_at {
                return;
            }
        }
    }
}

async fn ask_nat(
    gateway: Ipv4Addr,
    own: Ipv4Addr,
    port: NonZeroU16,
) -> Result<(PortMapping, Grant), MappingFailure> {
    let options = PortMappingOptions {
        external_port: Some(port),
        lifetime_seconds: u32::try_from(LIFETIME.as_secs()).ok(),
        timeout_config: Some(PATIENCE),
    };
    let mapping =
        PortMapping::new(gateway.into(), own.into(), InternetProtocol::Tcp, port, options).await?;
    match grant_of(&mapping).await {
        Ok(grant) => Ok((mapping, grant)),
        Err(error) => {
            // Otherwise the mapping would stay until it expires.
            let _ = mapping.try_drop().await;
            Err(error.into())
        }
    }
}

/// PCP returns the outside address with the port; NAT-PMP has a request for it.
async fn grant_of(mapping: &PortMapping) -> Result<Grant, natpmp::Failure> {
    let (address, protocol) = match mapping.mapping_type() {
        PortMappingType::Pcp { external_ip, .. } => (external_ip.to_canonical(), Protocol::Pcp),
        PortMappingType::NatPmp => {
            let address = natpmp::external_address(mapping.gateway(), Some(PATIENCE)).await?;
            (address.into(), Protocol::NatPmp)
        }
    };
    let outside = ExternalAddress { address, port: mapping.external_port().get(), protocol };
    Ok(Grant { outside, lifetime: Duration::from_secs(mapping.lifetime().into()) })
}

async fn ask_upnp(place: Place, port: NonZeroU16) -> Result<(Mapping, Grant), NoUpnp> {
    let gateway = find_upnp(place).await?;
    let address = gateway.get_external_ip().await?;
    let own = SocketAddr::new(place.own.into(), port.get());
    let (outside_port, lifetime) = match add(&gateway, port.get(), own).await {
        Ok(lifetime) => (port.get(), lifetime),
        Err(AddPortError::PortInUse) => {
            let seconds = u32::try_from(LIFETIME.as_secs()).unwrap_or_default();
            let any = gateway.add_any_port(PortMappingProtocol::TCP, own, seconds, DESCRIPTION);
            (any.await?, LIFETIME)
        }
        Err(error) => return Err(error.into()),
    };
    let outside = ExternalAddress { address, port: outside_port, protocol: Protocol::Upnp };
    let mapping = Mapping::Upnp { gateway: Box::new(gateway), own, outside_port };
    Ok((mapping, Grant { outside, lifetime }))
}

/// Searches the UPnP router; another device on the LAN that claims to be it is refused.
async fn find_upnp(place: Place) -> Result<Gateway<Tokio>, NoUpnp> {
    let mut options = SearchOptions::default();
    options.bind_addr = SocketAddr::new(place.own.into(), 0);
    options.timeout = Some(SEARCH);
    options.single_search_timeout = Some(SEARCH);
    options.gateway_ip_version = GatewayIpVersion::V4;
    let gateway = search_gateway(options).await?;
    let at = gateway.addr.ip();
    match place.gateway {
        Some(known) if at != IpAddr::V4(known) => Err(NoUpnp::Stranger(at)),
        _ => Ok(gateway),
    }
}

/// Adds the port, or adds it again; the time until it must be renewed.
async fn add(
    gateway: &Gateway<Tokio>,
    outside_port: u16,
    own: SocketAddr,
) -> Result<Duration, AddPortError> {
    let seconds = u32::try_from(LIFETIME.as_secs()).unwrap_or_default();
    let add = |seconds| {
        gateway.add_port(PortMappingProtocol::TCP, outside_port, own, seconds, DESCRIPTION)
    };
    match add(seconds).await {
        // Such a router keeps it until it restarts; adding it again shows whether it did.
        Err(AddPortError::OnlyPermanentLeasesSupported) => add(0).await?,
        done => done?,
    }
    Ok(LIFETIME)
}

/// What answers at the router, for the doctor. Maps nothing.
pub(crate) async fn probe(place: Place) -> Vec<(Protocol, Option<IpAddr>)> {
    let mut answers = Vec::new();
    if let Some(gateway) = place.gateway {
        match natpmp::external_address(gateway.into(), Some(PATIENCE)).await {
            Ok(address) => answers.push((Protocol::NatPmp, Some(address.into()))),
            // The answer of a router that knows only PCP (RFC 6887, appendix A).
            Err(natpmp::Failure::UnsupportedVersion(_)) => answers.push((Protocol::Pcp, None)),
            Err(_) => {}
        }
    }
    if let Ok(gateway) = find_upnp(place).await {
        answers.push((Protocol::Upnp, gateway.get_external_ip().await.ok()));
    }
    answers
}
