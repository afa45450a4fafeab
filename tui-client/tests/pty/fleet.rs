//! A fleet in the picker: real boxes at a nats-server, and a device that has joined the fleet by one string.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use topside_shared::hub::HubCredentials;

use super::harness::{Home, PATIENCE, Screen, Server, TOPSIDE, eventually};
use super::output::{command, pipe};
use super::remote_servers::paste;
use crate::nats_server::NatsServer;
use crate::require::require;

/// What `topside` prints with these words. It succeeds.
fn topside(home: &Home, args: &[&str]) -> String {
    let ended = Command::new(TOPSIDE).args(args).envs(home.env()).output().unwrap();
    assert!(ended.status.success(), "{args:?}: {ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

/// A hub on loopback, and the device of the admin of its fleet `garden`.
struct Garden {
    dir: TempDir,
    hub: NatsServer,
    admin: Home,
}

impl Garden {
    /// None where there is no nats-server.
    fn new() -> Option<Self> {
        if !require("nats-server") {
            return None;
        }
        let (dir, admin, mut hub) = (TempDir::new().unwrap(), Home::new(), NatsServer::new());
        let (place, port) = (dir.path().join("hub"), hub.port.to_string());
        let init = ["serve", "hub", "init", place.to_str().unwrap(), "--address", "127.0.0.1"];
        topside(&admin, &[&init[..], &["--port", &port]].concat());
        hub.start(&place);
        let string = std::fs::read_to_string(place.join("string")).unwrap();
        let string = HubCredentials::find(&string).unwrap().to_string();
        topside(&admin, &["fleet", "create", "garden", "--as", "anna", "--hub", &string]);
        Some(Self { dir, hub, admin })
    }

    /// What `topside fleet` prints on the device of the admin.
    fn fleet(&self, args: &[&str]) -> String {
        topside(&self.admin, &[&["fleet"], args].concat()).trim_end().to_owned()
    }

    /// A new box with this name and this tag, which is at the hub when this returns.
    fn add(&self, name: &str, tag: &str) -> (Home, Server) {
        let home = Home::new();
        let listen = "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n";
        home.configure("server.toml", &format!("[server]\nname = \"{name}\"\n\n{listen}"));
        let server = Server::start(&home);
        let invite = self.fleet(&["invite-box", "--auto", "--tag", tag]);
        topside(&home, &["serve", "join", &invite]);
        eventually("the box is at the hub", || {
            let list: Value = serde_json::from_str(&self.fleet(&["boxes", "--json"])).unwrap();
            let boxes = list["boxes"].as_array().unwrap();
            boxes.iter().any(|each| each["name"] == name && each["state"] == "hub")
        });
        (home, server)
    }

    /// A person's device that has joined by the string of an invite.
    fn person(&self, name: &str) -> Home {
        let home = Home::new();
        topside(&home, &["pair", &self.fleet(&["invite", name, "--role", "operator"])]);
        home
    }
}

/// The row of the picker's list with this name, below the headings and without the column of the routes.
fn row(screen: &vt100::Screen, name: &str) -> Option<String> {
    let (_, columns) = screen.size();
    let rows = screen.rows(0, columns).skip(1);
    let mut lists = rows.map(|row| row.split('│').next().unwrap().trim_end().to_owned());
    // Before the name are the signs of the chosen row and of a mark.
    let names = |row: &str| row.trim_start_matches(['▌', '■', ' ']).split(' ').next() == Some(name);
    lists.find(|row| names(row))
}

/// Waits until the row of a box is as wanted.
fn see_row(screen: &Screen, name: &str, wanted: impl Fn(&str) -> bool) -> String {
    let found = screen.look(PATIENCE, |screen, _| row(screen, name).filter(|row| wanted(row)));
    found.unwrap_or_else(|why| panic!("the row of {name}, {why}"))
}

#[test]
fn the_boxes_of_a_fleet_are_listed_below_the_saved_servers_by_tag_at_every_size() {
    let Some(garden) = Garden::new() else { return };
    let _boxes =
        [("pump-2", "pumps"), ("camera", "cameras")].map(|(name, tag)| garden.add(name, tag));
    let (leaving, _server) = garden.add("pump-1", "pumps");
    topside(&leaving, &["shutdown", "--in", "3h", "--yes"]);
    let phone = garden.person("bert");
    phone.configure("client.toml", "[[server]]\nname = \"shed\"\nlan = \"127.0.0.1\"\nport = 1\n");
    for size in [(160, 50), (100, 30), (80, 24), (60, 15), (40, 10)] {
        let mut screen = Screen::topside(&phone, size, &[]);
        screen.see_all(&["shed", "this machine"]);
        // The last of the list; a small screen scrolls to it.
        screen.write("\x1b[F");
        let row = see_row(&screen, "pump-2", |row| row.contains("● hub · load "));
        let has_room = ![80, 40].contains(&size.0);
        assert_eq!(row.contains(env!("CARGO_PKG_VERSION")), has_room, "{row}");
        let row = see_row(&screen, "pump-1", |row| row.contains('▲'));
        let words = if has_room { "shuts down in 2:5" } else { "▲ down in 2:5" };
        assert!(row.contains(words) && !row.contains('…'), "{row}");
        screen.write("\x1b[A\x1b[A");
        see_row(&screen, "camera", |row| row.contains("● hub · load "));
        let shown = screen.see("FLEET garden #cameras");
        if size.1 >= 24 {
            let wanted =
                ["shed", "this machine", "#cameras", "camera", "#pumps", "pump-1", "pump-2"];
            let mut rest = &shown[shown.find("SERVERS").unwrap()..];
            for text in wanted {
                let at = rest.find(text).unwrap_or_else(|| panic!("{text} in its place: {shown}"));
                rest = &rest[at + text.len()..];
            }
            screen.see_all(&["CONNECT TO camera", "LAN first, then Hub", "last heard at "]);
        }
        screen.write("q");
        assert_eq!(screen.ended().0, 0);
    }
}

#[test]
fn enter_opens_a_tab_and_a_line_runs_on_all_marked_boxes_with_grouped_results() {
    let Some(garden) = Garden::new() else { return };
    let first = garden.add("pump-1", "pumps");
    let (_, mut second) = garden.add("pump-2", "pumps");
    let _third = garden.add("pump-3", "pumps");
    let phone = garden.person("bert");
    let mut screen = Screen::topside(&phone, (100, 30), &[]);
    see_row(&screen, "pump-3", |row| row.contains("● hub"));
    screen.write("\x1b[B");
    screen.see("CONNECT TO pump-1");
    screen.write("\r");
    screen.see_all(&["pump-1", "the hub of garden · connected · operator"]);
    screen.write("echo in a tab\r");
    screen.see_all(&["in a tab", "✓ succeeded"]);

    // A second tab has the list, in which that box is still one of three.
    screen.write("\x14");
    screen.see("CONNECT TO ");
    second.kill();
    screen.write("\x1b[H\x1b[B   ");
    screen.see("3 marked");
    screen.write("x");
    screen.see("Command on 3 servers");
    screen.write("echo hello pumps\r");
    screen.see_all(&["✓ 2 alike", "pump-1 pump-3", "hello pumps", "○ 1 not reached", "2 of 3"]);
    screen.write("\x1b[B\r");
    screen.until("the block of the box that is away", |screen| {
        let text = screen.contents();
        text.contains("pump-2") && text.contains("is not at the hub") && !text.contains("pump-3")
    });
    screen.write("\x1b");
    screen.see_all(&["✓ 2 alike", "○ 1 not reached"]);
    screen.write("\x1b");
    screen.see("3 marked");
    screen.write("\x1b1");
    screen.see_all(&["in a tab", "the hub of garden · connected"]);
    drop(first);
}

#[test]
fn a_box_that_ends_in_order_is_away_at_once_and_a_killed_one_within_75_seconds() {
    let Some(garden) = Garden::new() else { return };
    let (orderly, mut server) = garden.add("pump-1", "pumps");
    let (_, mut killed) = garden.add("pump-2", "pumps");
    let phone = garden.person("bert");
    let screen = Screen::topside(&phone, (100, 30), &[]);
    for name in ["pump-1", "pump-2"] {
        see_row(&screen, name, |row| row.contains("● hub"));
    }
    killed.kill();
    let killed_at = Instant::now();
    topside(&orderly, &["shutdown", "--yes"]);
    assert!(server.succeeded());
    let stopped_at = Instant::now();
    see_row(&screen, "pump-1", |row| row.contains("○ away since "));
    let took = stopped_at.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    see_row(&screen, "pump-2", |row| row.contains("● hub"));
    see_row(&screen, "pump-2", |row| row.contains("○ away since "));
    let took = killed_at.elapsed();
    assert!(took < Duration::from_secs(80), "{took:?}");
}

#[test]
fn an_invite_of_a_fleet_pasted_in_the_picker_lists_its_boxes_and_a_removed_person_is_told() {
    let Some(garden) = Garden::new() else { return };
    let _box = garden.add("pump-1", "pumps");
    let phone = Home::new();
    let mut screen = Screen::topside(&phone, (120, 30), &[]);
    screen.see("no server here");
    let invite = garden.fleet(&["invite", "bert", "--role", "operator"]);
    // As a mail program breaks it.
    let (begin, end) = invite.split_at(100);
    paste(&mut screen, &format!("{begin}\r\n  {end}"));
    screen.see("the fleet garden");
    screen.write("\r");
    see_row(&screen, "pump-1", |row| row.contains("● hub"));
    screen.write("\x1b[B");
    screen.see("CONNECT TO pump-1");
    screen.write("\r");
    screen.see("the hub of garden · connected · operator");
    screen.write("echo kept\r");
    screen.see("✓ succeeded");

    garden.fleet(&["remove", "bert", "--yes"]);
    screen.see_all(&["ended this session", "no longer a person", "echo kept"]);
    // The picker of a new tab lists its boxes no more.
    screen.write("\x14");
    screen.see("CONNECT TO ");
    screen.until("no box", |screen| row(screen, "pump-1").is_none());
    screen.write("q");
}

#[test]
fn a_tab_through_a_hub_that_stops_or_is_killed_keeps_its_text_and_comes_back() {
    let Some(mut garden) = Garden::new() else { return };
    let (there, _server) = garden.add("pump-1", "pumps");
    let gate = pipe(&there, "gate");
    there.write_menu(&command(
        "slow",
        &format!("echo begun; read -r _ <{}; echo over", gate.display()),
        "",
    ));
    topside(&there, &["reload"]);
    let phone = garden.person("bert");
    let mut screen = Screen::topside(&phone, (100, 30), &[]);
    see_row(&screen, "pump-1", |row| row.contains("● hub"));
    screen.write("\x1b[B\r");
    screen.see("the hub of garden · connected");
    screen.write("slow\r");
    screen.see("begun");
    screen.write("half a line");
    screen.see("❯ half a line");

    garden.hub.kill();
    // The waits between the tries have grown.
    screen.see_all(&["(try 5)", "begun"]);
    garden.hub.start(&garden.dir.path().join("hub"));
    let back_at = Instant::now();
    screen.see_all(&["the hub of garden · connected", "begun", "half a line"]);
    let took = back_at.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");

    garden.hub.signal(Signal::STOP);
    screen.see_all(&["reconnecting", "begun"]);
    garden.hub.signal(Signal::CONT);
    screen.see_all(&["the hub of garden · connected", "begun", "half a line"]);
    std::fs::write(&gate, "\n").unwrap();
    screen.see_all(&["over", "half a line"]);
}
