//! `topside mcp`: the commands of a server as tools of an assistant, by the Model Context Protocol.
//!
//! It is a client like any other, and the server decides what it may do. An assistant starts it and speaks with it on standard
//! input and output, by revision 2026-07-28 of the protocol, which has no sessions, or by 2025-11-25, which begins with
//! `initialize`.

mod calls;
mod connection;
mod elicitation;
mod handler;
mod output_text;
mod request_id;
mod resources;
mod run_tools;
mod schema;
mod schema_pattern;
mod server_link;
mod stdio;
mod tools;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::ProtocolVersion;
use rmcp::serve_server;
use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use topside_shared::methods::Menu;

use crate::connect::Target;
use handler::Handler;
use server_link::ServerLink;
use stdio::Stdio;
use tools::Selection;

/// The revisions of the protocol, the newest first.
static SUPPORTED: [ProtocolVersion; 2] =
    [ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25];

/// What is served.
pub(crate) struct Served {
    /// The server.
    pub(crate) target: Target,
    /// The only commands that become tools; none: all that the server offers.
    pub(crate) commands: Option<Vec<String>>,
    /// How long a call waits for the end of its run.
    pub(crate) wait: Duration,
}

/// The names of the tools that a menu makes.
pub(crate) fn tool_names(menu: &Menu) -> Vec<String> {
    Selection::default().of(menu).map(|command| command.name.clone()).collect()
}

/// Serves an assistant until it closes its side. An error is a fault of the library or of the streams.
pub(crate) async fn serve<R, W>(served: Served, input: R, output: W) -> Result<(), String>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let (closing, closed) = watch::channel(false);
    let link = Arc::new(ServerLink::new(served.target));
    let keeper = {
        let link = Arc::clone(&link);
        tokio::spawn(async move { link.keep().await })
    };
    let handler = Handler {
        link: Arc::clone(&link),
        selection: Selection { commands: served.commands },
        limit: served.wait,
        closed,
        listed: Arc::new(Mutex::new(None)),
        reports: AtomicBool::new(false),
    };
    let running = match serve_server(handler, Stdio::new(input, output, closing)).await {
        Ok(running) => running.waiting().await.map(drop).map_err(|error| error.to_string()),
        // It has asked for nothing.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    link.leave().await;
    keeper.abort();
    running
}
