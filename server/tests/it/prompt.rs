//! `run/input`: its forms, its limits, its callers, and that the server stores no input. One file: its
//! tests share one menu.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer, Topsided, holding};

/// An input that only the program may have.
const WORD: &str = "hunter2-Ä";
/// Most bytes that wait for a program, and that one request takes.
const UNREAD: usize = 64 * 1024;
const MOST: usize = 32 * 1024;

/// `ask` is a script that may be answered; `sum` prints a checksum and the size of its input.
const MENU: &str = r#"
[commands.ask]
exec = ["sh", "-c", "{script}"]
effect = "read"
stdin = "prompt"
timeout = "none"
[[commands.ask.args]]
name = "script"
type = "string"

[commands.sum]
exec = ["sh", "-c", 'read gate < "$1"; cksum', "sh", "{gate}"]
effect = "read"
stdin = "prompt"
timeout = "none"
[[commands.sum.args]]
name = "gate"
type = "path"

[commands.deaf]
exec = ["sh", "-c", 'read x < "$1"', "sh", "{gate}"]
effect = "read"
timeout = "none"
[[commands.deaf.args]]
name = "gate"
type = "path"

[commands.admins]
exec = ["cat"]
effect = "destructive"
stdin = "prompt"
"#;

/// Starts a run whose output comes, and gives its number and the id of its answer.
fn begin(client: &mut Raw, command: &str, args: Value) -> (u64, u64) {
    let params = json!({"command": command, "args": args, "stream": true});
    let id = client.ask("command/run", params);
    (client.told("run/changed")["runId"].as_u64().unwrap(), id)
}

fn ask(client: &mut Raw, script: &str) -> (u64, u64) {
    begin(client, "ask", json!({"script": script}))
}

fn say(client: &mut Raw, run: u64, data: &str) {
    assert_eq!(client.ok("run/input", json!({"runId": run, "data": data})), json!({}));
}

fn end(client: &mut Raw, run: u64) {
    assert_eq!(client.ok("run/input", json!({"runId": run, "eof": true})), json!({}));
}

fn cksum(text: &str) -> String {
    let mut program = std::process::Command::new("cksum");
    let mut program = program
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut program.stdin.take().unwrap(), text.as_bytes()).unwrap();
    String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap()
}

/// The kind and the sentence of a refusal.
fn refused(client: &mut Raw, params: Value) -> (String, String) {
    let error = client.refused("run/input", params);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&error["data"]["kind"]), text(&error["message"]))
}

/// All output up to the answer of this id, and its row.
fn rest(client: &mut Raw, id: u64) -> (String, Value) {
    let row = client.answer(id)["result"].take();
    (client.heard(), row)
}

/// Ends the input of a run, which ends it: its output and row.
fn finish(client: &mut Raw, run: u64, id: u64) -> (String, Value) {
    let eof = client.ask("run/input", json!({"runId": run, "eof": true}));
    let (mut said, mut row, mut taken) = (client.heard(), None, false);
    while row.is_none() || !taken {
        let mut message = client.recv();
        if message["method"] == "run/output" {
            said.push_str(message["params"]["data"].as_str().unwrap());
        } else if message["id"] == eof {
            assert_eq!(message["result"], json!({}), "{message}");
            taken = true;
        } else if message["id"] == id {
            row = Some(message["result"].take());
        }
    }
    (said, row.unwrap())
}

#[test]
fn a_program_reads_its_input_line_by_line_and_then_the_end_of_file() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let script = "printf 'Name: '; read n; printf 'Word for %s: ' \"$n\"; read w; cat; echo .";
    let (run, id) = ask(&mut client, script);
    assert_eq!(client.told("run/output")["data"], "Name: ");
    say(&mut client, run, "Ann\n");
    assert_eq!(client.told("run/output")["data"], "Word for Ann: ");
    // Half a line is no answer yet, and nothing is added to it.
    say(&mut client, run, "se");
    say(&mut client, run, "sam\nthe rest, ");
    say(&mut client, run, "");
    say(&mut client, run, "\0\u{1b}Ä🙂");
    let (said, row) = finish(&mut client, run, id);
    assert_eq!((said.as_str(), &row["state"]), ("the rest, \0\u{1b}Ä🙂.\n", &json!("succeeded")));
}

#[test]
fn the_menu_marks_the_commands_that_take_input() {
    let server = TestServer::with(MENU, "");
    let menu = server.connect().ok("commands/list", json!({}))["commands"].take();
    let stdin = |name: &str| {
        let commands = menu.as_array().unwrap();
        commands.iter().find(|command| command["name"] == name).unwrap()["stdin"].clone()
    };
    assert_eq!((stdin("ask"), stdin("deaf")), (json!("prompt"), json!("none")));
}

#[test]
fn unread_input_is_limited_and_delays_no_other_request() {
    let server = TestServer::with(MENU, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let gate_path = gate.path().to_string();
    let (run, id) = begin(&mut client, "sum", json!({"gate": gate_path}));
    // In parts that do not fill the pages of a pipe.
    let odd = "x".repeat(4097);
    let mut sent = 0;
    while sent + odd.len() <= UNREAD {
        say(&mut client, run, &odd);
        sent += odd.len();
    }
    say(&mut client, run, &"x".repeat(UNREAD - sent));
    let error = client.refused("run/input", json!({"runId": run, "data": "y"}));
    let data = &error["data"];
    assert_eq!((&error["code"], &data["kind"]), (&json!(-32008), &json!("busy")));
    assert_eq!((&data["limit"], &data["most"]), (&json!("max_unread_input"), &json!(UNREAD)));
    assert_eq!(data["retryable"], true);
    // The same session, another one and another run go on.
    client.ok("ping", json!({}));
    server.connect().run("ask", json!({"script": "true"}));
    // The end has room in any case, and what was accepted arrives whole.
    end(&mut client, run);
    gate.open();
    let (said, row) = rest(&mut client, id);
    assert_eq!(said.split_whitespace().nth(1), Some(UNREAD.to_string().as_str()), "{said}");
    assert_eq!(row["state"], "succeeded");
}

#[test]
fn a_program_that_reads_slowly_gets_more_than_the_limit_in_order() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let (run, id) = ask(&mut client, "cat | cksum");
    let mut all = String::new();
    for number in 0..40 {
        let part = format!("{number:>8}").repeat(1000);
        loop {
            let asked = client.ask("run/input", json!({"runId": run, "data": part}));
            let answer = client.answer(asked);
            match answer["error"]["data"]["kind"].as_str() {
                None => break,
                Some(kind) => assert_eq!(kind, "busy"),
            }
        }
        all.push_str(&part);
    }
    let (said, _) = finish(&mut client, run, id);
    assert_eq!(said, cksum(&all));
}

#[test]
fn one_request_takes_as_many_bytes_as_an_argument() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let (run, id) = ask(&mut client, "wc -c");
    let over = json!({"runId": run, "data": "x".repeat(MOST + 1)});
    let error = client.refused("run/input", over);
    assert_eq!((&error["code"], &error["data"]["argument"]), (&json!(-32602), &json!("data")));
    assert_eq!(error["data"]["most"], MOST);
    say(&mut client, run, &"x".repeat(MOST));
    assert_eq!(finish(&mut client, run, id).0.trim(), MOST.to_string());
}

#[test]
fn input_that_cannot_be_delivered_is_refused_with_a_sentence() {
    let server = TestServer::with(MENU, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let kind_of = |(kind, said): (String, String), words: &str| {
        assert!(said.contains(words), "{said}");
        kind
    };
    let data = |run: u64| json!({"runId": run, "data": "x"});
    // No such run.
    assert_eq!(kind_of(refused(&mut client, data(999)), "there is no run #999"), "notFound");
    // A command that takes none.
    let (deaf, deaf_id) = begin(&mut client, "deaf", json!({"gate": gate.path().to_string()}));
    for params in [data(deaf), json!({"runId": deaf, "eof": true})] {
        assert_eq!(kind_of(refused(&mut client, params), "takes no input"), "invalidParams");
    }
    // Neither, both, and something else.
    let mut on = server.fifo("on");
    let (run, id) = ask(&mut client, &format!("read x; read y < {}; echo \"<$x>\"", on.path()));
    for params in [
        json!({"runId": run}),
        json!({"runId": run, "eof": false}),
        json!({"runId": run, "data": "x", "eof": true}),
        json!({"runId": run, "data": "x", "base64": "eA=="}),
        json!({"runId": run, "base64": "eA==", "eof": true}),
    ] {
        let said = refused(&mut client, params);
        assert_eq!(
            kind_of(said, "one of `data`, the text, `base64`, the bytes, and `eof`, true"),
            "invalidParams"
        );
    }
    for base64 in ["hunter2", "eA", "e A=", "_w==", "Zg==Zg=="] {
        let said = refused(&mut client, json!({"runId": run, "base64": base64}));
        assert!(!said.1.contains(base64), "{said:?}");
        assert_eq!(kind_of(said, "`base64` of run/input is not base64"), "invalidParams");
    }
    let wrong = json!({"runId": run, "data": 123_454_321});
    let (kind, said) = refused(&mut client, wrong);
    assert_eq!(
        (kind.as_str(), said.as_str()),
        ("invalidParams", "`data` of run/input must be a string")
    );
    // After the end, once.
    end(&mut client, run);
    for params in [data(run), json!({"runId": run, "eof": true})] {
        let kind = kind_of(refused(&mut client, params), "is at its end already");
        assert_eq!(kind, "notFound");
    }
    on.open();
    assert_eq!(rest(&mut client, id).0, "<>\n");
    // After the run.
    assert_eq!(kind_of(refused(&mut client, data(run)), "has ended"), "notFound");
    gate.open();
    client.answer(deaf_id);
    assert_eq!(kind_of(refused(&mut client, data(deaf)), "has ended"), "notFound");
}

#[test]
fn a_program_that_closes_its_input_continues() {
    let server = TestServer::with(MENU, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("exec 0<&-; echo shut; read x < {}; exit 7", gate.path());
    let (run, id) = ask(&mut client, &script);
    assert_eq!(client.told("run/output")["data"], "shut\n");
    for _ in 0..2 {
        let (kind, said) = refused(&mut client, json!({"runId": run, "data": "x\n"}));
        assert_eq!(
            (kind.as_str(), said.contains("has closed its input")),
            ("notFound", true),
            "{said}"
        );
    }
    gate.open();
    let row = rest(&mut client, id).1;
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(7)));

    // And one that shuts it while more waits than a pipe holds.
    let mut shut = server.fifo("shut");
    let script =
        format!("read x < {}; exec 0<&-; echo shut; read x < {}", shut.path(), gate.path());
    let (run, id) = ask(&mut client, &script);
    for _ in 0..UNREAD / MOST {
        say(&mut client, run, &"x".repeat(MOST));
    }
    shut.open();
    assert_eq!(client.told("run/output")["data"], "shut\n");
    assert_eq!(refused(&mut client, json!({"runId": run, "data": "x"})).0, "notFound");
    gate.open();
    assert_eq!(rest(&mut client, id).1["state"], "succeeded");
}

#[test]
fn an_answer_that_ends_its_program_is_not_refused() {
    let server = TestServer::with(MENU, "");
    let (mut client, mut hand) = (server.connect(), server.connect());
    // It takes a program that is quicker than the look at its pipe: some of these are.
    for _ in 0..200 {
        let (run, id) = ask(&mut client, "echo ?; read x");
        client.told("run/output");
        say(&mut hand, run, "y\n");
        assert_eq!(client.answer(id)["result"]["state"], "succeeded");
    }
}

#[test]
fn a_run_that_waits_for_an_answer_can_be_cancelled_and_timed_out() {
    let menu = format!(
        "{MENU}\n[commands.short]\nexec = [\"cat\"]\neffect = \"read\"\nstdin = \"prompt\"\ntimeout = \"300ms\"\n"
    );
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let (run, id) = ask(&mut client, "printf 'Go on? '; read x");
    client.told("run/output");
    let row = // Not by this session, where either answer may come first.
    server.connect().ok("run/cancel", json!({"runId": run}));
    assert_eq!(row["state"], "cancelled");
    client.answer(id);
    assert_eq!(refused(&mut client, json!({"runId": run, "data": "y\n"})).0, "notFound");
    assert_eq!(client.run("short", json!({}))["state"], "timedOut");
}

#[test]
fn a_remaining_process_with_the_input_open_does_not_delay_the_end() {
    let server = TestServer::with(MENU, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    // It keeps the input open, and the output not.
    let script = format!("exec 3<&0; (read x < {}) <&3 >/dev/null 2>&1 & exit 0", gate.path());
    let (run, id) = ask(&mut client, &script);
    assert_eq!(rest(&mut client, id).1["state"], "succeeded");
    assert!(refused(&mut client, json!({"runId": run, "data": "x"})).1.contains("has ended"));
    gate.open();
}

#[test]
fn only_the_owner_of_a_run_sends_it_input_and_does_so_from_any_session() {
    let server = TestServer::with(MENU, LOOPBACK);
    let mut admin = server.connect();
    let phone = |admin: &mut Raw, name: &str, role: &str, more: Value| {
        let mut params = json!({"name": name, "role": role});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = admin.ok("key/invite", params);
        Device::of_invite(made["invite"].as_str().unwrap())
    };
    let owner = phone(&mut admin, "phone", "viewer", json!({})).enrol();
    let limited = json!({"lasting": true, "commands": ["ask"]});
    let token = phone(&mut admin, "cron", "viewer", limited);
    let other = phone(&mut admin, "tablet", "operator", json!({})).enrol();
    let script = "printf '1: '; read a; printf '2: '; read b; echo \"$a $b\"";
    for device in [owner, token] {
        let mut first = device.connect();
        let (run, _) = ask(&mut first, script);
        first.told("run/output");
        let params = json!({"runId": run, "data": "mine\n"});
        // Only its owner may answer it, not even an admin.
        for client in [&mut admin, &mut other.connect()] {
            for params in [&params, &json!({"runId": run, "eof": true})] {
                let error = client.refused("run/input", params.clone());
                let kind = (&error["code"], &error["data"]["kind"]);
                assert_eq!(kind, (&json!(-32003), &json!("forbidden")));
                assert_eq!(error["message"], "answering a run is only for the user who started it");
            }
        }
        // The session goes, and the run stays its owner's.
        drop(first);
        let mut second = device.connect();
        assert_eq!(second.ok("run/input", params), json!({}));
        let attached = second.ask("run/attach", json!({"runId": run}));
        // By a third one: the answer to this and the end of the run may come in either order.
        say(&mut device.connect(), run, "too\n");
        assert_eq!(second.answer(attached)["result"]["state"], "succeeded");
        assert_eq!(second.heard(), "1: 2: mine too\n");
    }
    // A run that one may not see is not there at all.
    let (run, id) = begin(&mut admin, "admins", json!({}));
    let (kind, said) = refused(&mut other.connect(), json!({"runId": run, "data": "x"}));
    assert_eq!(
        (kind.as_str(), said),
        ("notFound", format!("there is no run #{run}: `runs` lists those that you may see"))
    );
    finish(&mut admin, run, id);
}

#[test]
fn input_is_in_no_row_file_log_or_error() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let mut server = topsided.start();
    let mut watcher = server.connect();
    watcher.ok("events/subscribe", json!({"topics": ["runs", "clients", "log", "server"]}));
    let mut client = server.connect();
    let mut heard = String::new();
    let script = "printf 'Password: '; read w; printf %s \"$w\" | cksum; read more";
    let (run, id) = ask(&mut client, script);
    client.told("run/output");
    say(&mut client, run, &format!("{WORD}\n"));
    let sum = client.told("run/output")["data"].as_str().unwrap().to_owned();
    assert_eq!(sum, cksum(WORD));
    // Everything that can go wrong with it.
    let words = |count: usize| WORD.repeat(count);
    for params in [
        json!({"runId": run, "data": words(MOST / 7)}),
        json!({"runId": run, "data": WORD, "eof": true}),
        json!({"runId": run, "base64": WORD}),
        json!({"runId": 99, "data": WORD}),
        json!({"runId": WORD, "data": WORD}),
        json!({"runId": run, "data": [WORD]}),
        json!({"runId": run, "data": {"hunter2": WORD}}),
        json!({"runId": run, "eof": WORD}),
        json!([{"runId": run, "data": "x"}, WORD]),
        json!(WORD),
    ] {
        heard.push_str(&client.refused("run/input", params).to_string());
    }
    for broken in [
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"run/input\",\"params\":{{\"data\":\"{WORD}\" oops"
        ),
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"run/input\",\"params\":{{\"runId\":{run},\"data\":\"{WORD}\",\"data\":\"{WORD}\"}},\"id\":true}}"
        ),
    ] {
        client.line(broken);
        heard.push_str(&client.recv().to_string());
    }
    let (said, row) = finish(&mut client, run, id);
    heard.push_str(&format!("{said}{row}"));
    // To a run that has ended, and in a log that says all.
    heard.push_str(&client.refused("run/input", json!({"runId": run, "data": WORD})).to_string());
    for (method, params) in [
        ("runs/list", json!({})),
        ("clients/list", json!({})),
        ("log/tail", json!({"lines": 500})),
        ("server/status", json!({})),
    ] {
        heard.push_str(&client.ok(method, params).to_string());
    }
    heard.push_str(&client.ok("run/attach", json!({"runId": run})).to_string());
    heard.push_str(&client.heard());
    let asked = watcher.ask("ping", json!({}));
    loop {
        let message = watcher.recv();
        heard.push_str(&message.to_string());
        if message["id"] == asked {
            break;
        }
    }
    server.signal(rustix::process::Signal::TERM);
    heard.push_str(&server.rest().join("\n"));
    assert!(heard.contains("run ended") && !heard.contains("hunter2"), "{heard}");
    let mut found = Vec::new();
    holding(&topsided.path("."), &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_menu_with_an_impossible_stdin_is_refused_with_its_position() {
    let topsided = Topsided::new();
    for (menu, says) in [
        (
            "[commands.x]\nexec = [\"cat\"]\nstdin = \"promt\"\n",
            "commands.toml:3:9: `stdin` of command `x` must be one of none, prompt",
        ),
        (
            "[commands.x]\nexec = [\"cat\"]\nstdin = \"prompt\"\n[[commands.x.args]]\nname = \"word\"\ntype = \"secret\"\nstdin = true\n",
            "commands.toml:3:9: `stdin` of command `x` cannot be \"prompt\": its argument `word` is the \
             whole of the standard input",
        ),
        (
            "[workers.w]\nexec = [\"cat\"]\n[commands.x]\nworker = \"w\"\nstdin = \"prompt\"\n",
            "commands.toml:5:9: `stdin` is about a program of the command's own, and command `x` is \
             carried out by a worker",
        ),
    ] {
        topsided.write("commands.toml", menu);
        let said = topsided.run(&["check"]);
        assert_eq!(said.status, Some(78), "{}", said.stderr);
        assert!(said.stderr.contains(says), "{}", said.stderr);
    }
    let sound = "[commands.x]\nexec = [\"cat\"]\nstdin = \"prompt\"\n\
                 [commands.y]\nexec = [\"cat\"]\nstdin = \"none\"\n\
                 [[commands.y.args]]\nname = \"word\"\ntype = \"secret\"\nstdin = true\n";
    topsided.write("commands.toml", sound);
    assert_eq!(topsided.run(&["check"]).status, Some(0));
}

#[test]
fn binary_input_arrives_unchanged() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let (run, id) = ask(&mut client, "od -v -An -tx1 | tr -d ' \\n'");
    for base64 in ["", "AP/+", "gIH/Cg=="] {
        client.ok("run/input", json!({"runId": run, "base64": base64}));
    }
    let most = BASE64.encode(&vec![0xff; MOST]);
    let over = BASE64.encode(&vec![0xff; MOST + 1]);
    let error = client.refused("run/input", json!({"runId": run, "base64": over}));
    assert_eq!((&error["code"], &error["data"]["most"]), (&json!(-32602), &json!(MOST)));
    client.ok("run/input", json!({"runId": run, "base64": most}));
    end(&mut client, run);
    let row = client.answer(id)["result"].take();
    assert_eq!(row["state"], "succeeded");
    assert_eq!(client.heard(), format!("00fffe8081ff0a{}", "ff".repeat(MOST)));
}
