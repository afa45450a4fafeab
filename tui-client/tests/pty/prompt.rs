//! A real program that asks, answered on the screen.

use super::harness::{Home, Screen, Server};
use super::session::console;

const MENU: &str = r#"
[commands.greet]
exec = ["/bin/sh", "-c", "printf 'Name: '; read n; echo \"hello $n\"; printf 'Again? '; read m; echo \"bye $m\""]
effect = "read"
stdin = "prompt"

[commands.login]
exec = ["/bin/sh", "-c", "printf 'Password: '; read w; echo \"it has ${#w} letters\"; printf 'Password: '; read w; exit 0"]
effect = "read"
stdin = "prompt"
"#;

fn start() -> (Home, Server, Screen) {
    let home = Home::with_menu(MENU);
    let server = Server::start(&home);
    let screen = console(&home);
    (home, server, screen)
}

/// The shell was left with a terminal that showed nothing, and the secret was shown after `fg`.
#[test]
#[cfg(target_os = "linux")]
fn a_run_that_is_stopped_while_it_asks_for_a_secret_shows_the_shell_what_is_typed() {
    use super::harness::eventually;
    use std::process::Command;

    let (home, _server, _screen) = start();
    let line =
        "set -m; $TOPSIDE run login; stty -a; echo STOPPED; read line; echo \"GOT $line\"; fg";
    let mut screen = Screen::shell(&home, (100, 30), line);
    screen.see("Password:");
    screen.write("\x1a");
    let text = screen.see("STOPPED");
    assert!(text.split_whitespace().any(|word| word == "echo"), "{text}");
    screen.write("shown\r");
    screen.see("GOT shown");
    let terminal = std::fs::read_link(format!("/proc/{}/fd/0", screen.pid)).unwrap();
    eventually("the terminal hides what is typed again", || {
        let stty = Command::new("stty").arg("-a").arg("-F").arg(&terminal).output().unwrap();
        String::from_utf8_lossy(&stty.stdout).split_whitespace().any(|word| word == "-echo")
    });
    screen.write("hidden\r");
    let text = screen.see("it has 6 letters");
    assert!(!text.contains("hidden"), "{text}");
    screen.write("\r");
    screen.ended();
}

#[test]
fn a_program_that_asks_is_answered_in_the_input_box() {
    let (_home, mut server, mut screen) = start();
    screen.write("greet\r");
    screen.see("#1 greet asks Name:");
    // The command box has its own line, and keeps it.
    screen.write("\x0f");
    screen.see("The command box");
    screen.write("greet-half\x0f");
    screen.see("#1 greet asks Name:");
    screen.write("ann\r");
    screen.see_all(&["› ann", "hello ann", "asks Again?"]);
    // The end of input.
    screen.write("\x04");
    screen.see_all(&["end of input", "bye", "❯ greet-half"]);
    server.kill();
}

#[test]
fn a_password_is_never_on_the_screen_nor_in_a_file() {
    let (home, mut server, mut screen) = start();
    screen.write("login\r");
    screen.see("#1 login asks Password:");
    screen.write("hunter2");
    screen.see("•••••••");
    screen.write("\r");
    screen.see_all(&["› ***", "it has 7 letters", "asks Password:"]);
    screen.write("hunter2\x13");
    // The key that shows it does.
    screen.see("asks Password: hunter2");
    screen.write("\x13");
    screen.see("asks Password: •••••••");
    let mut found = Vec::new();
    holding(home.0.path(), &mut found);
    assert_eq!(found, [""; 0]);
    server.kill();
}

/// Each file below `directory` that holds the word.
fn holding(directory: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            holding(&entry.path(), found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            if bytes.windows(7).any(|bytes| bytes == b"hunter2") {
                found.push(entry.path().display().to_string());
            }
        }
    }
}
