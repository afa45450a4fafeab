//! The manual: a page for each program and each verb, from the declarations of the flags.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use jiff::Timestamp;

use super::exit_status;
use crate::terminal;
use crate::verb_args::Pages;

/// A term and its meaning.
type Term = (&'static str, &'static str);

/// The parts of a page that are not in the declarations.
struct Manual {
    section: &'static str,
    exit_status: &'static [Term],
    files: &'static [Term],
    environment: &'static [Term],
    /// Other pages and files.
    see_also: &'static str,
    /// A verb whose own verbs have pages elsewhere.
    elsewhere: Option<&'static str>,
}

const TOPSIDE: Manual = Manual {
    section: "1",
    exit_status: &[
        ("0", "Done."),
        ("2", "Wrong arguments to topside itself."),
        ("124", "run: it took longer than --timeout, or than it may."),
        (
            "125",
            "No server, no way to it, a key that one side does not take, a session that ended, or Topside's own failure.",
        ),
        ("126", "Refused: role, confirmation, argument or limit."),
        ("127", "No such command, run, client or key; no shutdown that is due."),
        (
            "128 + n",
            "Signal n: run and attach tell the program's, Ctrl-C on topside is 130, a reader that went is 141.",
        ),
        ("other", "run and attach: the command's own."),
    ],
    files: &[
        ("~/.config/topside/client.toml", "The saved servers, and how the screen looks."),
        ("~/.config/topside/keymap.toml, theme.toml", "Which keys do what; colours."),
        (
            "~/.local/state/topside",
            "This device's key, what was typed to each server, and the menu that each showed last.",
        ),
        (
            "$XDG_RUNTIME_DIR/topside/topsided.sock, /run/topside/topsided.sock",
            "Where a server of this machine is looked for.",
        ),
    ],
    environment: &[
        ("TOPSIDE_CONFIG_DIR, TOPSIDE_STATE_DIR, TOPSIDE_RUNTIME_DIR", DIRECTORIES),
        ("NO_COLOR", "Where it is set and not empty, the screen has no colours."),
        ("TERM", "Where it is dumb, topside takes one command a line and draws no screen."),
    ],
    see_also: "topsided(8), /usr/share/doc/topside",
    elsewhere: Some("serve"),
};

const TOPSIDED: Manual = Manual {
    section: "8",
    exit_status: &[
        ("0", "Done; of the server: it has shut down in order."),
        (
            "1",
            "It failed, or a second signal cut the shutdown short; doctor: something stands in the way.",
        ),
        ("2", "Wrong arguments."),
        ("75", "The socket or the port is served already."),
        ("78", "A configuration file is wrong."),
    ],
    files: &[
        (
            "/etc/topside/server.toml, commands.toml, commands.d",
            "Settings and menu of a packaged server; of one's own, in ~/.config/topside.",
        ),
        (
            "/var/lib/topside",
            "Keys, runs and their output, the log and the audit log; of one's own, ~/.local/state/topside.",
        ),
        (
            "/run/topside/topsided.sock",
            "The local socket; of one's own, in $XDG_RUNTIME_DIR/topside.",
        ),
    ],
    environment: &[
        ("TOPSIDE_CONFIG_DIR, TOPSIDE_STATE_DIR, TOPSIDE_RUNTIME_DIR", DIRECTORIES),
        (
            "CONFIGURATION_DIRECTORY, STATE_DIRECTORY, RUNTIME_DIRECTORY",
            "The same, as systemd sets them; those of Topside go first.",
        ),
    ],
    see_also: "topside(1), systemctl(1), /usr/share/doc/topside-server",
    elsewhere: None,
};

const DIRECTORIES: &str =
    "Other directories of configuration, state and sockets, as absolute paths.";

/// Writes all pages; returns the exit status.
pub(super) fn main(args: &Pages, topside: Command) -> u8 {
    let programs = [(topside, TOPSIDE), (topside_server::cli::command(), TOPSIDED)];
    for (program, manual) in programs {
        let directory = args.directory.join(format!("man{}", manual.section));
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let written = fs::create_dir_all(&directory)
            .and_then(|()| write(&program, None, &manual, &directory));
        if let Err(error) = written {
            terminal::complain(format_args!("cannot write to {}: {error}", directory.display()));
            return exit_status::OWN_FAILURE;
        }
    }
    exit_status::OK
}

/// Writes the page of a verb, or of the program if there is no parent, and those of its own verbs.
fn write(command: &Command, above: Option<&str>, manual: &Manual, to: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let elsewhere = manual.elsewhere == Some(command.get_name());
    let mut page = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    let named = command.clone().subcommand_help_heading("VERBS").subcommand_value_name("verb");
    let man = Man::new(named)
        .section(manual.section)
        .date(today())
        .source(format!("Topside {version}"))
        .manual("Topside");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() && !elsewhere {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if !after_help(&mut rest, &help) {
        terms(&mut rest, "EXIT STATUS", manual.exit_status);
    }
    if above.is_none() {
        terms(&mut rest, "FILES", manual.files);
        terms(&mut rest, "ENVIRONMENT", manual.environment);
    }
    rest.control("SH", ["SEE ALSO"]);
    let above = above.map(|above| format!("{above}({}), ", manual.section)).unwrap_or_default();
    rest.text([roman(above + manual.see_also)]);
    rest.to_writer(&mut page)?;
    fs::write(to.join(format!("{name}.{}", manual.section)), page)?;
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set() && !elsewhere);
    for verb in verbs {
        write(verb, Some(name), manual, to)?;
    }
    Ok(())
}

/// The current day; for a reproducible build, the one in `SOURCE_DATE_EPOCH`.
fn today() -> String {
    let named = std::env::var("SOURCE_DATE_EPOCH").ok();
    let named = named.and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok());
    named.unwrap_or_else(Timestamp::now).strftime("%Y-%m-%d").to_string()
}

fn terms(page: &mut Roff, heading: &str, terms: &[Term]) {
    page.control("SH", [heading]);
    for (term, meaning) in terms {
        page.control("TP", []);
        page.text([bold(*term)]);
        page.text([roman(*meaning)]);
    }
}

/// Writes the end of the help. A line that ends in a colon is a heading; an indented one is a term and, after two spaces,
/// its meaning. Returns whether it had the exit statuses.
fn after_help(page: &mut Roff, help: &str) -> bool {
    let mut has_statuses = false;
    if !help.is_empty() && !help.lines().next().is_some_and(|line| line.ends_with(':')) {
        page.control("SH", ["NOTES"]);
    }
    for line in help.lines() {
        if let Some(heading) = line.strip_suffix(':') {
            let heading = heading.to_uppercase();
            has_statuses |= heading == "EXIT STATUS";
            page.control("SH", [heading.as_str()]);
        } else if line.trim().is_empty() {
            page.control("PP", []);
        } else if let Some(term) = line.strip_prefix("  ") {
            let (term, meaning) = term.split_once("  ").unwrap_or((term, ""));
            page.control("TP", []);
            page.text([bold(term)]);
            page.text([roman(meaning.trim_start())]);
        } else {
            page.text([roman(line)]);
        }
    }
    has_statuses
}
