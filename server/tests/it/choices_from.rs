//! `choices_from`: a program lists the choices of an argument.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided, eventually};

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
