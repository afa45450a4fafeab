//! Large output, colours and progress bars in a terminal; saving, and going on after the server was lost.

use std::path::PathBuf;

use super::harness::{Home, Screen, Server};
use super::relay::Relay;
use super::session::console;

/// A command that is a script of the shell.
pub(crate) fn command(name: &str, script: &str, lines: &str) -> String {
    let script = toml_edit::Value::from(script);
    format!(
        "[commands.{name}]\nexec = [\"/bin/sh\", \"-c\", {script}]\neffect = \"read\"\n{lines}\n"
    )
}

/// A pipe in a box's directory.
pub(crate) fn pipe(home: &Home, name: &str) -> PathBuf {
    let path = home.0.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// The only file that a command's output was saved to.
fn saved(home: &Home, command: &str) -> Vec<u8> {
    let start = format!("topside-{command}-");
    let entries = || std::fs::read_dir(home.0.path()).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&start);
    let files: Vec<PathBuf> = entries().filter(is_one).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(!entries().any(|path| path.extension().is_some_and(|end| end == "part")));
    std::fs::read(&files[0]).unwrap()
}

/// Presses F7 and waits for the word that it is done.
fn save(screen: &mut Screen, wanted: &str) {
    screen.write("\x1b[18~");
    screen.see(wanted);
}

#[test]
fn f7_saves_every_byte_of_a_run_of_any_size() {
    let script = "printf '\\377\\000\\033[31mred\\r\\033[0m\\n'; seq 1 300000; printf 'err\\n' >&2";
    let home = Home::with_menu(&command("many", script, ""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("many\r");
    screen.see("✓ succeeded");
    save(&mut screen, "MiB saved to");
    let bytes = saved(&home, "many");
    let mut wanted = b"\xff\0\x1b[31mred\r\x1b[0m\n".to_vec();
    for number in 1..=300_000 {
        wanted.extend_from_slice(format!("{number}\n").as_bytes());
    }
    // Standard error comes when it comes.
    let text = bytes.windows(4).position(|four| four == b"err\n").unwrap();
    let rest: Vec<u8> = bytes[..text].iter().chain(&bytes[text + 4..]).copied().collect();
    assert!(rest == wanted, "{} bytes of {}", rest.len(), wanted.len());
}

#[test]
fn what_the_server_has_not_kept_is_reported_in_the_file_and_on_the_screen() {
    let home = Home::with_menu(&command("many", "seq 1 300000", "max_output = \"64KiB\""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("many\r");
    screen.see("✓ succeeded");
    save(&mut screen, "are missing: the server");
    let text = String::from_utf8(saved(&home, "many")).unwrap();
    let gap = text.lines().find(|line| line.starts_with("[topside: ")).unwrap();
    assert!(text.starts_with("1\n2\n3\n") && gap.ends_with(" bytes are missing here]"), "{gap}");
}

#[test]
fn a_run_is_saved_as_far_as_it_is_and_continues() {
    let home = Home::new();
    let gate = pipe(&home, "gate");
    let script = format!("echo begun; read -r _ <{}; echo over", gate.display());
    home.write_menu(&command("slow", &script, ""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("slow\r");
    screen.see("begun");
    save(&mut screen, "what it had");
    assert_eq!(saved(&home, "slow"), b"begun\n");
    std::fs::write(&gate, "\n").unwrap();
    screen.see_all(&["over", "✓ succeeded"]);
}

/// The server dies during a run, and another one starts in the same place.
#[test]
fn a_run_of_a_killed_server_is_lost_after_the_reconnect() {
    let home = Home::with_menu(&command("valve", "echo opening; exec sleep 600", ""));
    let mut server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("valve\r");
    screen.see("opening");
    server.kill();
    screen.see_all(&["? cut off", "reconnecting"]);
    let _server = Server::start(&home);
    screen.see_all(&["started anew", "✗ lost", "opening"]);
}

/// A connection that breaks while a program goes on: nothing of its output is doubled or lost.
#[test]
fn a_run_continues_after_a_reconnect_from_where_it_was() {
    let home = Home::new();
    let gates = ["1", "2", "3", "4"].map(|name| pipe(&home, name));
    let go_on = |step: usize| std::fs::write(&gates[step - 1], "\n").unwrap();
    let script = format!(
        "cd {}; for n in 1 2 3; do echo line $n; read -r _ <$n; done; printf 'half a '; read -r _ <4; \
         echo line",
        home.0.path().display()
    );
    home.write_menu(&command("steps", &script, ""));
    let _server = Server::start(&home);
    let relay = Relay::start(&home);
    let mut screen = relay.screen(&home, (120, 30));
    screen.connect("answers in");
    screen.see("F3 menu");
    screen.write("steps\r");
    screen.see("line 1");
    go_on(1);
    screen.see("line 2");
    relay.cut();
    screen.see("cut off");
    // Printed before the client was connected.
    go_on(2);
    go_on(3);
    screen.see_all(&["reconnected", "half a"]);
    go_on(4);
    let text = screen.see_all(&["✓ succeeded", "half a line"]);
    for line in ["line 1", "line 2", "line 3"] {
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }
    assert!(!text.contains("skipped"), "{text}");
}

#[test]
fn two_hundred_thousand_lines_are_followed_scrolled_searched_and_folded() {
    let home = Home::with_menu(&command("many", "seq 1 200000", ""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("many\r");
    screen.see_all(&["✓ succeeded", "200000"]);
    screen.write("\x1b[5~");
    screen.gone("200000");
    screen.write("\x1bOH");
    screen.see_all(&["❯ many"]);
    screen.write("/123456\r");
    screen.see("123456");
    screen.until("its neighbours", |screen| {
        let text = screen.contents();
        text.contains("123455") && text.contains("123457")
    });
    screen.write("\x1b");
    screen.gone("Esc back");
    screen.write("\x1b[1;5F");
    screen.see("200000");
    screen.write("\x1b[19~");
    screen.see("▸ 200,000 lines");
}

/// The screen takes in what it can; what it could not is marked, and the keys work meanwhile.
#[test]
fn a_flood_skips_and_says_so_and_the_screen_continues() {
    let home = Home::new();
    let gate = pipe(&home, "gate");
    let script =
        format!("yes 'a line of a flood' | head -c 300000000; read -r _ <{}", gate.display());
    home.write_menu(&command("gush", &script, "max_output = \"1MiB\""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("gush\r");
    screen.see("a line of a flood");
    screen.write("echo hello");
    screen.see("❯ echo hello");
    std::fs::write(&gate, "\n").unwrap();
    screen.see("✓ succeeded");
    screen.write("\x15");
    screen.gone("❯ echo");
    screen.write("/bytes skipped\r");
    screen.until("the mark", |screen| {
        let text = screen.contents();
        text.contains("… ") && text.contains(" bytes skipped") && text.contains(" found")
    });
}

#[test]
fn a_progress_bar_stays_on_its_line_in_its_colours() {
    let script =
        "for n in 10 50 100; do printf '\\r\\033[32m%3d %%\\033[0m of the tank' $n; done; echo";
    let home = Home::with_menu(&command("fill", script, ""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.write("fill\r");
    screen.until("the bar at its end, green and alone", |screen| {
        let text = screen.contents();
        let row = text.lines().position(|line| line.contains("100 % of the tank"));
        let Some(row) = row else { return false };
        let line = text.lines().nth(row).unwrap();
        let byte = line.find("100 %").unwrap();
        let column = line[..byte].chars().count();
        let cell =
            screen.cell(u16::try_from(row).unwrap(), u16::try_from(column).unwrap()).unwrap();
        let green = cell.fgcolor() == vt100::Color::Idx(2);
        green
            && !text.contains("10 % of")
            && !text.contains("50 % of")
            && text.contains("✓ succeeded")
    });
}

#[test]
fn a_killed_program_is_reported_with_the_name_of_the_signal() {
    let home = Home::with_menu(&command("die", "kill -9 $$", ""));
    let _server = Server::start(&home);
    let mut screen = console(&home);
    screen.resize(160, 30);
    screen.write("die\r");
    screen.see("✗ killed by SIGKILL");
}
