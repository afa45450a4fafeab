//! `version` (gv): the versions of the server and of the protocol.

use topside_shared::PROTOCOL_VERSION;
use topside_shared::command::Command;

use crate::builtins::{json, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

pub(super) struct Version(pub(super) ServerRef);

impl Builtin for Version {
    fn declaration(&self) -> Command {
        let description = "Shows the server's version and that of the protocol.";
        reads("version", &["gv"], "Show the version", description, vec![json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let server = self.0.get();
        let (name, version) = (&server.info.name, &server.info.version);
        let document = serde_json::json!({
            "name": name, "version": version, "protocolVersion": PROTOCOL_VERSION,
        });
        let text = format!("{name} {version}, protocol {PROTOCOL_VERSION}\n");
        ready(render(call, &document, |_| text))
    }
}
