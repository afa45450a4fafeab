//! Exit statuses in the manual, by verb. `docs/reference/exit-statuses.md` has them in one table.

use super::Term;

/// An exit status, what it means, and the pages that name it.
pub(super) struct Status(&'static str, &'static str, Pages);

enum Pages {
    /// The program's and those of all verbs.
    All,
    /// The program's, and those of these verbs.
    Of(&'static [&'static str]),
    /// The program's, and those of the verbs in none of these groups.
    ExceptOf(&'static [&'static [&'static str]]),
}

/// Verbs of `topside` that ask no server.
const LOCAL: &[&str] =
    &["servers", "add", "edit", "duplicate", "delete", "config", "completions", "id", "man"];
/// `connect` shows refusals on its screen, and `test` sends no request that can be refused.
const NO_ANSWER: &[&str] = &["connect", "test"];
const FOLLOWS_A_RUN: &[&str] = &["run", "attach"];

pub(super) const TOPSIDE: &[Status] = &[
    Status("0", "Success.", Pages::All),
    Status("2", "Wrong arguments to topside itself.", Pages::All),
    Status(
        "124",
        "The run exceeded --timeout, or the command's own time limit.",
        Pages::Of(FOLLOWS_A_RUN),
    ),
    Status(
        "125",
        "The server cannot be reached, a key was refused, or the session ended.",
        Pages::ExceptOf(&[LOCAL]),
    ),
    Status("125", "A name, a file or a value is wrong; the message says which.", Pages::Of(LOCAL)),
    Status(
        "126",
        "Refused: role, confirmation, argument or limit; or the run was not approved.",
        Pages::ExceptOf(&[LOCAL, NO_ANSWER]),
    ),
    Status(
        "127",
        "No such command, run, client, key, schedule, plan or file; no shutdown is due.",
        Pages::ExceptOf(&[LOCAL, NO_ANSWER]),
    ),
    Status(
        "128 + n",
        "Signal n ended topside: 130 after Ctrl-C, 141 if the reader of its output was gone. run and attach: signal n \
         ended the program.",
        Pages::All,
    ),
    Status("other", "The command's own.", Pages::Of(FOLLOWS_A_RUN)),
];

/// Verbs of `topsided` that read no settings and change nothing.
const AUDIT: &[&str] = &["audit"];
const READS_SETTINGS: &[&str] = &["check", "config"];

pub(super) const TOPSIDED: &[Status] = &[
    Status("0", "Success; of the server: an orderly end.", Pages::All),
    Status(
        "1",
        "Failure, or a second signal during the shutdown; doctor: it found a problem.",
        Pages::ExceptOf(&[AUDIT]),
    ),
    Status("1", "audit: the log is damaged.", Pages::Of(AUDIT)),
    Status("2", "Wrong arguments.", Pages::All),
    Status("66", "audit: there is no log yet, or it cannot be read.", Pages::Of(AUDIT)),
    Status("74", "audit: the output cannot be written.", Pages::Of(AUDIT)),
    Status(
        "75",
        "The socket, the state directory or the port is in use by another process.",
        Pages::Of(&[]),
    ),
    Status("78", "A configuration file or the list of keys is wrong.", Pages::Of(READS_SETTINGS)),
];

/// The statuses on a page: all on the program's, and on that of a verb those that it has.
pub(super) fn of_page(all: &'static [Status], page: &str) -> impl Iterator<Item = Term> {
    let verb = page.split('-').nth(1).unwrap_or_default().to_owned();
    all.iter().filter_map(move |Status(status, meaning, pages)| {
        let is_there = match pages {
            _ if verb.is_empty() => true,
            Pages::All => true,
            Pages::Of(verbs) => verbs.contains(&verb.as_str()),
            Pages::ExceptOf(groups) => !groups.iter().any(|verbs| verbs.contains(&verb.as_str())),
        };
        is_there.then_some((*status, *meaning))
    })
}
