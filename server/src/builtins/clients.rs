//! `clients`: who is connected.

use std::sync::Arc;

use topside_shared::command::Command;
use topside_shared::records::ClientRow;
use topside_shared::tables;

use crate::builtins::{reads, say, server};
use crate::clients::Client;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Clients;

impl Worker for Clients {
    fn declaration(&self) -> Command {
        let description = "Lists everybody who is connected, with address, role and what they run.";
        reads("clients", &[], "Show who is connected", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let all = server(&call).clients.all();
        let row = |client: &Arc<Client>| client.row(&call.who, client.id == call.client.id);
        let rows: Vec<ClientRow> = all.iter().map(row).collect();
        say(call, Ok(tables::clients(&rows)))
    }
}
