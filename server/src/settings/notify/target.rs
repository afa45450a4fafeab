//! Targets: how a notifier sends, and the fields of each kind.

use std::time::Duration;

use toml::de::DeValue;
use topside_shared::time::millis;
use topside_shared::values::write_duration;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::base::toml_file::units;
use crate::settings::hooks::argv;
use crate::settings::notify::secret_file::SecretFile;
use crate::settings::notify::smtp::{self, Smtp};
use crate::settings::notify::web_url::{self, WebUrl};

/// The kinds of targets, as fields of `[[notify]]`.
pub(super) const KINDS: [&str; 5] = ["exec", "webhook", "ntfy", "smtp", "heartbeat"];
/// The least and the longest time between two heartbeats.
const EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// How a notifier sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A program with its arguments; it reads the event as JSON from its standard input.
    Exec(Vec<String>),
    /// A web service that gets the event as JSON, signed with a secret.
    Webhook { url: WebUrl, secret_file: SecretFile },
    /// A topic of an ntfy server.
    Ntfy(Ntfy),
    /// A mail server.
    Smtp(Smtp),
    /// A web service that gets an HTTP GET at a fixed interval, and reports a box that sends none. It gets no event.
    Heartbeat { url: WebUrl, every: Duration },
}

/// `ntfy` of `[[notify]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ntfy {
    pub(crate) url: WebUrl,
    pub(crate) topic_file: SecretFile,
    pub(crate) token_file: Option<SecretFile>,
}

impl Target {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Exec(_) => "exec",
            Self::Webhook { .. } => "webhook",
            Self::Ntfy(_) => "ntfy",
            Self::Smtp(_) => "smtp",
            Self::Heartbeat { .. } => "heartbeat",
        }
    }

    /// The value of its field in the file.
    pub(super) fn to_toml(&self) -> toml::Value {
        let fields: Vec<(&str, toml::Value)> = match self {
            Self::Exec(argv) => return argv.clone().into(),
            Self::Webhook { url, secret_file } => {
                vec![("url", url.text().into()), ("secret_file", path(secret_file))]
            }
            Self::Ntfy(Ntfy { url, topic_file, token_file }) => {
                let token = token_file.iter().map(|file| ("token_file", path(file)));
                let fields = [("url", url.text().into()), ("topic_file", path(topic_file))];
                fields.into_iter().chain(token).collect()
            }
            Self::Smtp(smtp) => smtp.fields(),
            Self::Heartbeat { url, every } => {
                let every = write_duration(millis(*every)).into();
                vec![("url", url.text().into()), ("every", every)]
            }
        };
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        toml::Value::Table(fields.collect())
    }
}

fn path(file: &SecretFile) -> toml::Value {
    file.path().display().to_string().into()
}

/// The target of a `[[notify]]`, which has one.
pub(super) fn read(fields: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Target> {
    let mut kinds = KINDS.into_iter().filter(|kind| fields.get(kind).is_some());
    let Some(kind) = kinds.next() else {
        if !KINDS.iter().any(|kind| fields.misspells(kind)) {
            let known = KINDS.join(", ");
            m.add(&fields.span, format_args!("a [[notify]] needs one of {known}: how it sends"));
        }
        return None;
    };
    if let Some(second) = kinds.next() {
        m.add(
            &fields.span_of(second),
            format_args!(
                "a [[notify]] sends in one way: take out `{kind}` or `{second}`, or begin another \
                 [[notify]] with a `name` of its own"
            ),
        );
        return None;
    }
    if kind == "exec" {
        return exec(fields, trust, m);
    }
    let own = fields.table(kind, m)?;
    let own = Fields { owner: format!("`{kind}` in [[notify]]"), ..own };
    match kind {
        "webhook" => webhook(&own, trust, m),
        "ntfy" => ntfy(&own, trust, m),
        "smtp" => smtp::read(&own, trust, m).map(Target::Smtp),
        _ => heartbeat(&own, m),
    }
}

fn exec(fields: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Target> {
    let before = m.count();
    let argv = argv(fields, "exec", trust, m);
    if argv.is_empty() && m.count() == before {
        m.add(&fields.span_of("exec"), "`exec` of [[notify]] must name a program");
    }
    Some(Target::Exec(argv))
}

fn webhook(own: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Target> {
    own.refuse_unknown(&["url", "secret_file"], m);
    let url = url(own, m);
    let secret_file = own
        .needs("secret_file", "a file with the key of the signature", m)
        .then(|| SecretFile::of(own, "secret_file", trust, m));
    Some(Target::Webhook { url: url?, secret_file: secret_file.flatten()? })
}

fn ntfy(own: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Target> {
    own.refuse_unknown(&["url", "topic_file", "token_file"], m);
    let url = url(own, m);
    if url.as_ref().is_some_and(|url| url.path() != "/") {
        m.add(
            &own.span_of("url"),
            format_args!(
                "`url` of {} must be that of the server, such as \"https://ntfy.sh\": write the \
                 topic into `topic_file`",
                own.owner
            ),
        );
    }
    let topic_file = own
        .needs("topic_file", "a file with the name of the topic", m)
        .then(|| SecretFile::of(own, "topic_file", trust, m));
    let token_file = SecretFile::of(own, "token_file", trust, m);
    Some(Target::Ntfy(Ntfy { url: url?, topic_file: topic_file.flatten()?, token_file }))
}

fn heartbeat(own: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Target> {
    own.refuse_unknown(&["url", "every"], m);
    let url = url(own, m);
    let form = format!("{}, from 1s to 1d", units::DURATION_FORM);
    let read = |value| {
        DeValue::as_str(value).and_then(units::parse_duration).filter(|every| EVERY.contains(every))
    };
    let every = own
        .needs("every", "the time between two calls, such as \"5m\"", m)
        .then(|| own.read("every", &form, m, read));
    let Field { value: every, .. } = every.flatten()?;
    Some(Target::Heartbeat { url: url?, every })
}

fn url(own: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<WebUrl> {
    if !own.needs("url", web_url::FORM, m) {
        return None;
    }
    let read = |value| DeValue::as_str(value).and_then(WebUrl::parse);
    own.read("url", web_url::FORM, m, read).map(|field| field.value)
}
