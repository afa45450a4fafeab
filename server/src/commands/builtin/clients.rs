//! `clients`: who is connected.

use topside_shared::command::Command;
use topside_shared::rows::ClientRow;
use topside_shared::tables;

use super::{Calling, reads, say};
use crate::commands::{Call, Worker};

pub(super) struct Clients;

impl Worker for Clients {
    fn declaration(&self) -> Command {
        let description = "Lists everybody who is connected, with address, role and what they run.";
        reads("clients", &[], "Show who is connected", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let you = Some(call.client.id);
        let rows: Vec<ClientRow> =
            call.server.clients.all().into_iter().map(|client| client.row(you)).collect();
        say(call, Ok(tables::clients(&rows)))
    }
}
