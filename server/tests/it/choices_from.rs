//! `choices_from`: a program or a function of a worker lists the choices of an argument.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Raw, SHELL_WORKER, TestServer, Topsided, eventually};

/// A command `restart` of which the script lists the choices.
fn menu(script: &str, lines: &str) -> String {
    let script = toml::Value::from(script);
    format!(
        "[commands.restart]\nexec = [\"echo\", \"{{unit}}\"]\neffect = \"write\"\n\
         [[commands.restart.args]]\nname = \"unit\"\ntype = \"enum\"\nrequired = true\n\
         choices_from = [\"sh\", \"-c\", {script}]\n{lines}\n"
    )
}

fn listed(client: &mut Raw) -> Value {
    client.ok("command/choices", json!({"command": "restart", "argument": "unit"}))["choices"]
        .take()
}

fn params(unit: &str) -> Value {
    json!({"command": "restart", "args": {"unit": unit}})
}

fn counting(directory: &Path) -> String {
    format!("echo x >> {0}/runs; cat {0}/units", directory.display())
}

#[test]
fn choices_are_listed_with_labels_kept_for_a_while_and_checked_again_at_the_run() {
    let directory = crate::common::server::directory();
    let file = directory.path().join("units");
    std::fs::write(&file, "ssh\tThe ssh server\n-all\nweb\n").unwrap();
    let server = TestServer::with(&menu(&counting(directory.path()), "choices_ttl = \"1h\""), "");
    let runs = || crate::common::lines(&directory.path().join("runs")).len();
    let mut client = server.connect();
    let all =
        json!([{"value": "ssh", "label": "The ssh server"}, {"value": "-all"}, {"value": "web"}]);
    assert_eq!(listed(&mut client), all);
    assert_eq!(listed(&mut client), all);
    assert_eq!(runs(), 1, "the second answer is what was kept");
    assert_eq!(client.run("restart", json!({"unit": "-all"}))["output"], "-all\n");
    let error = client.refused("command/run", params("ftp"));
    assert_eq!(error["message"], "unit must be ssh, -all or web, not ftp");
    assert_eq!(
        (&error["data"]["rule"], &error["data"]["kind"]),
        (&json!("choices"), &json!("invalidParams"))
    );
    // A form was filled in with what is gone meanwhile.
    std::fs::write(&file, "ssh\n").unwrap();
    let error = client.refused("command/run", params("web"));
    assert_eq!(error["message"], "unit must be ssh, not web");
    assert_eq!(client.run("restart", json!({"unit": "ssh"}))["state"], "succeeded");
    std::fs::write(&file, "").unwrap();
    assert_eq!(listed(&mut client), json!([{"value": "ssh"}]));
    let error = client.refused("command/run", params("ssh"));
    assert!(error["message"].as_str().unwrap().contains("has no choices at the moment"), "{error}");
    assert_eq!(client.command("restart")["args"][0]["choicesFrom"], true);
}

#[test]
fn a_program_that_fails_or_prints_no_values_is_reported_and_nothing_runs() {
    let cases = [
        ("echo no docker here >&2; exit 3", "ended with exit status: 3: no docker here"),
        ("printf 'a\\033[1mb\\n'", "line 1 does not pass"),
        ("yes | head -c 70000", "printed more than 65536 bytes"),
    ];
    for (script, why) in cases {
        let server = TestServer::with(&menu(script, ""), "");
        let mut client = server.connect();
        let question = json!({"command": "restart", "argument": "unit"});
        let asked = client.refused("command/choices", question);
        let run = client.refused("command/run", params("a"));
        for error in [asked, run] {
            assert_eq!(error["data"]["kind"], "spawnFailed");
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with("the choices of unit cannot be listed: "), "{message}");
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(client.ok("runs/list", json!({}))["runs"], json!([]));
        // The menu is as it was.
        client.run("time", json!({}));
    }
}

#[test]
fn a_program_that_hangs_is_ended_and_holds_up_nothing_else() {
    let directory = crate::common::server::directory();
    let pids = directory.path().join("pids");
    let script = format!("echo $$ >> {}; exec sleep 1000", pids.display());
    let server = TestServer::with(&menu(&script, ""), "");
    let (mut client, mut other) = (server.connect(), server.connect());
    let question = json!({"command": "restart", "argument": "unit"});
    let asked = [0; 3].map(|_| client.ask("command/choices", question.clone()));
    eventually("it is started", || !crate::common::lines(&pids).is_empty());
    other.run("time", json!({}));
    for _ in asked {
        let message = client.recv()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("/sh did not end within 5"), "{message}");
    }
    // All three waited for the same program.
    assert_eq!(crate::common::lines(&pids).len(), 1);
    let gone = |pid: &String| !Path::new(&format!("/proc/{pid}")).exists();
    eventually("it has ended", || crate::common::lines(&pids).iter().all(gone));
}

#[test]
fn the_choices_of_a_command_are_for_those_who_may_run_it_and_static_ones_are_listed_too() {
    let text = "[commands.mode]\nexec = [\"echo\", \"{mode}\"]\neffect = \"write\"\n\
                [[commands.mode.args]]\nname = \"mode\"\ntype = \"enum\"\n\
                choices = [{ value = \"a\", label = \"The first\" }, \"b\"]\n";
    let server = TestServer::with(text, crate::common::server::LOOPBACK);
    let mut client = server.connect();
    let ask = json!({"command": "mode", "argument": "mode"});
    let choices = json!({"choices": [{"value": "a", "label": "The first"}, {"value": "b"}]});
    assert_eq!(client.ok("command/choices", ask.clone()), choices);
    let error = client.refused("command/choices", json!({"command": "mode", "argument": "mod"}));
    assert!(error["message"].as_str().unwrap().contains("did you mean mode?"), "{error}");
    let mut viewer = server.device("phone", "viewer").connect();
    assert_eq!(viewer.refused("command/choices", ask)["data"]["kind"], "forbidden");
    let mode = client.command("mode");
    assert_eq!(
        (&mode["args"][0]["choices"], &mode["args"][0]["labels"]),
        (&json!(["a", "b"]), &json!({"a": "The first"}))
    );
}

#[test]
fn check_refuses_a_program_for_choices_that_it_would_refuse_for_a_command() {
    let topsided = Topsided::new();
    let check = |text: &str| {
        topsided.write("commands.toml", text);
        let said = topsided.run(&["check"]);
        said.stdout + &said.stderr
    };
    let absent = menu("a", "").replace("\"sh\", \"-c\", \"a\"", "\"/no/such\"");
    assert!(
        check(&absent).contains("commands.toml:8:17: the program /no/such does not exist"),
        "{}",
        check(&absent)
    );
    let place = menu("echo {unit}", "");
    assert!(check(&place).contains("`choices_from` gets no arguments"), "{}", check(&place));
    let both = menu("a", "choices = [\"a\"]");
    assert!(check(&both).contains("has `choices` and `choices_from`"), "{}", check(&both));
    let ttl = menu("a", "choices_ttl = 3");
    assert!(
        check(&ttl).contains("`choices_ttl` of an argument of command `restart` must be"),
        "{}",
        check(&ttl)
    );
}

/// A worker with the functions `styles`, which does what `$STYLES` says, `set` and `hold`, which waits for the file `go`.
fn worker_menu(directory: &Path, styles: &str, of_worker: &str) -> String {
    let script = format!(
        "{SHELL_WORKER}\nwhile read -r call; do case $(method) in\n\
         styles) echo x >> {0}/calls; {styles} ;;\n\
         hold) echo x >> {0}/held; while [ ! -e {0}/go ]; do sleep 0.05; done; answer '\"result\":\"held\"' ;;\n\
         cancel) ;;\n*) answer '\"result\":\"set\"' ;;\nesac; done",
        directory.display()
    );
    let script = toml::Value::from(script);
    format!(
        "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\n{of_worker}\n\
         [commands.set]\nworker = \"w\"\neffect = \"write\"\nqueue = 2\n\
         [[commands.set.args]]\nname = \"style\"\ntype = \"enum\"\nrequired = true\n\
         choices_from = {{ function = \"styles\" }}\nchoices_ttl = \"1ms\"\n\
         [commands.hold]\nworker = \"w\"\neffect = \"write\"\n"
    )
}

const STYLES: &str = "answer '\"result\":[\"dark\",{\"value\":\"light\",\"label\":\"By day\"}]'";

fn styles() -> Value {
    json!({"command": "set", "argument": "style"})
}

fn set(style: &str) -> Value {
    json!({"command": "set", "args": {"style": style}})
}

#[test]
fn a_function_of_the_worker_lists_choices_with_labels_and_they_are_checked_at_the_run() {
    let directory = crate::common::server::directory();
    let server = TestServer::with(&worker_menu(directory.path(), STYLES, ""), "");
    let mut client = server.connect();
    let all = json!([{"value": "dark"}, {"value": "light", "label": "By day"}]);
    assert_eq!(client.ok("command/choices", styles())["choices"], all);
    assert_eq!(client.run("set", json!({"style": "dark"}))["output"], "set\n");
    let error = client.refused("command/run", set("loud"));
    assert_eq!(error["message"], "style must be dark or light, not loud");
    assert_eq!(client.command("set")["args"][0]["choicesFrom"], true);
    // Only `set` was a run.
    assert_eq!(client.ok("runs/list", json!({}))["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_function_that_fails_or_has_no_list_is_reported_and_the_worker_goes_on() {
    let cases = [
        ("answer '\"error\":{\"message\":\"no display\"}'", "styles of the worker w: no display"),
        ("answer '\"result\":3'", "styles of the worker w: its result must be an array"),
        (
            "answer '\"result\":[[1]]'",
            "styles of the worker w: item 1 of its result has no `value`",
        ),
    ];
    for (script, why) in cases {
        let directory = crate::common::server::directory();
        let server = TestServer::with(&worker_menu(directory.path(), script, ""), "");
        let mut client = server.connect();
        let asked = client.refused("command/choices", styles());
        let run = client.refused("command/run", set("dark"));
        for error in [asked, run] {
            assert_eq!(error["data"]["kind"], "spawnFailed");
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with("the choices of style cannot be listed: "), "{message}");
            assert!(message.contains(why), "{message}");
        }
        std::fs::write(directory.path().join("go"), "").unwrap();
        assert_eq!(client.run("hold", json!({}))["output"], "held\n");
    }
}

#[test]
fn a_function_that_hangs_is_reported_and_its_worker_started_again() {
    let directory = crate::common::server::directory();
    let hangs = format!(
        "[ -e {0}/calls2 ] && {STYLES} || {{ touch {0}/calls2; sleep 1000; }}",
        directory.path().display()
    );
    let menu = worker_menu(directory.path(), &hangs, "stop_timeout = \"50ms\"");
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let error = client.refused("command/choices", styles());
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("styles of the worker w did not answer within 5"), "{message}");
    // The next call has a new worker, which answers.
    assert_eq!(client.run("set", json!({"style": "dark"}))["state"], "succeeded");
    let log = client.ok("log/tail", json!({"match": "a function that lists choices"}));
    assert_eq!(log["entries"].as_array().unwrap().len(), 1, "{log}");
}

#[test]
fn a_dead_worker_is_reported_in_place_of_choices() {
    let directory = crate::common::server::directory();
    let server = TestServer::with(&worker_menu(directory.path(), "exit 3", ""), "");
    let mut client = server.connect();
    let message = |error: Value| error["message"].as_str().unwrap().to_owned();
    let said = message(client.refused("command/choices", styles()));
    assert!(said.contains("the worker w ended before it answered"), "{said}");
    client.run("time", json!({}));
}

/// The worker takes one call at a time, and has one.
#[test]
fn a_busy_worker_keeps_what_it_listed_last_so_that_a_run_can_wait_for_its_turn() {
    let directory = crate::common::server::directory();
    let server = TestServer::with(&worker_menu(directory.path(), STYLES, ""), "");
    let mut client = server.connect();
    client.ok("command/choices", styles());
    client.ok("command/run", json!({"command": "hold", "wait": false}));
    eventually("the worker is busy", || {
        !crate::common::lines(&directory.path().join("held")).is_empty()
    });
    let calls = crate::common::lines(&directory.path().join("calls")).len();
    let mut second = server.connect();
    let id = second.ask("command/run", set("light"));
    assert_eq!(client.refused("command/run", set("loud"))["data"]["rule"], "choices");
    assert_eq!(client.ok("command/choices", styles())["choices"][0]["value"], "dark");
    assert_eq!(crate::common::lines(&directory.path().join("calls")).len(), calls);
    std::fs::write(directory.path().join("go"), "").unwrap();
    assert_eq!(second.answer(id)["result"]["output"], "set\n");
}

#[test]
fn check_refuses_a_function_for_choices_without_a_worker_or_a_name() {
    let topsided = Topsided::new();
    let check = |text: &str| {
        topsided.write("commands.toml", text);
        let said = topsided.run(&["check"]);
        said.stdout + &said.stderr
    };
    let of = |from: &str, lines: &str| {
        format!(
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\n{lines}\n[[commands.x.args]]\nname = \"a\"\n\
             type = \"enum\"\nchoices_from = {from}\n"
        )
    };
    let said = check(&of("{ function = \"f\" }", "exec = [\"echo\", \"{a}\"]"));
    assert!(
        said.contains(
            "commands.toml:8:16: `choices_from` of an argument of command `x` names a function, and"
        ),
        "{said}"
    );
    assert!(said.contains("has no `worker`: give a program"), "{said}");
    let said = check(&of("{ funktion = \"f\" }", "worker = \"w\""));
    assert!(said.contains("did you mean function?"), "{said}");
    let said = check(&of("{ function = \"\" }", "worker = \"w\""));
    assert!(
        said.contains("`function` of `choices_from` of an argument of command `x` must be"),
        "{said}"
    );
    assert!(check(&of("{ function = \"f\" }", "worker = \"w\"")).contains("Configuration OK"));
}
