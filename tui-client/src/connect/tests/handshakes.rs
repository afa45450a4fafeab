//! Connecting.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::fake::*;
use crate::connect::*;

/// What connecting to a server that does `act` with the first request says.
async fn failure(act: impl AsyncFnOnce(&mut Fake, Value)) -> String {
    let place = FakeSocket::new();
    let target = place.target();
    let (session, ()) = tokio::join!(connect(&target, &HELLO), async {
        let mut fake = place.accept().await;
        let hello = fake.request().await.unwrap();
        act(&mut fake, hello).await;
    });
    session.err().unwrap().to_string().replace(&place.dir.path().display().to_string(), "DIR")
}

#[tokio::test]
async fn a_server_of_another_version_is_reported_with_the_side_to_update() {
    let newer = failure(async |fake, hello| fake.answer(&hello, welcome(2)).await).await;
    assert!(newer.ends_with("update the client"), "{newer}");
    let refusal = failure(async |fake, hello| {
        let error = json!({"code": -32005, "message": "this client is older: update it",
            "data": {"kind": "unsupportedVersion"}});
        fake.refuse(&hello, error).await;
    });
    assert_eq!(refusal.await, "this client is older: update it");
}

#[tokio::test]
async fn a_server_that_refuses_this_user_is_told_so() {
    let refusal = failure(async |fake, _| {
        let error = json!({"code": -32003, "message": "user mallory is not allowed here",
            "data": {"kind": "forbidden"}});
        fake.send(&json!({"jsonrpc": "2.0", "id": null, "error": error})).await;
    });
    assert_eq!(
        refusal.await,
        "this user may not use the server at DIR/s: user mallory is not allowed here"
    );
}

#[tokio::test]
async fn something_else_that_listens_is_not_taken_for_a_server() {
    let other = failure(async |fake, _| fake.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await).await;
    assert!(other.starts_with("what answers at DIR/s is not a Topside server"), "{other}");
    let closed = failure(async |_, _| {}).await;
    assert_eq!(closed, "connection closed without a reason");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let place = FakeSocket::new();
    let began = tokio::time::Instant::now();
    let error = connect(&place.target(), &HELLO).await.unwrap_err();
    assert!(matches!(error, ConnectError::Stuck { .. }), "{error}");
    assert!(!error.is_lasting());
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn no_server_names_every_place_that_was_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (none, dead) = (dir.path().join("none"), dir.path().join("dead"));
    drop(UnixListener::bind(&dead).unwrap());
    let target = Target::Local(vec![none.clone(), dead.clone()].into());
    let Err(ConnectError::NoServer { tried }) = connect(&target, &HELLO).await else { panic!() };
    assert_eq!(tried, [none, dead]);
}

#[tokio::test]
async fn a_socket_path_over_the_systems_limit_is_reported_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let error = connect(&Target::Local(vec![deep.join("s")].into()), &HELLO).await.unwrap_err();
    assert!(matches!(error, ConnectError::PathTooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_socket_where_anybody_could_have_put_it_is_not_talked_to() {
    use std::os::unix::fs::PermissionsExt;
    let place = FakeSocket::new();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.dir.path(), open).unwrap();
    let error = connect(&place.target(), &HELLO).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::ForeignDirectory { dir, .. } if dir == place.dir.path())
    );
    // Where there is no socket, there is nothing to distrust.
    let none = Target::Local(vec![PathBuf::from(place.dir.path()).join("none")].into());
    assert!(matches!(connect(&none, &HELLO).await, Err(ConnectError::NoServer { .. })));
}

#[tokio::test]
async fn giving_up_the_dial_hangs_up() {
    let place = FakeSocket::new();
    let target = place.target();
    let dialling = connect(&target, &HELLO);
    let mut fake = tokio::select! {
        fake = place.accept() => fake,
        _ = dialling => panic!("connected without initialize"),
    };
    // What was sent before is read, then the end.
    let end = async { while fake.request().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), end).await.unwrap();
}
