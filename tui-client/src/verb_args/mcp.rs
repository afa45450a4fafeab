//! Arguments of `topside mcp`.

use std::time::Duration;

use clap::Args;
use topside_server::cli::role;
use topside_shared::Role;

use super::duration;
use super::target::TargetArgs;

const STEPS: &str = "\
Two steps lead to the first tool call: `topside mcp --setup` makes a key and prints the configuration of the \
assistant; add that to the assistant. Without --setup, and without --on, it works on this machine over the local \
socket, as a viewer.

Only commands with `expose = [\"mcp\"]` in their declaration are tools. Standard output has the messages of the \
protocol and nothing else; errors are on standard error.";

#[derive(Debug, Args)]
#[command(after_help = STEPS)]
pub(crate) struct Mcp {
    #[command(flatten)]
    pub(crate) on: TargetArgs,
    /// Offer only these commands, separated by commas; with --setup the key is limited to them
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS")]
    pub(crate) commands: Option<Vec<String>>,
    /// Time that a call waits for its run before it returns the number of the run: 30s, 2m
    #[arg(
        long,
        default_value = "50s",
        value_name = "DURATION",
        value_parser = duration::parse,
        conflicts_with = "setup"
    )]
    pub(crate) wait: Duration,
    /// Make the key of an assistant, and print the configuration that starts it (admin)
    #[arg(long)]
    pub(crate) setup: bool,
    /// Set up by an invite that an admin has made with `invite --agent`; - reads it from standard input. --on is the name under
    /// which the server is saved
    #[arg(
        long,
        value_name = "INVITE",
        requires = "setup",
        conflicts_with_all = ["role", "name", "commands", "via"]
    )]
    pub(crate) invite: Option<String>,
    /// Role of the key: viewer, operator or admin; without it, viewer
    #[arg(long, value_parser = role(), requires = "setup")]
    pub(crate) role: Option<Role>,
    /// Name of the key in lists and logs; without it, "assistant"
    #[arg(long, value_name = "NAME", requires = "setup")]
    pub(crate) name: Option<String>,
}
