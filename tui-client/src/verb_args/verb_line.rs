//! A line of verbs: what follows `:` on the screen and in the line client. It has the verbs, flags, completion and help of
//! `topside` in a shell, for the server that is connected already.

use std::ffi::OsStr;

use clap::error::{Error, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use topside_shared::cmdline::{self, Candidate, CandidateKind, Completion};

use super::known_values::KnownValues;
use super::{Verb, candidates, line_error};

/// Flags that choose the server and the form of the answer: a line of verbs has both already.
const OF_THE_SHELL: [&str; 3] = ["on", "via", "json"];
/// Verbs that make sense in a shell only, and what to use instead.
const SHELL_ONLY: [(&str, &str); 12] = [
    ("connect", "use `topside connect NAME` in a shell"),
    ("run", "type the command itself, without `:`"),
    ("pair", "use `topside pair` in a shell"),
    ("id", "use `topside id` in a shell"),
    ("fleet", "use `topside fleet` in a shell"),
    ("import", "use `topside import` in a shell"),
    ("mcp", "use `topside mcp` in a shell: an assistant starts it"),
    ("completions", "use `topside completions SHELL` in a shell"),
    ("man", "use `man topside` in a shell"),
    ("serve", "use `topside serve` in a shell"),
    ("test", "use `topside test` in a shell"),
    ("config", "use `topside config path` in a shell"),
];
/// What the screen has in place of some of them.
const ON_SCREEN: [(&str, &str); 3] = [
    ("connect", "go to the picker to reach another server"),
    ("pair", "press i in the picker and paste the invite, or use `topside pair` in a shell"),
    ("test", "use `topside test` in a shell, or t in the picker"),
];

#[derive(Debug, Parser)]
#[command(name = ":", no_binary_name = true, disable_version_flag = true)]
struct VerbLine {
    #[command(subcommand)]
    verb: LineVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LineVerb {
    #[command(flatten)]
    Shell(Verb),
    /// Choose the theme of the screen; without a name, from a list
    Theme {
        /// Its name, such as nord
        name: Option<String>,
    },
    /// Leave Topside
    #[command(alias = "q", alias = "exit")]
    Quit,
}

/// What a line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    Verb(Box<LineVerb>),
    /// `VERB --help`, or `help`: the text.
    Help(String),
}

/// The parser, without what a line of verbs has no use for.
fn command() -> Command {
    VerbLine::command().mut_subcommands(|verb| {
        let hidden = SHELL_ONLY.iter().any(|(name, _)| *name == verb.get_name());
        verb.hide(hidden).mut_args(|arg| {
            let of_shell = OF_THE_SHELL.contains(&arg.get_id().as_str());
            if of_shell { arg.hide(true) } else { arg }
        })
    })
}

/// Parses a line, with its `:` or without. An error is one sentence.
pub(crate) fn parse(line: &str) -> Result<Parsed, String> {
    let words =
        cmdline::split(line.trim_start().trim_start_matches(':')).map_err(|error| error.message)?;
    let words: Vec<String> = words.into_iter().map(|token| token.text).collect();
    let Some(name) = words.first() else {
        return Err("Type a verb: `help` lists them, Tab completes.".to_owned());
    };
    if let Some(instead) = instead_of(name, &ON_SCREEN).or_else(|| instead_of(name, &SHELL_ONLY)) {
        return Err(instead);
    }
    let mut parser = command();
    let parsed = parser.try_get_matches_from_mut(&words);
    match parsed.and_then(|matches| VerbLine::from_arg_matches(&matches)) {
        Ok(line) => Ok(Parsed::Verb(Box::new(line.verb))),
        Err(error) if is_help(&error) => Ok(Parsed::Help(help_text(&error))),
        Err(error) => Err(line_error::sentence(&error, &words, &parser)),
    }
}

/// What to use instead of the verb on this line, if it is for a shell only.
pub(crate) fn shell_only(line: &str) -> Option<String> {
    instead_of(line.split_whitespace().next()?, &SHELL_ONLY)
}

fn instead_of(name: &str, verbs: &[(&str, &str)]) -> Option<String> {
    let (name, instead) = verbs.iter().find(|(verb, _)| *verb == name)?;
    Some(format!("`{name}` is for a shell: {instead}"))
}

fn is_help(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// The help, with the `:` that begins a line.
fn help_text(error: &Error) -> String {
    let text = error.to_string();
    text.replacen("Usage: : ", "Usage: :", 1)
        .replacen("Usage: ", "Usage: :", 1)
        .replacen("::", ":", 1)
}

/// Completes the word at `cursor` of a line without its `:`.
pub(crate) fn complete(line: &str, cursor: usize, known: &KnownValues) -> Completion {
    let spot = cmdline::at(line, cursor);
    let mut words: Vec<String> = spot.before.iter().map(|token| token.text.clone()).collect();
    words.push(spot.word.text.clone());
    let candidate = |found: candidates::Candidate| Candidate {
        text: cmdline::quote(&found.word).into_owned(),
        description: found.about,
        kind: CandidateKind::Value,
    };
    let found = candidates::find(&mut with_values(known), &words, None);
    let mut candidates: Vec<Candidate> = found.into_iter().map(candidate).collect();
    // Flags are proposed once a dash is typed, as in a shell.
    if !spot.word.text.starts_with('-')
        && candidates.iter().any(|found| !found.text.starts_with('-'))
    {
        candidates.retain(|found| !found.text.starts_with('-'));
    }
    Completion { replace: spot.replace, candidates }
}

/// The parser with completions for the values of the connected server.
fn with_values(known: &KnownValues) -> Command {
    let values = |values: &[(String, String)]| {
        let values = values.to_vec();
        let candidate = |(value, about): &(String, String)| {
            let about = (!about.is_empty()).then(|| about.clone().into());
            CompletionCandidate::new(value).help(about)
        };
        // It takes the place of a completer that reads a file.
        ArgValueCompleter::new(move |typed: &OsStr| {
            let typed = typed.to_string_lossy();
            let begins = |(value, _): &&(String, String)| value.starts_with(&*typed);
            values.iter().filter(begins).map(candidate).collect()
        })
    };
    let of = [
        ("kick", "client", values(&known.clients)),
        ("attach", "run", values(&known.runs)),
        ("cancel", "run", values(&known.live_runs)),
        ("input", "run", values(&known.runs)),
        ("runs", "before", values(&known.runs)),
        ("runs", "command", values(&known.commands)),
        ("revoke", "key", values(&known.keys)),
        ("invite", "commands", values(&known.commands)),
        ("token", "commands", values(&known.commands)),
        ("edit", "name", values(&known.servers)),
        ("duplicate", "name", values(&known.servers)),
        ("delete", "name", values(&known.servers)),
        ("theme", "name", values(&known.themes)),
    ];
    let completed = |verb: &str, arg: Arg| {
        let values = of.iter().find(|(of, id, _)| *of == verb && arg.get_id() == id);
        match values {
            Some((_, _, values)) => arg.add(values.clone()),
            None => arg,
        }
    };
    command().mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        verb.mut_args(|arg| completed(&name, arg))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Arguments;
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let known = KnownValues {
            clients: vec![("3".into(), "tablet".into()), ("31".into(), "phone".into())],
            keys: vec![("phone".into(), "operator".into())],
            ..KnownValues::default()
        };
        let found = complete(line, line.len(), &known);
        found.candidates.into_iter().map(|candidate| candidate.text).collect()
    }

    #[test]
    fn the_declaration_of_a_line_is_sound() {
        VerbLine::command().debug_assert();
        with_values(&KnownValues::default()).debug_assert();
    }

    /// The verbs of a line are those of the shell, and each is accepted or refused with a sentence.
    #[test]
    fn every_verb_of_the_shell_is_accepted_by_a_line_or_refused_with_a_sentence() {
        let shell = Arguments::command();
        for verb in shell.get_subcommands() {
            let name = verb.get_name();
            let found = command();
            let found = found.find_subcommand(name).unwrap_or_else(|| panic!("{name} is missing"));
            for arg in verb.get_arguments() {
                assert!(found.get_arguments().any(|a| a.get_id() == arg.get_id()), "{name} {arg}");
            }
            let refused = SHELL_ONLY.iter().any(|(only, _)| *only == name);
            match parse(name) {
                Err(why) if refused => assert!(why.starts_with(&format!("`{name}` is ")), "{why}"),
                Err(why) => assert!(why.starts_with(&format!("`{name}` needs ")), "{why}"),
                Ok(Parsed::Verb(_)) => assert!(!refused, "{name}"),
                Ok(Parsed::Help(help)) => panic!("{name}: {help}"),
            }
            if !refused {
                let Ok(Parsed::Help(help)) = parse(&format!("{name} --help")) else {
                    panic!("{name}")
                };
                assert!(help.contains(&format!("Usage: :{name}")), "{help}");
                assert!(!help.contains("  --on "), "{help}");
            }
        }
    }

    /// A line and the shell read the same words alike.
    #[test]
    fn a_line_is_parsed_as_the_shell_parses_its_words() {
        for line in [
            "kick 3 too loud",
            "invite --name phone --role operator --ttl 1h",
            "token --name cron --role viewer --commands a,b",
            "shutdown --in 5m --back 14:00 --restart moving house",
            "postpone 10m",
            "broadcast --level warning 'back soon'",
            "runs --state failed --limit 5",
            "log -n 5 --match x --level warn",
            "revoke phone --yes",
            "cancel '#7'",
            "input 7 'a line' --end",
            "servers",
        ] {
            let words = cmdline::split(line).unwrap().into_iter().map(|token| token.text);
            let shell = ["topside".to_owned()].into_iter().chain(words);
            let shell = Arguments::try_parse_from(shell).unwrap().verb.unwrap();
            let Ok(Parsed::Verb(verb)) = parse(line) else { panic!("{line}") };
            let LineVerb::Shell(verb) = *verb else { panic!("{line}") };
            assert_eq!(format!("{verb:?}"), format!("{shell:?}"));
        }
    }

    #[test]
    fn a_mistake_is_one_sentence_and_a_harmful_verb_is_not_proposed() {
        for (line, want) in [
            ("kick", "`kick` needs CLIENT: `:help kick` explains it"),
            (
                "invite",
                "`invite` needs --name NAME and --role viewer|operator|admin: `:help invite` explains it",
            ),
            ("nope", "there is no verb `nope`: `:help` lists them"),
            ("statu", "there is no verb `statu`: did you mean status?"),
            ("themes", "there is no verb `themes`: did you mean theme?"),
            ("invite --nam x", "`invite` has no --nam: did you mean --name?"),
            ("keys --xyz", "`keys` has no --xyz: `:help keys` lists what it takes"),
            ("keys all", "`keys` takes no `all`: it is one word too many"),
            ("kick x", "CLIENT: it is a number, such as 7"),
            (
                "invite --name x --role root",
                "--role is not `root`: it is viewer, operator or admin",
            ),
            (
                "invite --name x --role",
                "--role viewer|operator|admin needs a value: viewer, operator or admin",
            ),
            ("shutdown --in soon", "--in: `soon` is not a duration"),
            ("kick 'open", "not closed"),
            ("", "Type a verb"),
        ] {
            let Err(why) = parse(line) else { panic!("{line}") };
            assert!(why.contains(want) && !why.contains('\n'), "{line}: {why}");
            assert!(!why.contains("Usage") && !why.contains("--help"), "{line}: {why}");
        }
        let Err(why) = parse("kik") else { panic!() };
        assert!(!why.contains("kick"), "{why}");
        let Err(why) = parse("shutdwon") else { panic!() };
        assert!(!why.contains("shutdown"), "{why}");
    }

    #[test]
    fn verbs_flags_and_the_values_of_the_server_are_completed() {
        assert_eq!(texts("ki"), ["kick"]);
        assert_eq!(texts("kick 3"), ["3", "31"]);
        assert_eq!(texts("revoke "), ["phone"]);
        assert_eq!(texts("invite --role "), ["viewer", "operator", "admin"]);
        assert_eq!(texts("invite --role o"), ["operator"]);
        assert!(texts("invite --").contains(&"--role".to_owned()));
        assert!(!texts("keys --").contains(&"--on".to_owned()));
        assert_eq!(texts("shutdown --in "), ["1m", "5m", "15m", "1h"]);
        assert!(!texts("").contains(&"serve".to_owned()), "{:?}", texts(""));
        assert!(texts("").contains(&"quit".to_owned()));
    }
}
