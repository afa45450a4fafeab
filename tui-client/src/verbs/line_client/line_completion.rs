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

/// Most completions that are listed.
const MAX_LISTED: usize = 30;
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
        known.runs = runs.map_or_else(|_| Vec::new(), |page| known_values::runs(&page));
        known.keys = keys.map_or_else(|_| Vec::new(), known_values::keys);
    }
    known
}

impl Client {
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
        let list = editor.complete(&found);
        if !list.is_empty() {
            let prompt = prompt.as_mut().expect("its editor has completed the line");
            prompt.leave(&console.printer).await;
            console.printer.write(OutputPart::Say(listing(&list))).await;
        }
    }
}

/// The candidates as lines that fit the terminal.
fn listing(candidates: &[Candidate]) -> String {
    let columns = usize::from(terminal::size().width).saturating_sub(1);
    let listed = &candidates[..candidates.len().min(MAX_LISTED)];
    let names: Vec<String> = listed.iter().map(|one| clean(&one.text, MAX_NAME)).collect();
    let wide = names.iter().map(|name| fit::width(name)).max().unwrap_or(0);
    let mut text = String::new();
    for (name, one) in names.iter().zip(listed) {
        let pad = " ".repeat(wide - fit::width(name));
        let row = format!("  {name}{pad}  {}", clean(&one.description, MAX_REASON));
        text += &fit::cut(row.trim_end(), columns);
        text.push('\n');
    }
    let more = candidates.len() - listed.len();
    if more > 0 {
        text += &format!("  and {more} more: type more of the word\n");
    }
    text
}
