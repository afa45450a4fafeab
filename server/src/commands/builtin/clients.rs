//! `clients`: who is connected.

use topside_shared::command::Command;
use topside_shared::text;

use super::{Calling, reads, say};
use crate::commands::{Call, Worker};

pub(super) struct Clients;

impl Worker for Clients {
    fn declaration(&self) -> Command {
        let description = "Lists everybody who is connected, with address, role and what they run.";
        reads("clients", &[], "Show who is connected", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let heads = ["", "address", "type", "user", "role", "program", "idle", "runs"];
        let mut rows = vec![heads.map(str::to_owned)];
        for client in call.server.clients.all() {
            let row = client.row(Some(call.client.id));
            let runs: Vec<String> =
                row.runs.iter().map(|run| format!("{} {}", run.run_id, run.command)).collect();
            rows.push([
                row.client_id.to_string(),
                row.address,
                row.connection.title().to_owned(),
                row.user,
                row.role.to_string(),
                row.client.map_or_else(|| "-".to_owned(), |program| program.name),
                if row.you { "you".to_owned() } else { text::duration(row.idle_ms) },
                runs.join(", "),
            ]);
        }
        say(call, Ok(crate::table::columns(&rows)))
    }
}
