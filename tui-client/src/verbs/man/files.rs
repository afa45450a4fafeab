//! Pages of the configuration files, in section 5: of `server.toml` and `client.toml` from the samples, which hold each key
//! with its default; of `commands.toml` from the tables below, which a test compares with `docs/COMMANDS.md`.

use std::fs;
use std::io;
use std::path::Path;

use clap_mangen::roff::{Roff, bold, roman};

use super::{SOURCE, Term, terms, today};
use crate::config::SAMPLE;

/// A file of the configuration.
struct Page {
    name: &'static str,
    /// What it is, for the line of the name.
    title: &'static str,
    description: &'static [&'static str],
    sample: &'static str,
    files: &'static [Term],
    see_also: &'static str,
}

const CLIENT: Page = Page {
    name: "client.toml",
    title: "settings of topside's screen, and its saved servers",
    description: &[
        "The file is TOML, and may be absent, as may each key. The screen and the verbs pair, add, edit, duplicate and \
         delete write it too, and keep comments and order.",
        "A wrong value of [screen] is reported with its line and is the default. A wrong [[server]] is an error that names \
         its line and column.",
    ],
    sample: SAMPLE,
    files: &[
        (
            "~/.config/topside/client.toml",
            "The file on Linux; TOPSIDE_CONFIG_DIR names another directory.",
        ),
        (
            "keymap.toml, theme.toml",
            "Beside it: which keys do what, and the colours of the theme \"own\".",
        ),
    ],
    see_also: "topside(1), topside-add(1), topside-config(1)",
};

const SERVER: Page = Page {
    name: "server.toml",
    title: "settings of topsided",
    description: &[
        "The file is TOML, and may be absent, as may each key. An unknown key and a wrong value are errors that name the \
         line and the column; with one of them the server does not start, and a reload changes nothing.",
        "`topsided check` reads it, `topsided config show` prints what is in force, and `topsided config path` where it is \
         looked for. It must belong to the user of the server or to root, and no other user may be able to write it.",
    ],
    sample: topside_server::cli::SAMPLE_SETTINGS,
    files: &[
        ("/etc/topside/server.toml", "Of a packaged server."),
        (
            "~/.config/topside/server.toml",
            "Of a server of one's own; TOPSIDE_CONFIG_DIR names another directory.",
        ),
    ],
    see_also: "topsided(8), commands.toml(5), topsided-check(8)",
};

/// Fields of a command.
const COMMAND: &[Term] = &[
    (
        "exec",
        "The program and its arguments, as a list; no shell reads them. An element \"{name}\" is the value of an argument. Needed.",
    ),
    (
        "title, description, category",
        "The words of the menu. Without them: the name, nothing, and Commands.",
    ),
    ("aliases", "Other names that run it."),
    ("effect", "\"read\", \"write\" or \"destructive\". Default: \"destructive\"."),
    (
        "role",
        "The least role: \"viewer\", \"operator\" or \"admin\". Default: by effect, in that order.",
    ),
    ("confirm", "The question to ask first, with \"{argument}\" places."),
    (
        "user",
        "The user of this machine that its programs run as, where the server is root. Default: the server's own.",
    ),
    ("cwd", "The directory in which it runs, which may have a place \"{name}\". Default: \"/\"."),
    ("env_file", "A file of variables, read at each start. Its path may have a place \"{name}\"."),
    ("env", "Variables on top of a clean environment."),
    ("inherit_env", "Names of variables that are taken from the environment of the server."),
    ("timeout", "After how long it is ended; \"none\" for never. Default: \"10m\"."),
    (
        "stop_signal, stop_timeout",
        "How it is ended: the signal, and after this time SIGKILL. Default: \"SIGTERM\", \"5s\".",
    ),
    ("success_exit_codes", "Exit statuses that count as success. Default: [0]."),
    ("max_concurrent", "How many of its runs may be running at once. Default: any number."),
    (
        "queue",
        "How many of its runs wait for their turn; further ones are refused. Default: none waits.",
    ),
    (
        "lock",
        "Names; commands that share one never run at once. \"zone-{relay}\" is a lock for each value of relay.",
    ),
    ("group", "The [groups.NAME] that limits it together with other commands."),
    ("rate", "How many runs in a time, such as \"10/1h\". Default: any number."),
    ("stdin", "\"prompt\": the user who started a run may answer what it asks. Default: \"none\"."),
    ("output", "\"text\" or \"json\". Default: \"text\"."),
    ("max_output", "How much output is kept; the program continues. Default: \"64MiB\"."),
    (
        "on_disconnect",
        "\"keep\", or \"cancel\" when the session that started it has ended. Default: \"keep\".",
    ),
    (
        "on_shutdown",
        "\"cancel\" when the server ends, or have the server \"wait\". Default: \"cancel\".",
    ),
    (
        "safe_state",
        "A program with its arguments that is run after every run that did not succeed. With worker also { function = \"NAME\" }.",
    ),
    (
        "notify",
        "Array of the events that notifiers of server.toml report of this command, in place of their own `on`: failed, timedOut, \
         lost, recovered, missed, hookFailed, approval. Default: what each notifier has.",
    ),
    (
        "approval",
        "The least role of another user who must approve each run, at least the role of the command. Default: none is needed.",
    ),
    ("expose", "[\"mcp\"]: agents may call it. Default: they do not see it."),
    ("safe_state_on", "\"always\" runs it after a success too. Default: \"failure\"."),
    ("then", "Names of commands that start after a success."),
    ("menu", "false: it is in no menu; then and schedules start it."),
    ("reason", "true: each run needs a reason, which its row and the audit log keep."),
    (
        "results",
        "Wildcards, such as [\"out/*.csv\"], for files in the directory TOPSIDE_FILES that are kept as results of the run.",
    ),
    (
        "schedule",
        "Tables [[commands.NAME.schedule]]: when the server starts it by itself. A schedule has a name, one of cron, every, at, \
         times and at_start, and optional fields: days, timezone, args, for, missed, grace, jitter, enabled and plan.",
    ),
];

/// Fields of an argument.
const ARGUMENT: &[Term] = &[
    ("name", "In \"{name}\" places, and as --name."),
    (
        "type",
        "\"string\", \"int\", \"float\", \"bool\", \"enum\", \"duration\", \"path\" or \"secret\".",
    ),
    ("description", "One line for hints and forms."),
    ("required, default", "One of them, or neither: then it may be absent."),
    (
        "choices",
        "The only values that pass: strings and numbers, or tables of a value and a label.",
    ),
    (
        "choices_from, choices_ttl",
        "A program that lists the choices, a line each, or with worker { function = \"NAME\" }; and how long forms show what was \
         listed. Default: \"10s\".",
    ),
    ("when", "The values of arguments before it beside which it applies, as a table."),
    ("minimum, maximum", "Bounds of a number or a duration."),
    ("min_length, max_length", "Bounds of a string, a path or a secret, in characters."),
    ("pattern", "A regular expression that one of these must match as a whole."),
    ("max_size", "The most that a file may have, such as \"20MiB\"."),
    ("accept", "Wildcards for the name of a file, in any case, such as [\"*.jpg\", \"*.png\"]."),
    ("root", "The directory that a path must stay below."),
    ("allow_dash", "A string or a path may begin with \"-\"."),
    ("multiple", "It takes a list of values: each becomes an element of its own."),
    ("at_least, at_most", "How many values a list has."),
    ("exists", "true: a path must exist when the run starts."),
    ("flag", "An element that goes before the value; alone for a bool that is true."),
    ("env", "The variable in which the value is passed, in place of the argument list."),
    ("stdin", "true: a secret is the one line of the program's standard input."),
];

/// Fields of a worker.
const WORKER: &[Term] = &[
    (
        "exec, user, cwd, env, inherit_env",
        "As for the program of a command, without \"{argument}\" places.",
    ),
    (
        "calls",
        "\"many\" sends it each call at once, so that a long one does not hold up the others. Default: \"one\".",
    ),
    (
        "max_concurrent",
        "How many calls it is sent at once. Default: 1; with calls = \"many\" no limit.",
    ),
    ("stop_timeout", "How long it has to answer a cancelled call, and to end. Default: \"5s\"."),
    (
        "on_cancel",
        "\"wait\" gives a cancelled call any time to end; a command may say otherwise. Default: \"stop\".",
    ),
    (
        "safe_state",
        "{ function = \"NAME\" }: the first call of a new process after each end that was not in order.",
    ),
    (
        "watch",
        "Files, absolute or below cwd: a reload after a change of one starts the worker again.",
    ),
];

/// Writes the pages to a directory.
pub(super) fn write(to: &Path) -> io::Result<()> {
    for page in [CLIENT, SERVER] {
        let mut roff = heading(page.name, page.title, page.description);
        roff.control("SH", ["KEYS"]);
        sample(&mut roff, page.sample);
        terms(&mut roff, "FILES", page.files.iter().copied());
        finish(roff, page.name, page.see_also, to)?;
    }
    let mut roff = heading(
        "commands.toml",
        "the menu of topsided",
        &[
            "The file is TOML: one table [commands.NAME] a command, in the order in which clients show them. Files \
             commands.d/*.toml beside it add to the menu. Where there is neither, the starter menu serves.",
            "`topsided check` reads it and names each wrong line. It, its directory and each program in it must belong to \
             the user of the server or to root, and no other user may be able to write them.",
        ],
    );
    terms(&mut roff, "FIELDS OF [commands.NAME]", COMMAND.iter().copied());
    terms(&mut roff, "FIELDS OF [[commands.NAME.args]]", ARGUMENT.iter().copied());
    terms(&mut roff, "FIELDS OF [workers.NAME]", WORKER.iter().copied());
    roff.control("SH", ["EXAMPLE"]);
    literal(
        &mut roff,
        &[
            "[commands.zone-run]",
            "title = \"Run a zone\"",
            "exec = [\"/opt/zones\", \"run\", \"{zone}\"]",
            "effect = \"write\"",
            "",
            "[[commands.zone-run.args]]",
            "name = \"zone\"",
            "type = \"int\"",
            "required = true",
            "maximum = 8",
        ],
    );
    terms(
        &mut roff,
        "FILES",
        [
            ("/etc/topside/commands.toml, commands.d", "Of a packaged server."),
            (
                "~/.config/topside/commands.toml, commands.d",
                "Of a server of one's own; TOPSIDE_CONFIG_DIR names another directory.",
            ),
        ],
    );
    finish(roff, "commands.toml", "topsided(8), server.toml(5), topsided-check(8)", to)
}

/// The beginning of a page.
fn heading(name: &str, title: &str, description: &[&str]) -> Roff {
    let mut page = Roff::new();
    let upper = name.to_uppercase();
    page.control("TH", [upper.as_str(), "5", &today(), SOURCE, "Topside"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {title}"))]);
    page.control("SH", ["DESCRIPTION"]);
    for (index, paragraph) in description.iter().enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        page.text([roman(*paragraph)]);
    }
    page
}

/// Writes the end of a page, and the page.
fn finish(mut page: Roff, name: &str, see_also: &str, to: &Path) -> io::Result<()> {
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(see_also)]);
    let mut bytes = Vec::new();
    page.to_writer(&mut bytes)?;
    fs::write(to.join(format!("{name}.5")), bytes)
}

/// A sample as text: its sections are headings, its comments are paragraphs, and its keys stand below them.
fn sample(page: &mut Roff, sample: &str) {
    let mut comment = Vec::new();
    let mut follows_heading = true;
    let mut lines = sample.lines().skip(comment_about_file(sample)).peekable();
    while let Some(line) = lines.next() {
        let commented_out =
            line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.is_empty());
        let key = commented_out.unwrap_or(line);
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
            continue;
        }
        let is_heading = key.starts_with('[');
        if is_heading {
            page.control("SS", [key]);
        }
        follows_heading |= is_heading;
        if !comment.is_empty() {
            paragraph(page, &mut comment, follows_heading);
            follows_heading = false;
        }
        if !is_heading && key.contains('=') {
            let mut block = vec![key];
            while let Some(next) =
                lines.next_if(|next| next.contains('=') && !next.starts_with('#'))
            {
                block.push(next);
            }
            literal(page, &block);
            follows_heading = false;
        }
    }
}

/// How many lines at the top are about the file, as the description of the page is: a comment up to an empty line, or to one
/// that holds nothing but `#`.
fn comment_about_file(sample: &str) -> usize {
    let count = sample.lines().take_while(|line| line.starts_with("# ")).count();
    let is_apart = sample.lines().nth(count).is_some_and(|line| matches!(line, "" | "#"));
    if is_apart { count } else { 0 }
}

/// The lines of a comment: those with spaces in front are examples. A heading begins a paragraph of its own.
fn paragraph(page: &mut Roff, comment: &mut Vec<&str>, follows_heading: bool) {
    if !follows_heading {
        page.control("PP", []);
    }
    for line in comment.drain(..) {
        match line.strip_prefix("  ") {
            Some(example) => literal(page, &[example]),
            None => {
                page.text([roman(line)]);
            }
        }
    }
}

/// Lines as they are typed.
fn literal(page: &mut Roff, lines: &[&str]) {
    page.control("RS", ["4"]).control("nf", []);
    for line in lines {
        page.text([bold(*line)]);
    }
    page.control("fi", []).control("RE", []);
}
