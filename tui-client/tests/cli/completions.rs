//! Completion in the shells themselves: the script is read by the real one, which is then asked. One file: the shells
//! share the menu and what is expected of each.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize};

use crate::common::Place;
use crate::require::require;

const TOPSIDE: &str = env!("CARGO_BIN_EXE_topside");

const MENU: &str = r#"
[commands.zone-run]
title = "Run a zone: one"
effect = "read"
exec = ["echo", "{minutes}", "{speed}", "{force}"]
[[commands.zone-run.args]]
name = "minutes"
type = "int"
required = true
choices = [2, 5, 10]
[[commands.zone-run.args]]
name = "speed"
type = "enum"
choices = ["slow", "very fast"]
[[commands.zone-run.args]]
name = "force"
type = "bool"

[commands.zone-stop]
title = "Stop a zone"
effect = "read"
exec = ["echo", "stopped"]
"#;

const SERVERS: &str = r#"
[[server]]
name = "Back garden"
lan = "192.0.2.1"
pin = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

[[server]]
name = "it's mine"
lan = "192.0.2.2"
"#;

/// A place where two servers are saved, and the menu of one of them is known.
fn known() -> Place {
    let place = Place::with_menu(MENU);
    // Without its pin the server of this machine may be it.
    let unpaired: Vec<&str> = SERVERS.lines().filter(|line| !line.starts_with("pin")).collect();
    place.write("config/client.toml", &unpaired.join("\n"));
    let _server = place.serve();
    for on in ["this machine", "Back garden"] {
        place.run(&["--on", on, "--via", "same", "zone-stop"]).with(0);
    }
    place.write("config/client.toml", SERVERS);
    place
}

fn script(place: &Place, shell: &str) -> String {
    let printed = place.topside(&["completions", shell]).output().unwrap();
    assert!(printed.status.success() && printed.stderr.is_empty(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap()
}

/// The shell in this place, with what it is told on its standard input; what it says, and nothing on standard error.
fn said(place: &Place, shell: &[&str], told: &str) -> String {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .envs(place.environment())
        .env("HOME", place.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let wrong = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && wrong.is_empty(), "{told}\n{wrong}");
    String::from_utf8(said.stdout).unwrap()
}

/// What bash would offer at the end of `line`, as its function says.
fn in_bash(place: &Place, line: &str) -> Vec<String> {
    let ask = r#"
COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9 COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:'
_topside topside "" ""
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
"#;
    let told = format!("{}\nLINE={}\n{ask}", script(place, "bash"), quoted(line));
    let said = said(place, &["bash", "--norc", "--noprofile"], &told);
    said.lines().map(str::to_owned).collect()
}

/// What fish offers at the end of `line`, each with its description behind a tab.
fn in_fish(place: &Place, line: &str) -> Vec<String> {
    let line = line.replace('\\', "\\\\").replace('\'', "\\'");
    let told = format!("{}\ncomplete -C '{line}'\n", script(place, "fish"));
    let said = said(place, &["fish", "--no-config"], &told);
    said.lines().map(str::to_owned).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A shell at a terminal. `topside` is a function in it that prints what it is called with.
struct Typing {
    input: Box<dyn Write + Send>,
    output: Receiver<String>,
    /// All that was shown.
    shown: String,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Typing {
    fn start(place: &Place, shell: &[&str], setup: &str) -> Self {
        let size = PtySize { rows: 50, cols: 200, ..PtySize::default() };
        let pty = portable_pty::native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(shell[0]);
        command.cwd(place.path("."));
        command.args(&shell[1..]);
        for (name, value) in place.environment() {
            command.env(name, value);
        }
        command.env("HOME", place.path("."));
        command.env("TERM", "xterm");
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let (input, mut from) =
            (pty.master.take_writer().unwrap(), pty.master.try_clone_reader().unwrap());
        let (tell, output) = channel();
        std::thread::spawn(move || {
            let _master = pty.master;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if tell.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).is_err() {
                    return;
                }
            }
        });
        let mut typing = Self { input, output, shown: String::new(), child };
        let function = match shell[0] {
            "fish" => "function topside; printf '<%s>' $argv; echo; end",
            _ => "topside() { printf '<%s>' \"$@\"; echo; }",
        };
        place.write("setup", &format!("{setup}\n{function}\n"));
        typing.write(&format!(". {}; echo set-'up'\r", place.path("setup").display()));
        typing.see("set-up");
        typing
    }

    fn write(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is shown, and forgets all up to there.
    #[track_caller]
    fn see(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.shown.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(more) => self.shown.push_str(&more),
                Err(_) => panic!("{text:?} was never shown: {:?}", self.shown),
            }
        }
        let at = self.shown.find(text).unwrap() + text.len();
        self.shown.drain(..at);
    }

    /// Names with blanks and quotes, and a command's arguments, as they are asked for.
    fn gives_whole_words(&mut self) {
        self.gives("topside run --on B\tzone-s\t", &["run", "--on", "Back garden", "zone-stop"]);
        self.gives("topside run --on 'Ba\tzone-s\t", &["run", "--on", "Back garden", "zone-stop"]);
        self.gives("topside run --on=it\tx", &["run", "--on=it's mine", "x"]);
        self.gives(
            "topside run zone-r\tmin\t10 sp\tve\t--fo\t",
            &["run", "zone-run", "minutes=10", "speed=very fast", "--force"],
        );
    }

    /// Types `keys` and Enter: the words of `topside` are these then.
    #[track_caller]
    fn gives(&mut self, keys: &str, words: &[&str]) {
        self.write(keys);
        self.write("\r");
        self.see(&words.iter().map(|word| format!("<{word}>")).collect::<String>());
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn several_boxes_are_offered_at_the_last_name_of_a_list() {
    if !require("bash") {
        return;
    }
    let place = known();
    place.verb(&["edit", "Back garden", "--tags", "green,grass"]).with(0);
    for (line, want) in [
        (
            "topside run --on ",
            &["Back\\ garden", "it\\'s\\ mine", "this\\ machine", "tag:grass", "tag:green", "all"]
                [..],
        ),
        ("topside run --on 'this machine,a", &["this machine,all"]),
        ("topside run --on Back\\ garden,tag:gre", &["green"]),
        ("topside run --on all,B", &["all,Back\\ garden"]),
        ("topside run --on all,al", &[]),
        ("topside run --on tag:green zone-s", &["zone-stop"]),
        ("topside status --on al", &[]),
    ] {
        let given: Vec<String> =
            in_bash(&place, line).iter().map(|word| word.trim_end().to_owned()).collect();
        assert_eq!(given, want, "{line}");
    }
}

#[test]
fn bash_offers_verbs_servers_commands_and_their_arguments() {
    if !require("bash") {
        return;
    }
    let place = known();
    let offers = |line: &str| in_bash(&place, line);
    assert!(offers("topside ").contains(&"connect".to_owned()));
    assert_eq!(offers("topside cal"), [""; 0], "earlier names are hidden");
    assert_eq!(offers("topside cancel-"), ["cancel-shutdown"]);
    assert!(offers("topside run --").contains(&"--detach".to_owned()));
    let places = [r"Back\ garden", r"it\'s\ mine", r"this\ machine"];
    assert_eq!(offers("topside run --on "), [&places[..], &["all"]].concat());
    assert_eq!(offers("topside status --on="), places);
    assert_eq!(offers("topside connect B"), [r"Back\ garden"]);
    assert_eq!(offers("topside delete ")[..2], places[..2]);
    assert!(!offers("topside delete ").contains(&places[2].to_owned()), "that one is not saved");
    assert_eq!(offers("topside run --on 'Ba"), ["Back garden"]);
    assert_eq!(offers(r"topside run --on Back\ "), [r"Back\ garden"]);
    assert_eq!(offers("topside run zo"), ["zone-run", "zone-stop"]);
    assert_eq!(offers("topside run --on 'Back garden' zo"), ["zone-run", "zone-stop"]);
    assert_eq!(offers("topside run --on \"it's mine\" zo"), [""; 0]);
    assert_eq!(offers("topside run zone-run 1"), ["10"]);
    assert_eq!(offers("topside run zone-run minutes="), ["2", "5", "10"]);
    assert_eq!(offers("topside run zone-run --minutes 5 v"), [r"very\ fast"]);
    assert_eq!(offers("topside run zone-run 5 speed='v"), ["very fast"]);
    // Behind the command no flag is ours.
    let flags = ["--minutes", "--speed", "--force", "--no-force"];
    assert_eq!(offers("topside run zone-run --"), flags);
    assert_eq!(offers("topside run zone-run mi"), ["minutes="]);
    assert_eq!(offers("topside config "), ["path", "help", "--help"]);
}

#[test]
fn bash_at_a_terminal_puts_whole_words_into_the_line() {
    if !require("bash") {
        return;
    }
    let place = known();
    let mut bash =
        Typing::start(&place, &["bash", "--norc", "--noprofile", "-i"], &script(&place, "bash"));
    bash.gives_whole_words();
    bash.write("topside run zone-\t\t");
    bash.see("zone-run");
    bash.see("zone-stop");
}

#[test]
fn zsh_at_a_terminal_puts_whole_words_into_the_line_and_shows_what_they_are() {
    if !require("zsh") {
        return;
    }
    let place = known();
    let setup = format!("autoload -U compinit; compinit -D -u\n{}", script(&place, "zsh"));
    let mut zsh = Typing::start(&place, &["zsh", "-f", "-i"], &setup);
    zsh.gives_whole_words();
    zsh.write("topside run zone-\t");
    zsh.see("Run a zone: one");
    zsh.see("Stop a zone");
}

/// As a package installs it: read when it is first needed, and then it is the function.
#[test]
fn zsh_finds_the_script_in_a_directory_of_its_functions() {
    if !require("zsh") {
        return;
    }
    let place = known();
    std::fs::create_dir(place.path("functions")).unwrap();
    place.write("functions/_topside", &script(&place, "zsh"));
    let directory = place.path("functions");
    let setup = format!("fpath+={}; autoload -U compinit; compinit -D -u", directory.display());
    let mut zsh = Typing::start(&place, &["zsh", "-f", "-i"], &setup);
    zsh.gives("topside run zone-s\t", &["run", "zone-stop"]);
    zsh.gives("topside run --on B\tx", &["run", "--on", "Back garden", "x"]);
}

#[test]
fn fish_offers_verbs_servers_commands_and_their_arguments_with_what_they_are() {
    if !require("fish") {
        return;
    }
    let place = known();
    let offers = |line: &str| in_fish(&place, line);
    assert!(offers("topside conn")[0].starts_with("connect\tOpen the screen"));
    assert_eq!(
        offers("topside run --on "),
        [
            "Back garden\t192.0.2.1",
            "it's mine\t192.0.2.2",
            "this machine\tWhere no other is named",
            "all\tAll servers",
        ]
    );
    let commands = ["zone-run\tRun a zone: one", "zone-stop\tStop a zone"];
    assert_eq!(offers("topside run zo"), commands);
    assert_eq!(offers("topside run --on 'Back garden' zo"), commands);
    assert_eq!(offers(r"topside run --on Back\ garden zo"), commands);
    assert_eq!(offers(r"topside run --on Back\ ga"), ["Back garden\t192.0.2.1"]);
    assert_eq!(offers("topside run --on it\\'s\\ mine zo"), [""; 0]);
    assert_eq!(offers("topside run zone-run 1"), ["10"]);
    assert_eq!(offers("topside run zone-run minutes=1"), ["minutes=10"]);
    assert_eq!(offers("topside run zone-run 5 'very"), ["very fast"]);
    let flags = offers("topside run zone-run --no");
    assert!(flags.len() == 1 && flags[0].starts_with("--no-force\t"), "{flags:?}");
}

#[test]
fn fish_at_a_terminal_puts_whole_words_into_the_line() {
    if !require("fish") {
        return;
    }
    let place = known();
    let mut fish = Typing::start(&place, &["fish", "--no-config", "-i"], &script(&place, "fish"));
    fish.gives("topside run --on B\tzone-s\t", &["run", "--on", "Back garden", "zone-stop"]);
    fish.gives("topside run --on 'Ba\tzone-s\t", &["run", "--on", "Back garden", "zone-stop"]);
    fish.gives(
        "topside run zone-r\tmin\t10 sp\tve\t--fo\t",
        &["run", "zone-run", "minutes=10", "speed=very fast", "--force"],
    );
}

#[test]
fn without_a_menu_and_with_broken_files_nothing_is_offered_and_nothing_said() {
    let place = Place::new();
    let asked = |words: &[&str]| {
        let args = [&["--", "topside"], words].concat();
        let answer = place.topside(&args).env("TOPSIDE_COMPLETE", "fish").output().unwrap();
        assert!(answer.status.success() && answer.stderr.is_empty(), "{answer:?}");
        String::from_utf8(answer.stdout).unwrap()
    };
    assert_eq!(asked(&["run", "zo"]), "");
    assert_eq!(asked(&["run", "--on", "B"]), "");
    place.write("config/client.toml", "[[server]\nname = ");
    std::fs::create_dir(place.path("state/menus")).unwrap();
    place.write("state/menus/this%20machine", "[{\"name\":");
    assert_eq!(asked(&["run", "zo"]), "");
    assert_eq!(asked(&["run", "--on", "B"]), "");
    // A read of a pipe without a writer would block.
    std::fs::remove_file(place.path("config/client.toml")).unwrap();
    place.pipe("config/client.toml");
    assert_eq!(asked(&["run", "--on", "B"]), "");
    // A shell that there is none of, and no line at all.
    for shell in ["", "tcsh", "bash"] {
        let mut asked = place.topside(&["--", ""]);
        let answer = asked.env("TOPSIDE_COMPLETE", shell).output().unwrap();
        assert!(answer.stderr.is_empty() || shell.is_empty(), "{answer:?}");
    }
    assert!(!place.socket().exists(), "no server was started");
    let mut left: Vec<_> = std::fs::read_dir(place.path("state")).unwrap().flatten().collect();
    left.retain(|entry| entry.file_name() != "menus");
    assert!(left.is_empty(), "nothing was written: {left:?}");
}

#[test]
fn a_completion_cannot_control_the_terminal() {
    let place = Place::new();
    std::fs::create_dir(place.path("state/menus")).unwrap();
    let menu =
        r#"[{"name": "good", "title": "a\u001b[2Jb\nc"}, {"name": "go\u001b[2Jd", "title": "x"}]"#;
    place.write("state/menus/this%20machine", menu);
    let answer = |shell: &str| {
        let mut asked = place.topside(&["--", "topside", "run", "go"]);
        asked.env("TOPSIDE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2");
        String::from_utf8(asked.output().unwrap().stdout).unwrap()
    };
    assert_eq!(answer("fish"), "good\tab c\n");
    assert_eq!(answer("zsh"), "good:ab c\n");
    assert_eq!(answer("elvish"), "good");
    assert!(answer("powershell").starts_with("good\tab"));
    assert_eq!(answer("powershell").lines().count(), 1);
}

/// These two are not run here; that they call back, and with which words, is all that is seen.
#[test]
fn the_scripts_for_elvish_and_powershell_call_back() {
    let place = known();
    for shell in ["elvish", "powershell"] {
        let script = script(&place, shell);
        assert!(script.contains("TOPSIDE_COMPLETE") && script.contains(TOPSIDE), "{script}");
        let args = ["--", "topside", "run", "zone-run", "speed=v"];
        let mut asked = place.topside(&args);
        asked.env("TOPSIDE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "3");
        let answer = asked.output().unwrap();
        assert_eq!(String::from_utf8(answer.stdout).unwrap().trim_end(), "speed=very fast");
    }
}

#[test]
fn the_roles_of_an_invite_and_a_token_are_offered() {
    let place = Place::new();
    for verb in ["invite", "token"] {
        let mut asked = place.topside(&["--", "topside", verb, "--role", ""]);
        let answer = asked.env("TOPSIDE_COMPLETE", "fish").output().unwrap();
        let offered = String::from_utf8(answer.stdout).unwrap();
        let roles: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(roles, ["viewer", "operator", "admin"], "{offered}");
    }
    let refused = place.verb(&["invite", "--name", "x", "--role", "root"]).with(2);
    assert!(refused.err.contains("possible values: viewer, operator, admin"), "{}", refused.err);
}
