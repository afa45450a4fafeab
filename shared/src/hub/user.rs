//! User of a hub in operator mode: the name, JWT and key of one box or one person, from a credentials file of NATS. It
//! takes the place of the password that a string of the hub has.

use std::fmt;

use async_nats::ConnectOptions;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

/// Longest credentials file, in bytes.
pub const MAX_CREDENTIALS: usize = 64 * 1024;
/// Longest name of a user: it is a part of subjects.
const MAX_NAME: usize = 64;
/// The line before the JWT.
const BEGIN_JWT: &str = "-----BEGIN NATS USER JWT-----";

/// A user of a hub. Its key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HubUser {
    name: String,
    file: String,
}

/// Why a text is no user of a hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubUserError {
    /// It has no JWT and no key.
    #[error("it is no credentials file of NATS: `nsc generate creds` writes one")]
    NoCredentials,
    /// The name cannot be a part of a subject.
    #[error(
        "its user needs a name of 1 to {MAX_NAME} letters, digits, `-` or `_`, which is a part of subjects"
    )]
    Name,
}

impl HubUser {
    /// Reads a credentials file. Whether the hub accepts it, the hub says.
    pub fn read(text: &str) -> Result<Self, HubUserError> {
        if text.len() > MAX_CREDENTIALS || ConnectOptions::with_credentials(text).is_err() {
            return Err(HubUserError::NoCredentials);
        }
        let name = name(text).ok_or(HubUserError::NoCredentials)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(fits) {
            return Err(HubUserError::Name);
        }
        Ok(Self { name, file: text.to_owned() })
    }

    /// The name, by which the hub's permissions know the user. That of a box is the beginning of its pin, see
    /// [`digits`](super::digits).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credentials file. It is a secret.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Debug for HubUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HubUser").field(&self.name).finish()
    }
}

/// The name in the claims of the JWT.
fn name(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        name: String,
    }
    let (_, rest) = text.split_once(BEGIN_JWT)?;
    let claims = rest.split_whitespace().next()?.split('.').nth(1)?;
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
    Some(serde_json::from_slice::<Claims>(&claims).ok()?.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(claims: &str) -> String {
        let claims = BASE64URL_NOPAD.encode(claims.as_bytes());
        format!(
            "{BEGIN_JWT}\neyJ0eXAiOiJKV1QifQ.{claims}.c2lnbmF0dXJl\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\nSUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM\n\
             ------END USER NKEY SEED------\n"
        )
    }

    #[test]
    fn the_name_of_a_user_is_that_of_the_claims() {
        let text = file(r#"{"name":"anna-1","sub":"U"}"#);
        let user = HubUser::read(&text).unwrap();
        assert_eq!((user.name(), user.file()), ("anna-1", &*text));
        assert!(!format!("{user:?}").contains("SUAIO"), "the key is not shown");
        let named = |name: &str| HubUser::read(&file(&format!(r#"{{"name":"{name}"}}"#)));
        assert!(named(&"a".repeat(MAX_NAME)).is_ok());
        for name in ["", "a.b", "a b", "a*", ">", &"a".repeat(MAX_NAME + 1)] {
            assert_eq!(named(name), Err(HubUserError::Name), "{name}");
        }
    }

    #[test]
    fn a_file_without_jwt_or_key_is_refused() {
        let text = file(r#"{"name":"anna"}"#);
        let cut = text.replace("SUAIO3", "SUAIO4");
        for wrong in ["", "topsidebox1:aaaa", &cut, &text[..text.len() / 2], &file("{")] {
            assert_eq!(HubUser::read(wrong), Err(HubUserError::NoCredentials), "{wrong}");
        }
        let padded = |len: usize| format!("{text}{}", "\n".repeat(len - text.len()));
        assert!(HubUser::read(&padded(MAX_CREDENTIALS)).is_ok());
        assert!(HubUser::read(&padded(MAX_CREDENTIALS + 1)).is_err());
    }
}
