//! Bucket of a fleet: a JetStream key-value bucket at the hub, by the requests of JetStream itself. Each side uses the few
//! subjects that its credential permits.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::{HeaderMap, Message, Request, RequestErrorKind, Subscriber};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::FleetName;
use super::connection::HubConnection;
use super::delivery::Delivery;
use crate::time::Time;
use crate::tls;

/// Longest value: that of a roster, and what JetStream needs around it, stay below the limit of NATS (1 MiB).
const MAX_VALUE: usize = 960 * 1024;
/// Most bytes of a bucket on the disk of the hub.
const MAX_BUCKET: u64 = 256 * 1024 * 1024;
/// How long the hub may be silent while it lists.
const SILENCE: Duration = Duration::from_secs(5);
/// Silence after which the bucket may be missing.
const DOUBT: Duration = Duration::from_millis(700);
/// Error codes of JetStream.
const WRONG_SEQUENCE: u64 = 10_071;
const NO_STREAM: u64 = 10_059;
const NAME_IN_USE: u64 = 10_058;
const NO_REPLICAS: u64 = 10_074;
/// What marks a deleted key.
const OPERATION: &str = "KV-Operation";

/// Why the bucket cannot be read or written, as a sentence with advice and without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The hub carries messages only.
    #[error(
        "the hub has no JetStream, where a fleet keeps its roster: `topsided hub init` writes a configuration with it"
    )]
    NoJetStream,
    /// JetStream has no such bucket.
    #[error(
        "the hub does not know the fleet {0}: an admin of the fleet restores it with `topside fleet create {0}`"
    )]
    NoBucket(FleetName),
    /// A fleet of this name is there.
    #[error("the hub has a fleet {0} already: choose another name")]
    Exists(FleetName),
    /// Another writer was first.
    #[error("another device has changed it at the same time: try again")]
    Conflict,
    /// The hub does not answer.
    #[error("the hub has not answered within {} s", SILENCE.as_secs())]
    Silent,
    /// The configuration of the hub does not permit it to this side.
    #[error("the hub does not permit it to this side's credential")]
    NotPermitted,
    /// Messages of a list were lost on this side.
    #[error("a part of the hub's list was lost: try again")]
    Incomplete,
    /// The value is too large.
    #[error("{0} bytes are too many for the hub, which keeps at most {MAX_VALUE} for one key")]
    TooLarge(usize),
    /// The hub refuses.
    #[error("the hub does not do it: {0}")]
    Hub(String),
}

/// The value of a key, and when the hub stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// The place in the order of all writes to the bucket.
    pub sequence: u64,
    /// When it was stored, by the hub's clock.
    pub stored_at: Time,
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The new value; none if the key was deleted.
    pub value: Option<Bytes>,
}

/// The bucket of one fleet.
#[derive(Debug, Clone)]
pub struct Bucket {
    hub: HubConnection,
    fleet: FleetName,
}

impl HubConnection {
    /// The bucket of the fleet that this connection is for.
    pub fn bucket(&self) -> Bucket {
        Bucket { hub: self.clone(), fleet: self.fleet.clone() }
    }
}

impl Bucket {
    /// Creates the bucket. Only an admin's credential can.
    pub async fn create(&self) -> Result<(), BucketError> {
        // Three copies where the hub is a cluster.
        match self.create_with(3).await {
            Err(BucketError::Hub(why)) if why == no_replicas() => self.create_with(1).await,
            result => result,
        }
    }

    async fn create_with(&self, replicas: u8) -> Result<(), BucketError> {
        let config = json!({
            "name": self.stream(), "subjects": [format!("{}>", self.prefix())],
            "retention": "limits", "storage": "file", "discard": "new", "num_replicas": replicas,
            "max_consumers": -1, "max_msgs": -1, "max_bytes": MAX_BUCKET, "max_age": 0,
            "max_msgs_per_subject": 1, "max_msg_size": 1024 * 1024, "duplicate_window": 120_000_000_000_u64,
            "allow_rollup_hdrs": true, "deny_delete": true, "allow_direct": true,
            "republish": { "src": ">", "dest": format!("{}>", self.changed()) },
        });
        let subject = format!("$JS.API.STREAM.CREATE.{}", self.stream());
        self.api(subject, config).await.map(drop)
    }

    /// Deletes the bucket with all keys. Only an admin's credential can.
    pub async fn destroy(&self) -> Result<(), BucketError> {
        self.api(format!("$JS.API.STREAM.DELETE.{}", self.stream()), json!({})).await.map(drop)
    }

    /// The value of a key; none if it has none.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, BucketError> {
        let subject = format!("$JS.API.DIRECT.GET.{}.{}{key}", self.stream(), self.prefix());
        let answer = tokio::select! {
            answer = self.request(subject, Bytes::new(), HeaderMap::new()) => answer?,
            () = self.is_missing_after(DOUBT) => return Err(BucketError::NoBucket(self.fleet.clone())),
        };
        let header =
            |name: &str| answer.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
        match (answer.status.map(|status| status.as_u16()), header("Nats-Sequence")) {
            (Some(404), _) => Ok(None),
            (None, Some(sequence)) => {
                let stored_at = header("Nats-Time-Stamp").and_then(|time| time.parse().ok());
                let unreadable = || BucketError::Hub("its answer cannot be read".to_owned());
                let (sequence, stored_at) =
                    sequence.parse().ok().zip(stored_at).ok_or_else(unreadable)?;
                let is_deleted = header(OPERATION).is_some();
                let value = answer.payload.clone();
                let entry = Entry { key: key.to_owned(), value, sequence, stored_at };
                Ok((!is_deleted).then_some(entry))
            }
            (_, _) => {
                let why = answer.description.unwrap_or_else(|| "its answer cannot be read".into());
                Err(BucketError::Hub(why))
            }
        }
    }

    /// Sets a key; returns its sequence.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, BucketError> {
        self.write(key, value, HeaderMap::new()).await
    }

    /// Sets a key if its last write had this sequence, or if it never had a value (0). Otherwise another writer was first.
    pub async fn put_after(
        &self,
        key: &str,
        value: Bytes,
        sequence: u64,
    ) -> Result<u64, BucketError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", sequence.to_string());
        self.write(key, value, headers).await
    }

    /// Deletes a key. Without one nothing happens.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "DEL");
        self.write(key, Bytes::new(), headers).await.map(drop)
    }

    /// Sends a value, and does not wait for the hub to have stored it.
    pub async fn send(&self, key: &str, value: Bytes) -> Result<(), BucketError> {
        let sent = self.hub.client.publish(format!("{}{key}", self.prefix()), value).await;
        sent.map_err(|error| BucketError::Hub(error.to_string()))
    }

    async fn write(&self, key: &str, value: Bytes, headers: HeaderMap) -> Result<u64, BucketError> {
        if value.len() > MAX_VALUE {
            return Err(BucketError::TooLarge(value.len()));
        }
        let answer = self.request(format!("{}{key}", self.prefix()), value, headers).await?;
        let stored: Stored = self.answer(&answer)?;
        Ok(stored.seq)
    }

    /// All keys that match, such as `box.*` or `>`, in the order of their last writes. Boxes may not list.
    pub async fn list(&self, keys: &str) -> Result<Vec<Entry>, BucketError> {
        self.list_at(keys).await.map(|(entries, _)| entries)
    }

    /// The same, and when the hub listed them by its own clock, which stored them too; none where it did not say.
    pub async fn list_at(&self, keys: &str) -> Result<(Vec<Entry>, Option<Time>), BucketError> {
        let mut random = [0; 16];
        let filled = tls::provider().secure_random.fill(&mut random);
        filled.map_err(|_| BucketError::Hub("the system gives no random bytes".to_owned()))?;
        let inbox = format!("{}.{}", self.hub.own(), HEXLOWER.encode(&random));
        let hub = |error: &dyn std::fmt::Display| BucketError::Hub(error.to_string());
        let mut messages =
            self.hub.client.subscribe(inbox.clone()).await.map_err(|error| hub(&error))?;
        let config = json!({ "stream_name": self.stream(), "config": {
            "deliver_subject": inbox, "filter_subject": format!("{}{keys}", self.prefix()),
            "deliver_policy": "last_per_subject", "ack_policy": "none", "replay_policy": "instant",
            "max_deliver": 1, "mem_storage": true, "num_replicas": 1,
            "inactive_threshold": 5_000_000_000_u64,
        }});
        let subject = format!("$JS.API.CONSUMER.CREATE.{}", self.stream());
        let made = self.api(subject, config).await?;
        let mut expected = made.get("num_pending").and_then(Value::as_u64).unwrap_or_default();
        let created = made.get("created").and_then(Value::as_str);
        let listed_at = created.and_then(|time| time.parse().ok());
        let (mut entries, mut received) = (Vec::new(), 0);
        while expected > 0 {
            let next = tokio::time::timeout(SILENCE, messages.next()).await;
            let message = next.map_err(|_| BucketError::Silent)?.ok_or(BucketError::Silent)?;
            let delivery = message.reply.as_deref().and_then(Delivery::read);
            let Some(Delivery { number, sequence, stored_at, left }) = delivery else { continue };
            received += 1;
            if number != received {
                return Err(BucketError::Incomplete);
            }
            let Change { key, value } = self.change(message);
            if let Some(value) = value {
                entries.push(Entry { key, value, sequence, stored_at });
            }
            expected = left;
        }
        Ok((entries, listed_at))
    }

    /// Receives changes of all keys that match, from now on, once the hub has stored them. What a lost connection misses is
    /// not delivered: read the keys after [`HubConnection::changed`].
    pub async fn watch(&self, keys: &str) -> Result<Watch, BucketError> {
        let subject = format!("{}{}{keys}", self.changed(), self.prefix());
        let subscribed = self.hub.client.subscribe(subject).await;
        let subscriber = subscribed.map_err(|error| BucketError::Hub(error.to_string()))?;
        // A value that is read from now on is not older than the first change.
        let flushed = self.hub.client.flush().await;
        flushed.map_err(|error| BucketError::Hub(error.to_string()))?;
        Ok(Watch { bucket: self.clone(), subscriber })
    }

    fn change(&self, message: Message) -> Change {
        let changed = self.changed();
        let subject = message.subject.strip_prefix(&changed).unwrap_or(&message.subject);
        let key = subject.strip_prefix(&self.prefix()).unwrap_or_default().to_owned();
        let is_deleted =
            message.headers.as_ref().is_some_and(|headers| headers.get(OPERATION).is_some());
        Change { key, value: (!is_deleted).then_some(message.payload) }
    }

    fn stream(&self) -> String {
        format!("KV_topside_{}", self.fleet)
    }

    /// What the subjects begin with under which the hub repeats what it has stored. Unlike those of the bucket itself, they
    /// are passed on to leaf nodes.
    fn changed(&self) -> String {
        format!("topside.v1.{}.changed.", self.fleet)
    }

    fn prefix(&self) -> String {
        format!("$KV.topside_{}.", self.fleet)
    }

    async fn api(
        &self,
        subject: String,
        body: Value,
    ) -> Result<HashMap<String, Value>, BucketError> {
        let body = body.to_string().into();
        let answer = self.request(subject, body, HeaderMap::new()).await?;
        self.answer(&answer)
    }

    async fn request(
        &self,
        subject: String,
        body: Bytes,
        headers: HeaderMap,
    ) -> Result<Message, BucketError> {
        let mut request = Request::new().payload(body);
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        let refused = self.hub.refused(subject.clone());
        let answer = tokio::select! {
            answer = self.hub.client.send_request(subject, request) => answer,
            () = refused => return Err(BucketError::NotPermitted),
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::TimedOut => BucketError::Silent,
                RequestErrorKind::NoResponders => self.missing().await,
                _ => BucketError::Hub(error.to_string()),
            }),
        }
    }

    /// Returns if the bucket is missing, which is asked after this time: JetStream does not answer reads of a missing one.
    async fn is_missing_after(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
        let body = json!({ "subject": format!("{}roster", self.prefix()) });
        let named = self.api("$JS.API.STREAM.NAMES".to_owned(), body).await;
        let is_missing =
            named.is_ok_and(|answer| answer.get("total").and_then(Value::as_u64) == Some(0));
        if !is_missing {
            std::future::pending::<()>().await;
        }
    }

    /// What is missing at a hub where no stream takes a request.
    async fn missing(&self) -> BucketError {
        let info = self.hub.client.send_request("$JS.API.INFO", Request::new()).await;
        let info = info.map(|answer| self.answer::<HashMap<String, Value>>(&answer));
        match info {
            Ok(Ok(_)) => BucketError::NoBucket(self.fleet.clone()),
            Ok(Err(_)) => BucketError::NoJetStream,
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                BucketError::NoJetStream
            }
            Err(_) => BucketError::Silent,
        }
    }

    fn answer<T: for<'de> Deserialize<'de>>(&self, answer: &Message) -> Result<T, BucketError> {
        #[derive(Deserialize)]
        struct Answer {
            error: Option<ApiError>,
        }
        #[derive(Deserialize)]
        struct ApiError {
            #[serde(default)]
            err_code: u64,
            #[serde(default)]
            description: String,
        }
        let unreadable =
            |error: serde_json::Error| BucketError::Hub(format!("its answer: {error}"));
        let read: Answer = serde_json::from_slice(&answer.payload).map_err(unreadable)?;
        match read.error {
            None => serde_json::from_slice(&answer.payload).map_err(unreadable),
            Some(ApiError { err_code: WRONG_SEQUENCE, .. }) => Err(BucketError::Conflict),
            Some(ApiError { err_code: NO_STREAM, .. }) => {
                Err(BucketError::NoBucket(self.fleet.clone()))
            }
            Some(ApiError { err_code: NAME_IN_USE, .. }) => {
                Err(BucketError::Exists(self.fleet.clone()))
            }
            Some(ApiError { err_code: NO_REPLICAS, .. }) => Err(BucketError::Hub(no_replicas())),
            Some(error) => Err(BucketError::Hub(error.description)),
        }
    }
}

/// What JetStream says where a stream cannot have several copies.
fn no_replicas() -> String {
    "it cannot keep several copies".to_owned()
}

#[derive(Deserialize)]
struct Stored {
    seq: u64,
}

/// Changes of the bucket, as they happen.
#[derive(Debug)]
pub struct Watch {
    bucket: Bucket,
    subscriber: Subscriber,
}

impl Watch {
    /// Waits for the next one; none once the connection has ended for good. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<Change> {
        let message = self.subscriber.next().await?;
        Some(self.bucket.change(message))
    }
}
