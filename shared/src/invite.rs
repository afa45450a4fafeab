//! Invite: the string that pairs a client with a server. It is `topside1:` and base32 (RFC 4648, without padding) of the
//! addresses, the server's pin and a one-time key.

use std::fmt;
use std::net::IpAddr;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use crate::advice::INVITE_ON_THE_BOX;
use crate::pin::Pin;
use crate::private_key::Seed;
use crate::text::{self, MAX_NAME, continues_character};
use crate::time::Time;

/// What an invite begins with: [`NAME`] and [`VERSION`].
const SCHEME: &str = "topside1:";
const NAME: &str = "topside";
/// What the strings of a hub begin with, and the command that takes each.
pub(crate) const HUB_STRINGS: [(&str, &str); 3] = [
    ("topsidehub", "`topside fleet create` on the device of an admin"),
    ("topsideme", "`topside pair` on a person's device"),
    ("topsidebox", "`topsided join` on a box"),
];
/// The version of the form that this program reads.
const VERSION: &str = "1";
/// Longest data behind the scheme, in characters; the longest invite has a fifth of that.
const MAX_DATA: usize = 4_096;
/// The first byte of what follows.
const ONE_TIME: u8 = 1;
const LASTING: u8 = 2;
/// Bytes at the end that tell a mistyped invite.
const CHECKSUM: usize = 4;
/// Most addresses of the box in one invite.
pub const MAX_ADDRESSES: usize = 8;
/// Longest address of the router, in bytes (RFC 1035, section 2.3.4).
pub const MAX_ROUTER: usize = 253;

/// What an invite, or a script's token, says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The server's key.
    pub server: Pin,
    /// The one-time key, or the key of a token.
    pub seed: Seed,
    /// Whether that key stays good (a script's token), or is good for one enrolment.
    pub lasting: bool,
    /// When it is no longer taken, by the server's clock, which alone judges.
    pub expires_at: Time,
    /// What the box calls itself.
    pub name: String,
    /// Its addresses on its own networks, at most [`MAX_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// The router's outside address, or a host name.
    pub router: Option<String>,
    /// The port on the box.
    pub port: u16,
    /// The port at the router.
    pub router_port: u16,
}

/// Why a text is no invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// It begins otherwise.
    #[error("an invite begins with `{SCHEME}`: {INVITE_ON_THE_BOX} prints one")]
    NotAnInvite,
    /// It is a string of a hub: the command that takes it.
    #[error("this string is for {0}")]
    OfHub(&'static str),
    /// It begins as those of a later version do.
    #[error("this invite is of a newer version: update topside on this machine")]
    Newer,
    /// A character is missing, surplus or wrong.
    #[error(
        "this invite is mistyped or cut off: copy all of it, from `{SCHEME}` to its last letter"
    )]
    Mistyped,
}

from_str!(Invite, InviteError, |text: &str| {
    find_data(text, NAME, read_invite).map_err(|error| match error {
        InviteError::NotAnInvite => {
            let of_hub = HUB_STRINGS.iter().find(|(name, _)| !scheme_ends(text, name).is_empty());
            of_hub.map_or(error, |(_, command)| InviteError::OfHub(command))
        }
        error => error,
    })
});

/// Reads the first string of this scheme in a pasted text: folded, quoted, in a mail, with invisible characters or other
/// words. `read` takes the parts of its data.
pub(crate) fn find_data<T>(
    text: &str,
    name: &str,
    read: impl Fn(&mut Reader<'_>) -> Option<T>,
) -> Result<T, InviteError> {
    let text: String = text.chars().filter(|c| !text::is_invisible(*c)).collect();
    let text = text.replace("%3A", ":").replace("%3a", ":");
    let unfolded;
    let mut candidates = scheme_ends(&text, name);
    let mut rest_of = text.as_str();
    if candidates.is_empty() {
        // The line was folded within the scheme.
        unfolded = text.split_whitespace().collect::<String>();
        candidates = scheme_ends(&unfolded, name);
        rest_of = &unfolded;
    }
    let mut error = InviteError::NotAnInvite;
    for (version, end) in candidates {
        let data = || decode(&rest_of[end..]).and_then(|data| read(&mut Reader(&data)));
        match (version, data()) {
            (VERSION, Some(found)) => return Ok(found),
            (VERSION, None) => error = InviteError::Mistyped,
            _ if error == InviteError::NotAnInvite => error = InviteError::Newer,
            _ => {}
        }
    }
    Err(error)
}

/// Each scheme of this name and a number in a text: the number and the index behind the colon.
fn scheme_ends<'t>(text: &'t str, name: &str) -> Vec<(&'t str, usize)> {
    let mut found = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let word = &text[..colon];
        let number = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let version = &word[number.len()..];
        let begin = number.len().checked_sub(name.len()).and_then(|start| number.get(start..));
        if !version.is_empty() && begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name)) {
            found.push((version, colon + 1));
        }
    }
    found
}

/// The data at the beginning of a text. It may be folded: the checksum decides which words belong to it.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut data = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        data.extend(word.chars().map(|c| c.to_ascii_uppercase()));
        if data.len() > MAX_DATA {
            return None;
        }
        if let Ok(mut bytes) = BASE32_NOPAD.decode(data.as_bytes())
            && let Some(split) = bytes.len().checked_sub(CHECKSUM)
            && checksum(&bytes[..split]) == bytes[split..]
        {
            // What a later version adds stands at the end.
            bytes.truncate(split);
            return Some(bytes);
        }
    }
    None
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.base32().to_ascii_lowercase())
    }
}

impl Invite {
    /// The same in capitals: a QR code holds those in fewer dots.
    pub fn to_capitals(&self) -> String {
        format!("{}{}", SCHEME.to_ascii_uppercase(), self.base32())
    }

    fn base32(&self) -> String {
        let mut bytes = vec![if self.lasting { LASTING } else { ONE_TIME }];
        bytes.extend(self.server.as_bytes());
        bytes.extend(self.seed.expose());
        bytes.extend(self.expires_at.as_millis().to_be_bytes());
        let name = text::clean(&self.name, MAX_NAME);
        short(&mut bytes, name.as_bytes());
        let addresses = &self.addresses[..self.addresses.len().min(MAX_ADDRESSES)];
        bytes.push(addresses.len() as u8);
        for address in addresses {
            match address {
                IpAddr::V4(v4) => short(&mut bytes, &v4.octets()),
                IpAddr::V6(v6) => short(&mut bytes, &v6.octets()),
            }
        }
        short(&mut bytes, self.router.as_deref().unwrap_or_default().as_bytes());
        bytes.extend(self.port.to_be_bytes());
        bytes.extend(self.router_port.to_be_bytes());
        bytes.extend(checksum(&bytes));
        BASE32_NOPAD.encode(&bytes)
    }
}

/// A text of at most 255 bytes, its length before it.
pub(crate) fn short(bytes: &mut Vec<u8>, text: &[u8]) {
    let mut text = text;
    if text.len() > 255 {
        // A name of 64 characters may have more bytes: cut between two of them.
        let end = (0..=255).rev().find(|end| !continues_character(text[*end])).unwrap_or(0);
        text = &text[..end];
    }
    bytes.push(text.len() as u8);
    bytes.extend(text);
}

pub(crate) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let whole = Sha256::digest(bytes);
    [whole[0], whole[1], whole[2], whole[3]]
}

/// Takes the parts of a string off the front of its bytes.
pub(crate) struct Reader<'b>(&'b [u8]);

fn read_invite(reader: &mut Reader<'_>) -> Option<Invite> {
    let lasting = match reader.byte()? {
        ONE_TIME => false,
        LASTING => true,
        _ => return None,
    };
    let server = Pin::from_bytes(reader.array()?);
    let seed = Seed::from_bytes(reader.array()?);
    let expires_at = Time::from_millis(i64::from_be_bytes(reader.array()?));
    let name = text::clean(std::str::from_utf8(reader.short()?).ok()?, MAX_NAME);
    let mut addresses = Vec::new();
    for _ in 0..reader.byte()? {
        let bytes = reader.short()?;
        addresses.push(match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
            _ => return None,
        });
    }
    if addresses.len() > MAX_ADDRESSES {
        return None;
    }
    let router = std::str::from_utf8(reader.short()?).ok()?;
    if router.len() > MAX_ROUTER || router.chars().any(|c| c.is_whitespace() || text::is_control(c))
    {
        return None;
    }
    let router = (!router.is_empty()).then(|| router.to_owned());
    let port = u16::from_be_bytes(reader.array()?);
    let router_port = u16::from_be_bytes(reader.array()?);
    if port == 0 || router_port == 0 {
        return None;
    }
    Some(Invite { server, seed, lasting, expires_at, name, addresses, router, port, router_port })
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn short(&mut self) -> Option<&[u8]> {
        let length = self.byte()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invite() -> Invite {
        Invite {
            server: Pin::from_bytes([3; 32]),
            seed: Seed::from_bytes([4; 32]),
            lasting: false,
            expires_at: Time::from_millis(1_770_000_000_000),
            name: "sprinkler".into(),
            addresses: vec!["192.168.1.10".parse().unwrap(), "fd00::1".parse().unwrap()],
            router: Some("203.0.113.7".into()),
            port: 8677,
            router_port: 443,
        }
    }

    #[test]
    fn an_invite_is_read_as_it_was_written_in_either_case_and_folded() {
        let text = invite().to_string();
        assert!(text.starts_with("topside1:") && text.len() < 240, "{text}");
        assert_eq!(text.parse(), Ok(invite()));
        assert_eq!(invite().to_capitals().parse(), Ok(invite()));
        let folded = format!("  {}\r\n {}\n", &text[..80], &text[80..]);
        assert_eq!(folded.parse(), Ok(invite()));
        assert!(!format!("{:?}", invite()).contains("4, 4"), "the seed is not shown");
    }

    #[test]
    fn every_cut_and_every_changed_letter_is_detected() {
        let text = invite().to_string();
        for end in "topside1:".len()..text.len() {
            assert_eq!(text[..end].parse::<Invite>(), Err(InviteError::Mistyped), "{end}");
        }
        for at in "topside1:".len()..text.len() - 1 {
            let other = if &text[at..=at] == "a" { "b" } else { "a" };
            let wrong = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(wrong.parse::<Invite>(), Err(InviteError::Mistyped), "{at}");
        }
    }

    #[test]
    fn the_error_distinguishes_other_text_and_newer_invites() {
        for text in ["", "hello", "sha256:00", "topside:aa", "topsidex:aa", "topside", "1:aa"] {
            assert_eq!(text.parse::<Invite>(), Err(InviteError::NotAnInvite), "{text}");
        }
        assert_eq!("topside2:aaaa".parse::<Invite>(), Err(InviteError::Newer));
        assert_eq!("topside1:".parse::<Invite>(), Err(InviteError::Mistyped));
    }

    #[test]
    fn an_invite_is_found_in_what_people_paste() {
        let text = invite().to_string();
        let folded = format!("{}\n{}\n{}", &text[..70], &text[70..140], &text[140..]);
        let mut invisible = String::from("\u{feff}");
        text.chars().for_each(|c| invisible.extend([c, '\u{200b}', '\u{2060}', '\u{ad}']));
        for pasted in [
            format!("\"{text}\""),
            format!("'{text}'"),
            format!("`{text}`"),
            format!("\u{201c}{text}\u{201d}"),
            format!("<{text}>"),
            format!("({text})."),
            format!("[{text}],"),
            invisible,
            format!("> {}", folded.replace('\n', "\n> ")),
            format!(">> {}", folded.replace('\n', "\r\n>> ")),
            format!("| {}", folded.replace('\n', "\n| ")),
            folded.replace('\n', "=\r\n"),
            folded.replace('\n', "\\\n  "),
            format!("$ topside pair {text}"),
            format!("topside pair --name box '{text}'"),
            format!("topside pair {text} --name box"),
            format!("topside pair {folded} --name garden and more words"),
            format!("Hello,\n\nhere it is: {text}\n\nSee you: soon.\n-- \nann"),
            format!("Run this on the phone:\n    topside pair {}", text.to_uppercase()),
            format!("an old one: topside1:aaaa, and the right one:\n{text}"),
            format!("top\nside1:{}", &text["topside1:".len()..]),
            format!("&lt;{text}&gt;"),
            format!("<code>{text}</code>"),
            format!("**{text}**"),
            format!("<{text}|{text}>"),
            text.replace(':', "%3A"),
            text.replace(':', ": "),
        ] {
            assert_eq!(pasted.parse(), Ok(invite()), "{pasted:?}");
        }
        // A letter of another script, or a digit that base32 does not have, is a mistake.
        for wrong in ["\u{430}", "0", "1", "8"] {
            let wrong = format!("{}{wrong}{}", &text[..60], &text[61..]);
            assert_eq!(wrong.parse::<Invite>(), Err(InviteError::Mistyped), "{wrong}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = Invite { name: "\u{1F600}".repeat(64), ..invite() };
        let read: Invite = long.to_string().parse().unwrap();
        assert_eq!(read.name, "\u{1F600}".repeat(63));
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_makes_the_reader_fail(text in "(topside1:)?[a-z2-7]{0,300}") {
            let _ = text.parse::<Invite>();
        }

        #[test]
        fn nothing_with_a_right_checksum_makes_the_reader_fail(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let sum = checksum(&bytes);
            bytes.extend(sum);
            let text = format!("topside1:{}", BASE32_NOPAD.encode(&bytes));
            if let Ok(invite) = text.parse::<Invite>() {
                prop_assert_eq!(invite.to_string().parse(), Ok(invite));
            }
        }
    }
}
