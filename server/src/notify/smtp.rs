//! Sends an event as a mail.

use std::time::{Duration, SystemTime};

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use lettre::{Address, Message};
use tokio::time::timeout;
use topside_shared::text::{clean, host_port};

use crate::base::blocking::blocking;
use crate::notify::connect::{addresses, connect};
use crate::notify::delivered::Delivered;
use crate::notify::event::Event;
use crate::notify::limited_stream::LimitedStream;
use crate::notify::secret;
use crate::notify::tls_client::{TlsClient, encrypt};
use crate::settings::notify::smtp::{Encryption, Smtp};

/// How long the sending of a mail may take, up to the answer of the server that it has it.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the end of the session may take, once the server has the mail.
const QUIT_LIMIT: Duration = Duration::from_secs(1);
/// Most bytes of the text.
const MOST: usize = 64 * 1024;
/// Most characters of an answer that are shown.
const MOST_SHOWN: usize = 200;

/// Sends a mail to these recipients; to all of the notifier where none is named.
///
/// # Errors
/// Why it was not sent. If the mail server refuses some of several recipients, the others get the mail.
pub(super) async fn send(
    smtp: &Smtp,
    event: &Event,
    recipients: &[String],
    tls: &TlsClient,
) -> Result<Delivered, String> {
    let server = host_port(&smtp.host, smtp.port);
    match timeout(LIMIT, deliver(smtp, event, recipients, tls)).await {
        Ok(Ok((delivered, mut connection))) => {
            // The server has the mail: what comes of the end does not matter.
            let _ = timeout(QUIT_LIMIT, connection.quit()).await;
            Ok(delivered)
        }
        Ok(Err(why)) => Err(format!("{server}: {why}")),
        Err(_) => Err(format!("{server} did not take the mail within {} s", LIMIT.as_secs())),
    }
}

async fn deliver(
    smtp: &Smtp,
    event: &Event,
    recipients: &[String],
    tls: &TlsClient,
) -> Result<(Delivered, AsyncSmtpConnection), String> {
    let message = message(smtp, event)?;
    let credentials = match &smtp.login {
        Some(login) => {
            Some(Credentials::new(login.user.clone(), secret(&login.password_file).await?))
        }
        None => None,
    };
    let mut connection = session(smtp, &domain(&event.host), credentials.as_ref(), tls).await?;
    let to = smtp.to.iter().map(|mailbox| &mailbox.email);
    let is_named = |address: &&Address| {
        recipients.is_empty() || recipients.iter().any(|one| one == AsRef::<str>::as_ref(*address))
    };
    let to: Vec<&Address> = to.filter(is_named).collect();
    let delivered = transfer(&mut connection, &smtp.from, &to, &message.formatted()).await?;
    match delivered.refused.first() {
        // No recipient has it. Once some have, only the others that may accept it later are asked again.
        Some((_, why)) if delivered.accepted.is_empty() && recipients.is_empty() => {
            Err(why.clone())
        }
        _ => Ok((delivered, connection)),
    }
}

/// Sends a mail in an open session, to the recipients that the server accepts.
async fn transfer(
    connection: &mut AsyncSmtpConnection,
    from: &Mailbox,
    to: &[&Address],
    mail: &[u8],
) -> Result<Delivered, String> {
    let mut delivered = Delivered::default();
    // A reload has removed the recipients that did not have it yet.
    if to.is_empty() {
        return Ok(delivered);
    }
    let options = options(connection, from, to, mail)?;
    let begun = connection.command(Mail::new(Some(from.email.clone()), options)).await;
    begun.map_err(|error| failure(&error))?;
    for &address in to {
        match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
            Ok(_) => delivered.accepted.push(address.to_string()),
            Err(error) if error.is_transient() || error.is_permanent() => {
                delivered.refused(address.to_string(), failure(&error), error.is_transient());
            }
            Err(error) => return Err(failure(&error)),
        }
    }
    if delivered.accepted.is_empty() {
        return Ok(delivered);
    }
    let sent = async {
        connection.command(Data).await?;
        connection.message(mail).await
    };
    let answer = sent.await.map_err(|error| failure(&error))?;
    delivered.answer = Some(words(&answer));
    Ok(delivered)
}

/// What the mail needs of the server.
///
/// # Errors
/// The server does not have it.
fn options(
    connection: &AsyncSmtpConnection,
    from: &Mailbox,
    to: &[&Address],
    mail: &[u8],
) -> Result<Vec<MailParameter>, String> {
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let needs_utf8 = !is_ascii(&from.email) || !to.iter().all(|address| is_ascii(address));
    let mut options = Vec::new();
    for (is_needed, extension, option) in [
        (needs_utf8, Extension::SmtpUtfEight, MailParameter::SmtpUtfEight),
        (
            !mail.is_ascii(),
            Extension::EightBitMime,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ),
    ] {
        if is_needed && !connection.server_info().supports_feature(extension) {
            return Err(format!(
                "the mail server does not support {extension}, which this mail needs"
            ));
        }
        options.extend(is_needed.then_some(option));
    }
    Ok(options)
}

/// A session with the server in which a mail can be sent.
async fn session(
    smtp: &Smtp,
    hello: &str,
    credentials: Option<&Credentials>,
    tls: &TlsClient,
) -> Result<AsyncSmtpConnection, String> {
    let hello = ClientId::Domain(hello.to_owned());
    // Read first: without certificates no connection is needed.
    let (implicit, after_command) = match smtp.encryption {
        Encryption::Implicit => (Some(tls.connector().await?), None),
        Encryption::StartTls => (None, Some(starttls(smtp.host.clone()).await?)),
        Encryption::None => (None, None),
    };
    let stream = connect(&addresses(&smtp.host, smtp.port).await?).await?;
    let peer = stream.peer_addr().map_err(|error| error.to_string())?;
    let stream: Box<dyn AsyncTokioStream> = match implicit {
        Some(tls) => Box::new(LimitedStream::new(encrypt(&tls, &smtp.host, stream).await?, peer)),
        None => Box::new(LimitedStream::new(stream, peer)),
    };
    let session = async {
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let Some(tls) = after_command {
            connection.starttls(tls, &hello).await?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    };
    session.await.map_err(|error| failure(&error))
}

/// What the library needs for TLS after a command. The certificates that the system trusts are read on a thread that may wait for the
/// disk.
async fn starttls(host: String) -> Result<TlsParameters, String> {
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
