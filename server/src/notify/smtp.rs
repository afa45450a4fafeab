//! Sends an event as a mail.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;
use topside_shared::text::{clean, host_port};

use crate::base::blocking::blocking;
use crate::notify::connect::addresses;
use crate::notify::event::Event;
use crate::notify::secret;
use crate::settings::notify::smtp::{Encryption, Smtp};

/// How long the sending of a mail may take, up to the answer of the server that it has it.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the end of the session may take, once the server has the mail.
const QUIT_LIMIT: Duration = Duration::from_secs(1);
/// Most bytes of the text.
const MOST: usize = 64 * 1024;
/// Most characters of an answer that are shown.
const MOST_SHOWN: usize = 200;

/// # Errors
/// Why it was not sent.
pub(super) async fn send(smtp: &Smtp, event: &Event) -> Result<String, String> {
    let server = host_port(&smtp.host, smtp.port);
    match timeout(LIMIT, deliver(smtp, event)).await {
        Ok(Ok((answer, mut connection))) => {
            // The server has the mail: what comes of the end does not matter.
            let _ = timeout(QUIT_LIMIT, connection.quit()).await;
            Ok(words(&answer))
        }
        Ok(Err(why)) => Err(format!("{server}: {why}")),
        Err(_) => Err(format!("{server} did not take the mail within {} s", LIMIT.as_secs())),
    }
}

async fn deliver(smtp: &Smtp, event: &Event) -> Result<(Response, AsyncSmtpConnection), String> {
    let message = message(smtp, event)?;
    let credentials = match &smtp.login {
        Some(login) => {
            Some(Credentials::new(login.user.clone(), secret(&login.password_file).await?))
        }
        None => None,
    };
    let tls = match smtp.encryption {
        Encryption::None => None,
        _ => Some(tls(smtp.host.clone()).await?),
    };
    let addresses = addresses(&smtp.host, smtp.port).await?;
    let hello = ClientId::Domain(domain(&event.host));
    let session = session(smtp, &addresses, tls, &hello, credentials.as_ref());
    let mut connection = session.await.map_err(|error| failure(&error))?;
    let sent = connection.send(message.envelope(), &message.formatted()).await;
    Ok((sent.map_err(|error| failure(&error))?, connection))
}

/// A session with the server in which a mail can be sent.
async fn session(
    smtp: &Smtp,
    addresses: &[SocketAddr],
    tls: Option<TlsParameters>,
    hello: &ClientId,
    credentials: Option<&Credentials>,
) -> Result<AsyncSmtpConnection, Error> {
    let (implicit, after_command) = match smtp.encryption {
        Encryption::Implicit => (tls, None),
        Encryption::StartTls | Encryption::None => (None, tls),
    };
    // Each address gets its share, and one share is left for the mail: a slow network may take seconds to connect.
    let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
    let limit = Some(LIMIT / shares);
    let connecting = AsyncSmtpConnection::connect_tokio1(addresses, limit, hello, implicit, None);
    let mut connection = connecting.await?;
    if let Some(tls) = after_command {
        connection.starttls(tls, hello).await?;
    }
    if let Some(credentials) = credentials {
        connection.auth(DEFAULT_MECHANISMS, credentials).await?;
    }
    Ok(connection)
}

/// TLS to a server of this name. The certificates that the system trusts are read on a thread that may wait for the disk.
async fn tls(host: String) -> Result<TlsParameters, String> {
    let made =
        blocking(move || TlsParameters::new(host)).await.map_err(|error| error.to_string())?;
    made.map_err(|error| failure(&error))
}

fn message(smtp: &Smtp, event: &Event) -> Result<Message, String> {
    let time = SystemTime::UNIX_EPOCH
        + Duration::from_millis(u64::try_from(event.time.as_millis()).unwrap_or(0));
    let mut message = Message::builder()
        // A mail that is sent twice has the same one.
        .message_id(Some(format!("<{}@{}>", event.id, domain(&event.host))))
        .date(time)
        .from(smtp.from.clone())
        .subject(event.title())
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    for to in &smtp.to {
        message = message.to(to.clone());
    }
    message.body(event.text(MOST)).map_err(|error| error.to_string())
}

/// Tells programs that answer mails that a program sent this one (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The name of the box, as far as it is one of a host.
fn domain(host: &str) -> String {
    let is_valid = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String = host.chars().filter(is_valid).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// An answer: its code and its text.
fn words(answer: &Response) -> String {
    let text = answer.message().collect::<Vec<_>>().join(" ");
    clean(&format!("{} {text}", answer.code()), MOST_SHOWN)
}

/// Why a mail was not sent. The library names the layer before the cause; the cause is enough.
fn failure(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let words = match (error.status(), cause.is_empty()) {
        (Some(code), _) => format!("the mail server answered {code} {cause}"),
        (None, false) => cause,
        (None, true) => error.to_string(),
    };
    clean(&words, MOST_SHOWN)
}
