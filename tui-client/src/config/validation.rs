//! The rules of a saved server, with one sentence for each broken rule.

use std::net::IpAddr;

use topside_shared::text::{MAX_NAME, clean, is_control};

use super::THIS_MACHINE;
use super::profiles::Profile;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Name,
    Lan,
    Internet,
    Port,
    InternetPort,
    Pin,
    Tags,
}

impl Field {
    /// In the order of the file and the form.
    pub(crate) const ALL: [Field; 7] = [
        Self::Name,
        Self::Lan,
        Self::Internet,
        Self::Port,
        Self::InternetPort,
        Self::Pin,
        Self::Tags,
    ];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Lan => "lan",
            Self::Internet => "internet",
            Self::Port => "port",
            Self::InternetPort => "internet_port",
            Self::Pin => "pin",
            Self::Tags => "tags",
        }
    }
}

/// A value that breaks a rule. The message is a sentence that names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    pub(crate) field: Field,
    /// What is wrong, and what is allowed.
    pub(crate) message: String,
}

/// Checks one saved server by itself; the store checks that names are unique. Returns the first broken rule.
pub(crate) fn validate(profile: &Profile) -> Result<(), FieldError> {
    name(&profile.name).map_err(|rule| wrong(Field::Name, &rule))?;
    for (field, value) in [(Field::Lan, &profile.lan), (Field::Internet, &profile.internet)] {
        if let Some(value) = value {
            address(value).map_err(|rule| wrong(field, &rule))?;
        }
    }
    for (field, value) in
        [(Field::Port, Some(profile.port)), (Field::InternetPort, profile.internet_port)]
    {
        if value == Some(0) {
            return Err(wrong(field, &port_rule("0")));
        }
    }
    profile.pin.as_deref().map_or(Ok(()), pin).map_err(|rule| wrong(Field::Pin, &rule))?;
    let tags = profile.tags.iter().try_for_each(|text| tag(text));
    tags.map_err(|rule| wrong(Field::Tags, &format!("has one that {rule}")))
}

fn wrong(field: Field, rule: &str) -> FieldError {
    FieldError { field, message: format!("{} {rule}", field.key()) }
}

/// Reads a port; an error is the rule that its text breaks.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| port_rule(text))
}

/// The rule of all ports, behind the name of the field; `given` is what breaks it.
pub(super) fn port_rule(given: &str) -> String {
    format!("must be 1 to 65535, not {}", clean(given, MAX_NAME))
}

fn name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    if name.trim() != name {
        return Err("must not begin or end with a space".to_owned());
    }
    let length = name.chars().count();
    if length > MAX_NAME {
        return Err(format!("has {length} characters; {MAX_NAME} are allowed"));
    }
    if name.chars().any(is_control) {
        return Err("must not hold control characters".to_owned());
    }
    if name == THIS_MACHINE {
        return Err(format!("must not be `{THIS_MACHINE}`: the list has that entry already"));
    }
    Ok(())
}

/// The characters of a tag are those that need no quotes in a shell and part no list.
pub(crate) fn tag(tag: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if (1..=MAX_NAME).contains(&tag.chars().count()) && tag.chars().all(fits) {
        return Ok(());
    }
    Err(format!(
        "is 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`, not `{}`",
        clean(tag, MAX_NAME)
    ))
}

/// An IP address or a host name, nothing around it.
fn address(text: &str) -> Result<(), String> {
    const RULE: &str = "is an IP address or a host name";
    let neither = || Err(format!("{RULE}, not `{}`", clean(text, MAX_NAME)));
    if text.is_empty() {
        return Err(format!("{RULE}; leave the field out where there is none"));
    }
    if text.starts_with('[') || text.ends_with(']') {
        return Err(format!("{RULE}; write an IPv6 address without brackets"));
    }
    if text.contains("://") || text.contains('/') {
        return Err(format!("{RULE}, without a scheme or a path"));
    }
    match text.parse() {
        Ok(IpAddr::V6(v6)) if v6.is_unicast_link_local() => {
            return Err(format!(
                "is a link-local address, which needs the interface that leads to it: `{v6}%eth0`, for example"
            ));
        }
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    // A link-local address needs the interface it is on: fe80::1%eth0.
    if let Some((ip, zone)) = text.split_once('%') {
        let good = matches!(ip.parse(), Ok(IpAddr::V6(_)))
            && !zone.is_empty()
            && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        return if good { Ok(()) } else { neither() };
    }
    if let Some((host, port)) = text.rsplit_once(':') {
        if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{RULE}; the port has its own field"));
        }
        return neither();
    }
    let labels: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // `192.168.1.300` is meant as an address, and no host has such a name.
    let numeric = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if text.len() > 253 || numeric || !labels.iter().all(label) {
        return neither();
    }
    Ok(())
}

fn pin(pin: &str) -> Result<(), String> {
    let digits = pin.strip_prefix("sha256:").unwrap_or_default();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == 64 && digits.bytes().all(hex) {
        return Ok(());
    }
    Err("is `sha256:` and 64 digits of 0-9 and a-f; pairing fills it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_PORT;
    use super::*;

    fn profile() -> Profile {
        Profile { name: "garden".into(), port: DEFAULT_PORT, ..Profile::default() }
    }

    fn field(change: impl FnOnce(&mut Profile)) -> Option<Field> {
        let mut profile = profile();
        change(&mut profile);
        validate(&profile).err().map(|error| {
            assert!(error.message.starts_with(error.field.key()), "{error}");
            error.field
        })
    }

    #[test]
    fn a_name_is_short_plain_and_not_empty() {
        for good in ["a", "my box", "büro", &"x".repeat(64)] {
            assert_eq!(field(|profile| profile.name = good.into()), None, "{good}");
        }
        for bad in ["", "  ", " a", "a ", "a\tb", "a\u{202e}b", THIS_MACHINE, &"x".repeat(65)] {
            assert_eq!(field(|profile| profile.name = bad.into()), Some(Field::Name), "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_an_ip_or_a_host_name() {
        for good in [
            "192.168.1.10",
            "2001:db8::1",
            "fe80::1%eth0",
            "FE80::1%wlan0",
            "fec0::1",
            "localhost",
            "box.lan",
            "my-box_2.example.org.",
        ] {
            assert_eq!(field(|profile| profile.lan = Some(good.into())), None, "{good}");
        }
        for bad in [
            "",
            "192.168.1.300",
            "1.2.3",
            "192.168.1.10:8677",
            "box:8677",
            "[2001:db8::1]",
            "http://box",
            "a b",
            "-a",
            "a..b",
            "fe80::1%",
            "1.2.3.4%eth0",
            "fe80::1",
            "febf::1",
            "::zz",
            "bücher.example",
            &"a.".repeat(150),
        ] {
            let found = field(|profile| profile.internet = Some(bad.into()));
            assert_eq!(found, Some(Field::Internet), "{bad:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_port_is_answered_with_the_rule() {
        assert_eq!(port("8677"), Ok(8677));
        for bad in ["0", "70000", "-1", "http", ""] {
            assert_eq!(port(bad), Err(format!("must be 1 to 65535, not {bad}")));
        }
    }

    #[test]
    fn ports_begin_at_1() {
        assert_eq!(field(|profile| profile.port = 0), Some(Field::Port));
        assert_eq!(field(|profile| profile.internet_port = Some(0)), Some(Field::InternetPort));
        assert_eq!(field(|profile| profile.port = 1), None);
        assert_eq!(field(|profile| profile.internet_port = Some(65_535)), None);
    }

    #[test]
    fn a_tag_is_one_word_without_quotes_or_commas() {
        for good in ["garden", "pump-2", "büro", "a.b_c", &"x".repeat(64)] {
            assert_eq!(field(|profile| profile.tags = vec![good.into()]), None, "{good}");
        }
        for bad in ["", "a b", "a,b", "tag:a", "a\n", "#a", &"x".repeat(65)] {
            let tags = vec!["garden".into(), bad.into()];
            assert_eq!(field(|profile| profile.tags = tags), Some(Field::Tags), "{bad:?}");
        }
    }

    #[test]
    fn a_pin_is_sha256_in_lower_case_hex() {
        let pin = |digit: &str, count| Some(format!("sha256:{}", digit.repeat(count)));
        assert_eq!(field(|profile| profile.pin = pin("0f", 32)), None);
        for bad in [pin("0f", 31), pin("0F", 32), pin("0g", 32), Some("0".repeat(64))] {
            assert_eq!(field(|profile| profile.pin = bad), Some(Field::Pin));
        }
    }
}
