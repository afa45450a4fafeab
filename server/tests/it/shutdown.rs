//! Shutdown and restart as clients see them. One file: its tests share the clients with notices.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use topside_server::Ended;
use topside_shared::Time;

use crate::common::{Raw, TestServer, Topsided};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_shutdown_that_is_due_is_announced_to_clients_with_notices_and_the_server_continues() {
    let server = TestServer::start();
    let mut told = server.connect_with_notices();
    let mut quiet = server.connect();
    let mut admin = server.connect_with_notices();
    let user = admin.ok("initialize", json!({"notices": true}))["you"].take();
    let due = admin.ok("server/shutdown", json!({"delayMs": HOUR_MS, "reason": "new disk"}));
    let left = due["inMs"].as_u64().unwrap();
    assert!((HOUR_MS - 60_000..=HOUR_MS).contains(&left));
    assert!(due["deadline"].as_str().unwrap().ends_with('Z'));
    for client in [&mut told, &mut admin] {
        let notice = client.told("server/closing");
        assert_eq!(
            (&notice["phase"], &notice["reason"]),
            (&json!("scheduled"), &json!("new disk"))
        );
        let by = format!("{} (#{})", user["user"].as_str().unwrap(), user["clientId"]);
        assert_eq!((&notice["by"], &notice["restart"]), (&json!(by), &json!(false)));
        assert_eq!(notice["deadline"], due["deadline"]);
        assert!(notice["inMs"].as_u64().unwrap() <= HOUR_MS);
    }
    quiet.nothing_told();
    quiet.run("sh", json!({"script": "exit 0"}));

    // Who comes while it is due learns of it.
    let mut late = server.connect();
    let closing = late.ok("initialize", json!({}))["closing"].take();
    assert_eq!((&closing["phase"], &closing["reason"]), (&json!("scheduled"), &json!("new disk")));
    late.nothing_told();
    late.ok("initialize", json!({"notices": true}));
    assert_eq!(late.told("server/closing")["phase"], "scheduled");
}

#[test]
fn reason_delay_and_expected_return_are_separate_fields() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let back = "2099-03-01T20:00:00.000Z";
    client.ok(
        "server/shutdown",
        json!({"delayMs": HOUR_MS, "reason": "new disk", "back": "2099-03-01T21:00:00+01:00"}),
    );
    let closing = client.told("server/closing");
    assert_eq!(closing["reason"], "new disk");
    assert_eq!((&closing["back"], &closing["then"]), (&json!(back), &json!("exit")));
    let mut late = server.connect();
    assert_eq!(late.ok("initialize", json!({}))["closing"]["back"], back);
    assert_eq!(late.ok("server/status", json!({}))["closing"]["back"], back);
    // A second call replaces all fields of the first.
    for restart in [json!({"then": "restart"}), json!({"restart": true})] {
        let mut params = restart;
        params["delayMs"] = json!(HOUR_MS);
        client.ok("server/shutdown", params);
        let closing = client.told("server/closing");
        assert_eq!((&closing["restart"], &closing["then"]), (&json!(true), &json!("restart")));
        assert_eq!((&closing["reason"], closing.get("back")), (&json!(""), None));
    }
    client.ok("server/shutdown", json!({"reason": "new disk", "back": back}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    let ended = client.told("session/ended");
    assert_eq!((&ended["reason"], &ended["back"]), (&json!("new disk"), &json!(back)));
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn a_shutdown_that_the_server_cannot_do_is_refused_with_what_it_can_do() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    for (params, part) in [
        (
            json!({"then": "reboot"}),
            "`then` cannot be `reboot`: this server can `exit` or `restart`",
        ),
        (json!({"then": "poweroff"}), "this server can `exit` or `restart`"),
        (json!({"then": "exit", "restart": true}), "give one of them"),
        (json!({"then": "explode"}), "exit, restart"),
        (json!({"back": "20:00"}), "RFC 3339"),
        (json!({"back": 7}), "back"),
    ] {
        let error = client.refused("server/shutdown", params.clone());
        assert_eq!(error["code"], -32602, "{params}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{params}: {message}");
    }
    assert_eq!(client.ok("server/status", json!({})).get("closing"), None);
}

#[test]
fn the_command_reads_a_delay_and_an_expected_return_as_people_write_them() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let line = |args: Value| json!({"command": "ks", "args": args, "confirm": true});
    let time = |text: &Value| text.as_str().unwrap().parse::<Time>().unwrap();
    for (args, delay_ms, after) in [
        (
            json!({"delay": "1h30m", "reason": "new disk", "back": "30m"}),
            5_400_000,
            Some(1_800_000),
        ),
        (json!({"delay": "90m", "back": "2099-03-01T20:00:00Z"}), 5_400_000, None),
        (json!({"delay": 3600, "back": "90"}), HOUR_MS, Some(90_000)),
        (json!({"delay": "3600", "back": "1h"}), HOUR_MS, Some(HOUR_MS)),
    ] {
        client.ok("command/run", line(args.clone()));
        let closing = client.told("server/closing");
        let left = closing["inMs"].as_u64().unwrap();
        assert!((delay_ms - 60_000..=delay_ms).contains(&left), "{closing}");
        let back = time(&closing["back"]);
        match after {
            None => assert_eq!(closing["back"], "2099-03-01T20:00:00.000Z"),
            Some(after) => {
                let shown = back.millis_since(time(&closing["deadline"]));
                assert!(shown.abs_diff(after) < 10_000, "{closing}");
            }
        }
        assert_eq!(closing["reason"], args.get("reason").cloned().unwrap_or(json!("")));
    }
    client.ok("command/run", line(json!({"delay": "1h", "back": "20:00"})));
    let closing = client.told("server/closing");
    let until = time(&closing["back"]).millis_since(time(&closing["deadline"]));
    assert!(until < 24 * HOUR_MS, "the next 20:00 after the shutdown: {closing}");
    client.ok("command/run", line(json!({"delay": "1h", "back": " "})));
    assert_eq!(client.told("server/closing").get("back"), None);
    for (args, part) in [
        (json!({"delay": "soon"}), "30s, 5m or 1h30m"),
        (json!({"delay": "2d"}), "delay"),
        (json!({"back": "x".repeat(65)}), "back"),
    ] {
        let error = client.refused("command/run", line(args));
        assert_eq!(error["code"], -32602);
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    for (back, part) in [("tomorrow", "a time of day (20:00)"), ("2020-01-01 08:00", "before")] {
        let answer = client.ok("command/run", line(json!({"delay": "1h", "back": back})));
        assert_eq!(answer["state"], "failed", "{answer}");
        assert!(answer["output"].as_str().unwrap().contains(part), "{answer}");
    }
}

#[test]
fn another_shutdown_replaces_the_first_and_cancelling_ends_it() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let error = client.refused("server/shutdown/cancel", json!({}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("notFound")));
    client.ok("server/shutdown", json!({"delayMs": HOUR_MS, "reason": "first"}));
    client.ok(
        "server/shutdown",
        json!({"delayMs": 2 * HOUR_MS, "reason": "second", "restart": true}),
    );
    assert_eq!(client.told("server/closing")["reason"], "first");
    let second = client.told("server/closing");
    assert_eq!((&second["reason"], &second["restart"]), (&json!("second"), &json!(true)));
    assert!(second["inMs"].as_u64().unwrap() > HOUR_MS);
    client.ok("server/shutdown/cancel", json!({}));
    let off = client.told("server/closing");
    assert_eq!((&off["phase"], &off["inMs"]), (&json!("cancelled"), &json!(0)));
    let answer = client.ok("initialize", json!({"notices": true}));
    assert_eq!(answer.get("closing"), None);
    client.refused("server/shutdown/cancel", json!({}));
    client.nothing_told();
}

#[test]
fn a_short_delay_ends_the_server_by_itself() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let due = client.ok("server/shutdown", json!({"delayMs": 50}));
    assert!(due["inMs"].as_u64().unwrap() <= 50);
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    assert_eq!(client.told("server/closing")["phase"], "now");
    assert_eq!(client.told("session/ended")["code"], "shutdown");
    client.eof();
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn at_the_end_each_client_is_notified_and_its_last_line_is_session_ended() {
    let server = TestServer::start();
    let mut told = server.connect_with_notices();
    let mut quiet = server.connect();
    quiet.ok("ping", json!({}));
    let mut admin = server.connect_with_notices();
    let answer = admin.ok("server/shutdown", json!({"reason": "power work"}));
    assert_eq!(answer["inMs"], 0);
    for client in [&mut told, &mut admin] {
        let notice = client.told("server/closing");
        assert_eq!((&notice["phase"], &notice["reason"]), (&json!("now"), &json!("power work")));
        let ended = client.told("session/ended");
        assert_eq!((&ended["code"], &ended["reason"]), (&json!("shutdown"), &json!("power work")));
        assert_eq!(ended["by"], notice["by"]);
        client.eof();
    }
    quiet.eof();
    assert_eq!(server.ended(), Ended::Stopped);
    assert!(!server.socket().exists());
}

#[test]
fn ks_succeeds_before_the_shutdown_begins() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let params = json!({"command": "ks", "args": {"reason": "bye"}, "confirm": true});
    let row = client.ok("command/run", params);
    assert_eq!(
        (&row["state"], &row["output"]),
        (&json!("succeeded"), &json!("the server shuts down now\n"))
    );
    assert_eq!(client.told("server/closing")["reason"], "bye");
    client.told("session/ended");
    client.eof();
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn ks_takes_a_delay_and_the_method_cancels_it() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let params = json!({"command": "shutdown", "args": {"delay": 3600}, "confirm": true});
    client.ok("command/run", params);
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    client.ok("server/shutdown/cancel", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "cancelled");
    assert_eq!(client.refused("server/shutdown/cancel", json!({}))["code"], -32004);
}

/// All answers are sent before the end.
#[test]
fn runs_are_cancelled_with_all_they_started_and_answered_before_the_session_ends() {
    let server = TestServer::start();
    let mut alive = server.fifo("alive");
    let mut client = server.connect_with_notices();
    let script = format!("exec 3> {}; (sleep 1000) & echo out; echo up >&3; wait", alive.path());
    let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(alive.line(), "up");
    server.connect().ok("server/shutdown", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["output"]), (&json!("cancelled"), &json!("out\n")));
    assert_eq!(client.told("session/ended")["code"], "shutdown");
    client.eof();
    alive.all_gone();
    assert_eq!(server.ended(), Ended::Stopped);
}

/// The row said `cancelled`, and nothing of the shutdown.
#[test]
fn a_run_that_a_shutdown_has_ended_says_so_and_by_which_client() {
    let server = TestServer::start();
    let mut admin = server.connect();
    let you = admin.ok("initialize", json!({}))["you"].take();
    let by =
        format!("{} (#{}): the server shut down", you["user"].as_str().unwrap(), you["clientId"]);
    let mut alive = server.fifo("alive");
    let mut client = server.connect();
    let script = format!("echo up > {}; sleep 1000", alive.path());
    let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(alive.line(), "up");
    admin.ok("server/shutdown", json!({}));
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["endedBy"]), (&json!("cancelled"), &json!(by)));
}

#[test]
fn once_it_has_begun_no_run_and_no_session_starts() {
    let server = TestServer::start();
    let mut up = server.fifo("up");
    let mut gate = server.fifo("gate");
    let mut client = server.connect_with_notices();
    // It ends in order, but only when the gate is opened.
    let child = format!("sh -c 'echo up > {}; exec sleep 1000'", up.path());
    let script = format!("trap 'read x < {}; exit 0' TERM; {child} & wait", gate.path());
    client.start(&script);
    assert_eq!(up.line(), "up");
    client.ok("server/shutdown", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    let error = client.refused("command/run", json!({"command": "look"}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32009), &json!("closing")));
    assert_eq!(error["data"]["retryable"], true);
    for method in ["server/shutdown", "server/shutdown/cancel"] {
        assert_eq!(client.refused(method, json!({}))["code"], -32009, "{method}");
    }
    // What only reads still answers.
    assert_eq!(client.run("echo", json!({"text": "x"}))["output"], "x\n");
    assert_eq!(client.ok("server/status", json!({}))["closing"]["phase"], "now");
    let error = UnixStream::connect(server.socket()).unwrap_err().kind();
    assert!(matches!(error, ErrorKind::NotFound | ErrorKind::ConnectionRefused), "{error}");
    gate.open();
    client.told("session/ended");
    client.eof();
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn a_restart_is_announced_as_a_restart() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    client.ok("server/shutdown", json!({"restart": true}));
    assert_eq!(client.told("server/closing")["restart"], true);
    assert_eq!(client.told("session/ended")["code"], "restart");
    client.eof();
    assert_eq!(server.ended(), Ended::Restart);
}

#[test]
fn a_client_that_does_not_read_does_not_keep_the_server_from_ending() {
    let server = TestServer::limits("shutdown_timeout = \"500ms\"");
    let mut slow = server.connect_with_notices();
    let params = json!({"command": "sh", "args": {"script": "yes"}, "stream": true});
    slow.ask("command/run", params);
    let mut client = server.connect_with_notices();
    client.ok("server/shutdown", json!({}));
    client.told("server/closing");
    client.told("session/ended");
    client.eof();
    assert_eq!(server.ended(), Ended::Stopped);
    slow.rest_of_a_lost_connection();
}

/// Regression: such a run used up the timeout, so no client got `session/ended` or the answer for the run.
#[test]
fn a_run_that_does_not_end_in_time_is_killed_and_each_client_is_notified() {
    let server = TestServer::limits("shutdown_timeout = \"200ms\"");
    let mut alive = server.fifo("alive");
    let mut client = server.connect_with_notices();
    // It has an hour by the menu's stop_timeout.
    let script = format!("trap '' TERM; exec 3> {}; echo up >&3; sleep 1000", alive.path());
    let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(alive.line(), "up");
    server.connect().ok("server/shutdown", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    assert_eq!(client.answer(id)["result"]["state"], "cancelled");
    assert_eq!(client.told("session/ended")["code"], "shutdown");
    client.eof();
    alive.all_gone();
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn the_rest_of_a_cancelled_run_is_killed_when_the_server_ends_at_once() {
    let server = TestServer::start();
    let mut alive = server.fifo("alive");
    let mut client = server.connect();
    // The shell ends when it is told to; its child has an hour, and ignores it.
    let child =
        format!("sh -c 'trap \"\" TERM; exec 3> {}; echo up >&3; sleep 1000'", alive.path());
    let run = client.start(&format!("trap 'exit 0' TERM; {child} & wait"));
    assert_eq!(alive.line(), "up");
    client.ask("run/cancel", json!({"runId": run}));
    // The cancel has been taken by now; its answer waits for the child.
    client.line(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#);
    assert_eq!(client.recv()["id"], "x");
    server.stop.at_once();
    assert_eq!(server.ended(), Ended::AtOnce);
    drop(server);
    alive.all_gone();
}

#[test]
fn a_reason_is_cleaned_and_cut() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    let reason = format!("\u{1b}[2J{}\u{202e}", "é".repeat(600));
    client.ok("server/shutdown", json!({"delayMs": HOUR_MS, "reason": reason}));
    let told = client.told("server/closing")["reason"].take();
    assert_eq!(told, format!("[2J{}", "é".repeat(497)));
}

#[test]
fn an_embedder_stops_the_server_with_its_own_reason() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    server.stop.in_order("the screen is closed", "topside");
    let notice = client.told("server/closing");
    assert_eq!(
        (&notice["reason"], &notice["by"]),
        (&json!("the screen is closed"), &json!("topside"))
    );
    client.told("session/ended");
    client.eof();
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn a_hundred_clients_are_notified_and_disconnected() {
    let server = TestServer::start();
    let mut clients: Vec<_> = (0..100).map(|_| server.connect_with_notices()).collect();
    clients[0].ok("server/shutdown", json!({}));
    for client in &mut clients {
        let rest: Vec<Value> = client.rest();
        let methods: Vec<&Value> = rest.iter().map(|line| &line["method"]).collect();
        assert_eq!(methods, ["server/closing", "session/ended"]);
    }
    assert_eq!(server.ended(), Ended::Stopped);
}

/// Regression: clients that kept their connections open delayed each end by a second.
#[test]
fn clients_that_do_not_close_their_end_do_not_delay_the_end_of_the_server() {
    // The goal is 50 ms. A busy machine takes longer, but not each time; the delay would come each time.
    let fastest = (0..20).map(|_| end_with_clients_that_stay()).find(|took| took.as_millis() < 900);
    assert!(fastest.is_some(), "each of 20 ends took almost a second");
}

/// How long a server takes to end while its clients keep their connections open.
fn end_with_clients_that_stay() -> Duration {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    let mut admin = server.connect();
    let mut stay: Vec<Raw> = (0..5).map(|_| server.connect_with_notices()).collect();
    stay.extend((0..5).map(|_| device.connect_with_notices()));
    admin.ok("ping", json!({}));
    let begun = Instant::now();
    admin.ok("server/shutdown", json!({}));
    assert_eq!(server.ended(), Ended::Stopped);
    let took = begun.elapsed();
    // Each client still got its last line.
    for mut client in stay {
        assert_eq!(client.rest().last().unwrap()["method"], "session/ended");
    }
    took
}

#[test]
fn a_shutdown_that_was_due_when_the_server_was_killed_is_reported_at_the_next_start() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut admin = server.connect();
    assert_eq!(admin.ok("server/status", json!({})).get("shutdownWasDue"), None);
    let back = "2099-03-01T20:00:00.000Z";
    let due = admin.ok(
        "server/shutdown",
        json!({"delayMs": HOUR_MS, "reason": "new disk", "back": back, "then": "restart"}),
    );
    server.kill();

    let mut server = topsided.spawn_by(topsided.command());
    let line = server.says("a shutdown was due when the server was killed");
    assert!(line.contains("new disk") && line.contains("order it again"), "{line}");
    let mut admin = server.connect();
    let status = admin.ok("server/status", json!({}));
    assert_eq!(status["shutdownWasDue"]["deadline"], due["deadline"]);
    assert_eq!(status["shutdownWasDue"]["reason"], "new disk");
    assert_eq!(status["shutdownWasDue"]["back"], back);
    assert_eq!(status["shutdownWasDue"]["then"], "restart");
    // It is not carried out.
    assert_eq!(status.get("closing"), None);
    // One that was cancelled, or has begun, leaves nothing.
    admin.ok("server/shutdown", json!({"delayMs": HOUR_MS}));
    admin.ok("server/shutdown/cancel", json!({}));
    server.kill();
    let mut server = topsided.start();
    let mut admin = server.connect();
    assert_eq!(admin.ok("server/status", json!({})).get("shutdownWasDue"), None);
    admin.ok("server/shutdown", json!({"delayMs": 20}));
    assert_eq!(server.exit(), Some(0));
    let server = topsided.start();
    assert_eq!(server.connect().ok("server/status", json!({})).get("shutdownWasDue"), None);
}
