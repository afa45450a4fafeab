//! Output of workers that is late, too long or too much, and what is said of a worker that has ended.

use serde_json::{Value, json};

use crate::common::{Raw, SHELL_WORKER, Topsided, eventually};

/// A menu with a worker that does this for each call, where `answer` and `output` are functions of the call.
fn menu(topsided: &Topsided, each: &str, more: &str) {
    let script = format!(
        r#"{SHELL_WORKER}
        output() {{ printf '%s\n' "{{\"method\":\"output\",\"params\":{{\"id\":$(id),\"text\":\"$1\"}}}}"; }}
        while read -r call; do
            {each}
        done"#
    );
    let script = toml::Value::from(script);
    topsided.write(
        "commands.toml",
        &format!(
            "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\nstop_timeout = \"50ms\"\n[commands.one]\n\
             worker = \"w\"\n{more}"
        ),
    );
}

fn one(client: &mut Raw) -> (String, String) {
    let row = client.run("one", json!({}));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("state"), text("output"))
}

fn standing(client: &mut Raw) -> Value {
    client.ok("server/status", json!({}))["workers"][0]["standing"].take()
}

#[test]
fn output_after_the_answer_is_logged_and_the_worker_lives_on() {
    let topsided = Topsided::new();
    menu(&topsided, r#"output "in time\n"; answer '"result":"done"'; output "too late\n""#, "");
    let mut server = topsided.start();
    let mut client = server.connect();
    let done = ("succeeded".to_owned(), "in time\ndone\n".to_owned());
    assert_eq!(one(&mut client), done);
    let line = server.says("output of a worker outside of its calls");
    assert!(line.contains("too late"), "{line}");
    assert_eq!(one(&mut client), done);
    assert_eq!(standing(&mut client), "running");
    server.terminate();
}

/// What the call of a secret printed is not for the log.
#[test]
fn late_output_of_a_worker_that_gets_secrets_is_not_shown() {
    let topsided = Topsided::new();
    let secret = "[[commands.one.args]]\nname = \"word\"\ntype = \"secret\"\n";
    menu(&topsided, r#"answer '"result":"done"'; output "hunter2\n""#, secret);
    let mut server = topsided.start();
    let mut client = server.connect();
    one(&mut client);
    let line = server.says("output of a worker outside of its calls");
    assert!(line.contains("not shown") && !line.contains("hunter2"), "{line}");
}

#[test]
fn an_answer_that_cannot_be_used_fails_only_its_own_call() {
    let long = "answer \"\\\"result\\\":\\\"$(head -c 300000 /dev/zero | tr '\\0' x)\\\"\"";
    let last = "echo \"{\\\"result\\\":\\\"$(head -c 300000 /dev/zero | tr '\\0' x)\\\",\\\"id\\\":$(id)}\"";
    for (answer, says) in [
        (long, "it is a line of more than 256 KiB"),
        (last, "it is a line of more than 256 KiB"),
        ("answer '\"result\":NaN'", "the line is not JSON"),
        ("answer '\"result\":{\"a\":1,\"a\":2}'", "the key `a` stands twice"),
    ] {
        let topsided = Topsided::new();
        menu(&topsided, answer, "");
        let server = topsided.start();
        let mut client = server.connect();
        for _ in 0..2 {
            let (state, output) = one(&mut client);
            assert_eq!(state, "failed", "{output}");
            let said = format!("the answer of the worker is refused: {says}");
            assert!(output.starts_with(&said), "{output}");
        }
        assert_eq!(standing(&mut client), "running");
    }
}

#[test]
fn output_that_is_too_long_is_left_out_and_the_call_goes_on() {
    let topsided = Topsided::new();
    let long = "output \"$(head -c 300000 /dev/zero | tr '\\0' x)\"; answer '\"result\":\"done\"'";
    menu(&topsided, long, "");
    let mut server = topsided.start();
    let mut client = server.connect();
    assert_eq!(one(&mut client), ("succeeded".to_owned(), "done\n".to_owned()));
    assert!(server.says("outside of its calls").contains("more than 256 KiB"));
    assert_eq!(standing(&mut client), "running");
}

#[test]
fn a_refused_call_has_the_last_line_of_the_standard_error() {
    let topsided = Topsided::new();
    menu(&topsided, "echo first >&2; echo 'no module named gpio' >&2; exit 1", "");
    let server = topsided.start();
    let mut client = server.connect();
    let quoted = "it ended with exit status 1; the last line of its standard error is `no module named gpio`";
    let (_, output) = one(&mut client);
    let lost = format!("the worker w ended before it answered: {quoted}; it is unknown");
    assert!(output.starts_with(&lost), "{output}");
    let refused = format!("the worker w does not run: {quoted}; it is started again within ");
    eventually("a call is refused", || one(&mut client).1.starts_with(&refused));
}

#[test]
fn the_end_of_a_worker_names_the_signal_that_it_got() {
    for (trap, signal) in [("", "SIGTERM"), ("trap '' TERM; ", "SIGKILL")] {
        let topsided = Topsided::new();
        menu(&topsided, &format!("{trap}answer '\"result\":null'; exec sleep 1000"), "");
        let mut server = topsided.start();
        let mut client = server.connect();
        one(&mut client);
        client.ok("server/shutdown", json!({}));
        let line = server.says("worker stopped");
        assert!(line.contains(&format!("signal={signal}")), "{line}");
        assert_eq!(server.exit(), Some(0));
    }
}
