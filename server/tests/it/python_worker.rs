//! The Python worker of the documents with functions of real programs: none of them ends it.

use std::path::PathBuf;

use serde_json::json;

use crate::common::program::run;
use crate::common::{Raw, Spawned, Topsided, eventually, lines, require};

const EXAMPLE: &str = include_str!("../../examples/worker.py");

/// Writes a worker with these functions, and the menu that it prints.
fn install(topsided: &Topsided, functions: &str, names: &str) -> PathBuf {
    let (before, end) = EXAMPLE.split_once("# From here on").unwrap();
    let (_, begin) = before.split_once("\n\n# The protocol").unwrap();
    let (begin, _) = begin.split_once("\n\n").unwrap();
    let (doc, functions) = functions.split_once("\"\"\"\n").unwrap();
    let names = names.split_whitespace().map(|name| format!("\"{name}\": {name}"));
    let table = names.collect::<Vec<_>>().join(", ");
    let text = format!(
        "#!/usr/bin/env python3\n{doc}\"\"\"\n\n# The protocol{begin}\n\n{functions}\nFUNCTIONS = {{{table}}}\n\n\n# From here on{end}"
    );
    let path = topsided.path("worker.py");
    crate::common::server::write_program(&path, &text);
    let declared = run(std::process::Command::new(&path).arg("--declare"));
    assert_eq!(declared.status, Some(0), "{declared:?}");
    topsided.write("commands.toml", &declared.stdout);
    path
}

const FUNCTIONS: &str = r#""""Functions that real programs have.

stop_timeout = "1m"
"""
import os, subprocess, sys, threading

WORKER = "garden"
print("a stray print")
os.system("echo a stray program")


def pid():
    return os.getpid()


def prints():
    print("a line")
    print("no line", end="")
    sys.stdout.buffer.write(b" and bytes\n")
    os.write(1, b"a raw write\n")


def shell():
    os.system("echo from the shell; cat")
    return subprocess.run(["sh", "-c", "cat; echo out"], capture_output=True, text=True).stdout


def inherits():
    subprocess.run(["echo", "from a program"], stdout=sys.stdout)


def long_text():
    return "x" * 1_000_000


def long_list():
    return list(range(200_000))


def long_print():
    print("y" * 1_000_000)


def quits():
    sys.exit("enough")


def interrupted():
    raise KeyboardInterrupt


def asks():
    return input("Name: ")


def half_a_character():
    print("a\udc80b")
    return "c\udc80d"


def not_a_number():
    return float("nan")


def same_keys():
    return {1: "a", "1": "b"}


def deep():
    value = []
    for _ in range(40):
        value = [value]
    return value


def late():
    threading.Timer(0.05, lambda: print("a late print")).start()
"#;

const NAMES: &str = "pid prints shell inherits long_text long_list long_print quits interrupted asks \
                     half_a_character not_a_number same_keys deep late";

fn result(client: &mut Raw, command: &str) -> (String, String) {
    let row = client.run(command, json!({}));
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("output"))
}

#[test]
fn no_function_ends_the_worker_that_it_is_part_of() {
    if !require("python3") {
        return;
    }
    let topsided = Topsided::new();
    install(&topsided, FUNCTIONS, NAMES);
    let mut server = topsided.start();
    let mut client = server.connect();
    let (_, pid) = result(&mut client, "pid");
    // Before the log has more lines of the worker than it takes.
    assert_eq!(result(&mut client, "late").0, "succeeded");
    let log = || std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    eventually("the late print is logged", || log().contains("a late print"));
    for (command, state, output) in [
        ("prints", "succeeded", "a line\nno line and bytes\n"),
        ("shell", "succeeded", "out\n"),
        ("inherits", "succeeded", ""),
        ("quits", "failed", "SystemExit: enough\n"),
        ("interrupted", "failed", "KeyboardInterrupt: \n"),
        ("asks", "failed", "Name: EOFError: EOF when reading a line\n"),
        ("half_a_character", "succeeded", "a?b\nc?d\n"),
    ] {
        let said = result(&mut client, command);
        assert_eq!((said.0.as_str(), said.1.as_str()), (state, output), "{command}");
    }
    for (command, says) in [
        ("not_a_number", "ValueError: Out of range float values are not JSON compliant"),
        ("same_keys", "the answer of the worker is refused: the key `1` stands twice"),
        ("deep", "the answer of the worker is refused: the line nests deeper than"),
    ] {
        let (state, output) = result(&mut client, command);
        assert_eq!(state, "failed", "{command}");
        assert!(output.starts_with(says), "{command}: {output}");
    }
    for (command, bytes) in [
        ("long_text", 1_000_001),
        ("long_list", 1_088_890 + 199_999 + 3),
        ("long_print", 1_000_001),
    ] {
        let row = client.run(command, json!({}));
        assert_eq!(
            (&row["state"], &row["bytes"]),
            (&json!("succeeded"), &json!(bytes)),
            "{command}"
        );
    }
    for text in
        ["a stray print", "a stray program", "from the shell", "a raw write", "from a program"]
    {
        assert!(log().contains(&format!("line=\"{text}\"")), "{text}: {}", log());
    }
    assert_eq!(result(&mut client, "pid").1, pid);
    server.terminate();
}

const HOLDS: &str = r#""""A worker that holds something."""
import threading, time

WORKER = "holder"


def note(word):
    with open("NOTED", "a") as file:
        print(word, file=file)


def holds():
    note("held")
    while not cancelled():
        time.sleep(0.01)
    note("let go")


def stuck():
    """Does not hear of a cancel.

    timeout = "none"
    """
    note("held")
    threading.Thread(target=time.sleep, args=(1000,)).start()
    time.sleep(1000)


def clean_up():
    note("cleaned")
"#;

/// A server with a worker in which the function of this command runs.
fn holder(topsided: &Topsided, command: &str) -> Spawned {
    let noted = topsided.path("noted");
    install(topsided, &HOLDS.replace("NOTED", &noted.display().to_string()), "holds stuck");
    let server = topsided.start();
    let params = json!({"command": command, "wait": false});
    server.connect().ok("command/run", params);
    eventually("the function runs", || lines(&noted) == ["held"]);
    server
}

#[test]
fn the_worker_cleans_up_at_each_end_of_its_input() {
    if !require("python3") {
        return;
    }
    for (command, server_is_killed, noted) in [
        ("holds", false, &["held", "let go", "cleaned"][..]),
        ("holds", true, &["held", "let go", "cleaned"]),
        ("stuck", true, &["held", "cleaned"]),
    ] {
        let topsided = Topsided::new();
        let mut server = holder(&topsided, command);
        if server_is_killed {
            server.kill();
        } else {
            server.terminate();
        }
        let what = format!("{command}: the end of the worker");
        eventually(&what, || lines(&topsided.path("noted")) == noted);
    }
}

const TYPED: &str = r#""""A worker with arguments of each type.

safe_state = { function = "close_all" }
"""
from typing import List, Literal, Optional

WORKER = "typed"


def water(zone: int, how: Literal["drip", "rain"] = "drip", warmth: float = 1.5, fast: bool = False,
          note: Optional[str] = None, word="a \"b\" ü", beds: Optional[List[str]] = None):
    """Water some beds.

    Opens the valve
    for some minutes.

    effect = "write"
    lock = ["pump"]
    zone: number of the valve
    zone.minimum = 1
    word.max_length = 20
    """
    return [zone, beds, how, warmth, fast, note, word]


def close_all():
    pass
"#;

const MODERN: &str = r#""""A worker with the annotations of newer programs.
"""
from typing import Literal

WORKER = "modern"


def blink(times: int | None = None, every: "float" = 0.5, level: Literal[1, 2, 3] = 2,
          pins: "list[int] | None" = None):
    return [times, every, level, pins]


def name(names: list = []):
    return names
"#;

#[test]
fn unions_quoted_annotations_numbers_to_choose_from_and_empty_lists_have_their_types() {
    if !require("python3") {
        return;
    }
    let topsided = Topsided::new();
    install(&topsided, MODERN, "blink name");
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let mut server = topsided.start();
    let mut client = server.connect();
    let blink = client.command("blink");
    let kinds: Vec<_> = blink["args"].as_array().unwrap().iter().map(|arg| &arg["type"]).collect();
    assert_eq!(kinds, ["int", "float", "int", "int"], "{blink}");
    let row = client.run("blink", json!({"times": 3, "pins": [4, 17], "level": 3}));
    assert_eq!(row["output"], "[3,0.5,3,[4,17]]\n", "{row}");
    let refused = client.refused("command/run", json!({"command": "blink", "args": {"level": 4}}));
    assert_eq!(refused["data"]["rule"], "choices", "{refused}");
    assert_eq!(client.run("name", json!({}))["output"], "[]\n");
    assert_eq!(client.run("name", json!({"names": ["a", "b"]}))["output"], "[\"a\",\"b\"]\n");
    server.terminate();
}

#[test]
fn the_worker_prints_the_menu_of_its_functions() {
    if !require("python3") {
        return;
    }
    let topsided = Topsided::new();
    install(&topsided, TYPED, "water close_all");
    let said = topsided.run(&["check"]);
    assert_eq!(
        (said.status, said.stdout.as_str()),
        (Some(0), "Configuration OK: 2 commands, in place of the starter menu\n"),
        "{said:?}"
    );
    let mut server = topsided.start();
    let mut client = server.connect();
    let water = client.command("water");
    assert_eq!(
        (&water["title"], &water["description"], &water["effect"]),
        (&json!("Water some beds"), &json!("Opens the valve for some minutes."), &json!("write"))
    );
    let args = water["args"].as_array().unwrap();
    assert_eq!(args[0]["description"], "number of the valve");
    assert_eq!((&args[0]["minimum"], &args[0]["required"]), (&json!(1.0), &json!(true)));
    assert_eq!((&args[6]["type"], &args[6]["multiple"]), (&json!("string"), &json!(true)));
    assert_eq!(args[1]["choices"], json!(["drip", "rain"]));
    let row = client.run("water", json!({"zone": 3, "beds": ["a", "b"], "fast": true}));
    let result = "[3,[\"a\",\"b\"],\"drip\",1.5,true,null,\"a \\\"b\\\" ü\"]\n";
    assert_eq!(row["output"], result);
    server.terminate();
}
