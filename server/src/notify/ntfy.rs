//! Sends an event to a topic of an ntfy server, by its JSON form of publishing.

use serde_json::json;

use crate::notify::event::Event;
use crate::notify::http::HttpClient;
use crate::notify::secret;
use crate::settings::notify::EventKind;
use crate::settings::notify::target::Ntfy;

/// Most bytes of a message: ntfy makes a longer one an attached file.
const MOST: usize = 4096;

/// # Errors
/// Why it was not sent.
pub(super) async fn send(
    client: &HttpClient,
    ntfy: &Ntfy,
    event: &Event,
) -> Result<String, String> {
    let topic = secret(&ntfy.topic_file).await?;
    let authorization = match &ntfy.token_file {
        Some(file) => Some(format!("Bearer {}", secret(file).await?)),
        None => None,
    };
    let (priority, tag) = look(event.event);
    let document = json!({
        "topic": topic,
        "title": event.title(),
        "message": event.text(MOST),
        "priority": priority,
        "tags": [tag, event.event.name()],
    });
    let body = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
    client.post(&ntfy.url, &headers, body).await
}

/// The priority from 1 to 5, and the tag that ntfy shows as a picture.
fn look(kind: EventKind) -> (u8, &'static str) {
    match kind {
        EventKind::HookFailed | EventKind::AuditBroken => (5, "rotating_light"),
        EventKind::Failed | EventKind::TimedOut | EventKind::Lost => (4, "warning"),
        EventKind::Approval => (4, "raised_hand"),
        EventKind::Missed => (3, "warning"),
        EventKind::Recovered => (3, "white_check_mark"),
        EventKind::Closing | EventKind::Test => (3, "information_source"),
    }
}
