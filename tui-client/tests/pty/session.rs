//! The whole program in a terminal: from the picker to the console, two people at one server, the
//! end of a server on both screens.

use super::admin::act;
use super::harness::{Home, Screen, Server, eventually, exists};

const WIDE: (u16, u16) = (120, 30);

/// Picker, Enter, console.
pub(crate) fn console(home: &Home) -> Screen {
    let mut screen = Screen::topside(home, WIDE, &[]);
    screen.see("Same machine");
    screen.until("the answer to whether a server runs", |screen| {
        let text = screen.contents();
        text.contains("no server here") || text.contains("answers in")
    });
    screen.write("\r");
    screen.see(" · connected · ");
    screen.see("CLIENTS");
    // Keys of commands do nothing before the menu has come; its key is a hint from then on.
    screen.see("F3 menu");
    screen
}

/// The number of the client of a screen, as `#4 `.
pub(crate) fn number(screen: &Screen) -> String {
    let text = screen.see(" you ");
    let before = text.split(" you ").next().unwrap_or_default();
    let (_, number) = before.rsplit_once('#').expect("a number stands before `you`");
    format!("#{number} ")
}

/// Waits until each of two screens has the other one in its list, and no third.
pub(crate) fn see_each_other(first: &Screen, second: &Screen) {
    for (screen, other) in [(first, second), (second, first)] {
        let number = number(other);
        screen.until("the other one in the list", |screen| {
            let text = screen.contents();
            text.contains("2 clients") && text.contains(&number)
        });
    }
}

/// The name that the question before a shutdown wants typed.
pub(crate) fn wanted_name(text: &str) -> String {
    let (_, rest) = text.split_once("type ").expect("the question names it");
    rest.split_once(" to confirm").expect("the question names it").0.to_owned()
}

#[test]
fn from_the_picker_to_a_command_and_out_with_the_server_inside() {
    let home = Home::new();
    let mut screen = console(&home);
    screen.see("inside this program");
    screen.write("echo hello there\r");
    screen.until("the echo in its block", |screen| {
        let text = screen.contents();
        text.contains("❯ echo hello there") && text.contains("✓ succeeded")
    });
    assert!(exists(&home.socket()));
    screen.write("\x04");
    let (status, text) = screen.ended();
    assert_eq!(status, 0, "{text}");
    screen.assert_modes_are_undone();
    assert!(!exists(&home.socket()), "the server inside has taken its socket away");
}

#[test]
fn two_people_see_each_other_and_one_ends_the_server_for_both() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut first = console(&home);
    let mut second = console(&home);
    see_each_other(&first, &second);

    first.write("ks moving to a new box\r");
    let question = first.see_all(&["to confirm", "1 other client is notified"]);
    first.write("not it\r");
    first.see("That is not");
    first.write("\x15");
    first.write(&wanted_name(&question));
    first.write("\r\r");

    // Not a key is pressed on the second one.
    for screen in [&first, &second] {
        let words = ["moving to a new box", "shut down by", "R reconnect  P picker  q quit"];
        screen.see_all(&words);
        screen.see("not connected");
    }
    assert!(server.succeeded(), "the server's status is 0");
    assert!(!exists(&home.socket()), "no socket is left");
    // A session that has ended is left without a question.
    first.write("P");
    second.write("P");
    for screen in [&mut first, &mut second] {
        screen.see("no server here");
        screen.write("q");
        assert_eq!(screen.ended().0, 0);
        screen.assert_modes_are_undone();
    }
}

#[test]
fn a_shutdown_that_is_due_is_reported_and_can_be_cancelled() {
    let home = Home::new();
    let mut first = console(&home);
    let mut second = console(&home);
    see_each_other(&first, &second);
    second.write("ks 600 new disk\r");
    let question = second.see("to confirm");
    second.write(&format!("{}\r\r", wanted_name(&question)));
    first.until("the countdown", |screen| {
        let text = screen.contents();
        text.contains("shuts down in 9:") && text.contains("new disk")
    });
    act(&mut first, "Cancel the shutdown");
    for screen in [&first, &second] {
        screen.see("cancelled by");
    }
    // The one that carries the server leaves, and the other one is told why.
    first.write("\x03");
    first.see("ends with it, for 1");
    first.write("y\r");
    assert_eq!(first.ended().0, 0);
    second.see("the program that held the server was closed");
    second.write("\x03\x03");
    assert_eq!(second.ended().0, 0);
    assert!(!exists(&home.socket()));
}

#[test]
fn closing_the_session_opens_the_picker_and_the_server_continues() {
    let home = Home::new();
    let mut screen = console(&home);
    screen.write("close\r");
    screen.see("is closed.");
    screen.connect("runs inside this program");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_killed_server_is_reported_as_lost_and_its_console_stays() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("echo still here\r");
    screen.see("✓ succeeded");
    screen.write("half a line");
    server.kill();
    screen.see_all(&["without a reason", "reconnecting", "still here", "q quit"]);
    screen.write("\x03\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_server_saved_in_the_form_is_in_the_file_and_comments_stay() {
    let home = Home::new();
    let text = "# mine\n[[server]]\nname = \"clock\" # the tall one\n";
    let file = home.configure("client.toml", text);
    let mut screen = Screen::topside(&home, (80, 24), &[]);
    screen.see("clock");
    screen.write("a");
    screen.see("Add a server");
    screen.write("sprinkler\t192.168.1.10\t203.0.113.7\x13");
    screen.see_all(&["sprinkler is saved.", "203.0.113.7:8677"]);
    let saved = std::fs::read_to_string(&file).unwrap();
    for part in ["# mine\n", "# the tall one", "name = \"sprinkler\"", "lan = \"192.168.1.10\""] {
        assert!(saved.contains(part), "{part} is not in\n{saved}");
    }
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn connect_opens_the_console_at_once_and_an_unknown_name_is_refused_before_the_screen() {
    let home = Home::new();
    let carrier = console(&home);
    let mut screen = Screen::topside(&home, WIDE, &["connect", "this machine"]);
    screen.see(" · connected · ");
    carrier.see("2 clients");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
    carrier.see("1 client ");
    let unknown = Screen::topside(&home, WIDE, &["connect", "nowhere"]);
    let (status, text) = unknown.ended();
    assert!(status != 0 && text.contains("there is no saved server nowhere"), "{text}");
    let mut carrier = carrier;
    carrier.write("\x03\x03");
    assert_eq!(carrier.ended().0, 0);
}

#[test]
fn a_secret_that_is_typed_is_nowhere_on_the_screen_and_in_no_file() {
    let home = Home::new();
    let menu = "[commands.login]\nexec = [\"sh\", \"-c\", 'echo ${#WORD}']\neffect = \"read\"\n\
                [[commands.login.args]]\nname = \"user\"\ntype = \"string\"\nenv = \"WHO\"\n\
                [[commands.login.args]]\nname = \"word\"\ntype = \"secret\"\nenv = \"WORD\"\n";
    home.write_menu(menu);
    let config = home.0.path().join("config");
    for path in [&config, &config.join("commands.toml")] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700)).unwrap();
    }
    let mut screen = console(&home);
    screen.write("echo kept\r");
    screen.see("❯ echo kept");
    screen.write("login ann hunter2hunter2");
    screen.see("login ann ••••••••••••••");
    screen.write("\r");
    screen.until("how long the word was", |screen| {
        let text = screen.contents();
        text.contains("❯ login ann ***") && text.contains("14")
    });
    // One word too many: it is refused here.
    screen.write("login ann hunter2hunter2 more\r");
    screen.see("is one too many");
    // It stays in the input, hidden, to be corrected.
    screen.until("the refused line", |screen| {
        screen.contents().contains("❯ login ann ••••••••••••••")
    });
    screen.write("\x15\x04");
    let (status, text) = screen.ended();
    assert_eq!(status, 0, "{text}");
    assert!(!screen.printed(b"hunter2"), "it was never drawn");
    let mut files = vec![home.0.path().to_owned()];
    let mut kept = false;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("hunter2"), "{}: {text}", path.display());
            kept |= text.contains("echo kept");
        }
    }
    assert!(kept, "the history is among these files");
}

#[test]
fn the_menu_of_a_session_is_cached_for_completion() {
    let home = Home::new();
    let _screen = console(&home);
    let kept = home.0.path().join("state/menus/this%20machine");
    eventually("the menu is kept", || {
        std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("\"uptime\""))
    });
}
