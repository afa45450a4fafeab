//! Tab at the prompt: the words of a command of the menu, and those of a verb after `:`.

use std::time::Duration;

use topside_shared::cmdline::{self, Candidate, Completion};
use topside_shared::dirs::Dirs;
use topside_shared::methods::{ClientsList, KeysList, Menu, RunsList};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};

use super::super::printer::OutputPart;
use super::super::server_verbs::Peer;
use super::Client;
use super::line_prompt::Prompt;
use crate::config::{FILE_NAME, ProfileStore};
use crate::terminal;
use crate::text::fit;
use crate::verb_args::known_values::{self, KnownValues};
use crate::verb_args::verb_line;

/// Most completions that are listed, and most that are listed with their descriptions.
const MAX_LISTED: usize = 60;
const MAX_DESCRIBED: usize = 10;
/// How long Tab waits for the values that the server knows.
const PATIENCE: Duration = Duration::from_secs(2);

/// The values of the server that a line of verbs may name.
async fn known_values(peer: &Peer, menu: &Menu) -> KnownValues {
    let handle = &peer.handle;
    let runs = RunsList { limit: Some(known_values::RUNS), ..RunsList::default() };
    let clients = ClientsList::default();
    let asked = async {
        tokio::join!(handle.call(&clients), handle.call(&runs), handle.call(&KeysList {}))
    };
    let mut known =
        KnownValues { commands: known_values::commands(&menu.commands), ..KnownValues::default() };
    if let Ok(dirs) = Dirs::from_env()
        && let Ok(store) = ProfileStore::load(dirs.config.join(FILE_NAME))
    {
        known.servers = known_values::servers(store.profiles());
    }
    // A role that may not ask for a list completes none of it.
    if let Ok((clients, runs, keys)) = tokio::time::timeout(PATIENCE, asked).await {
        let own = peer.welcome.you.client_id;
        known.clients = clients.map_or_else(
            |_| Vec::new(),
            |all| known_values::clients(all.clients.iter().filter(|row| row.client_id != own)),
        );
        let runs = runs.unwrap_or_default();
        known.live_runs = known_values::live_runs(&runs);
        known.runs = known_values::runs(&runs);
        known.keys = keys.map_or_else(|_| Vec::new(), known_values::keys);
    }
    known
}

impl Client {
    /// What is said of a verb that lacks the number of a run: it names the runs that have not ended.
    pub(super) async fn needs_run(&self, verb: &str) -> String {
        let list = RunsList { limit: Some(known_values::RUNS), ..RunsList::default() };
        let asked = self.peer.handle.call(&list);
        let runs = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(page)) => known_values::live_runs(&page),
            _ => return format!("`{verb}` needs the number of a run: `:runs` lists them"),
        };
        let named: Vec<String> =
            runs.iter().map(|(run, about)| format!("#{run} {about}")).collect();
        match &named[..] {
            [] => format!("`{verb}` needs the number of a run; nothing runs"),
            several => format!("`{verb}` needs the number of a run: {}", several.join("; ")),
        }
    }

    /// Completes the word at the cursor, and lists what it could become.
    pub(super) async fn complete(&mut self) {
        let Self { prompt, menu, peer, console, .. } = self;
        let Some(editor) = prompt.as_mut().and_then(Prompt::editor) else { return };
        let (line, cursor) = editor.line();
        let begin = line.len() - line.trim_start().len();
        let found = match line[begin..].strip_prefix(':') {
            // A cursor before the `:` has nothing to complete.
            Some(_) if cursor <= begin => return,
            Some(verbs) => {
                let skipped = begin + 1;
                let known = known_values(peer, menu).await;
                let found = verb_line::complete(verbs, cursor - skipped, &known);
                let replace = found.replace.start + skipped..found.replace.end + skipped;
                Completion { replace, ..found }
            }
            None => cmdline::complete(line, cursor, &menu.commands),
        };
        let offers_flags = found.replace.is_empty() && offers_flags(&found, line, menu);
        let list = match offers_flags {
            true => found.candidates,
            false => editor.complete(&found),
        };
        if !list.is_empty() {
            let prompt = prompt.as_mut().expect("its editor has completed the line");
            prompt.leave(&console.printer).await;
            console.printer.write(OutputPart::Say(listing(&list))).await;
        }
    }
}

/// Whether a place where nothing is typed takes flags alone. They are shown and not typed for the user, unless one is required and
/// no other fits.
fn offers_flags(found: &Completion, line: &str, menu: &Menu) -> bool {
    let command = cmdline::split(line).ok().and_then(|words| menu.find(&words.first()?.text));
    let is_required = |flag: &str| {
        command
            .is_some_and(|command| command.args.iter().any(|arg| arg.required && arg.name == flag))
    };
    match &found.candidates[..] {
        [] => false,
        [only] => only.text.strip_prefix("--").is_some_and(|flag| !is_required(flag)),
        several => several.iter().all(|one| one.text.starts_with("--")),
    }
}

/// The candidates as lines that fit the terminal: of many, the names alone.
fn listing(candidates: &[Candidate]) -> String {
    let columns = usize::from(terminal::size().width).saturating_sub(1);
    let listed = &candidates[..candidates.len().min(MAX_LISTED)];
    let names: Vec<String> = listed.iter().map(|one| clean(&one.text, MAX_NAME)).collect();
    let mut text = String::new();
    let is_described = names.len() <= MAX_DESCRIBED;
    let wide = names.iter().map(|name| fit::width(name)).max().unwrap_or(0);
    for (name, one) in names.iter().zip(listed).filter(|_| is_described) {
        let pad = " ".repeat(wide - fit::width(name));
        let row = format!("  {name}{pad}  {}", clean(&one.description, MAX_REASON));
        text += &fit::cut(row.trim_end(), columns);
        text.push('\n');
    }
    if !is_described {
        text = in_rows(&names, columns);
    }
    let more = candidates.len() - listed.len();
    if more > 0 {
        text += &format!("  and {more} more: type more of the word\n");
    }
    text
}

/// Names with commas between them, in rows of at most this width.
fn in_rows(names: &[String], columns: usize) -> String {
    let (mut text, mut row) = (String::new(), String::from(" "));
    for (at, name) in names.iter().enumerate() {
        let comma = if at + 1 < names.len() { "," } else { "" };
        if row.len() > 1 && fit::width(&row) + fit::width(name) + 2 > columns {
            text += &format!("{row}\n");
            row.truncate(1);
        }
        row += &format!(" {name}{comma}");
    }
    text + &row + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(count: usize) -> Vec<Candidate> {
        let kind = topside_shared::cmdline::CandidateKind::Value;
        let one =
            |n| Candidate { text: format!("word-{n}"), description: "What it does".into(), kind };
        (1..=count).map(one).collect()
    }

    #[test]
    fn more_than_ten_are_listed_by_name_and_more_than_sixty_counted() {
        let ten = listing(&candidates(10));
        assert_eq!((ten.lines().count(), ten.matches("What it does").count()), (10, 10), "{ten}");
        let eleven = listing(&candidates(11));
        assert!(eleven.starts_with("  word-1, word-2, "), "{eleven}");
        assert!(eleven.ends_with(" word-11\n") && !eleven.contains("What"), "{eleven}");
        assert!(!listing(&candidates(60)).contains("more"));
        assert!(listing(&candidates(61)).ends_with("\n  and 1 more: type more of the word\n"));
        assert_eq!(in_rows(&["ab".into(), "cd".into(), "ef".into()], 9), "  ab, cd,\n  ef\n");
    }
}
