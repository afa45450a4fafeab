//! `topsided config`: the settings in force, their origin, and the directories.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};
use topside_shared::dirs::Dirs;

use crate::config::values::{Setting, settings};
use crate::config::{Config, ConfigError};
use crate::menu_file;
use crate::settings::SERVER_FILE;
use topside_shared::tables::columns;

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Print every key in force, and where its value comes from
    Show {
        /// As one line of JSON
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

struct Row {
    key: String,
    value: String,
    from: String,
}

pub(crate) fn show(
    what: &What,
    dirs: &Dirs,
    named: Named<'_>,
    load: impl FnOnce() -> Result<Config, ConfigError>,
) -> Result<String, ConfigError> {
    let mut rows = places(dirs, named);
    let What::Show { json } = what else {
        let rows: Vec<[String; 3]> =
            rows.into_iter().map(|row| [row.key, row.value, row.from]).collect();
        return Ok(columns(&rows));
    };
    for row in &mut rows {
        row.value = Value::from(row.value.as_str()).to_string();
    }
    let config = load()?;
    let file =
        named.config.map_or_else(|| SERVER_FILE.to_owned(), |path| path.display().to_string());
    rows.extend(settings(&config).into_iter().map(|Setting { key, value }| {
        let line = config.line_of(&key);
        let from = line.map_or_else(|| "default".to_owned(), |line| format!("{file}:{line}"));
        Row { key, value, from }
    }));
    if *json {
        let rows = rows
            .iter()
            .map(|row| json!({"key": row.key, "value": as_json(&row.value), "from": row.from}));
        return Ok(format!("{}\n", Value::from_iter(rows)));
    }
    let rows: Vec<[String; 3]> =
        rows.into_iter().map(|row| [row.key, shown(row.value), row.from]).collect();
    Ok(columns(&rows))
}

fn shown(value: String) -> String {
    if value.is_empty() { "unset".to_owned() } else { value }
}

fn places(dirs: &Dirs, named: Named<'_>) -> Vec<Row> {
    let [config, state, runtime] =
        Dirs::named_by().map(|variable| variable.unwrap_or("default").to_owned());
    let row = |key: &str, path: &Path, from: String| Row {
        key: key.to_owned(),
        value: path.display().to_string(),
        from,
    };
    let flag = |flag: &str| flag.to_owned();
    let server_file = match named.config {
        Some(path) => row("config", path, flag("--config")),
        None => {
            let path = dirs.config.join(SERVER_FILE);
            row("config", &path, there(&path))
        }
    };
    let mut rows = vec![
        row("config_dir", &dirs.config, config),
        row("state_dir", &dirs.state, state),
        row("runtime_dir", &dirs.runtime, runtime),
        server_file,
    ];
    match named.menu {
        Some(path) => rows.push(row("commands", path, flag("--commands"))),
        None => {
            for name in [menu_file::COMMANDS_FILE, menu_file::COMMANDS_DIR] {
                let path = dirs.config.join(name);
                rows.push(row("commands", &path, there(&path)));
            }
        }
    }
    rows
}

fn there(path: &Path) -> String {
    if path.exists() { "default" } else { "default, not there" }.to_owned()
}

fn as_json(value: &str) -> Value {
    if value.is_empty() {
        return Value::Null;
    }
    let read = toml::from_str::<serde_json::Map<String, Value>>(&format!("value = {value}"));
    read.ok().and_then(|mut map| map.remove("value")).unwrap_or_else(|| Value::from(value))
}
