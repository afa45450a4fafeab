//! Collects facts about this machine, without changing it.

use std::io::{self, BufReader};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::dirs::Dirs;
use topside_shared::methods::{FleetStatus, HookState, KeyState, KeysList, ServerStatus};
use topside_shared::{Time, text};

use crate::admission::tcp_port;
use crate::base::platform;
use crate::config::Config;
use crate::control::{self, ControlError, call};
use crate::doctor::facts::{
    ClockFacts, Facts, FileFacts, KeyFacts, NamedAddress, PrivateFile, RouterFacts, Served,
    Settings,
};
use crate::doctor::{firewall, hub};
use crate::keys;
use crate::net::port_mapping::protocols::{place, probe};
use crate::operations::box_power;
use crate::settings::Listen;

/// Time limit for each answer on this machine.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Collects all facts. `config` is the configuration, or its errors.
pub(super) async fn collect_facts(dirs: &Dirs, config: Result<&Config, String>) -> Facts {
    let listen = config.as_ref().ok().and_then(|config| config.listen.clone()).unwrap_or_default();
    let server = ask_server(dirs);
    // A running server with another port, or a free one, reports its port.
    let port = server.open.first().map_or(listen.port, SocketAddr::port);
    let addresses = own_addresses();
    let tcp_addresses = tcp_addresses(&listen, port, &addresses)
        .into_iter()
        .map(|address| (address, TcpStream::connect_timeout(&address, TIME_LIMIT)))
        .map(|(address, answer)| (address, answer.map(drop).map_err(|error| error.to_string())))
        .collect();
    let place = place();
    let answers = match place {
        Some(place) => probe(place).await,
        None => Vec::new(),
    };
    let mapped = match &server.server {
        Served::By { mapped, .. } => mapped.as_deref().and_then(port_of),
        Served::None | Served::Unclear(_) => None,
    };
    let named =
        config.as_ref().ok().and_then(|config| config.router.internet_address(mapped, port));
    let named = match named {
        Some((host, port)) => Some(try_address(&host, port).await),
        None => None,
    };
    let state = &dirs.state;
    let hub = hub::collect(state, server.fleet).await;
    let host = config.as_ref().map(|config| host(config)).unwrap_or_default();
    Facts {
        host,
        hub,
        settings: config.map(|config| Settings {
            remarks: config.remarks.clone(),
            port,
            tcp: !listen.addresses.is_empty(),
            map: config.router.map,
            max_sessions: config.limits.max_sessions,
        }),
        state: vec![
            private_file(state, 0o022),
            private_file(&state.join(tcp_port::KEY_FILE), 0o077),
            private_file(&state.join(keys::Keys::FILE), 0o077),
        ],
        uid: match (platform::own_uid(), platform::owner_and_mode(state)) {
            // Root checks the server's user.
            (0, Ok((owner, _))) => owner,
            (own, _) => own,
        },
        descriptors: crate::base::descriptors::most(),
        clock: clock(state),
        addresses,
        is_service: *dirs == Dirs::system(),
        socket: server.socket,
        server: server.server,
        tcp_addresses,
        firewall: firewall::check(port),
        router: RouterFacts { place, answers, named },
        keys: server.keys.unwrap_or_else(|| keys_on_disk(state)),
    }
}

/// What is in the way of each shutdown of the box that is set, for this user.
fn host(config: &Config) -> Vec<(AfterShutdown, Option<String>)> {
    let ways = config.host.offered().into_iter();
    let judge = |then| {
        let argv = config.host.program(then)?;
        Some((then, box_power::obstacle(argv, then, &config.figures_root)))
    };
    ways.filter_map(judge).collect()
}

/// The port at the end of `HOST:PORT`.
fn port_of(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
}

/// Looks the host up, and connects to it as a client would.
async fn try_address(host: &str, port: u16) -> NamedAddress {
    let found = in_time(lookup_host((host, port))).await.map(Vec::from_iter);
    let answer = match &found {
        Ok(addresses) => in_time(tokio::net::TcpStream::connect(&addresses[..])).await.map(drop),
        Err(why) => Err(why.clone()),
    };
    let found = found.map(|addresses| addresses.iter().map(SocketAddr::ip).collect());
    NamedAddress { shown: text::host_port(host, port), found, answer }
}

/// The result of `work` within [`TIME_LIMIT`], or why there is none.
async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> Result<T, String> {
    match timeout(TIME_LIMIT, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
    }
}

fn keys_on_disk(state: &Path) -> KeyFacts {
    match keys::Keys::open(state) {
        Ok(known) => {
            let (keys, invites) = known.count();
            KeyFacts::Known { keys, invites }
        }
        Err(errors) => KeyFacts::Unreadable(errors.to_string()),
    }
}

fn private_file(path: &Path, forbidden: u32) -> PrivateFile {
    let found = match platform::owner_and_mode(path) {
        Ok((owner, mode)) => FileFacts::Present { owner, mode },
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileFacts::Missing,
        Err(error) => FileFacts::Unreadable(error.to_string()),
    };
    PrivateFile { path: path.to_owned(), forbidden, found }
}

fn clock(state: &Path) -> ClockFacts {
    let now = Time::now();
    let wrong = crate::base::clock::Clock::open(state).wrong();
    let year = now.timestamp().to_zoned(jiff::tz::TimeZone::UTC).year();
    ClockFacts { shown: now.to_string(), year, synchronised: synchronised(), wrong }
}

/// Whether systemd synchronizes the clock; other systems do not say.
fn synchronised() -> Option<bool> {
    let mut timedatectl = Command::new("timedatectl");
    let text = timedatectl.args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match text.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

fn own_addresses() -> Vec<IpAddr> {
    let networks = platform::own_networks().into_iter();
    networks.map(|network| network.address).filter(|address| !address.is_loopback()).collect()
}

/// The addresses where TCP should be open: of a wildcard, the loopback and each own address of its kind.
fn tcp_addresses(listen: &Listen, port: u16, own: &[IpAddr]) -> Vec<SocketAddr> {
    let mut tcp_addresses = Vec::new();
    for address in &listen.addresses {
        if !address.is_unspecified() {
            tcp_addresses.push(SocketAddr::new(*address, port));
            continue;
        }
        let (loopback, same): (IpAddr, fn(&IpAddr) -> bool) = match address {
            IpAddr::V4(_) => (std::net::Ipv4Addr::LOCALHOST.into(), IpAddr::is_ipv4),
            IpAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST.into(), dialled_as_it_is),
        };
        // A box without IPv6 has no loopback of it either.
        let near: Vec<IpAddr> = own.iter().copied().filter(same).collect();
        if address.is_ipv4() || !near.is_empty() {
            tcp_addresses.extend(
                std::iter::once(loopback).chain(near).map(|one| SocketAddr::new(one, port)),
            );
        }
    }
    tcp_addresses
}

/// A link-local address needs an interface.
fn dialled_as_it_is(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if !v6.is_unicast_link_local())
}

/// The answers of this machine's server.
struct ServerAnswers {
    socket: PathBuf,
    server: Served,
    /// Its TCP addresses.
    open: Vec<SocketAddr>,
    /// How the box stands to its fleet, if it answered and the box has joined one.
    fleet: Option<FleetStatus>,
    /// The number of its keys, if it answered.
    keys: Option<KeyFacts>,
}

impl ServerAnswers {
    fn without(socket: PathBuf, server: Served) -> Self {
        Self { socket, server, open: Vec::new(), fleet: None, keys: None }
    }
}

fn ask_server(dirs: &Dirs) -> ServerAnswers {
    let is_of_service = dirs.means_service();
    for socket in dirs.administered_server().sockets {
        let asked = match control::connect(&socket) {
            Ok(None) => continue,
            Err(_) if is_of_service => continue,
            Err(error) => Err(error.to_string()),
            Ok(Some(stream)) => ask(&socket, stream).map_err(|error| error.to_string()),
        };
        return match asked {
            Ok(answers) => ServerAnswers { socket, ..answers },
            Err(why) => ServerAnswers::without(socket, Served::Unclear(why)),
        };
    }
    ServerAnswers::without(dirs.socket(), Served::None)
}

fn ask(socket: &Path, stream: UnixStream) -> Result<ServerAnswers, ControlError> {
    let failed = |source| ControlError::Socket { path: socket.to_owned(), source };
    stream.set_read_timeout(Some(TIME_LIMIT)).map_err(failed)?;
    stream.set_write_timeout(Some(TIME_LIMIT)).map_err(failed)?;
    let mut stream = BufReader::new(stream);
    let status = call(socket, &mut stream, &ServerStatus::default())?;
    let listed = call(socket, &mut stream, &KeysList::default())?;
    let at = |transport| {
        status.listeners.iter().filter(move |listening| listening.transport == transport)
    };
    let open = at("tls").filter_map(|listening| listening.address.parse().ok()).collect();
    let mapped = at("router").next().map(|listening| listening.address.clone());
    let count = |state| listed.keys.iter().filter(|key| key.state == state).count();
    let keys = KeyFacts::Known { keys: count(KeyState::Active), invites: count(KeyState::Invited) };
    let failed = status.hooks.iter().filter(|hook| hook.state == HookState::Failed);
    let failed_hooks = failed.map(|hook| hook.words(&hook.at.to_string())).collect();
    let (version, notifiers) = (status.version.clone(), status.notifiers.clone());
    let server = Served::By { version, mapped, failed_hooks, notifiers };
    Ok(ServerAnswers {
        socket: socket.to_owned(),
        server,
        open,
        fleet: status.fleet.clone(),
        keys: Some(keys),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tcp_addresses_are_those_that_a_client_could_connect_to() {
        let own: Vec<IpAddr> = ["192.168.1.10", "fe80::1", "2001:db8::7"]
            .map(|address| address.parse().unwrap())
            .into();
        let at = |listen: &Listen, own: &[IpAddr]| -> Vec<String> {
            tcp_addresses(listen, listen.port, own).iter().map(ToString::to_string).collect()
        };
        let everywhere = Listen::default();
        assert_eq!(
            at(&everywhere, &own),
            ["127.0.0.1:8677", "192.168.1.10:8677", "[::1]:8677", "[2001:db8::7]:8677"]
        );
        assert_eq!(at(&everywhere, &own[..1]), ["127.0.0.1:8677", "192.168.1.10:8677"]);
        let one = Listen { addresses: vec![own[0]], ..everywhere };
        assert_eq!(at(&one, &own), ["192.168.1.10:8677"]);
    }
}
