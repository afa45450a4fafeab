//! Sends an event to a web service, signed with a secret that both sides have.

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use topside_shared::Time;

use crate::notify::event::Event;
use crate::notify::http::HttpClient;
use crate::notify::secret;
use crate::settings::notify::secret_file::SecretFile;
use crate::settings::notify::web_url::WebUrl;

/// Posts an event with its signature; returns what the service answered.
///
/// # Errors
/// Why it was not sent.
pub(super) async fn send(
    client: &HttpClient,
    url: &WebUrl,
    secret_file: &SecretFile,
    event: &Event,
) -> Result<String, String> {
    let secret = secret(secret_file).await?;
    let body = serde_json::to_vec(event).map_err(|error| error.to_string())?;
    // Of this attempt, so that a receiver can refuse old ones.
    let time = Time::now().as_millis().div_euclid(1000).to_string();
    let signature = sign(secret.as_bytes(), &time, &body)?;
    let headers = [
        ("content-type", "application/json"),
        ("topside-event-id", &event.id),
        ("topside-time", &time),
        ("topside-signature", &signature),
    ];
    client.post(url, &headers, body).await
}

/// The signature of a time and a body: HMAC-SHA256 in hex digits, after the version of the scheme.
fn sign(secret: &[u8], time: &str, body: &[u8]) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|error| error.to_string())?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("v1={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1700000000.{}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_the_hmac_of_time_and_body() {
        let signature = sign(b"key", "1700000000", b"{}").unwrap();
        assert_eq!(
            signature,
            "v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
    }
}
