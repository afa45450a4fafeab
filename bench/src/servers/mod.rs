//! The servers under test, as child processes. Each has its own socket and directories, is observed through `/proc`, and is
//! killed when its handle is dropped.

mod restart;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::sign::SingleCertAndKey;
use tempfile::TempDir;
use topside_shared::Pin;
use topside_shared::invite::Invite;
use topside_shared::private_key::PrivateKey;
use topside_shared::tls;

use crate::connect::{ADDRESSES, Connect, Tls};
use crate::exchange;
use crate::load::Client;
use crate::machine;

/// How long a server may take to come up.
const START: Duration = Duration::from_secs(10);

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    own: PathBuf,
    topsided: PathBuf,
    topside: Option<PathBuf>,
    redis: Option<PathBuf>,
    nats: Option<PathBuf>,
    descriptors: u64,
}

/// What can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Ours,
    /// With this many workers.
    RawJson(usize),
    RawLine,
    Redis,
}

/// By which way clients come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Socket,
    /// TLS 1.3 over TCP. Of the raw servers, the one for JSON on one worker has it.
    Tls,
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) socket: PathBuf,
    tls: Option<Tls>,
    dir: TempDir,
    /// From the start of the process to its first answer.
    pub(crate) start: Duration,
}

impl Programs {
    pub(crate) fn find() -> io::Result<Self> {
        let own = std::env::current_exe()?;
        let beside = |name: &str| Some(own.with_file_name(name)).filter(|path| path.exists());
        let topsided = beside("topsided").ok_or_else(|| {
            io::Error::other(
                "topsided is not beside this program: cargo build --release -p topside-server",
            )
        })?;
        let topside = beside("topside").filter(|path| can_run(path));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let installed = |name: &str| {
            std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.exists())
        };
        let (redis, nats) = (installed("redis-server"), installed("nats-server"));
        let hard = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
        Ok(Self { own, topsided, topside, redis, nats, descriptors: hard.unwrap_or(u64::MAX) })
    }

    /// What cannot be measured here, and why.
    pub(crate) fn absent(&self) -> Vec<String> {
        let mut absent = Vec::new();
        if self.redis.is_none() {
            absent.push("redis-server is not installed: no peer".to_owned());
        }
        if self.nats.is_none() {
            absent.push("nats-server is not installed: no hub".to_owned());
        }
        if self.topside.is_none() {
            absent.push(
                "no `topside` that knows `run` beside this program: no whole-program row"
                    .to_owned(),
            );
        }
        absent
    }

    pub(crate) fn topside(&self) -> Option<&Path> {
        self.topside.as_deref()
    }

    pub(crate) fn topsided(&self) -> &Path {
        &self.topsided
    }

    pub(crate) fn nats(&self) -> Option<&Path> {
        self.nats.as_deref()
    }

    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    /// As many clients as wanted, or as the descriptors allow.
    pub(crate) fn clients(&self, wanted: usize) -> usize {
        let most = usize::try_from(self.descriptors.saturating_sub(200)).unwrap_or(usize::MAX);
        wanted.min(most)
    }

    /// Starts a server and waits for its first answer; none where it is not installed.
    pub(crate) fn start(&self, kind: ServerKind, output: u64) -> io::Result<Option<Server>> {
        self.start_with(Transport::Socket, kind, output)
    }

    /// The same by either way.
    pub(crate) fn start_with(
        &self,
        transport: Transport,
        kind: ServerKind,
        output: u64,
    ) -> io::Result<Option<Server>> {
        let dir = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
        let socket = dir.path().join("topsided.sock");
        // A port that is free now. Our server chooses its own port.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let command = match kind {
            ServerKind::Ours => {
                fs::write(dir.path().join("commands.toml"), self.menu(output))?;
                if transport == Transport::Tls {
                    fs::write(dir.path().join("server.toml"), settings())?;
                }
                let mut command = in_session(&self.topsided);
                environment(&mut command, dir.path());
                command
            }
            ServerKind::RawJson(_) if transport == Transport::Tls => {
                let mut command = in_session(&self.own);
                command.arg("raw-tls").arg(port.to_string()).arg(dir.path().join("key"));
                command
            }
            ServerKind::RawJson(workers) => {
                let mut command = in_session(&self.own);
                command.arg("raw-json").arg(&socket).arg(workers.to_string());
                command
            }
            ServerKind::RawLine => {
                let mut command = in_session(&self.own);
                command.arg("raw-line").arg(&socket);
                command
            }
            ServerKind::Redis => {
                let Some(redis) = &self.redis else { return Ok(None) };
                let mut command = in_session(redis);
                command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
                command.args(["--maxclients", "15000", "--loglevel", "warning", "--unixsocket"]);
                command.arg(&socket).arg("--dir").arg(dir.path());
                if transport == Transport::Tls {
                    let (key, certificate) = (dir.path().join("key"), dir.path().join("crt"));
                    fs::write(&certificate, own_key(&key)?.certificate_pem())?;
                    command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
                    command.args(["--tls-protocols", "TLSv1.3", "--bind"]);
                    command.args(ADDRESSES.map(|address| address.to_string()));
                    command.arg("--tls-cert-file").arg(certificate);
                    command.arg("--tls-key-file").arg(key);
                }
                command
            }
        };
        let started = Instant::now();
        let child = spawn(command, dir.path())?;
        let mut server = Server { child, socket, tls: None, dir, start: Duration::ZERO };
        let redis = kind == ServerKind::Redis;
        let request = if redis { exchange::redis_ping() } else { exchange::ping() }.request;
        if transport == Transport::Socket || kind == ServerKind::Ours {
            server.answered(Transport::Socket, &request, started)?;
        }
        if transport == Transport::Tls {
            // A baseline server has the same key as its clients.
            let (key, pin, port) = match kind {
                ServerKind::Ours => server.token()?,
                _ => {
                    let key = own_key(&server.dir.path().join("key"))?;
                    let pin = key.pin();
                    (key, pin, port)
                }
            };
            let shown = Arc::new(SingleCertAndKey::from(key.certified_key()));
            let config = tls::client_config(pin, shown).map_err(io::Error::other)?;
            server.tls = Some(Tls::new(port, Arc::new(config)));
            server.answered(Transport::Tls, &request, started)?;
        }
        Ok(Some(server))
    }

    /// The menu of our server: programs to be measured.
    pub(crate) fn menu(&self, output: u64) -> String {
        format!(
            "[commands.nothing]\nexec = [\"/bin/true\"]\neffect = \"read\"\n\
             [commands.flood]\nexec = [{0:?}, \"print\", \"{output}\"]\neffect = \"read\"\n\
             max_output = \"4GiB\"\n\
             [commands.gush]\nexec = [{0:?}, \"print\", \"{output}\"]\neffect = \"read\"\n\
             [commands.tick]\nexec = [{0:?}, \"tick\"]\neffect = \"read\"\n",
            self.own.display().to_string()
        )
    }
}

/// The settings of a server of ours that many clients come to at once, all from this machine and with one
/// key: nothing that is meant to slow such down.
fn settings() -> String {
    let addresses = ADDRESSES.map(|address| address.to_string());
    format!(
        "[listen]\nport = 0\naddresses = {addresses:?}\n[discovery]\nannounce = false\n\
         [limits]\nmax_sessions = 0\nmax_sessions_per_key = 0\nconnects = 0\n\
         connects_per_source = 0\nmax_handshakes = 0\nmax_handshakes_per_source = 0\n\
         requests = 0\n"
    )
}

/// The key in a file, made where there is none.
fn own_key(path: &Path) -> io::Result<PrivateKey> {
    PrivateKey::load_or_make(path).map_err(io::Error::other)
}

const VARIABLES: [&str; 3] = ["CONFIG", "STATE", "RUNTIME"];

/// Points a program of ours at a server with its directories here.
pub(crate) fn environment(command: &mut Command, dir: &Path) {
    for name in VARIABLES {
        command.env(format!("TOPSIDE_{name}_DIR"), dir);
    }
}

/// A program in a session of its own, as a service and the work of other users are. Linux shares processors between sessions
/// first (`sched_autogroup`): in the session of the bench, it would take the time of the threads that measure.
pub(crate) fn in_session(program: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

fn spawn(mut command: Command, dir: &Path) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(dir.join("stderr"))?);
    command.spawn()
}

fn can_run(topside: &Path) -> bool {
    let mut command = Command::new(topside);
    command
        .args(["run", "--help"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Server {
    /// By which way clients come in.
    pub(crate) fn address(&self, transport: Transport) -> &dyn Connect {
        match &self.tls {
            Some(tls) if transport == Transport::Tls => tls,
            _ => &self.socket,
        }
    }

    fn answered(
        &mut self,
        transport: Transport,
        request: &[u8],
        started: Instant,
    ) -> io::Result<()> {
        loop {
            if let Ok(mut line) = Client::connect(self.address(transport)) {
                line.send(request)?;
                line.take()?;
                self.start = started.elapsed();
                return Ok(());
            }
            if started.elapsed() > START || self.child.try_wait()?.is_some() {
                let said = fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default();
                return Err(io::Error::other(format!("a server did not start: {said}")));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Requests a token on the socket of our server: the key, the server's pin and its port.
    fn token(&self) -> io::Result<(PrivateKey, Pin, u16)> {
        let params =
            r#"{"name":"bench","role":"viewer","commands":["echo","flood"],"lasting":true}"#;
        let request = exchange::json("key/invite", params).request;
        let answer = Client::connect(&self.socket)?.text(&request)?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let invite = answer["result"]["invite"].as_str().unwrap_or_default();
        let invite: Invite = invite.parse().map_err(io::Error::other)?;
        let key = PrivateKey::from_seed(&invite.seed).map_err(io::Error::other)?;
        Ok((key, invite.server, invite.port))
    }

    /// A file that the kernel has of its process.
    pub(crate) fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    /// Processor time that its threads have used, in seconds. (`stat` has the same in steps of 10 ms.)
    pub(crate) fn cpu(&self) -> io::Result<f64> {
        let mut ns = 0u64;
        for task in fs::read_dir(self.proc("task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            ns += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(ns as f64 / 1e9)
    }

    /// Resident memory in KiB, counted page by page: what `statm` says is rounded by thread.
    pub(crate) fn memory(&self) -> io::Result<f64> {
        machine::number(self.proc("smaps_rollup"), "Rss")
    }

    /// The most resident memory since [`Self::forget_peak`], in KiB.
    pub(crate) fn peak(&self) -> io::Result<f64> {
        machine::number(self.proc("status"), "VmHWM")
    }

    pub(crate) fn forget_peak(&self) -> io::Result<()> {
        fs::write(self.proc("clear_refs"), "5")
    }

    /// Waits until it has nothing to do any more.
    pub(crate) fn settle(&self) -> io::Result<()> {
        let until = Instant::now() + Duration::from_secs(1);
        let mut before = self.cpu()?;
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(30));
            let now = self.cpu()?;
            if now - before < 0.001_5 {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Waits for its end.
    pub(crate) fn exited(&mut self) -> io::Result<bool> {
        Ok(self.child.wait()?.success())
    }

    /// Points a client program at it.
    pub(crate) fn environment(&self, command: &mut Command) {
        environment(command, self.dir.path());
    }

    /// The same as variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, &Path)> {
        VARIABLES.into_iter().map(|name| (format!("TOPSIDE_{name}_DIR"), self.dir.path()))
    }

    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
