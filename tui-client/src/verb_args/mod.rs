//! Arguments of the verbs: what `topside VERB` in a shell and `:VERB` on the screen and in the line client parse, complete
//! and explain. Nothing here runs a verb.

pub(crate) mod approval;
pub(crate) mod candidates;
pub(crate) mod duration;
#[cfg(feature = "hub")]
pub(crate) mod fleet;
pub(crate) mod known_values;
pub(crate) mod line_error;
pub(crate) mod log;
pub(crate) mod mcp;
pub(crate) mod notify;
pub(crate) mod saved;
pub(crate) mod schedule;
pub(crate) mod server;
pub(crate) mod shutdown;
pub(crate) mod target;
pub(crate) mod verb_line;
pub(crate) mod worker;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

#[cfg(feature = "hub")]
use fleet::FleetVerbs;
use mcp::Mcp;
use saved::SavedServerVerb;
use server::ServerVerb;
use target::TargetArgs;

use crate::fan_out::Serial;

/// The name of the program.
pub(crate) const PROGRAM: &str = "topside";

/// The terminal client of Topside.
///
/// Without a verb it opens the screen. With commands on standard input it runs those, one a line. Where TERM is dumb it is a line
/// client: a prompt for one command a line, which draws nothing, also for a screen reader.
#[derive(Debug, Parser)]
#[command(name = "topside", version, arg_required_else_help = false)]
pub(crate) struct Arguments {
    /// Confirm commands that require confirmation (for commands on standard input)
    #[arg(long)]
    pub(crate) yes: bool,
    /// Draw the screen with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) on: TargetArgs,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

impl Arguments {
    /// Parses the arguments of a process, after its name. A line of `topside run`, which scripts call often, needs the
    /// declaration of that verb alone: those of all verbs take a seventh of the processor time of the program.
    pub(crate) fn of_process(words: &[OsString]) -> Result<Self, clap::Error> {
        if words.get(1).is_none_or(|word| word != "run") {
            return Self::try_parse_from(words);
        }
        let RunLine { verb } = RunLine::try_parse_from(joined_serial(words))?;
        let (yes, ascii, on) = (false, false, TargetArgs::default());
        Ok(Self { yes, ascii, on, verb: Some(Verb::Run(verb)) })
    }
}

/// The flags of `topside run` that take a value.
pub(crate) const RUN_FLAGS_WITH_VALUE: [&str; 4] = ["--on", "--via", "--timeout", "--max-fail"];

/// Writes `--serial 10%` before the command as `--serial=10%`: clap would take a command behind `--serial` for its value.
fn joined_serial(words: &[OsString]) -> Vec<OsString> {
    let mut words = words.to_vec();
    let mut at = 2;
    while let Some(word) =
        words.get(at).and_then(|word| word.to_str()).filter(|word| word.starts_with("--"))
    {
        if RUN_FLAGS_WITH_VALUE.contains(&word) {
            at += 1;
        } else if word == "--serial"
            && let Some(number) = words.get(at + 1).and_then(|next| next.to_str())
            && (number.ends_with('%') || number.parse::<Serial>().is_ok())
        {
            words[at] = format!("--serial={number}").into();
            words.remove(at + 1);
        }
        at += 1;
    }
    words
}

/// A line of `topside run`.
#[derive(Debug, Parser)]
#[command(name = "topside")]
struct RunLine {
    #[command(subcommand)]
    verb: RunVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Open the screen, connected to a saved server; where TERM is dumb, the line client
    Connect(Connect),
    #[command(flatten)]
    Run(RunVerb),
    /// Pair this device with a server, or join a fleet, by an invite: the string that `topsided invite` prints on the
    /// server, or `topside fleet invite` for an admin of the fleet
    Pair(Pair),
    #[command(flatten)]
    Ask(ServerVerb),
    #[command(flatten)]
    Saved(SavedServerVerb),
    /// Print the pin of this device's key, by which servers identify it
    Id,
    /// Create, join and change fleets: boxes and people on one hub
    #[cfg(feature = "hub")]
    Fleet(FleetVerbs),
    /// Print a menu file made from the configuration of another program; it applies nothing
    Import(Import),
    /// Serve the commands of a server as tools of an assistant (Model Context Protocol), on standard input and output
    Mcp(Mcp),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write the manual
    #[command(hide = true)]
    Man(Pages),
    /// Start a server on this machine, as `topsided` does
    Serve(topside_server::cli::ServeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunVerb {
    /// Run one command on this machine's server, or on others with --on, and exit with its status
    Run(Run),
}

#[derive(Debug, Args)]
#[command(
    override_usage = "topside connect [--via ROUTE] NAME\n       topside connect [--via ROUTE] --on NAME"
)]
pub(crate) struct Connect {
    /// A saved server, or "this machine"; needed unless --on names it
    #[arg(
        required_unless_present = "on",
        conflicts_with = "on",
        add = ArgValueCompleter::new(candidates::places)
    )]
    pub(crate) name: Option<String>,
    /// Draw the screen with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) on: TargetArgs,
}

const STATUSES: &str = "\
It never starts a server: if none runs, it reports that. `topside` without a verb starts one inside its own
process.

Exit status:
  other  the command's own; 128 + n if signal n ended it
  124  the run exceeded --timeout, or the command's own time limit
  125  the server cannot be reached, a key was refused, the session ended, or Topside itself failed
  126  refused: role, confirmation, argument or limit; or the run was not approved
  127  no such command
  2    wrong arguments to topside itself

On several boxes (--on a,b or tag:TAG or all) results are printed in groups of boxes with equal state,
output and exit status. A box that does not answer within 15 s counts as not reached; the others continue. For a
command that is destructive on any box, or requires confirmation, type the number of its targets.

Exit status for several boxes:
  0    success on every box
  126  not confirmed; else
  125  a box was not reached, its session ended, or its run was not waited for; else
  127, 126, 124  if a box has this status; else
  the greatest exit status of the command
  130  Ctrl-C, which cancels the run on every box";

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
    /// Print one JSON object with the run and its output when it has ended; on several boxes one line for each, and a summary
    #[arg(long)]
    pub(crate) json: bool,
    /// Confirm a command that requires confirmation; for --on tag:TAG or all, N is the number of boxes
    #[arg(long, value_name = "N", require_equals = true)]
    pub(crate) yes: Option<Option<usize>>,
    /// Print the run's number when it has started, and return without waiting for its end
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) detach: bool,
    /// Cancel the run after this time: 90, 90s, 5m, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Send standard input to the run, to its end; without this flag a command that reads input gets
    /// the lines typed at a terminal, and no input where there is no terminal
    #[arg(long, conflicts_with = "detach")]
    pub(crate) input: bool,
    /// On several boxes: run on N of them at a time (5, or a part such as 10%), in the order of --on; without N one after
    /// the other
    #[arg(
        long,
        value_name = "N",
        requires = "on",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1"
    )]
    pub(crate) serial: Option<Serial>,
    /// On several boxes: start no further run when N have failed
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
    /// The string that `topsided invite`, `topsided token` or `topside fleet invite` printed; - reads it from standard input
    #[arg(required = true, value_name = "INVITE")]
    pub(crate) invite: Vec<String>,
    /// Name of the saved server; without it, the server's own name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Replace the saved server of the same name or address that has another key: the box was reinstalled
    #[arg(long)]
    pub(crate) replace: bool,
    #[cfg(feature = "hub")]
    #[command(flatten)]
    pub(crate) user: fleet::CredentialsFile,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// The actions of OliveTin, with a line `# lost:` for each part that may not do the same
    Olivetin {
        /// Its config.yaml
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
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
