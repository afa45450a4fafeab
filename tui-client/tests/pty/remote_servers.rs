//! Servers elsewhere, over TLS on the loopback: paired in the picker, come back to after a kill, told from
//! another server, and left by a device that was revoked.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use topside_shared::invite::Invite;

use super::harness::{Home, Screen, Server};

const WIDE: (u16, u16) = (120, 30);

/// A box that listens on a port of this machine, and its running server.
pub(crate) struct Box {
    pub(crate) home: Home,
    pub(crate) server: Server,
    /// Once an invite was made.
    port: u16,
    /// Of the invited device.
    pub(crate) role: &'static str,
}

impl Box {
    pub(crate) fn new() -> Self {
        Self::at(Home::new())
    }

    /// The same with this `commands.toml`, which is given the directory of the box.
    pub(crate) fn with_menu(menu: impl Fn(&str) -> String) -> Self {
        let home = Home::new();
        home.write_menu(&menu(home.0.path().to_str().unwrap()));
        Self::at(home)
    }

    fn at(home: Home) -> Self {
        listen(&home, 0);
        let server = Server::start(&home);
        Self { home, server, port: 0, role: "operator" }
    }

    /// Asks the server something over its socket, as its own user.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        ask(&self.home, method, params)
    }

    pub(crate) fn invite(&mut self) -> String {
        let params = json!({"name": "phone", "role": self.role});
        let invite = self.ask("key/invite", &params)["invite"].as_str().unwrap().to_owned();
        self.port = invite.parse::<Invite>().unwrap().port;
        // The next start is at the same door.
        listen(&self.home, self.port);
        invite
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Asks the server of a box something over its socket, as its own user.
pub(crate) fn ask(home: &Home, method: &str, params: &Value) -> Value {
    let mut socket = UnixStream::connect(home.socket()).unwrap();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    writeln!(socket, "{request}").unwrap();
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).unwrap();
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].take()
}

/// Has the server of a box listen on this port of this machine; 0: on any.
pub(crate) fn listen(home: &Home, port: u16) {
    let text = format!("[listen]\nport = {port}\naddresses = [\"127.0.0.1\"]\n");
    home.configure("server.toml", &text);
}

/// Pastes as a terminal does.
pub(crate) fn paste(screen: &mut Screen, text: &str) {
    screen.write(&format!("\x1b[200~{text}\r\x1b[201~"));
}

/// The picker of another device, paired with a box by an invite pasted into it.
pub(crate) fn paired(home: &Home, to: &mut Box) -> Screen {
    let invite = to.invite();
    let mut screen = Screen::topside(home, WIDE, &[]);
    screen.see("no server here");
    paste(&mut screen, &invite);
    screen.see_all(&["an invite of ", &to.address()]);
    screen.write("\r");
    screen.see_all(&["Paired with ", &format!(" as {}.", to.role), "● LAN answers in "]);
    assert!(!screen.printed(&invite.as_bytes()[60..80]), "the key in it was never on the screen");
    screen
}

#[test]
fn an_invite_pasted_in_the_picker_connects_and_a_killed_server_is_reconnected() {
    let phone = Home::new();
    let mut there = Box::new();
    let mut screen = paired(&phone, &mut there);
    screen.write("\r");
    let title = format!(" · LAN {} · connected · operator", there.address());
    screen.see(&title);
    screen.write("echo still here\r");
    screen.see("✓ succeeded");
    screen.write("half a line");
    // Typed before the end of the session.
    screen.see("❯ half a line");

    there.server.kill();
    screen.see_all(&["reconnecting in ", "still here"]);
    there.server = Server::start(&there.home);
    screen.see_all(&[&title, "reconnected to ", "still here", "half a line"]);
    let runs = there.ask("command/run", &json!({"command": "runs"}));
    assert!(!runs["output"].as_str().unwrap().contains("echo"), "nothing is sent again: {runs}");

    screen.write("\x03\x03");
    screen.see("Ctrl-C again leaves Topside.");
    screen.write("\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_viewer_sees_the_figures_and_why_there_is_no_log() {
    let phone = Home::new();
    let mut there = Box::new();
    there.role = "viewer";
    let mut screen = paired(&phone, &mut there);
    screen.write("\r");
    screen.see(" · connected · viewer");
    // The menu says what a role may do.
    screen.see("F3 menu");
    screen.write("\x1bl");
    screen.see("your role, viewer, may not do this");
    screen.write("\x10The server's log");
    screen.see_all(&["The server's log, live", "1 of 1", "may not do this"]);
    screen.write("\x1b");
    screen.gone("1 of 1");
    screen.write("\x1bs");
    screen.see_all(&["Status of ", "(paired devices)", "menu revision "]);
}

#[test]
fn another_server_at_the_address_is_reported_and_gets_no_request() {
    let phone = Home::new();
    let (mut there, mut other) = (Box::new(), Box::new());
    other.invite();
    let mut screen = paired(&phone, &mut there);
    // The paired box now stands elsewhere, and another one has its address.
    let file = phone.client_toml();
    let text = std::fs::read_to_string(&file).unwrap();
    let (was, is) = (format!("port = {}", there.port), format!("port = {}", other.port));
    std::fs::write(&file, text.replace(&was, &is)).unwrap();
    screen.write("q");
    screen.ended();

    let mut screen = Screen::topside(&phone, WIDE, &[]);
    screen.see_all(&["✗ another key: not this server", "is not the paired server"]);
    screen.write("\r");
    screen.see_all(&["✗ 127.0.0.1", "is not the paired server"]);
    drop(there);
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
}

/// A server that does not answer delays neither the picker nor another choice.
#[test]
fn a_dial_that_hangs_is_given_up_at_once_and_the_picker_works_meanwhile() {
    let phone = Home::new();
    // The system accepts connections, and nothing is sent on them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let pin = format!("sha256:{}", "01".repeat(32));
    let text = format!(
        "[[server]]\nname = \"mute\"\nlan = \"127.0.0.1\"\nport = {port}\npin = \"{pin}\"\n"
    );
    phone.configure("client.toml", &text);

    let mut screen = Screen::topside(&phone, WIDE, &[]);
    screen.see_all(&["mute", "asking …", "no server here"]);
    screen.write("\r");
    screen.see_all(&["connecting … ", "Esc give up"]);
    screen.write("\x1b");
    screen.see("Given up.");
    screen.write("j");
    screen.see("CONNECT TO this machine");
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_revoked_device_gets_a_message_and_needs_a_new_invite() {
    let phone = Home::new();
    let mut there = Box::new();
    let mut screen = paired(&phone, &mut there);
    screen.write("\r");
    screen.see(" · connected · operator");
    let keys = there.ask("keys/list", &json!({}));
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap();
    there.ask("key/revoke", &json!({"keyId": key["keyId"]}));
    let shown = screen.see_all(&["revoked this device's key", "R reconnect"]);
    assert!(!shown.contains("reconnecting"), "{shown}");
    screen.write("R");
    screen.see_all(&["this device's key was revoked", "ask for a new invite"]);
    screen.write("P");
    screen.see_all(&["✗ this device was revoked", "CONNECT TO"]);

    // What the screen says to do does help.
    let invite = there.invite();
    paste(&mut screen, &invite);
    screen.see_all(&["an invite of ", "saved here already"]);
    screen.write("\r");
    screen.see_all(&["Paired with ", "● LAN answers in "]);
    screen.write("\r");
    screen.see(" · connected · operator");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}
