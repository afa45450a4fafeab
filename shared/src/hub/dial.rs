//! Dialling through a hub: the caller names a subject of its own, the box answers with one of its own or refuses, and the
//! two subjects carry a stream.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::message::OutboundMessage;
use async_nats::{Client, RequestErrorKind, Subject, Subscriber};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::access::HubRole;
use super::connection::HubConnection;
use super::stream::{Carrier, HubStream};
use crate::pin::Pin;
use crate::tls;

/// How long sent messages may take to leave this process.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// What a caller sends.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    /// Where the caller receives.
    to: String,
}

/// What a box answers: one of the two.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answer {
    /// Where the box receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refusal>,
}

/// Why a box accepts no connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// A limit of new connections is reached.
    Busy,
    /// The server ends.
    Closing,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// Why a box is not reached through the hub.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No box with this pin is at the hub.
    #[error("the box is not at the hub")]
    Away,
    /// The box does not answer.
    #[error("the box has not answered")]
    Silent,
    /// The box refuses.
    #[error("the box refuses new connections")]
    Refused(Refusal),
    /// The answer cannot be read.
    #[error("the answer of the box cannot be read")]
    Malformed,
    /// The hub does not carry it.
    #[error("{0}")]
    Hub(String),
}

impl HubConnection {
    /// Opens a stream to the box with this pin. Which key is at its end, TLS says.
    pub async fn dial(&self, pin: &Pin) -> Result<HubStream, DialError> {
        let hub = |error: &dyn std::fmt::Display| DialError::Hub(error.to_string());
        let own = self.own_subject()?;
        // The subscription is at the hub before the dial, which follows it on the same connection.
        let subscriber = self.client.subscribe(own.clone()).await.map_err(|error| hub(&error))?;
        let call = serde_json::to_vec(&Call { to: own }).map_err(|error| hub(&error))?;
        let answer = self.client.request(self.subjects.dial(pin), call.into()).await;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => DialError::Away,
            RequestErrorKind::TimedOut => DialError::Silent,
            _ => hub(&error),
        })?;
        let answer: Answer =
            serde_json::from_slice(&answer.payload).map_err(|_| DialError::Malformed)?;
        match answer {
            Answer { refused: Some(why), .. } => Err(DialError::Refused(why)),
            Answer { to: Some(to), .. } if self.is_of(HubRole::Box, &to) => {
                Ok(HubStream::start(self.carrier(subscriber, to)))
            }
            Answer { .. } => Err(DialError::Malformed),
        }
    }

    /// Receives what dials the box with this pin.
    pub async fn listen(&self, pin: &Pin) -> Result<IncomingDials, DialError> {
        let subscribed = self.client.subscribe(self.subjects.dial(pin)).await;
        let subscriber = subscribed.map_err(|error| DialError::Hub(error.to_string()))?;
        Ok(IncomingDials { hub: self.clone(), subscriber })
    }

    fn own_subject(&self) -> Result<String, DialError> {
        let mut random = [0; 16];
        let filled = tls::provider().secure_random.fill(&mut random);
        filled.map_err(|_| DialError::Hub("the system gives no random bytes".to_owned()))?;
        Ok(format!("{}.{}", self.own(), HEXLOWER.encode(&random)))
    }

    /// Whether a subject that the other side sent is one of a stream at that side: 32 digits, perhaps after the name of a
    /// user.
    fn is_of(&self, role: HubRole, subject: &str) -> bool {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let Some(own) = self.subjects.below(role, subject) else { return false };
        let (name, own) = match own.split_once('.') {
            Some((name, own)) => (Some(name), own),
            None => (None, own),
        };
        name.is_none_or(is_name)
            && own.len() == 32
            && own.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    fn carrier(&self, subscriber: Subscriber, to: String) -> NatsCarrier {
        let (losses, mut waiting) = (self.losses.clone(), self.losses.clone());
        let before = *losses.borrow();
        let is_lost = async move {
            let _ = waiting.wait_for(|losses| *losses != before).await;
        };
        let (client, to) = (self.client.clone(), to.into());
        NatsCarrier { client, subscriber, to, losses, before, is_lost: Box::pin(is_lost) }
    }
}

/// The dials that reach one box.
#[derive(Debug)]
pub struct IncomingDials {
    hub: HubConnection,
    subscriber: Subscriber,
}

impl IncomingDials {
    /// Waits for the next one; none once the connection has ended for good. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<IncomingDial> {
        loop {
            let message = self.subscriber.next().await?;
            let call = serde_json::from_slice::<Call>(&message.payload);
            // Anything else comes from no client of ours.
            // An answer to another subject could reach what only boxes may write to.
            if let (Some(reply), Ok(Call { to })) = (message.reply, call)
                && self.hub.subjects.below(HubRole::Person, &reply).is_some()
                && self.hub.is_of(HubRole::Person, &to)
            {
                return Some(IncomingDial { hub: self.hub.clone(), reply, to });
            }
        }
    }
}

/// A caller that waits for an answer.
#[derive(Debug)]
pub struct IncomingDial {
    hub: HubConnection,
    reply: Subject,
    to: String,
}

impl IncomingDial {
    /// Accepts it. The stream is open once the caller sends something.
    pub async fn accept(self) -> Result<HubStream, DialError> {
        let own = self.hub.own_subject()?;
        // The subscription is at the hub before the answer, which follows it on the same connection.
        let subscribed = self.hub.client.subscribe(own.clone()).await;
        let subscriber = subscribed.map_err(|error| DialError::Hub(error.to_string()))?;
        self.answer(&Answer { to: Some(own), refused: None }).await?;
        Ok(HubStream::start(self.hub.carrier(subscriber, self.to)))
    }

    /// Refuses it.
    pub async fn refuse(self, why: Refusal) -> Result<(), DialError> {
        self.answer(&Answer { to: None, refused: Some(why) }).await
    }

    async fn answer(&self, answer: &Answer) -> Result<(), DialError> {
        let hub = |error: &dyn std::fmt::Display| DialError::Hub(error.to_string());
        let answer = serde_json::to_vec(answer).map_err(|error| hub(&error))?;
        let sent = self.hub.client.publish(self.reply.clone(), answer.into()).await;
        sent.map_err(|error| hub(&error))
    }
}

/// The messages of one stream.
struct NatsCarrier {
    client: Client,
    subscriber: Subscriber,
    to: Subject,
    /// Losses of the connection, and how many there were before the stream.
    losses: watch::Receiver<u64>,
    before: u64,
    /// Waits for a loss.
    is_lost: BoxFuture<'static, ()>,
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection to the hub was lost")
}

impl Carrier for NatsCarrier {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if *self.losses.borrow() != self.before {
            return Poll::Ready(Err(lost()));
        }
        self.client.poll_ready_unpin(cx).map_err(io::Error::other)
    }

    fn send(&mut self, payload: Bytes) -> io::Result<()> {
        let subject = self.to.clone();
        let message = OutboundMessage { subject, reply: None, payload, headers: None };
        self.client.start_send_unpin(message).map_err(io::Error::other)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match self.subscriber.poll_next_unpin(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(Ok(message.payload)),
            Poll::Ready(None) => Poll::Ready(Err(lost())),
            Poll::Pending => self.is_lost.poll_unpin(cx).map(|()| Err(lost())),
        }
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        let client = self.client.clone();
        Box::pin(async move {
            let _ = tokio::time::timeout(FLUSH_LIMIT, client.flush()).await;
        })
    }
}
