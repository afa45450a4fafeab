//! Admission limits, each at its edge: unknown clients do not keep known devices out.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::raw::error_of;
use crate::common::{DEADLINE, Device, TestServer, eventually};

fn refusals(server: &TestServer) -> Value {
    server.connect().ok("server/status", json!({}))["refusals"].take()
}

/// Whether the server has ended a silent connection.
fn is_closed(mut stream: TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Whether a new silent connection is closed; otherwise it stays open.
fn is_refused_at_once(server: &TestServer, scanner: &Device, known: &Device) -> bool {
    let _left = scanner.dial();
    // The server has taken it when it has let in a later one.
    known.connect().ok("ping", json!({}));
    refusals(server).get("connects_per_source").is_some()
}

#[test]
fn a_handshake_has_a_time_limit_even_while_bytes_arrive() {
    let server = TestServer::remote("handshake_timeout = \"1s\"");
    let device = server.device("phone", "viewer");
    assert!(is_closed(device.dial()), "nothing was ever said on it");
    let mut busy = device.dial();
    // The head of a long record, and then a byte now and then: no single wait is long.
    busy.write_all(&[0x16, 3, 1, 0x40, 0]).unwrap();
    busy.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let began = Instant::now();
    let goes_on =
        |error: &Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    while busy.read(&mut [0; 1]).is_err_and(|error| goes_on(&error)) {
        assert!(began.elapsed() < DEADLINE, "a byte now and then keeps the place");
        // It may have been ended meanwhile, which the next read tells.
        let _ = busy.write_all(&[1]);
    }
    assert_eq!(refusals(&server)["handshake_timeout"], 2);
    drop(device.connect());
}

/// A thousand silent connections from the address of the known device: it connects only if they are dropped for it,
/// since they would stay for ever.
#[test]
fn a_thousand_stalled_handshakes_do_not_keep_a_known_key_out() {
    let server = TestServer::remote("handshake_timeout = 0");
    let device = server.device("phone", "viewer");
    let stalled: Vec<TcpStream> = (0..1000).map(|_| device.dial()).collect();
    device.connect().ok("ping", json!({}));
    drop(stalled);
}

/// A flood of silent connections from the admin's own address: the newest took every slot. Each of them has its place for
/// more than two seconds, so that a handshake on a busy machine is not the oldest.
#[test]
fn a_silent_flood_from_the_admins_own_address_does_not_keep_the_admin_out() {
    let server = TestServer::remote("");
    let admin = server.device("admin", "admin");
    for _ in 0..5 {
        assert!(admin.stranger().refusal().is_some());
    }
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut silent = std::collections::VecDeque::new();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                silent.push_back(admin.dial());
                if silent.len() > 200 {
                    silent.pop_front();
                }
                // A bounded load, not a wait.
                std::thread::sleep(Duration::from_millis(40));
            }
            silent.len()
        });
        // They take all places for handshakes.
        eventually("all places for handshakes are taken", || {
            refusals(&server).get("max_handshakes").is_some()
        });
        let came_in: Vec<bool> = (0..10).map(|_| admin.is_let_in()).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(flood.join().unwrap() > 0);
        let times = came_in.iter().filter(|came_in| **came_in).count();
        assert!(times >= 8, "{came_in:?}");
    });
}

/// The same from two hundred and fifty other addresses.
#[test]
fn stalled_handshakes_from_everywhere_do_not_keep_a_known_key_out() {
    let server = TestServer::remote("handshake_timeout = 0\nconnects = 0");
    let device = server.device("phone", "viewer");
    let from = |number: u16| device.at((number % 250 + 2) as u8).dial();
    let stalled: Vec<TcpStream> = (0..1000).map(from).collect();
    device.connect().ok("ping", json!({}));
    let refusals = refusals(&server);
    assert!(refusals["max_handshakes"].as_u64().unwrap() >= 900, "{refusals}");
    drop(stalled);
}

#[test]
fn at_the_limit_of_one_source_the_oldest_handshake_is_dropped() {
    let server =
        TestServer::remote("handshake_timeout = 0\nmax_handshakes_per_source = 2\npenalty = 0");
    let device = server.device("phone", "viewer").at(7);
    let mut stalled = [(); 3].map(|()| device.dial()).into_iter();
    assert!(is_closed(stalled.next().unwrap()));
    assert_eq!(refusals(&server)["max_handshakes_per_source"], 1);
    device.connect().ok("ping", json!({}));
    // The second may still come in.
    let late = device.tls_over(stalled.next().unwrap()).unwrap();
    crate::common::Raw::over(late).ok("ping", json!({}));
}

#[test]
fn a_source_connects_ten_times_at_once_and_accepted_keys_do_not_count() {
    let server = TestServer::remote("handshake_timeout = 0\nmax_handshakes_per_source = 0");
    let device = server.device("phone", "viewer");
    let scanner = device.at(9);
    let ten: Vec<TcpStream> = (0..10).map(|_| scanner.dial()).collect();
    // On a slow machine some that may come meanwhile.
    let more = (0..100).take_while(|_| !is_refused_at_once(&server, &scanner, &device)).count();
    assert!(more < 100, "it may connect as often as it likes");
    drop(ten);
    let friend = device.at(10);
    for _ in 0..20 {
        friend.connect().ok("ping", json!({}));
    }
}

#[test]
fn unknown_sources_share_a_connection_rate_and_known_sources_have_none() {
    let server = TestServer::remote("handshake_timeout = 0\nconnects = 3\nmax_handshakes = 0");
    let device = server.device("phone", "viewer");
    let mut strangers = Vec::new();
    // Far more than may come in the time this takes; each from another address.
    for last in 100..200 {
        strangers.push(device.at(last).dial());
    }
    device.connect().ok("ping", json!({}));
    let refusals = refusals(&server);
    assert!(refusals["connects"].as_u64().unwrap() > 50, "{refusals}");
}

#[test]
fn a_source_with_refused_keys_is_penalized_and_others_are_not() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    let guesser = device.stranger().at(11);
    // Three in a row; on a slow machine one or two more.
    let tries = (0..20).take_while(|_| guesser.refusal().is_some()).count();
    assert!((3..10).contains(&tries), "{tries}");
    let refusals = refusals(&server);
    assert_eq!((&refusals["key"], &refusals["penalty"]), (&json!(tries), &json!(1)), "{refusals}");
    drop(device.connect());
}

/// Behind one router all have one address: an attacker in the admin's own house could keep the admin out.
#[test]
fn an_attack_from_the_admins_own_address_does_not_keep_the_admin_out() {
    let server = TestServer::remote("");
    let admin = server.device("admin", "admin");
    let attacker = admin.stranger();
    for _ in 0..30 {
        assert!(attacker.refusal().is_some());
    }
    let mut client = admin.connect();
    client.ok("key/invite", json!({"name": "x", "role": "viewer"}));
}

#[test]
fn a_client_of_another_protocol_is_rejected_and_counted() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    for text in ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\0\0\0\0\0\0"] {
        let mut stream = device.at(12).dial();
        stream.write_all(text.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        // One line that says what is spoken, and nothing of the server.
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(said["error"]["code"], -32700, "{said}");
    }
    let refusals = refusals(&server);
    assert_eq!(refusals["handshake"], 3, "{refusals}");
    assert!(refusals.get("key").is_none(), "no key was guessed: {refusals}");
}

#[test]
fn sessions_of_one_key_are_limited() {
    let server = TestServer::remote("max_sessions_per_key = 2");
    let (one, two) = (server.device("one", "viewer"), server.device("two", "viewer"));
    let mut held = [(); 2].map(|()| one.connect());
    held.iter_mut().for_each(|client| drop(client.ok("ping", json!({}))));
    let error = one.connect().refused("ping", json!({}));
    assert_eq!(error["data"]["kind"], "busy", "{error}");
    assert_eq!(error["data"]["limit"], "max_sessions_per_key", "{error}");
    two.connect().ok("ping", json!({}));
    assert_eq!(refusals(&server)["max_sessions_per_key"], 1);
    let [first, _second] = held;
    leave(first);
    one.connect().ok("ping", json!({}));
}

#[test]
fn the_last_sessions_are_kept_for_admins() {
    let server = TestServer::remote("max_sessions = 2\nadmin_sessions = 1");
    let (phone, admin) = (server.device("phone", "viewer"), server.device("admin", "admin"));
    let mut first = phone.connect();
    first.ok("ping", json!({}));
    let error = phone.connect().refused("ping", json!({}));
    assert_eq!(
        (&error["data"]["limit"], &error["data"]["most"]),
        (&json!("max_sessions"), &json!(1))
    );
    let mut second = admin.connect();
    second.ok("ping", json!({}));
    let error = admin.connect().refused("ping", json!({}));
    assert_eq!(error["data"]["most"], 2, "{error}");
    // The local socket has none of the network's limits.
    server.connect().ok("ping", json!({}));
    assert_eq!(refusals(&server)["max_sessions"], 2);
}

/// Ends a session, and knows that it has ended.
fn leave(mut client: crate::common::Raw) {
    client.ok("session/close", json!({}));
    client.eof();
}

#[test]
fn requests_over_the_rate_wait_and_none_is_lost() {
    let server = TestServer::remote("requests = 20");
    let device = server.device("phone", "viewer");
    let mut client = device.connect();
    // Twice as many at once..
    let pings = |count: usize| {
        let ping = |id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
        (0..count).map(ping).collect::<String>()
    };
    client.send(pings(40));
    (0..40).for_each(|id| assert_eq!(client.recv()["id"], id));
    let before = refusals(&server);
    assert!(before.get("requests").is_none(), "{before}");
    // ..and then as fast as they may come.
    client.send(pings(60));
    (0..60).for_each(|id| assert_eq!(client.recv()["id"], id));
    assert!(refusals(&server)["requests"].as_u64().unwrap() > 0);
    let mut local = server.connect();
    local.send(pings(1000));
    (0..1000).for_each(|id| assert_eq!(local.recv()["id"], id));
}

#[test]
fn a_batch_counts_as_its_requests() {
    let server = TestServer::remote("requests = 10");
    let mut client = server.device("phone", "viewer").connect();
    let batch: Vec<Value> =
        (0..32).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).collect();
    client.line(json!(batch).to_string());
    assert_eq!(client.recv().as_array().unwrap().len(), 32);
    client.ok("ping", json!({}));
    assert!(refusals(&server)["requests"].as_u64().unwrap() > 0);
}

/// The error at a session limit is readable for programs, for any first request.
#[test]
fn a_refusal_answers_the_first_request_by_its_id() {
    let server = TestServer::remote("max_sessions_per_key = 1");
    let device: Device = server.device("phone", "viewer");
    let mut held = device.connect();
    held.ok("ping", json!({}));
    let mut late = device.connect();
    late.line("{\"jsonrpc\":\"2.0\",\"id\":\"a7\",\"method\":\"commands/list\"}");
    let answer = late.recv();
    assert_eq!(answer["id"], "a7");
    assert_eq!(error_of(answer)["data"]["retryable"], true);
    late.eof();
}

/// The same with many at once that reconnect at once: if each new connection replaced the one before, the admin would
/// hardly ever keep a slot long enough.
#[test]
fn an_attack_by_many_at_once_from_the_admins_own_address_does_not_keep_the_admin_out() {
    let server = TestServer::remote("");
    let admin = server.device("admin", "admin");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (first, began) = std::sync::mpsc::channel();
        for _ in 0..8 {
            let (attacker, first, over) = (admin.stranger(), first.clone(), &over);
            scope.spawn(move || {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(attacker.tls_over(attacker.dial()));
                    let _ = first.send(());
                }
            });
        }
        // They are at it.
        began.iter().take(100).for_each(drop);
        let came_in: Vec<bool> = (0..10).map(|_| admin.is_let_in()).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        // It was none of ten; on a slow machine a turn may be over before it is used.
        let times = came_in.iter().filter(|came_in| **came_in).count();
        assert!(times >= 5, "{came_in:?}");
    });
}

/// Of `count` clients with one good key, which all connect before one of them sends anything, the number that is
/// answered.
fn burst(device: &Device, count: usize) -> usize {
    let dialled: Vec<TcpStream> = (0..count).map(|_| device.dial()).collect();
    std::thread::scope(|scope| {
        let call = |stream| {
            scope.spawn(move || {
                let Ok(mut stream) = device.tls_over(stream) else { return false };
                let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
                stream.write_all(ping).is_ok()
                    && stream.read(&mut [0; 64]).is_ok_and(|count| count > 0)
            })
        };
        let calls: Vec<_> = dialled.into_iter().map(call).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|served| *served).count()
    })
}

/// A program that opens a connection for each call lost most of them: the fifth handshake pushed out the first.
#[test]
fn many_connections_at_once_with_one_good_key_are_all_served() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    // First from an unknown address, then from the same address, which is known by then.
    for (at, count) in [(21, 20), (22, 32), (22, 32)] {
        let device = device.at(at);
        assert_eq!(burst(&device, count), count, "{}", refusals(&server));
    }
}

#[test]
fn a_burst_with_a_good_key_is_served_while_unknown_clients_stall_at_every_place() {
    let server = TestServer::remote("connects = 0");
    let device = server.device("phone", "viewer");
    let stalled: Vec<TcpStream> = (0..120)
        .map(|number: u16| {
            let mut stream = device.at((number % 200 + 30) as u8).dial();
            // It begins a handshake and stops.
            stream.write_all(&[0x16, 3, 1, 0x40, 0]).unwrap();
            stream
        })
        .collect();
    assert_eq!(burst(&device, 20), 20, "{}", refusals(&server));
    drop(stalled);
}

/// The attacker shares the address with a device that has never connected from there.
#[test]
fn stalled_handshakes_of_its_own_address_do_not_keep_a_new_device_out() {
    let server = TestServer::remote("connects_per_source = 100");
    let device = server.device("phone", "viewer").at(23);
    let stalled: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = device.dial();
            stream.write_all(&[0x16, 3, 1, 0x40, 0]).unwrap();
            stream
        })
        .collect();
    device.connect().ok("ping", json!({}));
    drop(stalled);
}
