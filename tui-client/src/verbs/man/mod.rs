//! The manual: a page for each program, each verb and each file, from the declarations of the flags and the samples.

mod exit_statuses;
mod files;

use std::fs;
use std::io;
use std::path::Path;

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use jiff::Timestamp;

use super::exit_status;
use crate::terminal;
use crate::verb_args::Pages;
use exit_statuses::Status;

/// A term and its meaning.
type Term = (&'static str, &'static str);

/// The parts of the pages of a program that are not in the declarations.
struct Manual {
    section: &'static str,
    exit_statuses: &'static [Status],
    files: &'static [Term],
    environment: &'static [Term],
    /// Other pages and files.
    see_also: &'static str,
    /// A verb with verbs of its own that have pages elsewhere.
    elsewhere: Option<&'static str>,
}

const TOPSIDE: Manual = Manual {
    section: "1",
    exit_statuses: exit_statuses::TOPSIDE,
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
    see_also: "topside-man(1), client.toml(5), topsided(8), /usr/share/doc/topside",
    elsewhere: Some("serve"),
};

const TOPSIDED: Manual = Manual {
    section: "8",
    exit_statuses: exit_statuses::TOPSIDED,
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
        (
            "TOPSIDE_JOIN, TOPSIDE_JOIN_FILE",
            "String of topside fleet invite-box, or a file with it: a box without a fleet joins by it at the start.",
        ),
    ],
    see_also: "server.toml(5), commands.toml(5), topside(1), systemctl(1), /usr/share/doc/topside-server",
    elsewhere: None,
};

const SOURCE: &str = concat!("Topside ", env!("CARGO_PKG_VERSION"));

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
            return cannot_write(&directory, &error);
        }
    }
    let directory = args.directory.join("man5");
    let written = fs::create_dir_all(&directory).and_then(|()| files::write(&directory));
    written.map_or_else(|error| cannot_write(&directory, &error), |()| exit_status::OK)
}

fn cannot_write(directory: &Path, error: &io::Error) -> u8 {
    terminal::complain(format_args!("cannot write to {}: {error}", directory.display()));
    exit_status::OWN_FAILURE
}

/// Writes the page of a verb, or of the program if there is no parent, and those of its own verbs.
fn write(command: &Command, above: Option<&str>, manual: &Manual, to: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let elsewhere = manual.elsewhere == Some(command.get_name());
    let mut page = Vec::new();
    let named = command.clone().subcommand_help_heading("VERBS").subcommand_value_name("verb");
    let man =
        Man::new(named).section(manual.section).date(today()).source(SOURCE).manual("Topside");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(command, name, command.has_subcommands() && !elsewhere).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() && !elsewhere {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if !after_help(&mut rest, &help) {
        // `topside serve` is the server, and ends as it does.
        let (statuses, page) = if elsewhere {
            (TOPSIDED.exit_statuses, "topsided")
        } else {
            (manual.exit_statuses, name)
        };
        let of_page = exit_statuses::of_page(statuses, page);
        terms(&mut rest, "EXIT STATUS", of_page);
    }
    if above.is_none() {
        terms(&mut rest, "FILES", manual.files.iter().copied());
        terms(&mut rest, "ENVIRONMENT", manual.environment.iter().copied());
    }
    rest.control("SH", ["SEE ALSO"]);
    let above = above.map(|above| format!("{above}({}), ", manual.section)).unwrap_or_default();
    rest.text([roman(above + manual.see_also)]);
    rest.to_writer(&mut page)?;
    // clap_mangen breaks a line twice before the possible values of a flag, which mandoc reports.
    let page = String::from_utf8_lossy(&page).replace("\n.br\n\n.br\n", "\n.br\n");
    fs::write(to.join(format!("{name}.{}", manual.section)), page)?;
    let verbs = command.get_subcommands().filter(|verb| has_page(verb) && !elsewhere);
    for verb in verbs {
        write(verb, Some(name), manual, to)?;
    }
    Ok(())
}

/// Whether a verb has a page: all but aliases, which are hidden. `man` is hidden in the help, because few need it.
fn has_page(verb: &Command) -> bool {
    !verb.is_hide_set() || verb.get_name() == "man"
}

/// The synopsis: each flag with its value, in brackets where it may be absent. The program alone, then with a verb.
fn synopsis(command: &Command, name: &str, has_verbs: bool) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    let typed = command.get_bin_name().unwrap_or(name);
    if !has_verbs || !command.is_subcommand_required_set() {
        let mut line = vec![bold(typed)];
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let shown = shown.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"));
        let (positional, flags): (Vec<_>, Vec<_>) = shown.partition(|arg| arg.is_positional());
        for arg in flags.into_iter().chain(positional) {
            line.push(roman(" "));
            line.extend(of_argument(arg));
        }
        page.text(line);
    }
    if has_verbs {
        if !command.is_subcommand_required_set() {
            page.control("br", []);
        }
        page.text([bold(typed), roman(" "), italic("verb"), roman(" ...")]);
    }
    page
}

/// An argument of the synopsis.
fn of_argument(arg: &Arg) -> Vec<Inline> {
    let mut parts = Vec::new();
    let optional = !arg.is_required_set();
    if optional {
        parts.push(roman("["));
    }
    let flag = arg.get_long().map(|long| format!("--{long}"));
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let value = value.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
    let may_lack_value = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    match &flag {
        Some(flag) if takes_value && may_lack_value => {
            parts.extend([bold(flag), roman("[="), italic(value), roman("]")]);
        }
        Some(flag) if takes_value => parts.extend([bold(flag), roman(" "), italic(value)]),
        Some(flag) => parts.push(bold(flag)),
        None => parts.push(italic(value)),
    }
    let several = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    if several || matches!(arg.get_action(), clap::ArgAction::Append) {
        parts.push(roman(" ..."));
    }
    if optional {
        parts.push(roman("]"));
    }
    parts
}

/// The current day; for a reproducible build, the one in `SOURCE_DATE_EPOCH`.
fn today() -> String {
    let named = std::env::var("SOURCE_DATE_EPOCH").ok();
    let named = named.and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok());
    named.unwrap_or_else(Timestamp::now).strftime("%Y-%m-%d").to_string()
}

fn terms(page: &mut Roff, heading: &str, terms: impl IntoIterator<Item = Term>) {
    page.control("SH", [heading]);
    for (term, meaning) in terms {
        page.control("TP", []);
        page.text([bold(term)]);
        page.text([roman(meaning)]);
    }
}

/// Writes the end of the help. A line that ends in a colon is a heading; an indented one is a term and, after two spaces,
/// its meaning, which goes on in lines that are indented further. Returns whether it had the exit statuses.
fn after_help(page: &mut Roff, help: &str) -> bool {
    let mut has_statuses = false;
    let mut after_empty_line = false;
    if !help.is_empty() && !help.lines().next().is_some_and(|line| line.ends_with(':')) {
        page.control("SH", ["NOTES"]);
    }
    for line in help.lines() {
        if line.trim().is_empty() {
            after_empty_line = true;
            continue;
        }
        // Before a heading or a term there is no break: they begin a paragraph.
        let begins_paragraph = std::mem::take(&mut after_empty_line);
        if let Some(heading) = line.strip_suffix(':') {
            let heading = heading.to_uppercase();
            has_statuses |= heading == "EXIT STATUS";
            page.control("SH", [heading.as_str()]);
        } else if let Some(continued) = line.strip_prefix("    ") {
            page.text([roman(continued.trim_start())]);
        } else if let Some(term) = line.strip_prefix("  ") {
            let (term, meaning) = term.split_once("  ").unwrap_or((term, ""));
            page.control("TP", []);
            page.text([bold(term)]);
            page.text([roman(meaning.trim_start())]);
        } else {
            if begins_paragraph {
                page.control("PP", []);
            }
            page.text([roman(line)]);
        }
    }
    has_statuses
}
