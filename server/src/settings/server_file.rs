//! Reading `server.toml`: all errors at once, each with its position.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use topside_shared::dirs::Dirs;
use topside_shared::{Role, text};

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::{Errors, FileErrors, LineStarts};
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::base::toml_file::protected_files;
use crate::base::toml_file::protected_files::ProtectedFile;
use crate::settings::agents::AgentSettings;
use crate::settings::discovery::{Discovery, Router};
use crate::settings::files::FileSettings;
use crate::settings::hooks::BoxHooks;
use crate::settings::host::Host;
use crate::settings::limits::Limits;
use crate::settings::log_level::LogLevel;
use crate::settings::metrics::Metrics;
use crate::settings::notify::Notifier;
use crate::settings::retention::Kept;
use crate::settings::{
    Listen, Local, Naming, SERVER_FILE, agents, discovery, files, hooks, host, limits, log_level,
    metrics, notify, retention,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerFile {
    pub(crate) naming: Naming,
    pub(crate) local: Local,
    pub(crate) listen: Listen,
    pub(crate) limits: Limits,
    pub(crate) runs: Kept,
    pub(crate) files: FileSettings,
    pub(crate) discovery: Discovery,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    pub(crate) log: LogLevel,
    pub(crate) hooks: BoxHooks,
    pub(crate) host: Host,
    pub(crate) agents: AgentSettings,
    pub(crate) notifiers: Vec<Notifier>,
}

/// The keys in the file, such as `limits.max_runs`, and their lines.
pub(crate) type Lines = BTreeMap<String, usize>;

pub(crate) fn load(
    dirs: &Dirs,
    named: Option<&Path>,
    trust: Trust,
) -> Result<(ServerFile, Lines), FileErrors> {
    let default = dirs.config.join(SERVER_FILE);
    let path = named.unwrap_or(&default);
    let ProtectedFile { text, mut errors } =
        protected_files::look(path, "the configuration", trust);
    if text.is_none() && errors.is_empty() && named.is_some() {
        return Err(FileErrors::absent(path));
    }
    let text = text.unwrap_or_default();
    match parse(&path.display().to_string(), &text, trust) {
        Ok(file) if errors.is_empty() => return Ok((file, lines(&text))),
        Ok(_) => {}
        Err(FileErrors(more)) => errors.extend(more),
    }
    Err(FileErrors(errors))
}

fn lines(text: &str) -> Lines {
    let Ok(document) = DeTable::parse(text) else { return Lines::new() };
    let starts = &LineStarts::of(text);
    let tables = document.get_ref().iter().filter_map(|(name, value)| match value.get_ref() {
        DeValue::Table(table) => Some((name.get_ref(), table)),
        _ => None,
    });
    let keys = tables.flat_map(|(name, table)| {
        table.keys().map(move |key| {
            let line = starts.position(key.span().start).line;
            (format!("{name}.{}", key.get_ref()), line)
        })
    });
    let lists = document.get_ref().iter().filter_map(|(name, value)| match value.get_ref() {
        DeValue::Array(_) => {
            Some((name.get_ref().to_string(), starts.position(name.span().start).line))
        }
        _ => None,
    });
    keys.chain(lists).collect()
}

fn parse(file: &str, text: &str, trust: Trust) -> Result<ServerFile, FileErrors> {
    let document = Fields::parse(file, text)?;
    let mut m = Errors::new(file, text);
    let top = Fields::of(&document, "server.toml");
    let known = [
        "server",
        "local",
        "listen",
        "limits",
        "runs",
        "files",
        "discovery",
        "router",
        "metrics",
        "log",
        "hooks",
        "host",
        "mcp",
        "notify",
    ];
    top.refuse_unknown(&known, &mut m);
    let file = ServerFile {
        naming: section(&top, "server", &mut m, naming),
        local: section(&top, "local", &mut m, local),
        listen: section(&top, "listen", &mut m, listen),
        limits: section(&top, "limits", &mut m, limits::read),
        runs: section(&top, "runs", &mut m, retention::read),
        files: section(&top, "files", &mut m, files::read),
        discovery: section(&top, "discovery", &mut m, discovery::discovery),
        router: section(&top, "router", &mut m, discovery::router),
        metrics: section(&top, "metrics", &mut m, metrics::read),
        log: section(&top, "log", &mut m, log_level::read),
        hooks: section(&top, "hooks", &mut m, |table, m| hooks::read(table, trust, m)),
        host: section(&top, "host", &mut m, |table, m| host::read(table, trust, m)),
        agents: section(&top, "mcp", &mut m, agents::read),
        notifiers: notify::read(&top, trust, &mut m),
    };
    m.finish().map(|()| file)
}

fn section<T: Default>(
    top: &Fields<'_, '_>,
    name: &str,
    m: &mut Errors<'_>,
    read: impl FnOnce(&Fields<'_, '_>, &mut Errors<'_>) -> T,
) -> T {
    top.table(name, m).map_or_else(T::default, |table| read(&table, m))
}

fn naming(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Naming {
    table.refuse_unknown(&["name"], m);
    let form = format!(
        "1 to {} characters that can be printed, without a space at either end",
        text::MAX_NAME
    );
    let name = table.read("name", &form, m, |value| {
        DeValue::as_str(value)
            .filter(|name| !name.is_empty() && text::clean(name, text::MAX_NAME) == **name)
            .map(ToOwned::to_owned)
    });
    Naming { name: name.map(|field| field.value) }
}

fn local(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Local {
    table.refuse_unknown(&["allow"], m);
    let Some(users) = table.table("allow", m) else { return Local::default() };
    let users = Fields { owner: "`allow` in [local]".to_owned(), ..users };
    let roles = Role::ALL.map(|role| (role.name(), role));
    let mut allow = BTreeMap::new();
    for user in users.table.keys() {
        let user: &str = user.get_ref();
        if let Some(role) = users.one_of(user, &roles, m) {
            allow.insert(user.to_owned(), role);
        }
    }
    Local { allow }
}

fn listen(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Listen {
    table.refuse_unknown(&["port", "addresses"], m);
    let default = Listen::default();
    let port = |value| u16::try_from(as_json(value)?.as_u64()?).ok();
    let port = table.read("port", "a whole number from 0 to 65535", m, port);
    let mut listen = Listen { port: port.map_or(default.port, |field| field.value), ..default };
    if table.get("addresses").is_some() {
        listen.addresses = table
            .strings("addresses", m)
            .into_iter()
            .filter_map(|Field { value, span }| match value.parse() {
                Ok(address) => Some(address),
                Err(_) => {
                    let shown = text::clean(&value, 64);
                    let form = "an IP address such as \"0.0.0.0\" or \"::\"";
                    m.add(
                        &span,
                        format_args!("`addresses` of [listen] must hold {form}, not `{shown}`"),
                    );
                    None
                }
            })
            .collect();
    }
    listen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use topside_shared::notifications::Level;

    use super::*;
    use crate::settings::SAMPLE;

    fn of(text: &str) -> Result<ServerFile, FileErrors> {
        parse("server.toml", text, Trust::of_this_process())
    }

    #[test]
    fn an_empty_file_and_the_sample_are_the_defaults() {
        for text in ["", SAMPLE] {
            assert_eq!(of(text).unwrap(), ServerFile::default());
        }
    }

    #[test]
    fn every_key_of_the_sample_is_read_when_it_is_set() {
        let read = of(
            "[server]\nname = \"garden shed\"\n[local]\nallow = { alice = \"operator\" }\n[listen]\nport = 1\naddresses = [\"::1\"]\n\
             [limits]\nmax_runs = 1\nadmin_runs = 0\n\
             max_runs_per_client = 2\nmax_queued = 5\nmax_approvals = 18\nmax_approvals_per_user = 19\napproval_timeout = \"20s\"\nmax_argument = \"1KiB\"\nmax_outbox = \"2MiB\"\n\
             max_waiting = 7\n\
             write_timeout = \"1s\"\nshutdown_timeout = 0\nhook_timeout = \"14s\"\nshutdown_wait = \"15s\"\nhandshake_timeout = \"2s\"\n\
             max_handshakes = 3\nmax_handshakes_per_source = 4\nconnects = 5\n\
             connects_per_source = 6\npenalty = \"7s\"\nmax_sessions = 8\n\
             max_sessions_per_key = 9\nadmin_sessions = 10\nrequests = 0\nkeepalive = \"12s\"\n\
             user_timeout = \"13s\"\n[runs]\nkeep = \"14d\"\nkeep_bytes = \"15MiB\"\n[files]\nkeep_bytes = \"16MiB\"\nkeep_unused = \"17m\"\n[discovery]\nannounce = false\n[router]\nmap = true\n\
             address = \"garden.example.org\"\nport = 18677\n[metrics]\nlisten = \"[::1]:9677\"\n[log]\nlevel = \"trace\"\n\
             [hooks]\non_start = [\"/bin/true\", \"a\"]\non_stop = [\"/bin/true\"]\ntimeout = \"3s\"\nrequired = true\n\
             [host]\nreboot = [\"/bin/true\", \"r\"]\npoweroff = [\"/bin/true\"]\ntimeout = \"4s\"\n\
             [mcp]\nrate = 18\n",
        )
        .unwrap();
        assert_eq!(read.naming, Naming { name: Some("garden shed".to_owned()) });
        assert_eq!(read.local.allow["alice"], Role::Operator);
        assert_eq!(read.listen, Listen { port: 1, addresses: vec!["::1".parse().unwrap()] });
        let seconds = |count| Some(Duration::from_secs(count));
        let want = Limits {
            max_runs: 1,
            admin_runs: 0,
            max_runs_per_client: 2,
            max_queued: 5,
            max_approvals: 18,
            max_approvals_per_user: 19,
            approval_timeout: seconds(20),
            max_waiting: 7,
            max_argument: 1024,
            max_outbox: 2 * 1024 * 1024,
            write_timeout: seconds(1),
            shutdown_timeout: None,
            shutdown_wait: seconds(15),
            hook_timeout: seconds(14),
            handshake_timeout: seconds(2),
            max_handshakes: 3,
            max_handshakes_per_source: 4,
            connects: 5,
            connects_per_source: 6,
            penalty: seconds(7),
            max_sessions: 8,
            max_sessions_per_key: 9,
            admin_sessions: 10,
            requests: usize::MAX,
            keepalive: seconds(12),
            user_timeout: seconds(13),
        };
        assert_eq!(read.limits, want);
        let keep = Some(Duration::from_secs(14 * 86_400));
        assert_eq!(read.runs, Kept { keep, keep_bytes: Some(15 << 20) });
        let keep_unused = Some(Duration::from_secs(17 * 60));
        assert_eq!(read.files, FileSettings { keep_bytes: Some(16 << 20), keep_unused });
        assert_eq!(read.discovery, Discovery { announce: false });
        let address = Some("garden.example.org".to_owned());
        assert_eq!(read.router, Router { map: true, address, port: Some(18677) });
        assert_eq!(read.log, LogLevel(Level::Trace));
        let argv = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        let hooks = BoxHooks {
            on_start: argv(&["/bin/true", "a"]),
            on_stop: argv(&["/bin/true"]),
            timeout: seconds(3),
            required: true,
        };
        assert_eq!(read.hooks, hooks);
        let host = Host {
            reboot: argv(&["/bin/true", "r"]),
            poweroff: argv(&["/bin/true"]),
            timeout: seconds(4),
        };
        assert_eq!(read.host, host);
        assert_eq!(read.agents, AgentSettings { rate: 18 });
        assert_eq!(read.metrics, Metrics { listen: Some("[::1]:9677".parse().unwrap()) });
    }

    #[test]
    fn an_error_has_its_line_and_column_and_says_what_would_pass() {
        for (text, said) in [
            (
                "[limits]\nmax_rums = 1\n",
                "server.toml:2:1: [limits] has no field `max_rums`: did you mean max_runs?",
            ),
            (
                "[limits]\nwrite_timeout = 10\n",
                "server.toml:2:17: `write_timeout` of [limits] must be a whole number and a unit of \
                 ms, s, m, h or d, such as \"90s\" or \"1h30m\", or 0 for no limit",
            ),
            (
                "[local]\nallow = { alice = \"king\" }\n",
                "server.toml:2:19: `alice` of `allow` in [local] must be one of viewer, operator, \
                 admin, not `king`",
            ),
            (
                "[limits]\nmax_runs = -1\n",
                "server.toml:2:12: `max_runs` of [limits] must be a whole number",
            ),
            (
                "[listen]\nport = 65536\n",
                "server.toml:2:8: `port` of [listen] must be a whole number from 0 to 65535",
            ),
            (
                "[listen]\naddresses = [\"::\", \"localhost\"]\n",
                "server.toml:2:20: `addresses` of [listen] must hold an IP address such as \
                 \"0.0.0.0\" or \"::\", not `localhost`",
            ),
            (
                "[router]\naddress = \"https://garden.example.org:8677\"\n",
                "server.toml:2:11: `address` of [router] must be an IP address or a host name such as \
                 \"garden.example.org\", without a port",
            ),
            (
                "[router]\nport = 8677\n",
                "server.toml:2:8: `port` of [router] needs `address`: the host name or outside address",
            ),
            (
                "[router]\naddress = \"2001:db8::7\"\nport = 0\n",
                "server.toml:3:8: `port` of [router] must be a whole number from 1 to 65535",
            ),
            (
                "[log]\nlevel = \"verbose\"\n",
                "server.toml:2:9: `level` of [log] must be one of error, warn, info, debug, trace, not `verbose`",
            ),
            (
                "[hooks]\non_stop = [\"/no/such\"]\n",
                "server.toml:2:12: the program /no/such does not exist",
            ),
            ("limits = 3\n", "server.toml:1:10: `limits` of server.toml must be a table"),
            ("[limits\n", "server.toml:1:"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_name_has_1_to_64_characters_that_can_be_printed() {
        let named = |name: &str| {
            of(&format!("[server]\nname = {}\n", toml::Value::from(name)))
                .map(|file| file.naming.name)
                .map_err(|error| error.to_string())
        };
        for name in ["g", "garden shed", "Gärten 🌱", &"n".repeat(64)] {
            assert_eq!(named(name), Ok(Some(name.to_owned())));
        }
        for name in ["", " garden", "garden\t", "gar\u{1b}den", "gar\nden", &"n".repeat(65)] {
            assert_eq!(
                named(name).unwrap_err(),
                "server.toml:2:8: `name` of [server] must be 1 to 64 characters that can be printed, without a space \
                 at either end"
            );
        }
    }

    /// A quoted key may hold anything, and was printed unchanged.
    #[test]
    fn an_error_is_one_line_without_control_characters() {
        for text in [
            "\"max\\nruns\" = 1\n",
            "[local]\nallow = { \"\\u001b[31m\" = \"king\" }\n",
            "[limits]\n\"\\u202e\" = 1\n",
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(!error.chars().any(topside_shared::text::is_control), "{error:?}");
        }
    }

    #[test]
    fn all_errors_are_reported_at_once_in_the_order_of_the_file() {
        let text = "[limits]\nmax_rums = 1\nmax_outbox = \"1\"\n[locl]\n";
        let error = of(text).unwrap_err();
        let lines: Vec<_> = error.0.iter().map(|one| one.at.unwrap().line).collect();
        assert_eq!(lines, [2, 3, 4], "{error}");
    }

    #[test]
    fn the_sample_cut_anywhere_is_read_or_rejected_with_a_position() {
        let sample = SAMPLE;
        for end in (0..sample.len()).filter(|end| sample.is_char_boundary(*end)) {
            if let Err(errors) = of(&sample[..end]) {
                assert!(errors.0.iter().all(|error| error.at.is_some()), "{errors}");
            }
        }
    }
}
