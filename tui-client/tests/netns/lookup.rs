//! A name server that does not answer.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::require::{require, skipped};
use crate::terminal::{Home, Screen};

/// In namespaces of its own: a cable with no machine at its other end, and name servers behind it.
const SILENT: &str = "ip link set lo up; ip link add near type veth peer name far; \
    ip addr add 10.7.7.1/24 dev near; ip link set near up; ip link set far up; \
    for n in 2 3 4; do ip neigh add 10.7.7.$n lladdr 02:00:00:00:00:01 dev near; done; \
    mount --bind resolv.conf /etc/resolv.conf; mount --bind nsswitch.conf /etc/nsswitch.conf";
const PROFILE: &str = "[[server]]\nname = \"box\"\nlan = \"box.example.net\"\n";

fn home() -> Option<Home> {
    let there = ["ip", "unshare"].into_iter().all(require);
    if !(there && (rustix::process::geteuid().is_root() || skipped("root"))) {
        return None;
    }
    let home = Home::new();
    let config = home.0.path().join("config");
    std::fs::create_dir(&config).unwrap();
    let pin = format!("pin = \"sha256:{}\"\n", "0".repeat(64));
    std::fs::write(config.join("client.toml"), format!("{PROFILE}{pin}")).unwrap();
    let servers = "nameserver 10.7.7.2\nnameserver 10.7.7.3\nnameserver 10.7.7.4\n";
    std::fs::write(home.0.path().join("resolv.conf"), servers).unwrap();
    std::fs::write(home.0.path().join("nsswitch.conf"), "hosts: files dns\n").unwrap();
    Some(home)
}

fn start(home: &Home, line: &str) -> Screen {
    let line = format!("exec unshare -m -n /bin/sh -c '{SILENT}; {line}'");
    Screen::shell(home, (100, 30), &line)
}

/// The system gives up after half a minute.
fn assert_ends_at_once(screen: &Screen) {
    let left = Instant::now();
    screen.ended();
    assert!(left.elapsed() < Duration::from_secs(20), "{:?}", left.elapsed());
}

/// The end waited for the answer to a name.
#[test]
fn leaving_does_not_wait_for_a_name_that_is_looked_up() {
    let Some(home) = home() else { return };
    let mut screen = start(&home, "exec $TOPSIDE");
    screen.see("box");
    screen.write("q");
    assert_ends_at_once(&screen);

    let mut screen = start(&home, "exec $TOPSIDE connect box");
    screen.see("box");
    screen.write("\x03\x03\x03");
    assert_ends_at_once(&screen);

    for line in ["run --on box uptime", "status --on box"] {
        let mut screen = start(&home, &format!("echo begun; exec $TOPSIDE {line}"));
        screen.see("begun");
        screen.write("\x03");
        assert_ends_at_once(&screen);
    }
    let mut screen = start(&home, "echo begun; sleep 600 | $TOPSIDE --on box");
    screen.see("begun");
    screen.write("\x03");
    assert_ends_at_once(&screen);
}

/// A signal ends every form of the client while a name is looked up, as a key does.
#[test]
fn a_signal_does_not_wait_for_a_name_that_is_looked_up() {
    let Some(home) = home() else { return };
    // The client tells its process id, and `$$` stays the same over `exec`.
    let line = |rest: &str| format!("echo $$ >pid; echo begun; exec $TOPSIDE {rest}");
    for rest in ["", "connect box", "status --on box", "run --on box uptime"] {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let screen = start(&home, &line(rest));
            // A form that draws a screen names the server there.
            screen.see(if rest.len() < 12 { "box" } else { "begun" });
            let pid = std::fs::read_to_string(home.0.path().join("pid")).unwrap();
            let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
            assert_ends_at_once(&screen);
        }
    }
}
