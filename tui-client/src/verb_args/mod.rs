//! Arguments of the verbs: what `topside VERB` in a shell and `:VERB` on the screen and in the line client parse, complete
//! and explain. Nothing here runs a verb.

pub(crate) mod candidates;
pub(crate) mod duration;
pub(crate) mod saved;
pub(crate) mod server;
pub(crate) mod target;
pub(crate) mod verb_line;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use saved::SavedServerVerb;
use server::ServerVerb;
use target::TargetArgs;

/// The name of the program.
pub(crate) const PROGRAM: &str = "topside";

/// The terminal client of Topside.
///
/// Without a verb it opens the screen; with commands on standard input it runs those, one a line.
#[derive(Debug, Parser)]
#[command(name = "topside", version, arg_required_else_help = false)]
pub(crate) struct Arguments {
    /// Confirm what asks to be confirmed first (for commands on standard input)
    #[arg(long)]
    pub(crate) yes: bool,
    /// Draw the screen with ASCII signs alone
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) on: TargetArgs,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Open the screen, connected to a saved server at once
    Connect(Connect),
    /// Run one command on a server, this machine's unless told, and exit with its status
    Run(Run),
    /// Pair this device with a server, by the one string that `topsided invite` prints there
    Pair(Pair),
    #[command(flatten)]
    Ask(ServerVerb),
    #[command(flatten)]
    Saved(SavedServerVerb),
    /// Print the pin of this device's key, which servers know it by
    Id,
    /// Print the script by which a shell completes what is typed
    Completions(Completions),
    /// Write the manual
    #[command(hide = true)]
    Man(Pages),
    /// Serve this machine, as `topsided` does
    Serve(topside_server::cli::ServeArgs),
}

#[derive(Debug, Args)]
#[command(
    override_usage = "topside connect [--via WAY] NAME\n       topside connect [--via WAY] --on NAME"
)]
pub(crate) struct Connect {
    /// A saved server, or "this machine"; needed unless --on names it
    #[arg(
        required_unless_present = "on",
        conflicts_with = "on",
        add = ArgValueCompleter::new(candidates::places)
    )]
    pub(crate) name: Option<String>,
    /// Draw the screen with ASCII signs alone
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) on: TargetArgs,
}

const STATUSES: &str = "\
It never starts a server: where none runs, it says so. `topside` and its line client
start one inside themselves.

Exit status:
  other  the command's own; 128 + n where signal n ended it
  124  it took longer than --timeout, or than it may
  125  no server, no way to it, a key that one side does not take, a session that ended,
       or Topside's own failure
  126  refused: role, confirmation, argument or limit
  127  there is no such command
  2    wrong arguments to topside itself

On several boxes (--on a,b or tag:TAG or all) results are printed in groups of boxes with equal state,
output and exit status. A box that has not answered for 15 s is not reached; the others go on. A command
that is destructive on any box, or asks to be confirmed, shows its targets and wants their number typed.

Exit status for several boxes:
  0    it succeeded on every box
  126  it was not confirmed; else
  125  a box was not reached, its session ended, or its run was not waited for; else
  127, 126, 124  a box ended so; else
  the greatest exit status of the command
  130  Ctrl-C, which cancels the runs everywhere";

pub(crate) const RUN_FLAGS: [&str; 9] = [
    "--on",
    "--via",
    "--json",
    "--yes",
    "--detach",
    "--timeout",
    "--input",
    "--serial",
    "--max-fail",
];

#[derive(Debug, Args)]
#[command(
    after_help = STATUSES,
    override_usage = "topside run [OPTIONS] COMMAND [ARGS]...",
    mut_arg("on", |on| on
        .help("A saved server; without it, this machine's own. Several: names with commas, tag:TAG, or all")
        .value_name("NAMES")
        .add(ArgValueCompleter::new(candidates::boxes)))
)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) on: TargetArgs,
    /// Print one JSON object with the run and its output, once it has ended; on several boxes one line for each
    #[arg(long)]
    pub(crate) json: bool,
    /// Confirm a command that asks to be confirmed first; for --on tag:TAG or all, N is how many boxes that names
    #[arg(long, value_name = "N", require_equals = true)]
    pub(crate) yes: Option<Option<usize>>,
    /// Print the run's number as soon as it has begun, and leave it to the server
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) detach: bool,
    /// Cancel the run after so long: 90, 90s, 5m, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Send standard input to the run as it comes, then its end; without it a command that asks gets
    /// the lines of a terminal, and else the end of its input at once
    #[arg(long, conflicts_with = "detach")]
    pub(crate) input: bool,
    /// On several boxes: one after the other, in the order of --on
    #[arg(long, requires = "on")]
    pub(crate) serial: bool,
    /// On several boxes: start no further one once N have failed
    #[arg(long, value_name = "N", requires = "on")]
    pub(crate) max_fail: Option<std::num::NonZeroUsize>,
    /// The command and its arguments, by position or as --NAME VALUE
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND [ARGS]"
    )]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// What `topsided invite` or `topsided token` printed; - reads it from standard input
    #[arg(required = true, value_name = "INVITE")]
    pub(crate) invite: Vec<String>,
    /// What to call the server here; without it, as it calls itself
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Replace the saved server of the same name or address that has another key: the box was set up again
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// A directory of manuals, as in MANPATH
    pub(crate) directory: PathBuf,
}
