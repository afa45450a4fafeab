//! Command line: the screen, the line client, the verbs, or the server.

mod completions;
mod errors;
mod exit_status;
#[cfg(feature = "hub")]
mod fleet;
mod import;
mod line_client;
mod man;
mod mcp;
mod messages;
mod no_echo;
mod output_filter;
mod pair;
mod printer;
mod question;
mod run;
mod run_several;
mod runner;
mod saved_servers;
mod server_verbs;
mod stdin;
mod stdin_lines;
mod transfers;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use topside_shared::text::{MAX_NAME, did_you_mean, quote};

use crate::connect::Via;
use crate::verb_args::line_error::near_verbs;
use crate::verb_args::target::TargetArgs;
use crate::verb_args::{Arguments, RUN_FLAGS, Run, RunVerb, Verb};
use crate::{event_loop, terminal};

/// Runs what the arguments of this process say.
pub fn main() -> ExitCode {
    if completions::answered(Arguments::command) {
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = std::env::args_os().collect();
    let line = Arguments::of_process(&words).unwrap_or_else(|error| refuse_line(&error));
    if line.yes && line.verb.is_some() {
        usage("--yes goes behind the verb: topside VERB --yes");
    }
    if line.on.is_given() && line.verb.is_some() {
        usage("--on and --via go behind the verb: topside VERB --on NAME");
    }
    if line.ascii && !matches!(line.verb, None | Some(Verb::Connect(_))) {
        usage("--ascii is for the screen: topside --ascii, or topside connect --ascii NAME");
    }
    check(&line.on);
    match line.verb {
        Some(Verb::Run(RunVerb::Run(run))) => {
            // Before the command's name a dash begins a flag of topside, and this one does not exist.
            if let Some(flag) = run.words.first().filter(|word| word.starts_with('-')) {
                let flags = RUN_FLAGS.join(", ");
                usage_of_run(&format!("topside run has no flag {flag}: its flags are {flags}"));
            }
            check(&run.on);
            finish(match run_several::selection(&run) {
                Ok(None) => run::main(run),
                Ok(Some(selection)) => run_several::main(run, selection),
                Err((status, sentence)) => {
                    terminal::complain(sentence);
                    status
                }
            })
        }
        Some(Verb::Ask(ask)) => {
            check(&ask.how().on);
            finish(server_verbs::main(&ask))
        }
        Some(Verb::Saved(verb)) => {
            check(&verb.on());
            finish(saved_servers::main(&verb))
        }
        Some(Verb::Pair(args)) => finish(pair::main(&args)),
        Some(Verb::Id) => finish(pair::id()),
        #[cfg(feature = "hub")]
        Some(Verb::Fleet(args)) => finish(block_on(fleet::main(&args))),
        Some(Verb::Man(args)) => finish(man::main(&args, Arguments::command())),
        Some(Verb::Mcp(args)) => {
            check(&args.on);
            finish(mcp::main(&args))
        }
        Some(Verb::Import(args)) => finish(import::main(&args)),
        Some(Verb::Completions(args)) => finish(completions::main(&args)),
        Some(Verb::Serve(serve)) => topside_server::cli::run(&serve),
        Some(Verb::Connect(connect)) => {
            let on = TargetArgs { on: connect.name.or(connect.on.on), ..connect.on };
            check(&on);
            if is_dumb() && std::io::stdin().is_terminal() {
                return finish(line_client::main(line.yes, on));
            }
            need_terminal("topside connect");
            let via = on.via();
            screen(on.on.map(|name| (name, via)), line.ascii || connect.ascii)
        }
        None if !std::io::stdin().is_terminal() => finish(line_client::main(line.yes, line.on)),
        None if is_dumb() => finish(line_client::main(line.yes, line.on)),
        None => {
            if line.yes {
                usage("--yes is for commands on standard input; on the screen you are asked");
            }
            need_terminal("topside");
            let via = line.on.via();
            screen(line.on.on.map(|name| (name, via)), line.ascii)
        }
    }
}

fn screen(connect: Option<(String, Via)>, ascii: bool) -> ExitCode {
    match event_loop::main(event_loop::Start { connect, ascii }) {
        Ok(status) => status,
        Err(error) => {
            terminal::complain(format_args!("{error:#}"));
            ExitCode::from(exit_status::OWN_FAILURE)
        }
    }
}

/// Runs a verb on this thread; returns the exit status.
fn block_on(verb: impl Future<Output = u8>) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(format_args!("cannot start: {error}"));
            return exit_status::OWN_FAILURE;
        }
    };
    let status = runtime.block_on(verb);
    // A read of the terminal cannot be interrupted: it ends with the process.
    runtime.shutdown_background();
    status
}

/// Ends with status 2 where `--on` and `--via` do not go together.
fn check(on: &TargetArgs) {
    if let Some(mistake) = on.mistake() {
        usage(mistake);
    }
}

/// Whether the terminal only prints, as that of an editor's shell does.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Ends with status 2 where no screen can be drawn.
fn need_terminal(what: &str) {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        usage(&format!(
            "{what} draws a screen and needs a terminal for input and output: use `topside run COMMAND` instead"
        ));
    }
}

/// Words that users try as verbs, and what to use instead.
const NO_VERBS: [(&str, &str); 6] = [
    ("check", "`topsided check` reads the configuration of the server"),
    ("commands", "`topside menu` shows the commands"),
    ("doctor", "`topsided doctor` looks at the box, `topside test NAME` at the routes to it"),
    (
        "keymap",
        "`?` on the screen shows the keys; `topside config path` says where keymap.toml is, which changes them",
    ),
    (
        "start",
        "`topside serve` starts a server of your own, `sudo systemctl start topsided` a packaged one",
    ),
    ("stop", "`topside shutdown` ends the server"),
];

/// Prints why the arguments are not accepted, or the help that they ask for, and ends.
fn refuse_line(error: &clap::Error) -> ! {
    let word = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => word.as_str(),
        _ => error.exit(),
    };
    if let Some((name, instead)) = NO_VERBS.iter().find(|(name, _)| *name == word) {
        usage(&format!("topside has no verb {name}: {instead}"));
    }
    let (name, verbs) = (quote(word, MAX_NAME), Arguments::command());
    let near = near_verbs(word, &verbs);
    let meant = if near.is_empty() { ":".to_owned() } else { did_you_mean(&near) };
    usage(&format!(
        "topside has no verb {name}{meant} `topside run {name}` runs a command of the server, `topside --help` lists the verbs"
    ))
}

/// Reports invalid arguments of `topside run`, and ends with status 2.
fn usage_of_run(message: &str) -> ! {
    let all = Arguments::command();
    let of_run = all.find_subcommand("run").cloned();
    of_run.unwrap_or(all).error(ErrorKind::ArgumentConflict, message).exit()
}

/// Reports invalid arguments, and ends with status 2.
fn usage(message: &str) -> ! {
    Arguments::command().error(ErrorKind::ArgumentConflict, message).exit()
}

fn finish(status: u8) -> ExitCode {
    ExitCode::from(status)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn run(words: &[&str]) -> Run {
        let line = Arguments::try_parse_from([&["topside", "run"], words].concat()).unwrap();
        let Some(Verb::Run(RunVerb::Run(run))) = line.verb else { panic!("{line:?}") };
        run
    }

    #[test]
    fn the_declaration_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_line_of_run_is_parsed_as_among_all_verbs() {
        for words in [
            &["uptime"][..],
            &["--on", "garden", "--json", "--timeout", "5s", "uptime", "--json"],
            &[],
            &["--help"],
            &["-h"],
            &["--timeout", "soon", "uptime"],
            &["--serial", "uptime"],
            &["--detach", "--input", "uptime"],
        ] {
            let words: Vec<_> = ["topside", "run"].iter().chain(words).map(Into::into).collect();
            let alone = Arguments::of_process(&words).map_err(|error| error.to_string());
            let among_all = Arguments::try_parse_from(&words).map_err(|error| error.to_string());
            assert_eq!(format!("{alone:?}"), format!("{among_all:?}"), "{words:?}");
        }
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
        assert!(run.json && run.yes.is_none());
        assert_eq!(run.words, ["zone-run", "3", "--json", "--yes", "-5", "--", "x"]);
        assert_eq!(self::run(&["-x"]).words, ["-x"], "told as a flag that does not exist");
    }

    #[test]
    fn a_run_names_a_command() {
        assert!(Arguments::try_parse_from(["topside", "run"]).is_err());
        assert!(Arguments::try_parse_from(["topside", "run", "--timeout", "soon", "x"]).is_err());
    }

    #[test]
    fn a_server_is_named_before_the_command_and_the_way_to_it_needs_one() {
        let named = run(&["--on", "garden", "--via", "lan", "uptime", "--on", "x"]);
        assert_eq!(named.on.on.as_deref(), Some("garden"));
        assert_eq!((named.on.via(), named.on.mistake()), (Via::Lan, None));
        assert_eq!(named.words, ["uptime", "--on", "x"]);
        assert_eq!(run(&["uptime"]).on.via(), Via::Auto);
        assert_eq!(run(&["--via", "same", "uptime"]).on.mistake(), None);
        for on in [&["--via", "lan"][..], &["--via", "internet", "--on", "this machine"]] {
            assert!(run(&[on, &["uptime"]].concat()).on.mistake().is_some(), "{on:?}");
        }
    }

    /// The hint read `topside run --on uptime ..`.
    #[test]
    fn the_hint_about_a_flag_behind_the_command_keeps_the_flags_value() {
        let hint = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            super::run::misplaced("uptime", &words)
        };
        for (words, line) in [
            (&["--on", "my box"][..], "topside run --on 'my box' uptime"),
            (&["--via", "lan"], "topside run --via lan uptime"),
            (&["a", "--timeout", "5s", "b"], "topside run --timeout 5s uptime a b"),
            (&["--on=vm"], "topside run --on=vm uptime"),
            (&["--on"], "topside run --on uptime"),
            (&["--json", "a"], "topside run --json uptime a"),
        ] {
            let hint = hint(words).unwrap();
            assert!(hint.ends_with(line), "{hint}");
        }
        assert_eq!(hint(&["--lines", "5"]), None);
    }

    #[test]
    fn connect_takes_the_name_with_or_without_its_flag() {
        for words in [&["garden", "--via", "lan"][..], &["--on", "garden", "--via", "lan"]] {
            let line =
                Arguments::try_parse_from([&["topside", "connect"], words].concat()).unwrap();
            let Some(Verb::Connect(connect)) = line.verb else { panic!("{line:?}") };
            assert_eq!(connect.name.or(connect.on.on).as_deref(), Some("garden"));
        }
        for words in [&[][..], &["--via", "lan"], &["a", "--on", "b"]] {
            assert!(Arguments::try_parse_from([&["topside", "connect"], words].concat()).is_err());
        }
    }

    #[test]
    fn help_tells_the_exit_statuses_of_run_and_that_connect_needs_a_name() {
        let mut command = Arguments::command();
        let help = command.find_subcommand_mut("run").unwrap().render_help().to_string();
        for words in ["124", "125", "126", "127", "never starts a server"] {
            assert!(help.contains(words), "{help}");
        }
        let help = command.find_subcommand_mut("connect").unwrap().render_help().to_string();
        assert!(help.contains("[--via ROUTE] --on NAME"), "{help}");
    }
}
