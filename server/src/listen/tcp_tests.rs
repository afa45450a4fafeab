//! Sessions over TLS on a simulated network, with the simulation's own clock: what depends on time and on
//! loss.

use crate::keys::Keys;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use topside_shared::dirs::Dirs;
use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::private_key::Seed;
use topside_shared::{Role, Time};
use turmoil::net::{TcpListener as Simulated, TcpStream as Link};

use super::*;
use crate::audit::entry::By;
use crate::base::log::{Log, Sinks};
use crate::base::peer;
use crate::config::Config;
use crate::keys::change::KeyChange;
use crate::listen::counting_stream::Socket;
use crate::listen::handshake;
use crate::net::local_socket::Listeners;
use crate::server::Stored;
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::server_config;

const PORT: u16 = 8677;

impl Socket for Link {
    fn is_acknowledged(&self) -> bool {
        // The simulation does not know.
        false
    }

    fn hung_up(&self) -> bool {
        // The simulation does not know: a write fails.
        false
    }

    async fn speaks(&self) -> Option<u8> {
        // Nor does it know this; handshake slots have tests of their own.
        None
    }
}

/// State that both sides of a simulation share.
struct Scene {
    directory: tempfile::TempDir,
    client: PrivateKey,
    server: PrivateKey,
    /// The server, once it runs.
    running: OnceLock<Arc<Server>>,
}

impl Scene {
    fn new() -> Arc<Self> {
        let key = || PrivateKey::from_seed(&Seed::random().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        Arc::new(Self { directory, client: key(), server: key(), running: OnceLock::new() })
    }

    fn server(&self) -> &Arc<Server> {
        self.running.get().expect("the server runs")
    }

    /// Accepts every connection, as [`accept`] does on a real network.
    async fn serve(self: Arc<Self>) -> turmoil::Result {
        let server = server(self.directory.path(), &self.client);
        let tls =
            Arc::new(server_config(self.server.certified_key(), Arc::clone(&server.keys) as _)?);
        assert!(self.running.set(Arc::clone(&server)).is_ok(), "it starts once");
        let listener = Simulated::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (stream, peer) = listener.accept().await?;
            let permit = server.tcp.admission.enter(peer::Peer::of(peer.ip()), Instant::now());
            let permit = permit.expect("few connect");
            let (here, tls) = (Arc::clone(&server), Arc::clone(&tls));
            server.spawn(handshake::run(here, tls, stream, peer.into(), permit));
        }
    }

    async fn connect(&self) -> std::io::Result<Client> {
        let shown = Arc::new(SingleCertAndKey::from(self.client.certified_key()));
        let config = topside_shared::tls::client_config(self.server.pin(), shown).unwrap();
        let link = Link::connect(("server", PORT)).await?;
        let name = topside_shared::tls::any_name();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, link).await?;
        Ok(Client(BufReader::new(stream)))
    }
}

fn server(directory: &Path, client: &PrivateKey) -> Arc<Server> {
    let dirs = Dirs {
        config: directory.join("config"),
        state: directory.join("state"),
        runtime: directory.join("run"),
        runtime_only: true,
    };
    let mut config = Config::load(&dirs, None, None).unwrap();
    config.log = Sinks::default();
    let (log, dispatch, _writing) = Log::open(&config.log, config.log_level.0).unwrap();
    let menu = config.table(None).unwrap();
    let keys = Keys::open(&config.state).unwrap();
    let row = KeyRow {
        key_id: client.pin(),
        name: "phone".into(),
        role: Role::Admin,
        agent: false,
        commands: None,
        created_at: Time::now(),
        last_seen: None,
        expires_at: None,
        state: KeyState::Active,
    };
    let clock = crate::base::clock::Clock::open(&config.state);
    let stored = Stored::open(&config, keys).unwrap();
    stored.keys.change(KeyChange::Add(row), &stored.audit, By::server()).unwrap();
    let listeners = Listeners::local(&dirs.socket(), false).unwrap();
    Server::new(config, menu, stored, clock, &listeners.local, log, dispatch)
}

struct Client(BufReader<TlsStream<Link>>);

impl Client {
    async fn ping(&mut self, id: u32) -> std::io::Result<()> {
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
        self.0.write_all(line.as_bytes()).await?;
        self.0.flush().await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line)
    }
}

fn answer(id: u32) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n")
}

/// Runs a client against a server over a network with this latency.
fn simulate<F, C>(latency: Duration, client: C)
where
    C: FnOnce(Arc<Scene>) -> F,
    F: Future<Output = turmoil::Result> + 'static,
{
    let scene = Scene::new();
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(600))
        .tick_duration(Duration::from_millis(10))
        .min_message_latency(latency)
        .max_message_latency(latency)
        // Messages in flight: a real network holds few, too.
        .tcp_capacity(8)
        .enable_tokio_io()
        .build();
    let serving = Arc::clone(&scene);
    simulation.host("server", move || Arc::clone(&serving).serve());
    simulation.client("client", client(scene));
    simulation.run().unwrap();
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A handshake has five seconds in all, for the two or three messages that the server waits for.
#[test]
fn a_client_with_a_slow_network_connects_and_one_over_the_handshake_limit_does_not() {
    simulate(ms(1600), |scene| async move {
        let mut client = scene.connect().await?;
        client.ping(1).await?;
        assert_eq!(client.line().await?, answer(1));
        Ok(())
    });
    simulate(ms(2600), |scene| async move {
        let refused = async {
            let mut client = scene.connect().await?;
            client.ping(1).await?;
            client.line().await
        };
        let line = refused.await;
        assert!(line.as_ref().is_err(), "{line:?}");
        assert_eq!(scene.server().counters.refusals()["handshake_timeout"], 1);
        Ok(())
    });
}

#[test]
fn a_paused_network_loses_and_repeats_no_message() {
    simulate(ms(20), |scene| async move {
        let mut client = scene.connect().await?;
        client.ping(0).await?;
        assert_eq!(client.line().await?, answer(0));
        turmoil::hold("client", "server");
        for id in 1..=5 {
            client.ping(id).await?;
        }
        sleep(Duration::from_secs(60)).await;
        turmoil::release("client", "server");
        for id in 1..=5 {
            assert_eq!(client.line().await?, answer(id));
        }
        assert_eq!(scene.server().clients.count(), 1);
        Ok(())
    });
}

/// Nothing arrives from a client that was cut off, not even the end of its connection: only a failed write shows it.
#[test]
fn a_client_that_is_cut_off_leaves_the_list_within_a_minute() {
    simulate(ms(20), |scene| async move {
        let mut client = scene.connect().await?;
        // The answers are more than the network holds at once.
        let asks = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"commands/list\"}\n".repeat(100);
        client.0.write_all(asks.as_bytes()).await?;
        client.0.flush().await?;
        client.line().await?;
        assert_eq!(scene.server().clients.count(), 1);
        turmoil::partition("client", "server");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(scene.server().clients.count(), 0);
        Ok(())
    });
}
