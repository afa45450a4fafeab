//! Arguments of the verbs for saved servers.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::candidates;
use super::server::ConfirmArgs;
use super::target::TargetArgs;
use crate::config::{Profile, port as read_port};

#[derive(Debug, Subcommand)]
pub(crate) enum SavedServerVerb {
    /// Show the saved servers
    Servers {
        #[command(flatten)]
        json: Json,
    },
    /// Save a server by hand; `topside pair` saves one from an invite
    Add {
        /// Name for the saved server
        name: String,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        json: Json,
    },
    /// Change a saved server; fields that are not given stay as they are
    Edit {
        /// Name of the saved server
        #[arg(add = ArgValueCompleter::new(candidates::servers))]
        name: String,
        /// New name
        #[arg(long = "name", value_name = "NAME")]
        new_name: Option<String>,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        json: Json,
    },
    /// Copy a saved server under another name
    Duplicate {
        /// Name of the saved server
        #[arg(add = ArgValueCompleter::new(candidates::servers))]
        name: String,
        /// Name of the copy
        copy: String,
        #[command(flatten)]
        json: Json,
    },
    /// Delete a saved server
    Delete {
        /// Name of the saved server
        #[arg(add = ArgValueCompleter::new(candidates::servers))]
        name: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Test the routes to a server
    Test {
        /// A saved server; without it, this machine's own
        #[arg(conflicts_with = "on", add = ArgValueCompleter::new(candidates::places))]
        name: Option<String>,
        #[command(flatten)]
        on: TargetArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Show the paths of the client's files
    Config {
        #[command(subcommand)]
        what: Where,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Where {
    /// Print the directories and files
    Path {
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Print JSON, one object a line: the answer, or `{"error": ..}`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Address on the LAN; "" for none
    #[arg(long, value_name = "HOST")]
    lan: Option<String>,
    /// The router's outside address, or a host name; "" for none
    #[arg(long, value_name = "HOST")]
    internet: Option<String>,
    /// Port
    #[arg(long, value_parser = port)]
    port: Option<u16>,
    /// Port at the router, where it differs; 0 for the same
    #[arg(long, value_name = "PORT", value_parser = port_or_same)]
    internet_port: Option<u16>,
    /// Pin of its key, which `topsided id` prints on the server; "" for none
    #[arg(long)]
    pin: Option<String>,
    /// Tags, for `topside run --on tag:NAME`; "" for none
    #[arg(long, value_name = "TAG,..")]
    tags: Option<String>,
}

/// Reads a port.
fn port(text: &str) -> Result<u16, String> {
    read_port(text).map_err(|rule| format!("port {rule}"))
}

/// Reads the port at the router, or the 0 that stands for the same port.
fn port_or_same(text: &str) -> Result<u16, String> {
    if text == "0" { Ok(0) } else { port(text) }
}

impl Fields {
    /// The profile with the given fields.
    pub(crate) fn apply(&self, profile: Profile) -> Profile {
        let text = |new: &Option<String>, old| match new {
            Some(text) if text.is_empty() => None,
            Some(text) => Some(text.clone()),
            None => old,
        };
        Profile {
            lan: text(&self.lan, profile.lan),
            internet: text(&self.internet, profile.internet),
            port: self.port.unwrap_or(profile.port),
            internet_port: match self.internet_port {
                Some(0) => None,
                Some(port) => Some(port),
                None => profile.internet_port,
            },
            pin: text(&self.pin, profile.pin),
            tags: match self.tags.as_deref() {
                Some("") => Vec::new(),
                Some(tags) => tags.split(',').map(|tag| tag.trim().to_owned()).collect(),
                None => profile.tags,
            },
            name: profile.name,
        }
    }
}

impl SavedServerVerb {
    /// The server to test, and the route.
    pub(crate) fn on(&self) -> TargetArgs {
        match self {
            Self::Test { name, on, .. } => {
                TargetArgs { on: name.clone().or_else(|| on.on.clone()), via: on.via }
            }
            _ => TargetArgs::default(),
        }
    }

    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Servers { json }
            | Self::Add { json, .. }
            | Self::Edit { json, .. }
            | Self::Duplicate { json, .. }
            | Self::Delete { json, .. }
            | Self::Test { json, .. }
            | Self::Config { what: Where::Path { json } } => json.json,
        }
    }
}
