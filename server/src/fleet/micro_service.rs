//! Answers of the box as a NATS micro service, so that `nats micro` and monitoring see it.

use std::sync::Arc;

use serde_json::{Value, json};
use topside_shared::hub::{BucketError, HubConnection, ServiceRequests};
use topside_shared::{Pin, Time};

use crate::server::Server;

const NAME: &str = "topside";

pub(super) struct MicroService {
    server: Arc<Server>,
    requests: ServiceRequests,
    pin: Pin,
    started: Time,
}

impl MicroService {
    pub(super) async fn listen(
        hub: &HubConnection,
        server: &Arc<Server>,
        pin: Pin,
    ) -> Result<Self, BucketError> {
        let requests = hub.service_requests().await?;
        let (server, started) = (Arc::clone(server), server.info.started_at);
        Ok(Self { server, requests, pin, started })
    }

    /// Answers the next request. Dropping the future loses none.
    pub(super) async fn answer(&mut self) {
        let Some(request) = self.requests.next().await else {
            return std::future::pending().await;
        };
        let id = topside_shared::hub::digits(&self.pin);
        // `$SRV.VERB`, `$SRV.VERB.NAME`, `$SRV.VERB.NAME.ID`.
        let mut parts = request.subject.split('.').skip(1);
        let (verb, name, of) = (parts.next(), parts.next(), parts.next());
        let is_for_this = name.is_none_or(|name| name == NAME) && of.is_none_or(|of| of == id);
        let Some(kind) = verb.and_then(kind).filter(|_| is_for_this && parts.next().is_none())
        else {
            return;
        };
        let mut answer = json!({
            "type": format!("io.nats.micro.v1.{kind}"), "name": NAME, "id": id,
            "version": self.server.info.version, "metadata": { "box": self.server.info.hostname },
        });
        if kind != "ping_response" {
            answer["endpoints"] = Value::Array(Vec::new());
        }
        match kind {
            "info_response" => answer["description"] = "A Topside server".into(),
            "stats_response" => answer["started"] = self.started.to_string().into(),
            _ => {}
        }
        request.answer(answer.to_string()).await;
    }
}

fn kind(verb: &str) -> Option<&'static str> {
    match verb {
        "PING" => Some("ping_response"),
        "INFO" => Some("info_response"),
        "STATS" => Some("stats_response"),
        _ => None,
    }
}
