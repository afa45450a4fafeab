//! A session that has begun.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use topside_shared::methods::{ClientsList, CommandRun, Ping, ServerStatus};
use topside_shared::notifications::{EndCode, Notification};
use topside_shared::{ErrorKind, RunId};

use super::fake::*;
use crate::connect::*;

async fn lost(events: &mut Events) -> DisconnectReason {
    loop {
        if let Event::Lost(reason) = events.next().await {
            return reason;
        }
    }
}

fn run(command: &str) -> CommandRun {
    let args = serde_json::Map::new();
    CommandRun { command: command.into(), args, stream: true, wait: true, confirm: false }
}

#[tokio::test]
async fn answers_in_any_order_go_to_their_callers() {
    let (session, mut fake) = session().await;
    let (ping, clients) = (session.handle.clone(), session.handle.clone());
    let server = async {
        let first = fake.request().await.unwrap();
        let second = fake.request().await.unwrap();
        let of = |method| if first["method"] == method { &first } else { &second };
        fake.answer(of("clients/list"), json!({"clients": [], "next": 4})).await;
        fake.answer(of("ping"), json!({})).await;
        fake
    };
    let (clients_list, ping) = (ClientsList::default(), (ping, Ping {}));
    let (pong, list, _fake) =
        tokio::join!(ping.0.call(&ping.1), clients.call(&clients_list), server);
    assert!(pong.is_ok());
    assert_eq!(list.unwrap().next.map(|id| id.0), Some(4));
}

#[tokio::test]
async fn a_refusal_is_reported_in_the_servers_words_and_the_session_stays() {
    let (session, mut fake) = session().await;
    let server = async {
        let asked = fake.request().await.unwrap();
        let error = json!({"code": -32004, "message": "there is no command x",
            "data": {"kind": "notFound", "retryable": false}});
        fake.refuse(&asked, error).await;
        let asked = fake.request().await.unwrap();
        fake.answer(&asked, json!({})).await;
        fake
    };
    let client = async {
        let run = run("x");
        let error = session.handle.call(&run).await.unwrap_err();
        assert!(matches!(&error, CallError::Refused(e) if e.kind() == ErrorKind::NotFound));
        assert_eq!(error.to_string(), "there is no command x");
        session.handle.call(&Ping {}).await.unwrap();
    };
    let ((), _fake) = tokio::join!(client, server);
}

#[tokio::test]
async fn a_request_over_the_servers_limit_is_never_sent_and_the_session_stays() {
    let (session, mut fake) = session().await;
    let long = run(&"x".repeat(2000));
    let error = session.handle.call(&long).await.unwrap_err();
    assert!(matches!(error, CallError::TooLong { max: 2000, .. }), "{error}");
    let server = async {
        let asked = fake.request().await.unwrap();
        assert_eq!(asked["method"], "ping");
        fake.answer(&asked, json!({})).await;
        fake
    };
    let (pong, _fake) = tokio::join!(session.handle.call(&Ping {}), server);
    pong.unwrap();
}

#[tokio::test]
async fn a_line_that_is_no_protocol_ends_the_session_and_every_call() {
    let (mut session, mut fake) = session().await;
    let server = async {
        fake.request().await.unwrap();
        fake.raw(b"220 mail ready\r\n").await;
        fake
    };
    let (pong, _fake) = tokio::join!(session.handle.call(&Ping {}), server);
    assert!(matches!(pong, Err(CallError::Lost)));
    assert!(matches!(lost(&mut session.events).await, DisconnectReason::NotTopside(_)));
    assert!(matches!(session.handle.call(&Ping {}).await, Err(CallError::Lost)));
}

#[tokio::test]
async fn a_line_without_end_is_given_up_at_the_cap() {
    let (mut session, mut fake) = session().await;
    let flood = async {
        // The client may hang up before all is written.
        let _ = fake.write.write_all(&vec![b'x'; 300 * 1024]).await;
    };
    let (reason, ()) = tokio::join!(lost(&mut session.events), flood);
    assert!(matches!(reason, DisconnectReason::NotTopside(_)), "{reason}");
}

#[tokio::test]
async fn a_close_in_the_middle_of_a_call_is_no_answer_and_no_hang() {
    let (mut session, mut fake) = session().await;
    let server = async {
        fake.request().await.unwrap();
        drop(fake);
    };
    let (pong, ()) = tokio::join!(session.handle.call(&Ping {}), server);
    assert!(matches!(pong, Err(CallError::Lost)));
    assert_eq!(lost(&mut session.events).await, DisconnectReason::Gone);
}

#[tokio::test]
async fn a_goodbye_is_both_a_notice_and_the_reason_of_the_end() {
    let (mut session, mut fake) = session().await;
    fake.tell("session/ended", json!({"code": "shutdown", "reason": "moving", "by": "u (#4)"}))
        .await;
    drop(fake);
    let Event::Notice(Notification::Ended(ended)) = session.events.next().await else { panic!() };
    assert_eq!(ended.code, EndCode::Shutdown);
    let Event::Lost(reason) = session.events.next().await else { panic!() };
    assert_eq!(reason.to_string(), "the server was shut down by u (#4): moving");
}

#[tokio::test]
async fn what_a_newer_server_tells_is_skipped() {
    let (mut session, mut fake) = session().await;
    fake.tell("moon/phase", json!({"full": true})).await;
    fake.tell("run/changed", json!({"state": "orbiting"})).await;
    fake.tell("run/gap", json!({"runId": 3, "offset": 1, "bytes": 2, "new": 0})).await;
    let Event::Notice(Notification::RunGap(gap)) = session.events.next().await else { panic!() };
    assert_eq!(gap.run_id, RunId(3));
}

#[tokio::test]
async fn an_answer_comes_while_a_flood_has_no_consumer_and_the_flood_is_counted() {
    const PIECE: usize = 32 * 1024;
    const PIECES: usize = 600;
    let (mut session, mut fake) = session().await;
    let server = async {
        let asked = fake.request().await.unwrap();
        let data = "x".repeat(PIECE);
        for piece in 0..PIECES {
            let output =
                json!({"runId": 1, "offset": piece * PIECE, "stream": "stdout", "data": data});
            fake.tell("run/output", output).await;
            if piece == 100 {
                let by = json!({"phase": "scheduled", "reason": "r", "by": "u", "inMs": 5,
                    "deadline": "2026-01-01T00:00:00.000Z"});
                fake.tell("server/closing", by).await;
            }
        }
        fake.answer(&asked, json!({})).await;
        fake
    };
    let (pong, _fake) = tokio::join!(session.handle.call(&Ping {}), server);
    pong.unwrap();
    let (mut next, mut gaps, mut closings) = (0, 0, 0);
    while let Some(event) = session.events.try_next() {
        let (offset, bytes) = match event {
            Event::Notice(Notification::RunOutput(output)) => {
                (output.offset, crate::text::base64::output_bytes(&output).len() as u64)
            }
            Event::Notice(Notification::RunGap(gap)) => {
                gaps += 1;
                (gap.offset, gap.bytes)
            }
            Event::Notice(Notification::Closing(_)) => {
                closings += 1;
                continue;
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(offset, next);
        next = offset + bytes;
    }
    assert_eq!((next, closings), ((PIECES * PIECE) as u64, 1));
    assert!(gaps >= 1);
}

#[tokio::test(start_paused = true)]
async fn output_that_is_held_back_is_not_skipped_and_keeps_the_connection_moving() {
    const PIECE: usize = 32 * 1024;
    const PIECES: usize = 600;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (read, write) = tokio::io::split(ours);
    let (handle, mut events) = crate::connect::session::start(read, write);
    events.hold_output();
    let server = async {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        let asked: Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        let data = "x".repeat(PIECE);
        for piece in 0..PIECES {
            let params =
                json!({"runId": 1, "offset": piece * PIECE, "stream": "stdout", "data": data});
            let line = json!({"jsonrpc": "2.0", "method": "run/output", "params": params});
            let line = format!("{line}\n");
            let write = write.write_all(line.as_bytes());
            // As the server has it: this long without a byte moved is a dead reader.
            tokio::time::timeout(Duration::from_secs(10), write).await.unwrap().unwrap();
        }
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {}});
        write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        (lines, write)
    };
    let started = tokio::time::Instant::now();
    let (pong, _server) = tokio::join!(handle.call(&Ping {}), server);
    pong.unwrap();
    assert!(started.elapsed() > Duration::from_secs(60), "it was not held back");
    let mut next = 0;
    while let Some(event) = events.try_next() {
        let Event::Notice(Notification::RunOutput(output)) = event else { panic!("{event:?}") };
        assert_eq!(output.offset, next);
        next += crate::text::base64::output_bytes(&output).len() as u64;
    }
    assert_eq!(next, (PIECES * PIECE) as u64);
}

#[tokio::test]
async fn leaving_still_sends_what_was_asked_and_then_says_that_no_more_comes() {
    let (mut session, mut fake) = session().await;
    let params = ServerStatus::default();
    let call = session.handle.call(&params);
    tokio::pin!(call);
    // Polled once: the request is on its way.
    tokio::select! {
        biased;
        _ = &mut call => panic!("answered without an answer"),
        () = std::future::ready(()) => {}
    }
    session.handle.close();
    assert_eq!(fake.request().await.unwrap()["method"], "server/status");
    assert_eq!(fake.request().await, None);
    drop(fake);
    assert_eq!(lost(&mut session.events).await, DisconnectReason::Left);
    assert!(matches!(call.await, Err(CallError::Lost)));
}

#[tokio::test(start_paused = true)]
async fn leaving_a_server_that_takes_nothing_takes_a_second() {
    let (ours, _theirs) = tokio::io::duplex(10);
    let (read, write) = tokio::io::split(ours);
    let (handle, mut events) = crate::connect::session::start(read, write);
    let call = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call(&Ping {}).await }
    });
    // The request hangs in its write.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let left = tokio::time::Instant::now();
    handle.close();
    assert_eq!(lost(&mut events).await, DisconnectReason::Left);
    assert_eq!(left.elapsed().as_secs(), 1);
    assert!(matches!(call.await.unwrap(), Err(CallError::Lost)));
}

#[tokio::test]
async fn a_session_without_a_handle_is_closed() {
    let (session, mut fake) = session().await;
    drop(session);
    assert_eq!(fake.request().await, None);
}

#[tokio::test]
async fn a_call_that_was_given_up_does_not_confuse_the_next() {
    let (session, mut fake) = session().await;
    let given_up = run("slow");
    let server = async {
        let slow = fake.request().await.unwrap();
        let ping = fake.request().await.unwrap();
        fake.answer(&slow, json!({"clients": []})).await;
        fake.answer(&ping, json!({})).await;
        fake
    };
    let client = async {
        tokio::select! {
            biased;
            _ = session.handle.call(&given_up) => panic!("answered without an answer"),
            () = std::future::ready(()) => {}
        }
        session.handle.call(&Ping {}).await
    };
    let (pong, _fake) = tokio::join!(client, server);
    pong.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_asked_once_and_then_given_up() {
    let (ours, theirs) = tokio::io::duplex(1000);
    let (read, write) = tokio::io::split(ours);
    let (_handle, mut events) = crate::connect::session::start(read, write);
    let start = tokio::time::Instant::now();
    let mut theirs = BufReader::new(theirs).lines();
    let ping: Value = serde_json::from_str(&theirs.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(ping["method"], "ping");
    assert_eq!(start.elapsed().as_secs(), 20);
    assert!(matches!(lost(&mut events).await, DisconnectReason::Silent { .. }));
    assert_eq!(start.elapsed().as_secs(), 40);
}

/// A session with the server of this machine woke an idle screen every 20 s, although the kernel tells of its end.
#[tokio::test]
async fn a_session_with_the_server_of_this_machine_is_still_for_more_than_a_minute() {
    let (mut session, mut fake) = session().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert_eq!(fake.request().await.unwrap()["method"], "ping");
    assert!((85..=90).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert!(matches!(lost(&mut session.events).await, DisconnectReason::Silent { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_is_kept() {
    let (ours, theirs) = tokio::io::duplex(1000);
    let (read, write) = tokio::io::split(ours);
    let (_handle, mut events) = crate::connect::session::start(read, write);
    let (read, mut write) = tokio::io::split(theirs);
    let mut lines = BufReader::new(read).lines();
    for _ in 0..5 {
        let line = lines.next_line().await.unwrap().unwrap();
        let ping: Value = serde_json::from_str(&line).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": ping["id"], "result": {}});
        write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }
    assert!(events.try_next().is_none());
}
