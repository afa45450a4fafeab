//! What was asked for on the command line: the screen, the line client, one run, or the server.

mod console;
mod duration;
mod filter;
mod line;
mod printer;
mod run;
mod status;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::net::Via;
use crate::{screen, term};

/// The terminal client of Topside.
///
/// Without a verb it opens the screen; with commands on its standard input it runs those, one a line.
#[derive(Debug, Parser)]
#[command(name = "topside", version, arg_required_else_help = false)]
struct Line {
    /// Confirm what asks to be confirmed first (for commands on standard input)
    #[arg(long)]
    yes: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Open the screen, connected to a saved server at once
    Connect(Connect),
    /// Run one command on this machine's server and exit with its status
    Run(Run),
    /// Serve this machine, as `topsided` does
    Serve(topside_server::cli::ServeArgs),
}

#[derive(Debug, Args)]
struct Connect {
    /// A saved server, or "this machine"
    name: String,
    /// By which way
    #[arg(long, value_enum, default_value_t = ViaArg::Auto)]
    via: ViaArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ViaArg {
    /// LAN first, then internet
    Auto,
    /// This machine's local socket
    Same,
    /// The address on the LAN
    Lan,
    /// The router's outside address
    Internet,
}

impl From<ViaArg> for Via {
    fn from(via: ViaArg) -> Self {
        match via {
            ViaArg::Auto => Self::Auto,
            ViaArg::Same => Self::Same,
            ViaArg::Lan => Self::Lan,
            ViaArg::Internet => Self::Internet,
        }
    }
}

const STATUSES: &str = "\
Exit status:
  the command's own, or 128 + n where signal n ended it
  124  it took longer than --timeout, or than it may
  125  no server, or Topside's own failure
  126  refused: role, confirmation, argument or limit
  127  there is no such command
  2    wrong arguments to topside itself";

/// The flags of `topside run`.
const RUN_FLAGS: [&str; 3] = ["--json", "--yes", "--timeout"];

#[derive(Debug, Args)]
#[command(after_help = STATUSES, override_usage = "topside run [OPTIONS] COMMAND [ARGS]...")]
struct Run {
    /// Print one JSON object with the run and its output, once it has ended
    #[arg(long)]
    json: bool,
    /// Confirm a command that asks to be confirmed first
    #[arg(long)]
    yes: bool,
    /// Cancel the run after so long: 90, 90s, 5m, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<std::time::Duration>,
    /// The command and its arguments, by position or as --NAME VALUE
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND [ARGS]"
    )]
    words: Vec<String>,
}

/// Does what the arguments of this process ask for.
pub fn main() -> ExitCode {
    let line = Line::parse();
    if line.yes && line.verb.is_some() {
        usage("--yes goes behind the verb: topside run --yes COMMAND");
    }
    match line.verb {
        Some(Verb::Run(run)) => {
            // Before the command's name a dash is a flag of ours, and this one is none.
            if let Some(flag) = run.words.first().filter(|word| word.starts_with('-')) {
                usage(&format!(
                    "topside run has no flag {flag}: its flags are {}",
                    RUN_FLAGS.join(", ")
                ));
            }
            finish(run::main(run))
        }
        Some(Verb::Serve(serve)) => topside_server::cli::run(serve),
        Some(Verb::Connect(connect)) => {
            need_terminal("topside connect");
            screen(Some((connect.name, connect.via.into())))
        }
        None if !std::io::stdin().is_terminal() => finish(line::main(line.yes)),
        None if is_dumb() => {
            term::complain(
                "this terminal (TERM=dumb) draws no screen: type one command a line, `m` for the menu,                  Ctrl-D to end",
            );
            finish(line::main(line.yes))
        }
        None => {
            if line.yes {
                usage("--yes is for commands on standard input; on the screen you are asked");
            }
            need_terminal("topside");
            screen(None)
        }
    }
}

fn screen(connect: Option<(String, Via)>) -> ExitCode {
    match screen::main(screen::Start { connect }) {
        Ok(status) => status,
        Err(error) => {
            term::complain(format_args!("{error:#}"));
            ExitCode::from(status::OWN_FAILURE)
        }
    }
}

/// Whether the terminal only prints, as that of an editor's shell.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn need_terminal(what: &str) {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        usage(&format!(
            "{what} draws a screen and needs a terminal for input and output: use `topside run COMMAND` instead"
        ));
    }
    if is_dumb() {
        usage(&format!(
            "{what} draws a screen, which this terminal (TERM=dumb) cannot: use `topside run COMMAND` instead"
        ));
    }
}

/// Says what is wrong with the arguments, and ends with status 2.
fn usage(message: &str) -> ! {
    Line::command().error(ErrorKind::ArgumentConflict, message).exit()
}

fn finish(status: u8) -> ExitCode {
    ExitCode::from(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Run {
        let line = Line::try_parse_from([&["topside", "run"], words].concat()).unwrap();
        let Some(Verb::Run(run)) = line.verb else { panic!("{line:?}") };
        run
    }

    #[test]
    fn the_declaration_of_the_arguments_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn flags_before_the_command_are_ours_and_those_behind_it_are_the_commands() {
        let run = run(&[
            "--json",
            "--timeout",
            "5s",
            "zone-run",
            "3",
            "--json",
            "--yes",
            "-5",
            "--",
            "x",
        ]);
        assert!(run.json && !run.yes);
        assert_eq!(run.words, ["zone-run", "3", "--json", "--yes", "-5", "--", "x"]);
        assert_eq!(self::run(&["-x"]).words, ["-x"], "told as a flag that does not exist");
    }

    #[test]
    fn a_run_names_a_command() {
        assert!(Line::try_parse_from(["topside", "run"]).is_err());
        assert!(Line::try_parse_from(["topside", "run", "--timeout", "soon", "x"]).is_err());
    }

    #[test]
    fn help_tells_the_exit_statuses_of_run() {
        let mut command = Line::command();
        let help = command.find_subcommand_mut("run").unwrap().render_help().to_string();
        for status in ["124", "125", "126", "127"] {
            assert!(help.contains(status), "{help}");
        }
    }
}
