//! Every key of `server.toml` with its value in force, in the syntax of the file.

use std::fmt::Display;

use crate::config::Config;
use crate::settings::notify::Notifier;
use crate::settings::retention::Kept;
use crate::settings::value_forms::{bytes, time};
use crate::settings::{Listen, agents, limits};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Table and name: `limits.max_runs`.
    pub(crate) key: String,
    /// The value in TOML; empty for a missing key without a default.
    pub(crate) value: String,
}

impl Setting {
    /// Whether a reload changes it; other keys need a restart.
    pub(crate) fn is_live(&self) -> bool {
        matches!(
            self.key.split('.').next(),
            Some("limits" | "runs" | "files" | "local" | "log" | "hooks" | "notify")
        )
    }
}

pub(crate) fn settings(config: &Config) -> Vec<Setting> {
    let default = Listen::default();
    let Listen { port, addresses } = config.listen.as_ref().unwrap_or(&default);
    let quoted = |text: &dyn Display| format!("\"{text}\"");
    let addresses: Vec<String> = addresses.iter().map(|address| quoted(address)).collect();
    let allow = config.local.allow.iter();
    let allow: Vec<String> =
        allow.map(|(user, role)| format!("{} = \"{role}\"", toml::Value::from(&**user))).collect();
    let allow = match allow.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", allow.join(", ")),
    };
    let Kept { keep, keep_bytes } = config.runs;
    let (router, hooks, host) = (&config.router, &config.hooks, &config.host);
    let address = router.address.as_ref().map(|host| quoted(host));
    let metrics = config.metrics.listen.map(|address| quoted(&address));
    let argv = |argv: &[String]| match argv.is_empty() {
        true => String::new(),
        false => toml::Value::from(argv.to_vec()).to_string(),
    };
    let notifiers: Vec<toml::Value> = config.notifiers.iter().map(Notifier::to_toml).collect();
    let name = config.naming.name.as_deref();
    let mut all = vec![
        ("server.name", name.map(|name| toml::Value::from(name).to_string()).unwrap_or_default()),
        ("listen.port", port.to_string()),
        ("listen.addresses", format!("[{}]", addresses.join(", "))),
        ("local.allow", allow),
        ("runs.keep", time::write(keep)),
        ("runs.keep_bytes", bytes::write(keep_bytes)),
        ("files.keep_bytes", bytes::write(config.files.keep_bytes)),
        ("files.keep_unused", time::write(config.files.keep_unused)),
        ("router.map", router.map.to_string()),
        ("router.address", address.unwrap_or_default()),
        ("router.port", router.port.map(|port| port.to_string()).unwrap_or_default()),
        ("discovery.announce", config.discovery.announce.to_string()),
        ("metrics.listen", metrics.unwrap_or_default()),
        ("log.level", quoted(&config.log_level.0.name())),
        ("hooks.on_start", argv(&hooks.on_start)),
        ("hooks.on_stop", argv(&hooks.on_stop)),
        ("hooks.timeout", time::write(hooks.timeout)),
        ("hooks.required", hooks.required.to_string()),
        ("host.reboot", argv(&host.reboot)),
        ("host.poweroff", argv(&host.poweroff)),
        ("host.timeout", time::write(host.timeout)),
        ("mcp.rate", agents::write_rate(config.agents)),
        (
            "notify",
            if notifiers.is_empty() {
                String::new()
            } else {
                toml::Value::from(notifiers).to_string()
            },
        ),
    ];
    all.extend(limits::values(&config.limits));
    all.into_iter().map(|(key, value)| Setting { key: key.to_owned(), value }).collect()
}
