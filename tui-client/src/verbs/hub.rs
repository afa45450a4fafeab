//! `topside hub`: the saved hubs of this device.

use std::io::Read;

use serde::Serialize;
use serde_json::json;
use topside_shared::dirs::Dirs;
use topside_shared::hub::{HubAccess, HubConnection, HubRole};
use topside_shared::tables::columns;

use super::errors::with_sources;
use crate::connect::hubs;
use crate::terminal;
use crate::verb_args::HubVerb;

/// Most bytes of standard input that are searched for a string.
const MAX_INPUT: u64 = 64 * 1024;

/// A saved hub in the output of `--json`.
#[derive(Debug, Serialize)]
struct HubRow {
    name: String,
    addresses: String,
    pin: String,
}

/// Runs the verb: the output, or a sentence about what failed.
pub(super) async fn run(verb: &HubVerb) -> Result<String, String> {
    let state = Dirs::from_env().map_err(|error| error.to_string())?.state;
    match verb {
        HubVerb::Add { string } => {
            let found = HubAccess::find(&read(&string.join(" "))?, HubRole::Person);
            let access = found.map_err(|error| error.to_string())?;
            match HubConnection::open(&access).await {
                Ok(_) => {}
                // It may be reachable from another network only.
                Err(error) if !error.is_lasting() => terminal::complain(format!("note: {error}")),
                Err(error) => return Err(format!("{error}; the hub is not saved")),
            }
            hubs::add(&state, &access).map_err(|error| with_sources(&error))?;
            let (name, places) = (&access.fleet, access.places());
            Ok(format!(
                "Saved the hub {name} ({places}): paired servers are looked for there too, after LAN and internet\n"
            ))
        }
        HubVerb::List { json } => {
            let saved = hubs::saved(&state).map_err(|error| with_sources(&error))?;
            let rows = saved.into_iter().map(|access| HubRow {
                addresses: access.places(),
                pin: access.hub.to_string(),
                name: access.fleet.to_string(),
            });
            let rows: Vec<HubRow> = rows.collect();
            Ok(match (json, rows.is_empty()) {
                (true, _) => format!("{}\n", json!({ "hubs": rows })),
                (false, true) => "no hub is saved: `topside hub add STRING` saves one\n".to_owned(),
                (false, false) => {
                    let rows = rows.into_iter().map(|row| [row.name, row.addresses, row.pin]);
                    columns(&rows.collect::<Vec<_>>())
                }
            })
        }
        HubVerb::Remove { name } => {
            hubs::remove(&state, name).map_err(|error| with_sources(&error))?;
            Ok(format!("forgot the hub {name}\n"))
        }
    }
}

fn read(text: &str) -> Result<String, String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    Ok(text)
}
