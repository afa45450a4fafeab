//! Servers elsewhere: who they are, whom they let in, and which of their addresses is taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::sign::CertifiedKey;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use topside_shared::methods::Ping;
use topside_shared::pin::PinError;
use topside_shared::private_key::PrivateKey;

use super::fake::{Fake, HELLO};
use super::rig::*;
use crate::config::Profile;
use crate::connect::*;

/// Connects as this device; the server knows its key.
async fn connect_known(rig: &Rig, remote: Remote) -> (Result<Session, ConnectError>, Fake) {
    rig.judge(own_key(&remote.state).unwrap().pin(), Ok(()));
    let target = Target::Remote(remote);
    tokio::join!(connect(&target, &HELLO), async {
        let (mut fake, _) = rig.accept().await;
        fake.greet().await;
        fake
    })
}

async fn failure(remote: Remote) -> ConnectError {
    connect(&Target::Remote(remote), &HELLO).await.unwrap_err()
}

/// An address where nothing listens, for as long as the socket lives.
fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn at(via: Via, port: u16) -> Address {
    Address::Network { via, host: "127.0.0.1".to_owned(), port }
}

#[tokio::test]
async fn the_server_with_the_right_key_gets_the_key_of_this_device() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(key(1)).await;
    let (session, mut fake) = connect_known(&rig, rig.remote(dir.path())).await;
    let session = session.unwrap();
    assert_eq!(session.reached.via, Via::Lan);
    assert_eq!(session.reached.address, format!("127.0.0.1:{}", rig.port()));
    let server = async {
        let asked = fake.request().await.unwrap();
        fake.answer(&asked, json!({})).await;
        // The end of the requests is told as such: without that, reading it fails.
        assert_eq!(fake.request().await, None);
    };
    let client = async {
        session.handle.call(&Ping {}).await.unwrap();
        session.handle.close();
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn the_key_of_a_token_for_this_server_goes_before_this_devices_own() {
    let dir = tempfile::tempdir().unwrap();
    let (rig, token) = (Rig::new(key(1)).await, key(7));
    std::fs::create_dir(dir.path().join("keys")).unwrap();
    for server in [key(1), key(2)] {
        let name = format!("keys/{}.key", server.pin().digits());
        let held = if server.pin() == rig.key.pin() { &token } else { &key(8) };
        held.save_new(&dir.path().join(name)).unwrap();
    }
    rig.judge(token.pin(), Ok(()));
    let target = Target::Remote(rig.remote(dir.path()));
    let (session, guest) = tokio::join!(connect(&target, &HELLO), async {
        let (mut fake, guest) = rig.accept().await;
        fake.greet().await;
        guest
    });
    session.unwrap();
    assert_eq!(guest.pin, token.pin());
}

/// After a token was revoked, the message said that the device was revoked, although its own key was good.
#[tokio::test]
async fn where_the_key_of_a_token_is_refused_this_devices_own_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let (rig, token) = (Rig::new(key(1)).await, key(7));
    std::fs::create_dir(dir.path().join("keys")).unwrap();
    let name = format!("keys/{}.key", rig.key.pin().digits());
    token.save_new(&dir.path().join(name)).unwrap();
    rig.judge(token.pin(), Err(CertificateError::Revoked));
    let target = Target::Remote(rig.remote(dir.path()));
    // Without a key of its own there is nothing else to try, and none is made for it.
    let (refused, ()) = tokio::join!(connect(&target, &HELLO), rig.refuse());
    assert!(matches!(refused, Err(ConnectError::KeyRefused(KeyRefused::Revoked))), "{refused:?}");
    assert!(!dir.path().join("client.key").exists());

    let own = own_key(dir.path()).unwrap();
    rig.judge(own.pin(), Ok(()));
    let (session, guest) = tokio::join!(connect(&target, &HELLO), async {
        let (mut fake, guest) = rig.accept().await;
        fake.greet().await;
        guest
    });
    session.unwrap();
    assert_eq!(guest.pin, own.pin());

    // Where neither is let in, it is told of the key that goes first.
    rig.judge(own.pin(), Err(CertificateError::ApplicationVerificationFailure));
    let (refused, ()) = tokio::join!(connect(&target, &HELLO), async {
        rig.refuse().await;
        rig.refuse().await;
    });
    assert!(matches!(refused, Err(ConnectError::KeyRefused(KeyRefused::Revoked))), "{refused:?}");
}

#[tokio::test]
async fn another_key_at_the_lan_address_discards_it_and_the_router_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (stranger, rig) = (Rig::new(key(2)).await, Rig::new(key(1)).await);
    let addresses = vec![stranger.address(Via::Lan), rig.address(Via::Internet)];
    let remote = remote(&rig.key, addresses, dir.path());
    let ((session, _fake), ()) = tokio::join!(connect_known(&rig, remote), stranger.refuse());
    assert_eq!(session.unwrap().reached.via, Via::Internet);
}

#[tokio::test]
async fn a_lan_address_that_is_silent_gives_way_to_the_router() {
    let dir = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::new(key(1)).await;
    let lan = at(Via::Lan, silent.local_addr().unwrap().port());
    let remote = remote(&rig.key, vec![lan, rig.address(Via::Internet)], dir.path());
    let began = std::time::Instant::now();
    let (session, _fake) = connect_known(&rig, remote).await;
    assert_eq!(session.unwrap().reached.via, Via::Internet);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    // The loser is dropped.
    let (mut lan, _) = silent.accept().await.unwrap();
    lan.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_host_is_reached_by_whichever_of_its_numbers_leads_there() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(key(1)).await;
    // Most systems have two numbers for it; the server listens at one.
    let host = "localhost".to_owned();
    let address = Address::Network { via: Via::Lan, host, port: rig.port() };
    let (session, _fake) = connect_known(&rig, remote(&rig.key, vec![address], dir.path())).await;
    assert_eq!(session.unwrap().reached.address, format!("localhost:{}", rig.port()));
}

#[tokio::test]
async fn a_server_with_a_copy_of_the_certificate_but_not_its_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (right, other) = (key(1).certified_key(), key(2).certified_key());
    let copied = CertifiedKey::new(right.cert.clone(), other.key.clone());
    let rig = Rig::showing(key(1), Arc::new(copied)).await;
    let (error, ()) = tokio::join!(failure(rig.remote(dir.path())), rig.refuse());
    assert!(matches!(error, ConnectError::WrongKey { .. }), "{error}");
    assert!(error.is_lasting());
}

#[tokio::test]
async fn a_server_that_refuses_this_devices_key_says_why_and_what_to_do() {
    for (verdict, begins, does) in [
        (CertificateError::ApplicationVerificationFailure, "this server does not know", "invite"),
        (CertificateError::Revoked, "this device's key was revoked", "new invite"),
        (CertificateError::Expired, "this device's key has expired", "new invite"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(key(1)).await;
        rig.judge(own_key(dir.path()).unwrap().pin(), Err(verdict.clone()));
        let (error, ()) = tokio::join!(failure(rig.remote(dir.path())), rig.refuse());
        let said = error.to_string();
        assert!(said.starts_with(begins) && said.contains(does), "{said}");
        assert!(error.is_lasting(), "{error}");
        let as_named = match verdict {
            CertificateError::Revoked => {
                matches!(error, ConnectError::KeyRefused(KeyRefused::Revoked))
            }
            CertificateError::Expired => {
                matches!(error, ConnectError::KeyRefused(KeyRefused::Expired))
            }
            _ => matches!(error, ConnectError::KeyRefused(KeyRefused::Unknown)),
        };
        assert!(as_named, "{error:?}");
    }
}

#[tokio::test]
async fn a_closed_port_and_a_silent_machine_give_different_errors() {
    let dir = tempfile::tempdir().unwrap();
    let (_socket, port) = closed_port();
    let error = failure(remote(&key(1), vec![at(Via::Lan, port)], dir.path())).await;
    assert!(matches!(error, ConnectError::NotListening { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(!error.is_lasting());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_after_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = at(Via::Lan, silent.local_addr().unwrap().port());
    let began = tokio::time::Instant::now();
    let error = failure(remote(&key(1), vec![address], dir.path())).await;
    assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_reported_as_that() {
    let dir = tempfile::tempdir().unwrap();
    // Longer than a name may be: no name server is asked.
    let host = "x".repeat(64);
    let address = Address::Network { via: Via::Internet, host: host.clone(), port: 1 };
    let error = failure(remote(&key(1), vec![address], dir.path())).await;
    assert!(matches!(error, ConnectError::NoHost { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{host}:1")), "{error}");
}

#[tokio::test]
async fn what_is_no_topside_server_is_told_from_one_that_is_too_busy() {
    let dir = tempfile::tempdir().unwrap();
    let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut errors = Vec::new();
    for greeting in [&b"220 mail ready\r\n"[..], b""] {
        let port = mail.local_addr().unwrap().port();
        let remote = remote(&key(1), vec![at(Via::Lan, port)], dir.path());
        let (error, ()) = tokio::join!(failure(remote), async {
            let (mut stream, _) = mail.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        errors.push(error);
    }
    assert!(matches!(errors[0], ConnectError::NotTopside { .. }), "{}", errors[0]);
    assert!(matches!(errors[1], ConnectError::TurnedAway { .. }), "{}", errors[1]);
}

#[tokio::test]
async fn where_every_address_fails_each_is_reported_and_what_says_most_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    let (_socket, port) = closed_port();
    let stranger = Rig::new(key(2)).await;
    let addresses = vec![at(Via::Lan, port), stranger.address(Via::Internet)];
    let remote = remote(&key(1), addresses, dir.path());
    let (error, ()) = tokio::join!(failure(remote), stranger.refuse());
    assert!(matches!(error.first(), ConnectError::WrongKey { .. }), "{error}");
    let said = error.to_string();
    let places = [stranger.port(), port].map(|port| said.find(&format!("127.0.0.1:{port}")));
    assert!(places[0].is_some() && places[0] < places[1], "{said}");
    assert!(!error.is_lasting(), "the LAN address may come up");
}

#[tokio::test]
async fn a_server_that_goes_without_a_word_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(key(1)).await;
    let (session, fake) = connect_known(&rig, rig.remote(dir.path())).await;
    let mut session = session.unwrap();
    drop(fake);
    let Event::Lost(reason) = session.events.next().await else { panic!() };
    assert_eq!(reason, DisconnectReason::Gone);
}

#[tokio::test]
async fn a_session_whose_key_is_revoked_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(key(1)).await;
    let (session, mut fake) = connect_known(&rig, rig.remote(dir.path())).await;
    let mut session = session.unwrap();
    fake.tell("session/ended", json!({"code": "revoked", "reason": "", "by": "ann"})).await;
    drop(fake);
    let reason = loop {
        if let Event::Lost(reason) = session.events.next().await {
            break reason;
        }
    };
    assert!(reason.to_string().contains("the key of this device was revoked by ann"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_link_is_noticed_within_forty_seconds() {
    let rig = Rig::new(key(1)).await;
    let own = key(3);
    rig.judge(own.pin(), Ok(()));
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let shaken = tokio::join!(
        crate::connect::tls::handshake(ours, rig.key.pin(), &own, "there"),
        rig.shake(theirs)
    );
    let (Ok(stream), Some((mut fake, _))) = shaken else { panic!() };
    let (read, write) = tokio::io::split(stream);
    let (_handle, mut events) = crate::connect::session::start(read, write);
    let began = tokio::time::Instant::now();
    assert_eq!(fake.request().await.unwrap()["method"], "ping");
    let Event::Lost(reason) = events.next().await else { panic!() };
    assert!(matches!(reason, DisconnectReason::Silent { .. }), "{reason}");
    assert_eq!(began.elapsed().as_secs(), 40);
}

#[tokio::test]
async fn a_request_that_the_socket_takes_in_pieces_arrives() {
    let rig = Rig::new(key(1)).await;
    let own = key(3);
    rig.judge(own.pin(), Ok(()));
    let (ours, theirs) = tokio::io::duplex(50);
    let shaken = tokio::join!(
        crate::connect::tls::handshake(ours, rig.key.pin(), &own, "there"),
        rig.shake(theirs)
    );
    let (Ok(stream), Some((mut fake, _))) = shaken else { panic!() };
    let (read, write) = tokio::io::split(stream);
    let (handle, _events) = crate::connect::session::start(read, write);
    // Less than what brings the next request, which would push this one on.
    let soon = Duration::from_secs(15);
    let (pong, ()) = tokio::join!(tokio::time::timeout(soon, handle.call(&Ping {})), async {
        let asked = fake.request().await.unwrap();
        fake.answer(&asked, json!({})).await;
    });
    pong.unwrap().unwrap();
}

#[tokio::test]
async fn a_probe_is_a_whole_session_with_its_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::new(key(1)).await;
    rig.judge(own_key(dir.path()).unwrap().pin(), Ok(()));
    let (address, remote) = (rig.address(Via::Lan), rig.remote(dir.path()));
    let (answered, ()) = tokio::join!(probe(&address, &remote), async {
        let (mut fake, _) = rig.accept().await;
        let hello = fake.request().await.unwrap();
        assert_eq!(hello["params"]["notices"], false);
        fake.answer(&hello, super::fake::welcome(1)).await;
        assert_eq!(fake.request().await, None);
    });
    answered.unwrap();
}

#[test]
fn a_saved_server_is_dialled_by_the_way_that_was_asked_for_if_it_is_paired() {
    let (state, pin) = (Path::new("/state"), key(1).pin());
    let saved = Profile {
        name: "garden".into(),
        lan: Some("192.168.1.10".into()),
        internet: Some("2001:db8::7".into()),
        port: 8677,
        internet_port: Some(443),
        pin: Some(pin.to_string()),
        tags: Vec::new(),
    };
    let shown = |via| {
        let remote = Remote::of_profile(&saved, via, state).unwrap();
        remote.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shown(Via::Auto), ["192.168.1.10:8677", "[2001:db8::7]:443"]);
    assert_eq!(shown(Via::Lan), ["192.168.1.10:8677"]);
    assert_eq!(shown(Via::Internet), ["[2001:db8::7]:443"]);
    let why_not = |profile, via| Remote::of_profile(&profile, via, state).unwrap_err();
    let unpaired = why_not(Profile { pin: None, ..saved.clone() }, Via::Auto);
    assert!(unpaired.to_string().contains("topsided invite"), "{unpaired}");
    let no_lan = why_not(Profile { lan: None, ..saved.clone() }, Via::Lan);
    assert_eq!(no_lan, NotReady::NoAddress { name: "garden".into(), via: Via::Lan });
    let odd = why_not(Profile { pin: Some("sha256:1".into()), ..saved }, Via::Auto);
    assert_eq!(odd, NotReady::Pin { name: "garden".into(), why: PinError });
}

#[test]
fn this_devices_key_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("not/there/yet");
    let made = own_key(&state).unwrap();
    assert_eq!(own_key(&state).unwrap().pin(), made.pin());
    let read = PrivateKey::load(&state.join("client.key")).unwrap().unwrap();
    assert_eq!(read.pin(), made.pin());
}
