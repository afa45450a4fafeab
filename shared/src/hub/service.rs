//! Requests to a NATS micro service (`$SRV`): discovery and monitoring by the tools of NATS.

use async_nats::{Client, Subject, Subscriber};
use futures_util::StreamExt;

use super::bucket::BucketError;
use super::connection::HubConnection;

/// Requests of `nats micro` and of monitoring.
#[derive(Debug)]
pub struct ServiceRequests {
    client: Client,
    subscriber: Subscriber,
}

/// One request.
#[derive(Debug)]
pub struct ServiceRequest {
    client: Client,
    /// The subject, which names what is asked for.
    pub subject: String,
    reply: Subject,
}

impl HubConnection {
    /// Receives requests to services.
    pub async fn service_requests(&self) -> Result<ServiceRequests, BucketError> {
        let subscribed = self.client.subscribe("$SRV.>").await;
        let subscriber = subscribed.map_err(|error| BucketError::Hub(error.to_string()))?;
        Ok(ServiceRequests { client: self.client.clone(), subscriber })
    }
}

impl ServiceRequests {
    /// Waits for the next one; none once the connection has ended for good. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<ServiceRequest> {
        loop {
            let message = self.subscriber.next().await?;
            // An answer to another subject could reach what only boxes may write to.
            if let Some(reply) = message.reply.filter(|reply| reply.starts_with("_INBOX.")) {
                let (client, subject) = (self.client.clone(), message.subject.to_string());
                return Some(ServiceRequest { client, subject, reply });
            }
        }
    }
}

impl ServiceRequest {
    /// Answers it. A lost answer is asked for again.
    pub async fn answer(self, text: String) {
        let _ = self.client.publish(self.reply, text.into()).await;
    }
}
