//! `smtp` of `[[notify]]`: a mail server, and the mails that go to it.

use std::net::IpAddr;

use lettre::message::Mailbox;
use toml::de::DeValue;
use topside_shared::{text, wire_enum};

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::settings::discovery::is_host;
use crate::settings::notify::secret_file::SecretFile;

/// Most recipients.
const MOST: usize = 20;
const ADDRESS_FORM: &str =
    "an address such as \"garden@example.org\" or \"Garden <garden@example.org>\"";

/// A mail server, and the mails that go to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) login: Option<Login>,
}

/// The user of a mail server, and the file with the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password_file: SecretFile,
}

wire_enum! {
    /// `tls` of `smtp`: when TLS begins.
    pub(crate) enum Encryption {
        /// After a command. A server without it gets no mail.
        StartTls = "starttls",
        /// From the first byte.
        Implicit = "implicit",
        None = "none",
    }
}

impl Encryption {
    fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl Smtp {
    /// The fields as they are in the file.
    pub(super) fn fields(&self) -> Vec<(&'static str, toml::Value)> {
        let to: Vec<String> = self.to.iter().map(ToString::to_string).collect();
        let mut fields: Vec<(&str, toml::Value)> = vec![
            ("host", self.host.clone().into()),
            ("port", i64::from(self.port).into()),
            ("tls", self.encryption.name().into()),
            ("from", self.from.to_string().into()),
            ("to", to.into()),
        ];
        if let Some(Login { user, password_file }) = &self.login {
            fields.push(("user", user.clone().into()));
            fields.push(("password_file", password_file.path().display().to_string().into()));
        }
        fields
    }

    /// Whether a password to the host stays on the box.
    fn is_on_this_box(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

pub(super) fn read(own: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Smtp> {
    own.refuse_unknown(&["host", "port", "tls", "from", "to", "user", "password_file"], m);
    let host_form = "an IP address or a host name such as \"mail.example.org\", without a port";
    let host = own.needs("host", host_form, m).then(|| {
        own.read("host", host_form, m, |value| DeValue::as_str(value).filter(|host| is_host(host)))
    });
    let encryption = match own.get("tls") {
        Some(_) => own.one_of("tls", &Encryption::ALL.map(|tls| (tls.name(), tls)), m),
        None => Some(Encryption::StartTls),
    };
    let port = |value| u16::try_from(as_json(value)?.as_u64()?).ok().filter(|port| *port > 0);
    let port = own.read("port", "a whole number from 1 to 65535", m, port);
    let mailbox = |value| DeValue::as_str(value)?.parse::<Mailbox>().ok();
    let from = own
        .needs("from", ADDRESS_FORM, m)
        .then(|| own.read("from", ADDRESS_FORM, m, mailbox))
        .flatten();
    let to = recipients(own, m);
    let login = login(own, trust, m);
    let encryption = encryption?;
    let smtp = Smtp {
        host: host.flatten()?.value.to_owned(),
        port: port.map_or_else(|| encryption.default_port(), |port| port.value),
        encryption,
        from: from?.value,
        to,
        login,
    };
    if smtp.login.is_some() && encryption == Encryption::None && !smtp.is_on_this_box() {
        m.add(
            &own.span_of("user"),
            format_args!(
                "`user` of {} needs `tls`: without it the network could read the password",
                own.owner
            ),
        );
    }
    Some(smtp)
}

fn recipients(own: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<Mailbox> {
    if !own.needs("to", "an array of addresses", m) {
        return Vec::new();
    }
    let before = m.count();
    let fields = own.strings("to", m);
    if m.count() == before && !(1..=MOST).contains(&fields.len()) {
        m.add(
            &own.span_of("to"),
            format_args!("`to` of {} must hold 1 to {MOST} addresses", own.owner),
        );
    }
    let mut to = Vec::new();
    for Field { value, span } in fields {
        match value.parse() {
            Ok(mailbox) => to.push(mailbox),
            Err(_) => m.add(
                &span,
                format_args!(
                    "`to` of {} must hold {ADDRESS_FORM}, not `{}`",
                    own.owner,
                    text::clean(&value, text::MAX_NAME)
                ),
            ),
        }
    }
    to
}

/// `user` and `password_file`, both or neither.
fn login(own: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Login> {
    let user = own.words("user", m);
    let password_file = SecretFile::of(own, "password_file", trust, m);
    for (name, other) in [("user", "password_file"), ("password_file", "user")] {
        if own.get(name).is_some() && own.get(other).is_none() && !own.misspells(other) {
            m.add(&own.span_of(name), format_args!("`{name}` of {} needs `{other}`", own.owner));
        }
    }
    Some(Login { user: user?, password_file: password_file? })
}
