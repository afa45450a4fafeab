//! Namespaces, and the cables between them.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::require::{require, skipped};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// After this a test gives up; on a busy machine the right thing may take seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The box on the LAN.
pub(crate) const BOX: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 10);
/// The client on the LAN.
pub(crate) const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 20);
/// The router on the LAN.
pub(crate) const INSIDE: &str = "192.168.77.1";
/// The router's outside. Debian's miniupnpd forwards nothing behind an address that is not public, and takes
/// those for documentation for such; no packet leaves these namespaces.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 1);
/// The client on the internet.
pub(crate) const INTERNET: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 50);

/// Lets out what comes from inside, and in what the router's daemon forwards.
const RULES: &str = r#"
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "inside" accept
    jump miniupnpd
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    jump postrouting_miniupnpd
    oifname "outside" masquerade
  }
}
"#;

/// What the router's daemon speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Pcp,
    Upnp,
    Nothing,
}

/// One machine of the network.
#[derive(Clone, Copy)]
pub(crate) enum Host {
    Box,
    Lan,
    Router,
    Internet,
}

const HOSTS: [Host; 4] = [Host::Box, Host::Lan, Host::Router, Host::Internet];

/// The network; it is removed when this is dropped, also when the test fails.
pub(crate) struct Net {
    prefix: String,
    daemon: Option<Child>,
    /// The daemon's files.
    dir: tempfile::TempDir,
}

impl Net {
    /// Makes it. `None` where that cannot be; the test has said so then, and returns.
    pub(crate) fn make(speaks: Speaks) -> Option<Self> {
        static NETS: AtomicU32 = AtomicU32::new(0);
        let there = ["ip", "nft", "miniupnpd"].into_iter().all(require);
        if !(there && (rustix::process::geteuid().is_root() || skipped("root"))) {
            return None;
        }
        let number = NETS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("topside{}x{number}", std::process::id());
        let mut net = Self { prefix, daemon: None, dir: tempfile::tempdir().unwrap() };
        let first = Command::new("ip").args(["netns", "add", &net.name(Host::Box)]).output();
        if !first.unwrap().status.success() {
            skipped("the right to make network namespaces");
            return None;
        }
        for host in &HOSTS[1..] {
            run(Command::new("ip").args(["netns", "add", &net.name(*host)]));
        }
        net.plug();
        if speaks != Speaks::Nothing {
            net.daemon = Some(net.start_daemon(speaks));
        }
        Some(net)
    }

    /// The name of a host's namespace.
    fn name(&self, host: Host) -> String {
        let name = match host {
            Host::Box => "box",
            Host::Lan => "lan",
            Host::Router => "router",
            Host::Internet => "internet",
        };
        format!("{}-{name}", self.prefix)
    }

    /// A program that runs on a host.
    pub(crate) fn on(&self, host: Host, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host), program]).stdin(Stdio::null());
        command
    }

    /// The same as words of the shell.
    pub(crate) fn shell_on(&self, host: Host) -> String {
        format!("exec ip netns exec {}", self.name(host))
    }

    /// Does something of this process on a host, on a thread of its own; threads that it starts stay there.
    pub(crate) fn here_on<T: Send>(&self, host: Host, act: impl FnOnce() -> T + Send) -> T {
        let file = std::fs::File::open(format!("/run/netns/{}", self.name(host))).unwrap();
        let there = move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        };
        std::thread::scope(|scope| scope.spawn(there).join().unwrap())
    }

    /// Cables and addresses.
    fn plug(&self) {
        let [at_box, lan, router, internet] = HOSTS.map(|host| self.name(host));
        let ip = |host: &str, words: &str| {
            run(Command::new("ip").args(["-n", host]).args(words.split(' ')));
        };
        for host in [&at_box, &lan, &router, &internet] {
            ip(host, "link set lo up");
        }
        ip(&router, "link add inside type bridge");
        ip(&router, &format!("addr add {INSIDE}/24 dev inside"));
        ip(&router, "link set inside up");
        for (host, port, address) in [(&at_box, "box", BOX), (&lan, "lan", LAN)] {
            ip(host, &format!("link add eth0 type veth peer name {port} netns {router}"));
            ip(&router, &format!("link set {port} master inside"));
            ip(&router, &format!("link set {port} up"));
            ip(host, &format!("addr add {address}/24 dev eth0"));
            ip(host, "link set eth0 up");
            ip(host, &format!("route add default via {INSIDE}"));
        }
        ip(&internet, &format!("link add eth0 type veth peer name outside netns {router}"));
        ip(&router, &format!("addr add {ROUTER}/24 dev outside"));
        ip(&router, "link set outside up");
        ip(&internet, &format!("addr add {INTERNET}/24 dev eth0"));
        ip(&internet, "link set eth0 up");
        let rules = self.dir.path().join("rules");
        std::fs::write(&rules, RULES).unwrap();
        run(self.on(Host::Router, "nft").arg("-f").arg(rules));
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        run(self.on(Host::Router, "sh").args(["-c", forward]));
    }

    fn start_daemon(&self, speaks: Speaks) -> Child {
        let yes = |wanted| if speaks == wanted { "yes" } else { "no" };
        let settings = format!(
            "ext_ifname=outside\nlistening_ip=inside\nenable_natpmp={}\nenable_upnp={}\n\
             ipv6_disable=yes\nsecure_mode=yes\nuuid=dbb0b921-06d2-459f-bbbb-e04115494aa6\n\
             allow 1024-65535 192.168.77.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n",
            yes(Speaks::Pcp),
            yes(Speaks::Upnp)
        );
        let path = |name| self.dir.path().join(name);
        std::fs::write(path("settings"), settings).unwrap();
        let mut command = self.on(Host::Router, "miniupnpd");
        command.arg("-d").arg("-f").arg(path("settings")).arg("-P").arg(path("pid"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // The last that it says before it serves.
        let ready =
            if speaks == Speaks::Pcp { "Listening for NAT-PMP/PCP" } else { "HTTP listening" };
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut all = String::new();
        while !all.contains(ready) {
            assert!(said.read_line(&mut all).unwrap() > 0, "miniupnpd did not start: {all}");
        }
        // Read on, so that it never waits for this test.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        child
    }

    /// The rules that the router goes by now.
    pub(crate) fn rules(&self) -> String {
        let shown = self.on(Host::Router, "nft").args(["list", "ruleset"]).output().unwrap();
        String::from_utf8(shown.stdout).unwrap()
    }

    /// Pulls the cable of the client on the LAN, or plugs it in again.
    pub(crate) fn cable(&self, state: &str) {
        run(Command::new("ip").args(["-n", &self.name(Host::Router), "link", "set", "lan", state]));
    }

    /// Gives the box one more address.
    pub(crate) fn add_address(&self, address: Ipv4Addr) {
        let address = format!("{address}/24");
        let host = self.name(Host::Box);
        run(Command::new("ip").args(["-n", &host, "addr", "add", &address, "dev", "eth0"]));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for host in HOSTS {
            let _ = Command::new("ip").args(["netns", "del", &self.name(host)]).output();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
