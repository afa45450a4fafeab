//! One command on several boxes from the picker: three real servers, of which one is down.

use std::process::Command;

use serde_json::json;

use super::harness::{Home, Screen, Server, TOPSIDE, eventually};
use super::remote_servers::Box;

const MENU: &str = r#"
[commands.drain]
effect = "destructive"
confirm = "Drain all zones?"
exec = ["/bin/sh", "-c", "echo drained >> DIR/log"]

# The shell would write "Terminated" if the signal ends its sleep, and not if it comes between two.
[commands.wait]
effect = "read"
exec = ["/bin/sh", "-c", "exec 2> /dev/null; trap 'echo ended early; exit 3' TERM; echo > DIR/begun; while :; do sleep 0.02; done"]
"#;

/// A device that is paired with three boxes, of which the second one is down.
struct Fleet {
    phone: Home,
    boxes: Vec<Box>,
}

impl Fleet {
    fn new() -> Self {
        let phone = Home::new();
        let boxes = (1..=3).map(|n| {
            let mut each = Box::with_menu(|dir| MENU.replace("DIR", dir));
            each.role = "admin";
            let invite = each.invite();
            let mut pair = Command::new(TOPSIDE);
            pair.args(["pair", &invite, "--name", &format!("pump-{n}")]).envs(phone.env());
            let paired = pair.output().unwrap();
            assert!(paired.status.success(), "{paired:?}");
            each
        });
        let mut fleet = Self { boxes: boxes.collect(), phone };
        fleet.boxes[1].server.kill();
        fleet
    }

    /// The picker, with all three marked and a line open.
    fn line(&self) -> Screen {
        let mut screen = Screen::topside(&self.phone, (100, 30), &[]);
        screen.see_all(&["pump-1", "pump-2", "pump-3"]);
        screen.write("*x");
        screen.see("Command on 3 servers");
        screen
    }

    fn file(&self, nth: usize, name: &str) -> std::path::PathBuf {
        self.boxes[nth].home.0.path().join(name)
    }

    /// Waits until the servers that run have no session but the one that asks.
    fn has_no_session(&self) {
        let sessions = |each: &Box| {
            let answer = each.ask("clients/list", &json!({}));
            answer["clients"].as_array().map_or(0, Vec::len)
        };
        eventually("the sessions have ended", || {
            [0, 2].iter().all(|nth| sessions(&self.boxes[*nth]) == 1)
        });
    }
}

/// This machine could not be marked in the picker.
#[test]
fn a_command_runs_on_this_machine_and_on_a_marked_server() {
    let fleet = Fleet::new();
    fleet.phone.write_menu("[commands.up]\neffect = \"read\"\nexec = [\"/bin/echo\", \"up\"]\n");
    let mut here = Server::start(&fleet.phone);
    let mut screen = Screen::topside(&fleet.phone, (100, 30), &[]);
    screen.see_all(&["pump-1", "pump-2", "pump-3"]);
    screen.write("x");
    screen.see("no server is marked");
    screen.write(" \x1b[F x");
    screen.see_all(&["Command on 2 servers", "pump-1", "this machine"]);
    screen.write("echo hello both\r");
    screen.see_all(&["✓ 2 alike", "pump-1 this machine", "hello both", "2 of 2"]);
    screen.write("\x1b");
    screen.see_all(&["2 marked", "SERVERS"]);
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
    here.kill();
}

#[test]
fn the_picker_shows_the_state_of_every_server_and_equal_results_are_one_group() {
    let fleet = Fleet::new();
    let mut screen = Screen::topside(&fleet.phone, (100, 30), &[]);
    screen.until("the state of all three", |screen| {
        let text = screen.contents();
        let is_row = |line: &&str, name: &str| line.contains(name) && !line.contains("CONNECT");
        let row = |name: &str| text.lines().find(|line| is_row(line, name)).unwrap_or_default();
        row("pump-1").contains("● LAN ")
            && row("pump-2").contains("✗ refused")
            && row("pump-3").contains("● LAN ")
    });
    screen.write("*x");
    screen.see("Command on 3 servers");
    screen.write("echo hello pumps\r");
    screen.see_all(&["✓ 2 alike", "pump-1 pump-3", "hello pumps", "○ 1 not reached", "2 of 3"]);
    screen.write("\x1b[B\r");
    screen.until("the reason alone", |screen| {
        let text = screen.contents();
        text.contains("nothing listens") && !text.contains("pump-3")
    });
    screen.write("\x1b");
    screen.see_all(&["✓ 2 alike", "○ 1 not reached"]);
    screen.write("\x1b");
    // The marks stay for the next command.
    screen.see_all(&["3 marked", "SERVERS"]);
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
    fleet.has_no_session();
}

#[test]
fn a_destructive_command_starts_only_with_the_number_of_the_boxes_that_can_run_it() {
    let fleet = Fleet::new();
    let mut screen = fleet.line();
    screen.write("drain\r");
    screen.see_all(&["Type 2 to run it on 2 servers", "Drain all zones?", "Not among them:"]);
    screen.write("3\r");
    screen.see("That is not 2: nothing was started.");
    assert!(!fleet.file(0, "log").exists());
    screen.write("\x7f2\r");
    screen.see_all(&["✓ 2 alike", "no output", "○ 1 not reached"]);
    assert!(fleet.file(0, "log").exists() && fleet.file(2, "log").exists());
    fleet.has_no_session();
    screen.write("\x1b");
    screen.gone("2 alike");
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_running_command_is_cancelled_after_a_question_and_its_output_is_kept() {
    let fleet = Fleet::new();
    let mut screen = fleet.line();
    screen.write("wait\r");
    eventually("both runs have begun", || {
        [0, 2].iter().all(|nth| fleet.file(*nth, "begun").exists())
    });
    screen.see("1 of 3");
    screen.write("\x03");
    screen.see("Stop it on 2 servers?");
    screen.write("\t\r");
    screen.see_all(&["✗ 2 alike", "ended early", "0 of 3"]);
    fleet.has_no_session();
}

/// The line completed nothing, and remembered nothing.
#[test]
fn the_line_completes_from_the_menus_of_the_boxes_takes_clicks_and_is_remembered() {
    let fleet = Fleet::new();
    let mut screen = fleet.line();
    screen.see("Tab completes");
    screen.write("dra\t");
    screen.see("❯ drain ");
    screen.write("\x15s\t");
    screen.click("Show the server's status");
    screen.see("❯ status ");
    screen.write("\x15echo hello pumps\r");
    screen.see_all(&["✓ 2 alike", "2 of 3"]);
    screen.write("\x1b");
    screen.see("3 marked");
    screen.write("x");
    screen.see("Ctrl-R earlier lines");
    screen.write("\x12hello");
    screen.see_all(&["earlier: hello ❯ echo hello pumps", "Enter runs it"]);
    screen.write("\r");
    screen.see_all(&["✓ 2 alike", "2 of 3"]);
    screen.write("\x1b");
    screen.see("3 marked");
    screen.write("q");
    assert_eq!(screen.ended().0, 0);

    let mut screen = fleet.line();
    screen.see("Ctrl-R earlier lines");
    screen.write("\x1b[A");
    screen.see("❯ echo hello pumps");
}

/// The result of another box stood under the second name of a box that is saved twice.
#[test]
fn a_box_that_is_saved_by_two_names_runs_the_command_once_and_each_result_has_its_own_name() {
    let fleet = Fleet::new();
    let file = fleet.phone.client_toml();
    let saved = std::fs::read_to_string(&file).unwrap();
    let first = saved.split("[[server]]").nth(1).unwrap().replace("pump-1", "again");
    std::fs::write(&file, format!("[[server]]{first}\n{saved}")).unwrap();
    let mut screen = Screen::topside(&fleet.phone, (100, 30), &[]);
    screen.see_all(&["again", "pump-1", "pump-2", "pump-3"]);
    screen.write("*x");
    screen.see("Command on 3 servers");
    screen.write("echo hello pumps\r");
    screen.see_all(&["2 of 3", "✓ 2 alike", "again pump-3", "○ 1 not reached     pump-2"]);
}
