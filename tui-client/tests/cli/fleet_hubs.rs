//! Hubs as docs/FLEET.md describes them: set up by five commands, a cluster of three, and a leaf node. The commands and the
//! configuration are those of the page.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use topside_shared::hub::HubCredentials;

use crate::common::{Place, eventually, text};
use crate::nats_server::{NatsServer, held_port};
use crate::remote_server::{Box, pair};
use crate::require::require;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/FLEET.md");
    std::fs::read_to_string(path).unwrap()
}

/// The block of the page that begins with this info string.
fn block(info: &str) -> String {
    let page = page();
    let (_, rest) =
        page.split_once(&format!("\n```{info}\n")).unwrap_or_else(|| panic!("no {info}"));
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// The first block below a heading of the page.
pub(crate) fn block_below(heading: &str) -> String {
    let page = page();
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, rest) = rest.split_once("\n```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// A nats-server of a hub, with a directory of its own.
struct Node {
    dir: PathBuf,
    server: NatsServer,
}

impl Node {
    /// A copy of the directory of a hub.
    fn copy(hub: &Path, root: &Path, name: &str) -> Self {
        let dir = root.join(name);
        std::fs::create_dir(&dir).unwrap();
        for file in std::fs::read_dir(hub).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
        Self { dir, server: NatsServer::new() }
    }

    /// Adds a block of the page to its configuration.
    fn add(&self, block: &str) {
        let path = self.dir.join("nats-server.conf");
        let config = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{config}\n{block}\n")).unwrap();
    }

    fn start(&mut self) {
        self.server.start(&self.dir);
    }
}

/// Writes a hub by `topsided hub init`, with the key for links between servers that the page makes.
fn hub_dir(root: &Path, addresses: usize) -> PathBuf {
    let dir = root.join("made");
    let address = ["--address", "127.0.0.1"].repeat(addresses);
    let init = ["serve", "hub", "init", text(&dir)];
    Place::new().verb(&[&init[..], &address].concat()).with(0);
    let made = Command::new("openssl")
        .args("req -x509 -newkey ed25519 -nodes -days 36500 -subj /CN=topside-hub".split(' '))
        .args("-keyout route.key -out route.crt -addext subjectAltName=IP:127.0.0.1".split(' '))
        .current_dir(&dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    dir
}

/// An admin of a fleet at a hub with these ports.
fn admin(dir: &Path, ports: &[u16]) -> Place {
    let string = std::fs::read_to_string(dir.join("string")).unwrap();
    let mut credentials = HubCredentials::find(&string).unwrap();
    credentials.addresses = ports.iter().map(|port| ("127.0.0.1".to_owned(), *port)).collect();
    let (admin, string) = (Place::new(), credentials.to_string());
    eventually("the hub keeps rosters", || {
        admin.verb(&["fleet", "create", "garden", "--as", "anna", "--hub", &string]).status
            == Some(0)
    });
    admin
}

/// A box that the admin of the fleet has invited, and its name there.
fn member(admin: &Place, garden: &Box, string: &str) -> String {
    garden.verb(&["join", string]);
    eventually("the box is a member", || garden.place.json(&["status"])["fleet"]["member"] == true);
    // A server of a cluster may learn of the announcement after the others.
    let mut name = None;
    eventually("the box is listed", || {
        let boxes = admin.json(&["fleet", "boxes"]);
        let last = boxes["boxes"].as_array().unwrap().last().cloned();
        name = last.and_then(|last| last["name"].as_str().map(str::to_owned));
        name.is_some()
    });
    name.unwrap()
}

fn box_string(admin: &Place) -> String {
    admin.verb(&["fleet", "invite-box", "--auto"]).with(0).out.trim_end().to_owned()
}

fn runs(place: &Place, name: &str) -> bool {
    place.run(&["--on", name, "--via", "hub", "echo", "here"]).out == "here\n"
}

#[test]
fn five_commands_lead_from_an_empty_machine_to_a_command_on_a_box() {
    if !require("nats-server") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("hub");
    let mut server = NatsServer::new();
    let (admin, garden) = (Place::new(), Box::with(Place::new()));
    let mut said = String::new();
    let commands = block_below("Five commands");
    assert_eq!(commands.lines().count(), 6, "five, and the first command on the box: {commands}");
    for line in commands.lines() {
        let line = line.split(" #").next().unwrap().trim().trim_start_matches("sudo ");
        let line =
            line.replace("/etc/topside-hub", text(&dir)).replace("hub.example.org", "127.0.0.1");
        let words: Vec<&str> = line.split_whitespace().collect();
        // The dots stand for what the command before has printed.
        let printed = |word: &str| match word.strip_suffix("...") {
            Some(begin) => {
                let found = said.split_whitespace().find(|word| word.starts_with(begin));
                found.unwrap_or_else(|| panic!("no {begin} in {said}")).to_owned()
            }
            None => word.to_owned(),
        };
        let words: Vec<String> = words.into_iter().map(printed).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["topsided", "hub", ..] => {
                let port = server.port.to_string();
                let more = ["--port", &port];
                let ended = Place::new().verb(&[&["serve"], &words[1..], &more].concat()).with(0);
                said = ended.out;
            }
            ["systemctl", "enable", "--now", unit] => {
                assert!(Path::new(unit).exists(), "{unit}");
                server.start(&dir);
            }
            ["topsided", "join", string] => {
                let name = member(&admin, &garden, string);
                // The page calls the box otherwise.
                said = name;
            }
            ["topside", "run", "--on", "pump-1", "uptime"] => {
                let name = said.clone();
                eventually("the first command", || runs(&admin, &name));
            }
            ["topside", ..] => said = admin.verb(&words[1..]).with(0).out,
            _ => panic!("{line}"),
        }
    }
}

#[test]
fn a_cluster_of_three_goes_on_while_one_server_is_killed() {
    if !require("nats-server") || !require("openssl") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = hub_dir(root.path(), 3);
    let routes: Vec<(OwnedFd, u16)> = (0..3).map(|_| held_port()).collect();
    let mut nodes: Vec<Node> = (1..=3)
        .map(|nth| {
            let node = Node::copy(&dir, root.path(), &format!("hub-{nth}"));
            let listen = format!("127.0.0.1:{}", routes[nth - 1].1);
            let mut config = block("text cluster");
            config =
                config.replace("server_name: \"hub-1\"", &format!("server_name: \"hub-{nth}\""));
            config = config.replace("0.0.0.0:6222", &listen);
            for (at, (_, port)) in routes.iter().enumerate() {
                let name = format!("hub-{}.example.org:6222", at + 1);
                config = config.replace(&name, &format!("127.0.0.1:{port}"));
            }
            node.add(&config);
            node
        })
        .collect();
    nodes.iter_mut().for_each(Node::start);
    let ports: Vec<u16> = nodes.iter().map(|node| node.server.port).collect();
    let admin = admin(&dir, &ports);
    let garden = Box::with(Place::new());
    let name = member(&admin, &garden, &box_string(&admin));
    for (nth, node) in nodes.iter_mut().enumerate() {
        node.server.kill();
        eventually(&format!("a command without server {nth}"), || runs(&admin, &name));
        node.start();
    }
    eventually("the roster is changed", || {
        admin.verb(&["fleet", "tag", &name, "wet"]).status == Some(0)
    });
}

#[test]
fn boxes_of_a_site_reach_the_hub_by_a_leaf_node() {
    if !require("nats-server") || !require("openssl") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = hub_dir(root.path(), 1);
    let (_held, port) = held_port();
    let link = format!("127.0.0.1:{port}");
    let mut hub = Node::copy(&dir, root.path(), "hub");
    hub.add(&block("text leafnodes").replace("0.0.0.0:7422", &link));
    let mut site = Node::copy(&dir, root.path(), "site");
    site.add(&block("text site").replace("hub.example.org:7422", &link));
    hub.start();
    site.start();
    let admin = admin(&dir, &[hub.server.port]);
    let garden = Box::with(Place::new());
    // The box knows the server of its site alone.
    let string = box_string(&admin);
    let role = topside_shared::hub::HubRole::Box;
    let mut string = topside_shared::fleet::JoinString::find(&string, role).unwrap();
    string.access.addresses = vec![("127.0.0.1".to_owned(), site.server.port)];
    let name = member(&admin, &garden, &string.to_string());
    eventually("a command by the leaf node", || runs(&admin, &name));
    eventually("its presence is at the hub", || {
        admin.json(&["fleet", "boxes"])["boxes"][0]["state"] == "hub"
    });
    // A change of the roster reaches the box at once.
    let people = || garden.place.json(&["status"])["fleet"]["people"].clone();
    let invite = admin.verb(&["fleet", "invite", "bert", "--role", "operator"]).with(0).out;
    pair(&Place::new(), &[invite.trim_end()]).with(0);
    eventually("the box admits bert", || people() == 2);
    // The link is lost and found.
    hub.server.kill();
    hub.start();
    eventually("a command after the loss", || runs(&admin, &name));
}
