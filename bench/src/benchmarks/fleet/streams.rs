//! A stream through the hub beside TLS over TCP, between the same two processes: the time of a message to the other end and
//! back, and the bytes of a second.

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use topside_shared::hub::{HubConnection, HubRole};
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::{any_name, client_config};

use super::hub::Hub;
use super::{Helper, failed};
use crate::baseline::hub_end::MESSAGE;
use crate::goal::Goal;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use crate::statistics::{Series, percentile};

/// Messages of one measurement of the time there and back.
const MESSAGES: usize = 1000;

pub(super) fn measure(
    hub: &Hub,
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let key_file = hub.path("key");
    let key = PrivateKey::load_or_make(&key_file).map_err(failed)?;
    let mut command = Command::new(programs.own());
    command.arg("raw-hub-end").arg(hub.strings()).arg(&key_file);
    let other_end = Helper::start(command)?;
    let port: u16 = other_end.number()?;
    let shown = Arc::new(SingleCertAndKey::from(key.certified_key()));
    let connector = TlsConnector::from(Arc::new(client_config(key.pin(), shown).map_err(failed)?));
    // One thread, as `topside` has.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut time, mut rate) = (Series::default(), Series::default());
    runtime.block_on(async {
        let connection =
            HubConnection::open(&hub.access(HubRole::Person)?).await.map_err(failed)?;
        for _ in 0..settings.rounds {
            for (bytes, series) in [(0, &mut time), (settings.output_bytes, &mut rate)] {
                let stream = connection.dial(&key.pin()).await.map_err(failed)?;
                series.ours.push(figure(&connector, stream, bytes).await?);
                let stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                series.raw.push(figure(&connector, stream, bytes).await?);
            }
        }
        Ok::<_, io::Error>(())
    })?;
    let row = report.add(
        "fleet: 64 bytes through the hub and back, p50",
        "ms",
        time,
        &[Goal::raw_at_most(4.0)],
    );
    row.beside("TLS over TCP", "");
    let row = report.add("fleet: bytes through the hub", "MB/s", rate, &[Goal::raw_at_least(0.3)]);
    row.beside("TLS over TCP", "");
    Ok(())
}

/// The median of [`MESSAGES`] times there and back, in ms; where `bytes` are asked for, their rate in MB/s.
async fn figure(
    connector: &TlsConnector,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: u64,
) -> io::Result<f64> {
    let mut stream = connector.connect(any_name(), stream).await?;
    stream.write_u64(bytes).await?;
    if bytes == 0 {
        let (mut message, mut times) = ([b'x'; MESSAGE], Vec::new());
        for _ in 0..MESSAGES {
            let sent = Instant::now();
            stream.write_all(&message).await?;
            stream.flush().await?;
            stream.read_exact(&mut message).await?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        return Ok(percentile(times, 50));
    }
    stream.flush().await?;
    let (started, mut left) = (Instant::now(), bytes);
    let mut block = vec![0; 64 * 1024];
    while left > 0 {
        match stream.read(&mut block).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count as u64,
        }
    }
    Ok(bytes as f64 / 1e6 / started.elapsed().as_secs_f64())
}
