//! Packs of commands that come with the server: `topsided menus`, and each command of each pack.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::common::catcher::HttpCatcher;
use crate::common::program::run;
use crate::common::{Raw, TestServer, Topsided, require, require_root};

const PACKS: [&str; 5] = ["debian", "raspberry-pi", "systemd", "docker", "network"];

fn text(pack: &str) -> String {
    let path = format!("{}/src/menu_file/packs/{pack}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A directory as a package installs it: the program, and the packs beside it.
fn installed(topsided: &Topsided) -> (PathBuf, PathBuf) {
    let menus = topsided.path("usr/share/topside/menus");
    std::fs::create_dir_all(&menus).unwrap();
    for pack in PACKS {
        std::fs::write(menus.join(format!("{pack}.toml")), text(pack)).unwrap();
    }
    let bin = topsided.path("usr/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let program = bin.join("topsided");
    std::fs::hard_link(env!("CARGO_BIN_EXE_topsided"), &program)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_topsided"), &program).map(drop))
        .unwrap();
    (program, menus)
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let said = run(command.stdin(Stdio::null()));
    (said.status, said.stdout + &said.stderr)
}

#[test]
fn a_pack_is_listed_linked_into_the_menu_and_taken_out_of_it() {
    let topsided = Topsided::new();
    let (program, menus) = installed(&topsided);
    let run = |args: &[&str]| {
        let mut command = topsided.command_by(program.to_str().unwrap());
        said(command.arg("menus").args(args))
    };
    let (status, listed) = run(&[]);
    assert_eq!(status, Some(0), "{listed}");
    for pack in PACKS {
        let line = listed.lines().find(|line| line.starts_with(pack)).unwrap();
        assert!(line.contains("off") && line.contains("commands work here"), "{line}");
    }
    let (status, text) = run(&["enable", "network"]);
    assert_eq!(status, Some(0), "{text}");
    let link = topsided.path("config/commands.d/network.toml");
    assert_eq!(std::fs::read_link(&link).unwrap(), menus.join("network.toml"));
    assert!(run(&[]).1.contains("on (link)"));
    assert_eq!(run(&["enable", "network"]).0, Some(0), "twice is no error");
    // The menu has its commands, beside those of commands.toml.
    let mut server = topsided.start();
    let menu = server.connect().ok("commands/list", json!({}));
    let has = |name: &str| {
        menu["commands"].as_array().unwrap().iter().any(|command| command["name"] == name)
    };
    assert!(has("sh") && has("net-name"), "{menu}");
    server.terminate();
    assert_eq!(run(&["disable", "network"]).0, Some(0));
    assert!(!link.is_symlink());
    let (status, text) = run(&["enable", "netwrok"]);
    assert_eq!((status, text.contains("did you mean network?")), (Some(1), true), "{text}");
}

#[test]
fn a_pack_is_copied_where_none_is_installed_and_a_file_of_the_user_is_left_alone() {
    let topsided = Topsided::new();
    let file = topsided.path("config/commands.d/docker.toml");
    let enabled = topsided.run(&["menus", "enable", "docker"]);
    assert_eq!(enabled.status, Some(0), "{enabled:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text("docker"));
    std::fs::write(&file, "# mine\n").unwrap();
    for verb in ["enable", "disable"] {
        let refused = topsided.run(&["menus", verb, "docker"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("is not the pack `docker`"), "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\n");
}

#[test]
fn a_pack_that_would_break_the_menu_is_not_added() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", "[commands.net-name]\nexec = [\"true\"]\n");
    let refused = topsided.run(&["menus", "enable", "network"]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("`net-name` is taken")
            && refused.stderr.contains("nothing was changed"),
        "{refused:?}"
    );
    assert!(!topsided.path("config/commands.d/network.toml").exists());
}

#[test]
fn a_command_whose_program_is_missing_is_left_out_where_the_file_says_so() {
    let topsided = Topsided::new();
    let menu =
        "[commands.there]\nexec = [\"true\"]\n[commands.gone]\nexec = [\"no-such-program\"]\n";
    topsided.write("commands.toml", &format!("skip_missing = true\n{menu}"));
    let checked = topsided.run(&["check"]);
    assert_eq!(checked.status, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("leaves out gone: ") && checked.stdout.contains("OK: 1 command"),
        "{checked:?}"
    );
    // An admin who runs it learns why, and others only that there is none.
    let mut server = topsided.start();
    let refused = server.connect().refused("command/run", json!({"command": "gone"}));
    let message = refused["message"].as_str().unwrap();
    assert!(
        message
            .starts_with("`gone` is left out of the menu: the program no-such-program is not on /"),
        "{message}"
    );
    assert_eq!(refused["data"]["kind"], "notFound");
    server.terminate();
    // A reload takes the same view, and without the key it is an error.
    topsided.write("commands.toml", menu);
    assert_eq!(topsided.run(&["check"]).status, Some(78));
}

/// Values for arguments that are required.
fn value(argument: &str) -> Option<Value> {
    Some(match argument {
        "unit" => json!("no-such.service"),
        "container" => json!("no-such-container"),
        "host" => json!("127.0.0.1"),
        "name" => json!("localhost"),
        "package" => json!("coreutils"),
        "interface" => json!("lo"),
        "pin" => json!(4),
        "url" => json!("http://127.0.0.1:9/"),
        _ => return None,
    })
}

/// What programs print that do not know an option or a word of their command line.
const USAGE: [&str; 8] = [
    "unrecognized option",
    "invalid option",
    "unknown option",
    "unknown flag",
    "Unknown command",
    "unknown command",
    "Usage:",
    "Invalid operation",
];

fn assert_understood(what: &str, output: &str) {
    for words in USAGE {
        assert!(!output.contains(words), "{what}: {output}");
    }
}

/// The arguments of a run; none where a program lists the choices of one, and there are none on this machine.
fn arguments(client: &mut Raw, pack: &str, command: &Value) -> Option<Map<String, Value>> {
    let mut args = Map::new();
    for arg in
        command["args"].as_array().into_iter().flatten().filter(|arg| arg["required"] == true)
    {
        let name = arg["name"].as_str().unwrap();
        if arg["choicesFrom"] != true {
            args.insert(name.to_owned(), value(name).unwrap_or_else(|| panic!("{pack}: {name}")));
            continue;
        }
        let id =
            client.ask("command/choices", json!({"command": command["name"], "argument": name}));
        let answer = client.answer(id);
        // Such as a system without systemd.
        if let Some(message) = answer["error"]["message"].as_str() {
            println!("{pack}: {message}");
            assert_understood(&format!("{pack}: {name}"), message);
            return None;
        }
        args.insert(name.to_owned(), answer["result"]["choices"].get(0)?["value"].clone());
    }
    Some(args)
}

/// Runs each command that only reads, where its program exists.
#[test]
fn each_reading_command_of_each_pack_is_understood_by_its_program() {
    for pack in PACKS {
        let server = TestServer::with(&text(pack), "[limits]\nmax_runs_per_client = 40\n");
        let mut client = server.connect();
        let menu = client.ok("commands/list", json!({}));
        let commands = menu["commands"].as_array().unwrap().clone();
        for command in commands.into_iter().filter(|command| command["effect"] == "read") {
            let name = command["name"].as_str().unwrap();
            if command["category"] == "Server" {
                continue;
            }
            let Some(args) = arguments(&mut client, pack, &command) else { continue };
            let row = client.ok("command/run", json!({"command": name, "args": args}));
            let output = row["output"].as_str().unwrap_or_default();
            println!("{pack}: {name}: {} {}", row["state"], row["exitCode"]);
            assert_ne!(row["state"], "timedOut", "{pack}: {name}");
            // A plug-in that is not installed is a missing program.
            if output.contains("unknown command: docker compose") {
                continue;
            }
            assert_understood(&format!("{pack}: {name}"), output);
        }
    }
}

/// curl itself would read `[1-20]` as twenty addresses: the `rate` of the command would limit nothing.
#[test]
fn a_run_of_net_http_makes_one_request_whatever_the_address_holds() {
    if !require("curl") {
        return;
    }
    let catcher = HttpCatcher::start();
    let server = TestServer::with(&text("network"), "");
    let url = catcher.url("/[1-20]/{a,b}");
    let row =
        server.connect().ok("command/run", json!({"command": "net-http", "args": {"url": url}}));
    assert_eq!(row["exitCode"], 0, "{row}");
    assert!(row["output"].as_str().unwrap().starts_with("HTTP/1.1 200"), "{row}");
    assert_eq!(
        catcher.caught().iter().map(|one| &*one.path).collect::<Vec<_>>(),
        ["/[1-20]/{a,b}"]
    );
}

#[test]
fn pi_model_says_one_sentence_where_the_board_names_no_model() {
    if Path::new("/proc/device-tree/model").exists() {
        return;
    }
    let server = TestServer::with(&text("raspberry-pi"), "");
    let row = server.connect().ok("command/run", json!({"command": "pi-model"}));
    assert_eq!(row["output"], "the board names no model\n", "{row}");
}

/// Stand in for the programs of a Raspberry Pi: each knows the command lines of its manual, and refuses any other.
const PI_PROGRAMS: [(&str, &str); 5] = [
    (
        "vcgencmd",
        "measure_temp|get_throttled|pmic_read_adc|version|measure_volts\\ core|measure_volts\\ sdram_[cip]|\
         measure_clock\\ arm|measure_clock\\ core|measure_clock\\ v3d|measure_clock\\ emmc|measure_clock\\ hdmi|\
         get_config\\ int|get_config\\ str",
    ),
    ("rpi-eeprom-update", "\"\""),
    (
        "pinctrl",
        "get|get\\ [0-9]|get\\ [0-9][0-9]|set\\ [0-9]\\ op\\ d[hl]|set\\ [0-9][0-9]\\ op\\ d[hl]",
    ),
    ("rpicam-hello", "--list-cameras"),
    ("i2cdetect", "-y\\ -r\\ [0-9]"),
];

#[test]
fn each_command_of_the_raspberry_pi_gives_its_program_a_command_line_of_its_manual() {
    let topsided = Topsided::new();
    let mut pack = text("raspberry-pi");
    for (name, known) in PI_PROGRAMS {
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n{known}) echo well;;\n*) echo \"unknown: $*\"; exit 64;;\nesac\n"
        );
        let program = topsided.path(name);
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        pack = pack.replace(&format!("[\"{name}\""), &format!("[\"{}\"", program.display()));
    }
    topsided.write("commands.toml", &pack);
    let mut server = topsided.start();
    let mut client = server.connect();
    let menu = client.ok("commands/list", json!({}));
    let is_of_pi = |command: &&Value| command["category"] == "Raspberry Pi";
    let commands: Vec<&Value> =
        menu["commands"].as_array().unwrap().iter().filter(is_of_pi).collect();
    assert_eq!(commands.len(), 14, "{menu}");
    for command in commands.into_iter().filter(|command| command["name"] != "pi-model") {
        let args = command["args"].as_array().cloned().unwrap_or_default();
        let first = |arg: &Value| {
            let choice = arg["choices"].get(0).cloned();
            (
                arg["name"].as_str().unwrap().to_owned(),
                choice.unwrap_or_else(|| json!(arg["minimum"].as_f64().unwrap() as i64)),
            )
        };
        let mut all: Vec<Map<String, Value>> = vec![args.iter().map(first).collect()];
        for arg in &args {
            for choice in arg["choices"].as_array().into_iter().flatten() {
                let mut with = all[0].clone();
                with.insert(arg["name"].as_str().unwrap().to_owned(), choice.clone());
                all.push(with);
            }
        }
        for args in all {
            let run = json!({"command": command["name"], "args": args, "confirm": true});
            let row = client.ok("command/run", run);
            assert_eq!(
                (&row["state"], &row["output"]),
                (&json!("succeeded"), &json!("well\n")),
                "{row}"
            );
        }
    }
    server.terminate();
}

/// The programs of the commands that change something explain the same command line without doing it.
#[test]
fn each_changing_command_of_each_pack_has_a_command_line_that_its_program_explains() {
    if !require_root() {
        return;
    }
    for pack in PACKS {
        let document: toml::Table = text(pack).parse().unwrap();
        for (name, command) in document["commands"].as_table().unwrap() {
            let changes = command.get("effect").and_then(|effect| effect.as_str()) != Some("read");
            let exec: Vec<&str> = command["exec"]
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap())
                .collect();
            if !changes || !on_path(exec[0]) {
                continue;
            }
            let words = exec[1..].iter().map(|word| match word.strip_prefix('{') {
                Some(arg) => match value(arg.trim_end_matches('}')) {
                    Some(Value::String(text)) => text,
                    Some(other) => other.to_string(),
                    None => "1".to_owned(),
                },
                None => (*word).to_owned(),
            });
            let mut command = Command::new(exec[0]);
            let (_, output) = said(command.args(words).arg("--help"));
            for words in &USAGE[..6] {
                assert!(!output.contains(words), "{pack}: {name}: {output}");
            }
        }
    }
}

fn on_path(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|directory| Path::new(directory).join(program).exists())
}
