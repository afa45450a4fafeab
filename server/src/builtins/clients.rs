//! `clients`: the connected clients.

use std::sync::Arc;

use topside_shared::command::Command;
use topside_shared::methods::Clients as Page;
use topside_shared::records::ClientRow;
use topside_shared::tables;

use crate::builtins::{json, reads, ready, render};
use crate::clients::Client;
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

pub(super) struct Clients(pub(super) ServerRef);

impl Builtin for Clients {
    fn declaration(&self) -> Command {
        let description = "Lists the connected clients with their addresses, roles and runs.";
        reads("clients", &[], "Show who is connected", description, vec![json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let row = |client: &Arc<Client>| client.row(call.who(), client.id == call.client.id);
        let clients: Vec<ClientRow> = self.0.get().clients.all().iter().map(row).collect();
        let page = Page { clients, next: None };
        ready(render(call, &page, |page| tables::clients(&page.clients)))
    }
}
