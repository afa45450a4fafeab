//! `topsided config`: the settings in force, their origin, and the directories.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};
use topside_shared::dirs::Dirs;

use crate::config::listing::{Setting, settings};
use crate::config::{Config, ConfigError};
use crate::menu_file;
use crate::settings::SERVER_FILE;
use topside_shared::tables::columns;

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Print every setting in force, and where its value comes from
    Show {
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the directories and files
    Path,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) config: Option<&'a Path>,
    pub(crate) menu: Option<&'a Path>,
}

/// Key, value and origin.
type ConfigRow = [String; 3];

pub(crate) fn show(
    what: &What,
    dirs: &Dirs,
    named: Named<'_>,
    load: impl FnOnce() -> Result<Config, ConfigError>,
) -> Result<String, ConfigError> {
    let mut rows = places(dirs, named);
    let What::Show { json } = what else { return Ok(columns(&rows)) };
    for [_, value, _] in &mut rows {
        *value = Value::from(value.as_str()).to_string();
    }
    let config = load()?;
    let file =
        named.config.map_or_else(|| SERVER_FILE.to_owned(), |path| path.display().to_string());
    rows.extend(settings(&config).into_iter().map(|Setting { key, value }| {
        let line = config.line_of(&key);
        [key, value, line.map_or_else(|| "default".to_owned(), |line| format!("{file}:{line}"))]
    }));
    if *json {
        let rows = rows
            .iter()
            .map(|[key, value, from]| json!({"key": key, "value": as_json(value), "from": from}));
        return Ok(format!("{}\n", Value::from_iter(rows)));
    }
    for [_, value, _] in rows.iter_mut().filter(|[_, value, _]| value.is_empty()) {
        "unset".clone_into(value);
    }
    Ok(columns(&rows))
}

fn places(dirs: &Dirs, named: Named<'_>) -> Vec<ConfigRow> {
    let row = |key: &str, path: &Path, from: &str| {
        [key.to_owned(), path.display().to_string(), from.to_owned()]
    };
    let default_file = |key, path: &Path| {
        row(key, path, if path.exists() { "default" } else { "default, not there" })
    };
    let [config, state, runtime] = Dirs::named_by().map(|variable| variable.unwrap_or("default"));
    let mut rows = vec![
        row("config_dir", &dirs.config, config),
        row("state_dir", &dirs.state, state),
        row("runtime_dir", &dirs.runtime, runtime),
        match named.config {
            Some(path) => row("config", path, "--config"),
            None => default_file("config", &dirs.config.join(SERVER_FILE)),
        },
    ];
    match named.menu {
        Some(path) => rows.push(row("commands", path, "--commands")),
        None => rows.extend(
            [menu_file::COMMANDS_FILE, menu_file::COMMANDS_DIR]
                .map(|name| default_file("commands", &dirs.config.join(name))),
        ),
    }
    rows
}

fn as_json(value: &str) -> Value {
    if value.is_empty() {
        return Value::Null;
    }
    let read = toml::from_str::<serde_json::Map<String, Value>>(&format!("value = {value}"));
    read.ok().and_then(|mut map| map.remove("value")).unwrap_or_else(|| Value::from(value))
}
