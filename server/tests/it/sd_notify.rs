//! Reports to a supervisor such as systemd.

use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use topside_server::{Call, Calling, Supervisor, Worker};
use topside_shared::command::Command;

use crate::common::{DEADLINE, MENU, TestServer, Topsided};

/// A supervisor's end of the socket.
struct Heard(UnixDatagram);

impl Heard {
    fn at(path: &std::path::Path) -> Self {
        Self::of(UnixDatagram::bind(path).unwrap())
    }

    fn of(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// The next message.
    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).expect("the server says something");
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    /// The messages up to the one that begins so, and that one.
    fn until(&self, begin: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let message = self.next();
            if message.starts_with(begin) {
                return (before, message);
            }
            before.push(message);
        }
    }

    /// Whether nothing comes for so long.
    fn is_silent_for(&self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        let silent = self.0.recv(&mut [0; 4096]).is_err();
        self.0.set_read_timeout(Some(DEADLINE)).unwrap();
        silent
    }
}

fn supervised(topsided: &Topsided, watchdog: &str) -> std::process::Command {
    let mut command = topsided.command();
    command.env("NOTIFY_SOCKET", topsided.path("notify")).env("WATCHDOG_USEC", watchdog);
    command
}

#[test]
fn the_supervisor_gets_ready_watchdog_and_stopping() {
    let topsided = Topsided::new();
    let heard = Heard::at(&topsided.path("notify"));
    let mut server = topsided.spawn_by(supervised(&topsided, "20000"));
    assert_eq!(heard.next(), "READY=1\nSTATUS=0 clients, 0 runs");
    // Ready means that one can connect.
    let mut client = server.connect();
    client.ok("ping", json!({}));
    client.start("sleep 600");
    while heard.next() != "WATCHDOG=1\nSTATUS=1 client, 1 run" {}
    client.ok("server/shutdown", json!({"reason": "new disk"}));
    let (before, stopping) = heard.until("STOPPING=1\n");
    assert!(before.iter().all(|message| message.starts_with("WATCHDOG=1\n")), "{before:?}");
    assert!(stopping.contains("\nSTATUS=closing, by ") && stopping.ends_with(": new disk"));
    assert_eq!(server.exit(), Some(0));
}

/// Regression: `systemctl status` showed no reason for a start that failed.
#[test]
fn the_supervisor_gets_the_reason_of_a_start_that_failed() {
    let wrong_settings = |topsided: &Topsided| {
        topsided.write("server.toml", "[limits]\nmax_rums = 1\nmax_outbox = \"1\"\n");
    };
    let damaged_keys = |topsided: &Topsided| {
        topsided.run(&["id"]);
        std::fs::write(topsided.path("state/keys.json"), "{damaged").unwrap();
    };
    type Damage = fn(&Topsided);
    let cases: [(Damage, &str); 2] =
        [(wrong_settings, "max_rums"), (damaged_keys, "keys.json:1:2")];
    for (damage, reason) in cases {
        let topsided = Topsided::new();
        damage(&topsided);
        let heard = Heard::at(&topsided.path("notify"));
        let mut server = topsided.spawn_by(supervised(&topsided, "0"));
        assert_eq!(server.exit(), Some(78), "a restart would change nothing");
        let status = heard.next();
        assert!(
            status.starts_with("STATUS=did not start: ") && status.contains(reason),
            "{status}"
        );
        assert_eq!(status.lines().count(), 1, "{status}");
    }
}

#[test]
fn the_watchdog_is_served_while_the_server_waits_for_runs_to_end() {
    let topsided = Topsided::new();
    let heard = Heard::at(&topsided.path("notify"));
    let mut server = topsided.spawn_by(supervised(&topsided, "20000"));
    heard.until("READY=1");
    let (mut gate, mut ready) = (topsided.fifo("gate"), topsided.fifo("ready"));
    let script = format!("trap '' TERM; echo up > {}; read x < {}", ready.path(), gate.path());
    server.connect().start(&script);
    assert_eq!(ready.line(), "up");
    server.signal(Signal::TERM);
    let (_, stopping) = heard.until("STOPPING=1\n");
    assert!(stopping.ends_with("closing, by signal SIGTERM: no reason was given"), "{stopping}");
    // What was said of the end is not said over.
    assert_eq!([heard.next(), heard.next()], ["WATCHDOG=1", "WATCHDOG=1"]);
    gate.open();
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn a_restart_reports_reloading_and_then_ready() {
    let topsided = Topsided::new();
    let heard = Heard::at(&topsided.path("notify"));
    let mut server = topsided.spawn_by(supervised(&topsided, "0"));
    heard.until("READY=1");
    server.connect().ok("server/shutdown", json!({"restart": true}));
    let reloading = heard.next();
    let clock = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(clock.lines().next().unwrap().parse::<u64>().is_ok(), "{reloading}");
    assert!(heard.next().starts_with("READY=1\n"));
    server.connect().ok("ping", json!({}));
    server.signal(Signal::TERM);
    assert!(heard.next().starts_with("STOPPING=1\n"));
    assert_eq!(server.exit(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_socket_is_notified_and_the_watchdog_of_another_process_is_not() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let topsided = Topsided::new();
    let name = format!("topside-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let heard = Heard::of(UnixDatagram::bind_addr(&address).unwrap());
    let mut command = supervised(&topsided, "1000");
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    command.env("WATCHDOG_PID", std::process::id().to_string());
    let mut server = topsided.start_by(command);
    server.signal(Signal::TERM);
    assert!(heard.next().starts_with("READY=1\n"));
    assert!(heard.next().starts_with("STOPPING=1\n"));
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn with_a_dead_notify_socket_the_server_warns_and_starts() {
    let topsided = Topsided::new();
    // No file, a file that is no socket, and a socket that was left behind.
    let dead = topsided.path("dead");
    drop(UnixDatagram::bind(&dead).unwrap());
    let file = topsided.write("file", "");
    for socket in [topsided.path("notify"), file, dead] {
        let mut command = supervised(&topsided, "20000");
        command.env("NOTIFY_SOCKET", socket);
        let mut server = topsided.spawn_by(command);
        let line = server.says("NOTIFY_SOCKET");
        assert!(line.contains("warn") && line.contains("without a supervisor"), "{line}");
        server.connect().ok("ping", json!({}));
        server.terminate();
    }
}

/// A worker that takes the thread of requests for itself.
struct Hang {
    began: Sender<()>,
    released: Arc<Mutex<Receiver<()>>>,
}

impl Worker for Hang {
    fn declaration(&self) -> Command {
        Command { name: "hang".into(), ..Command::default() }
    }

    fn call<'a>(&'a self, _: Call) -> Calling<'a> {
        Box::pin(async {
            self.began.send(()).unwrap();
            self.released.lock().unwrap().recv().unwrap();
            Ok(())
        })
    }
}

#[test]
fn a_server_whose_requests_hang_does_not_serve_the_watchdog() {
    let (began, has_begun) = channel();
    let (release, released) = channel();
    let released = Arc::new(Mutex::new(released));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let heard = Heard::at(&path);
    let watchdog = Duration::from_millis(20);
    let server = TestServer::with_config(MENU, "", |mut config| {
        config.supervisor = Supervisor::at(path.as_os_str(), Some(watchdog)).unwrap();
        config.with_worker(Hang { began, released })
    });
    heard.until("READY=1");
    heard.until("WATCHDOG=1");
    let mut client = server.connect();
    client.ask("command/run", json!({"command": "hang"}));
    has_begun.recv_timeout(DEADLINE).unwrap();
    // What was said before that.
    heard.0.set_nonblocking(true).unwrap();
    while heard.0.recv(&mut [0; 4096]).is_ok() {}
    heard.0.set_nonblocking(false).unwrap();
    assert!(heard.is_silent_for(10 * watchdog));
    release.send(()).unwrap();
    heard.until("WATCHDOG=1");
}
