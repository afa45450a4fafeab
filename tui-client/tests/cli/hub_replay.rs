//! A recorded session through a hub, sent to the box again by a thief of the access of people.

use std::sync::Arc;

use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::io::InspectWriter;
use topside_shared::hub::{HubConnection, HubRole};
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::{any_name, client_config};

use crate::common::eventually;
use crate::hub_server::Hub;

/// How long the box may take to answer or to give up a connection.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn a_replayed_session_runs_nothing() {
    let Some(hub) = Hub::new() else { return };
    let (garden, client) = hub.box_and_client();
    let pin: topside_shared::Pin = garden.verb(&["id"]).parse().unwrap();
    let key = PrivateKey::load(&client.path("state/client.key")).unwrap().unwrap();
    let runs = || garden.place.json(&["runs"])["runs"].as_array().unwrap().len();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let access = hub.credentials().access(HubRole::Person, &"garden".parse().unwrap());
    let people = runtime.block_on(HubConnection::open(&access)).unwrap();

    let recorded = runtime.block_on(async {
        let mut written = Vec::new();
        let record = |bytes: &[u8]| written.extend_from_slice(bytes);
        let stream = InspectWriter::new(people.dial(&pin).await.unwrap(), record);
        let shown = Arc::new(SingleCertAndKey::from(key.certified_key()));
        let config = Arc::new(client_config(pin, shown).unwrap());
        let mut tls =
            tokio_rustls::TlsConnector::from(config).connect(any_name(), stream).await.unwrap();
        let request = br#"{"jsonrpc":"2.0","id":1,"method":"command/run","params":{"command":"own-status","args":{"status":0},"wait":true}}"#;
        tls.write_all(&[&request[..], b"\n"].concat()).await.unwrap();
        tls.flush().await.unwrap();
        let mut answer = vec![0; 4096];
        let count = timeout(PATIENCE, tls.read(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(answer.contains("\"result\""), "{answer}");
        drop(tls);
        written
    });
    assert!(recorded.len() > 500, "{} bytes", recorded.len());
    eventually("the run is listed", || runs() == 1);

    // The box takes the connection, and the handshake fails: it has other random numbers.
    runtime.block_on(async {
        let mut stream = people.dial(&pin).await.unwrap();
        stream.write_all(&recorded).await.unwrap();
        let mut said = Vec::new();
        // It ends with an error or without one.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap();
    });
    assert_eq!(runs(), 1);
    assert_eq!(client.run(&["--on", "garden", "--via", "hub", "echo", "on"]).with(0).out, "on\n");
}
