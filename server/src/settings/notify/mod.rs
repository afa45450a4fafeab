//! `[[notify]]`: notifiers, which tell people elsewhere what happened on the box.

pub(crate) mod secret_file;
pub(crate) mod smtp;
pub(crate) mod target;
pub(crate) mod web_url;

use toml::de::DeValue;
use topside_shared::text::{self, MAX_NAME};
use topside_shared::wire_enum;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::settings::notify::target::Target;

/// Most notifiers of a server.
const MOST: usize = 16;
/// The fields that say which events are sent, and with what.
const OF_EVENTS: [&str; 4] = ["on", "commands", "include_args", "include_output"];
const FORM: &str = "an array of tables: begin each with [[notify]]";

wire_enum! {
    /// A kind of event that a notifier can report.
    pub(crate) enum EventKind {
        /// A run failed.
        Failed = "failed",
        /// A run exceeded its time limit.
        TimedOut = "timedOut",
        /// The server was killed while a run was running.
        Lost = "lost",
        /// The first success of a command after one of these.
        Recovered = "recovered",
        /// A start of a schedule did not take place.
        Missed = "missed",
        /// A `safe_state`, `on_start` or `on_stop` failed.
        HookFailed = "hookFailed",
        /// A run waits for approval.
        Approval = "approval",
        /// The server shuts down.
        Closing = "closing",
        /// A file of the audit log was removed or changed.
        AuditBroken = "auditBroken",
        /// A user tests the notifiers; no setting selects it.
        Test = "test",
    }
}

impl EventKind {
    /// The kinds of events that belong to no command.
    const OF_THE_BOX: [Self; 2] = [Self::Closing, Self::AuditBroken];

    /// The kinds that `on` may have.
    fn selectable() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| *kind != Self::Test)
    }
}

/// One `[[notify]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notifier {
    pub(crate) name: String,
    pub(crate) on: Vec<EventKind>,
    /// Only events of these commands, and those of the whole box; empty: of all commands.
    pub(crate) commands: Vec<String>,
    /// Whether it gets the arguments of a run.
    pub(crate) has_args: bool,
    /// Whether it gets the end of the output of a run.
    pub(crate) has_output: bool,
    pub(crate) target: Target,
}

impl Notifier {
    /// Whether it reports no event, only that the server is up.
    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self.target, Target::Heartbeat { .. })
    }

    /// Whether it reports this kind of event of this command, or of the box. `own` are the kinds that the command itself names.
    pub(crate) fn wants(
        &self,
        kind: EventKind,
        command: Option<&str>,
        own: Option<&[EventKind]>,
    ) -> bool {
        let is_for_it = |command: &str| {
            self.commands.is_empty() || self.commands.iter().any(|name| name == command)
        };
        !self.is_heartbeat()
            && own.unwrap_or(&self.on).contains(&kind)
            && command.is_none_or(is_for_it)
    }

    /// As it is in the file.
    pub(crate) fn to_toml(&self) -> toml::Value {
        let strings = |items: &[String]| toml::Value::from(items.to_vec());
        let on: Vec<&str> = self.on.iter().map(|kind| kind.name()).collect();
        let mut table = toml::Table::new();
        table.insert("name".to_owned(), self.name.clone().into());
        if !self.is_heartbeat() {
            table.insert("on".to_owned(), on.into());
        }
        if !self.commands.is_empty() {
            table.insert("commands".to_owned(), strings(&self.commands));
        }
        if self.has_args {
            table.insert("include_args".to_owned(), true.into());
        }
        if self.has_output {
            table.insert("include_output".to_owned(), true.into());
        }
        table.insert(self.target.kind().to_owned(), self.target.to_toml());
        table.into()
    }
}

/// The notifiers of `server.toml`.
pub(crate) fn read(top: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Vec<Notifier> {
    let Some(Field { value: items, span }) = top.read("notify", FORM, m, DeValue::as_array) else {
        return Vec::new();
    };
    if items.len() > MOST {
        m.add(&span, format_args!("there are more than {MOST} [[notify]]: take some out"));
    }
    let mut notifiers: Vec<Notifier> = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            m.add(&item.span(), format_args!("`notify` of server.toml must be {FORM}"));
            continue;
        };
        let fields = Fields { table, owner: "[[notify]]".to_owned(), span: item.span() };
        let Some(notifier) = one(&fields, trust, m) else { continue };
        if notifiers.iter().any(|other| other.name == notifier.name) {
            m.add(
                &fields.span_of("name"),
                format_args!(
                    "two [[notify]] are called `{}`: give each a `name` of its own",
                    notifier.name
                ),
            );
        }
        notifiers.push(notifier);
    }
    notifiers
}

fn one(fields: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Option<Notifier> {
    let known = [&OF_EVENTS[..], &target::KINDS, &["name"]].concat();
    fields.refuse_unknown(&known, m);
    let on = match fields.get("on") {
        Some(_) => kinds(fields, "on", EventKind::selectable(), m),
        None => EventKind::selectable().collect(),
    };
    let commands = fields.strings("commands", m).into_iter().map(|field| field.value).collect();
    let has_args = fields.boolean("include_args", m);
    let has_output = fields.boolean("include_output", m);
    let target = target::read(fields, trust, m);
    let name = name(fields, m);
    let target = target?;
    let name = name.unwrap_or_else(|| target.kind().to_owned());
    let notifier = Notifier { name, on, commands, has_args, has_output, target };
    if notifier.is_heartbeat() {
        for field in OF_EVENTS.into_iter().filter(|field| fields.get(field).is_some()) {
            m.add(
                &fields.span_of(field),
                format_args!("a heartbeat reports no event: take out `{field}`"),
            );
        }
    }
    Some(notifier)
}

/// The kinds of events that the field `notify` of a command names; none: it has no such field.
pub(crate) fn of_command(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Vec<EventKind>> {
    fields.get("notify")?;
    let of_commands = |kind: &EventKind| !EventKind::OF_THE_BOX.contains(kind);
    Some(kinds(fields, "notify", EventKind::selectable().filter(of_commands), m))
}

fn kinds(
    fields: &Fields<'_, '_>,
    name: &str,
    known: impl Iterator<Item = EventKind>,
    m: &mut Errors<'_>,
) -> Vec<EventKind> {
    let (mut kinds, known) = (Vec::new(), known.collect::<Vec<_>>());
    for Field { value, span } in fields.strings(name, m) {
        if let Some(kind) = EventKind::from_name(&value).filter(|kind| known.contains(kind)) {
            kinds.push(kind);
            continue;
        }
        let names: Vec<&str> = known.iter().map(|kind| kind.name()).collect();
        m.add(
            &span,
            format_args!(
                "`{name}` of {} must hold names of events ({}), not `{}`",
                fields.owner,
                names.join(", "),
                text::clean(&value, MAX_NAME)
            ),
        );
    }
    kinds
}

fn name(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<String> {
    let form = "1 to 64 letters, digits, `-`, `_` and `.`";
    let is_name = |name: &&str| {
        (1..=MAX_NAME).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let read = |value| DeValue::as_str(value).filter(is_name);
    fields.read("name", form, m, read).map(|field| field.value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn of(text: &str) -> Result<Vec<Notifier>, String> {
        let document = Fields::parse("server.toml", text).unwrap();
        let mut m = Errors::new("server.toml", text);
        let top = Fields::of(&document, "server.toml");
        let notifiers = read(&top, Trust::of_this_process(), &mut m);
        m.finish().map(|()| notifiers).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_notifier_without_a_list_of_events_reports_all_of_them() {
        let read = of("[[notify]]\nexec = [\"/bin/true\", \"a\"]\n").unwrap();
        let argv = vec!["/bin/true".to_owned(), "a".to_owned()];
        assert_eq!((&read[0].name[..], &read[0].target), ("exec", &Target::Exec(argv)));
        assert_eq!(read[0].on.len(), EventKind::ALL.len() - 1, "all but the test");
        assert!(read[0].wants(EventKind::Failed, Some("backup"), None));
        assert!(!read[0].wants(EventKind::Failed, Some("backup"), Some(&[EventKind::Lost])));
    }

    #[test]
    fn a_list_of_commands_selects_their_events_and_those_of_the_box() {
        let read = of(
            "[[notify]]\nname = \"ops\"\non = [\"failed\", \"closing\"]\ncommands = [\"backup\"]\n\
                       exec = [\"/bin/true\"]\n",
        )
        .unwrap();
        assert!(read[0].wants(EventKind::Failed, Some("backup"), None));
        assert!(!read[0].wants(EventKind::Failed, Some("other"), None));
        assert!(!read[0].wants(EventKind::Lost, Some("backup"), None));
        assert!(read[0].wants(EventKind::Lost, Some("backup"), Some(&[EventKind::Lost])));
        assert!(read[0].wants(EventKind::Closing, None, None));
    }

    #[test]
    fn a_notifier_is_written_as_it_is_read() {
        let place = tempfile::tempdir().unwrap();
        let key = place.path().join("key");
        std::fs::write(&key, "k").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let key = key.display();
        let text = format!(
            "[[notify]]\nname = \"a\"\nexec = [\"/bin/true\"]\ninclude_output = true\ninclude_args = true\n\
             [[notify]]\nwebhook = {{ url = \"https://example.org/a?b=c\", secret_file = \"{key}\" }}\n\
             [[notify]]\nntfy = {{ url = \"http://[::1]:80\", topic_file = \"{key}\", token_file = \"{key}\" }}\n\
             [[notify]]\nsmtp = {{ host = \"localhost\", tls = \"none\", from = \"A B <a@example.org>\", \
             to = [\"b@example.org\"], user = \"u\", password_file = \"{key}\" }}\n\
             [[notify]]\nheartbeat = {{ url = \"https://example.org\", every = \"90s\" }}\n"
        );
        let read = of(&text).unwrap();
        let notifiers: Vec<toml::Value> = read.iter().map(Notifier::to_toml).collect();
        let document = toml::Table::from_iter([("notify".to_owned(), notifiers.into())]);
        assert_eq!(of(&document.to_string()).unwrap(), read);
    }

    #[test]
    fn an_error_has_its_place() {
        for (text, said) in [
            (
                "notify = 1\n",
                "server.toml:1:10: `notify` of server.toml must be an array of tables: begin each \
                 with [[notify]]",
            ),
            (
                "[[notify]]\nexec = [\"/bin/true\"]\non = [\"failed\", \"fail\"]\n",
                "server.toml:3:17: `on` of [[notify]] must hold names of events (failed, timedOut, \
                 lost, recovered, missed, hookFailed, approval, closing, auditBroken), not `fail`",
            ),
            (
                "[[notify]]\nexec = []\n",
                "server.toml:2:8: `exec` of [[notify]] must name a program",
            ),
            (
                "[[notify]]\non = []\n",
                "server.toml:1:1: a [[notify]] needs one of exec, webhook, ntfy, smtp, heartbeat: how it sends",
            ),
            (
                "[[notify]]\nexec = [\"/bin/true\"]\nretry = 1\n",
                "server.toml:3:1: [[notify]] has no field `retry`",
            ),
            (
                "[[notify]]\nname = \"a b\"\nexec = [\"/bin/true\"]\n",
                "server.toml:2:8: `name` of [[notify]] must be 1 to 64 letters, digits, `-`, `_` and `.`",
            ),
            (
                "[[notify]]\nexec = [\"/bin/true\"]\n[[notify]]\nexec = [\"/bin/true\"]\n",
                "server.toml:3:1: two [[notify]] are called `exec`: give each a `name` of its own",
            ),
        ] {
            assert_eq!(of(text).unwrap_err(), said);
        }
        let missing = of("[[notify]]\nexec = [\"/no/such\"]\n").unwrap_err();
        assert!(missing.starts_with("server.toml:2:9: the program /no/such "), "{missing}");
    }
}
