//! `topside pair` and `topside id`: the key of this device, and the servers that accept it.

use std::io::{BufRead, IsTerminal, Read};
use std::time::Duration;

use tokio::time::timeout;
use topside_shared::cmdline::quote;
use topside_shared::command::{Command, Effect};
use topside_shared::dirs::Dirs;
#[cfg(feature = "hub")]
use topside_shared::fleet::JoinString;
use topside_shared::invite::Invite;

use super::errors::with_sources;
use super::printer::{OutputPart, Printer};
use super::{block_on, exit_status};
use crate::config::{FILE_NAME, ProfileStore, menu_cache};
#[cfg(feature = "hub")]
use crate::connect::fleets::{self, JoinedFleet};
use crate::connect::{
    Hello, Paired, PastedInvite, PastedInviteError, Remote, SaveAs, Target, Via, addresses,
    connect, own_key, pair, replaceable,
};
use crate::terminal;
use crate::verb_args::Pair;

/// Most bytes of standard input that are searched for an invite; the longest invite is far shorter.
const MAX_INPUT: u64 = 64 * 1024;
const HELLO: Hello = Hello { notices: false, agent: false, name: "topside pair" };
/// How long to wait for the menu of the server, for an example.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pairs; returns the exit status.
pub(super) fn main(args: &Pair) -> u8 {
    block_on(async { finish(run(args).await).await })
}

/// Prints the pin of this device's key; returns the exit status.
pub(super) fn id() -> u8 {
    let key = Dirs::from_env()
        .map_err(|error| error.to_string())
        .and_then(|dirs| own_key(&dirs.state).map_err(|error| with_sources(&error)));
    block_on(finish(key.map(|key| format!("{}\n", key.pin()))))
}

async fn finish(result: Result<String, String>) -> u8 {
    match result {
        Ok(text) => {
            let printer = Printer::start();
            printer.write(OutputPart::Print(text)).await;
            printer.finish(exit_status::OK).await
        }
        Err(sentence) => {
            terminal::complain(sentence);
            exit_status::OWN_FAILURE
        }
    }
}

/// Pairs, and describes what was saved.
async fn run(args: &Pair) -> Result<String, String> {
    // A shell splits an invite that was pasted without quotes, folded or with more words around it.
    let pasted = read_invite(&args.invite.join(" "))?;
    let dirs = Dirs::from_env().map_err(|error| error.to_string())?;
    #[cfg_attr(
        not(feature = "hub"),
        allow(clippy::infallible_destructuring_match, reason = "with hubs there is another kind")
    )]
    let invite = match pasted {
        PastedInvite::Server(invite) => invite,
        #[cfg(feature = "hub")]
        PastedInvite::Fleet(string) => return join_fleet(args, *string, &dirs).await,
    };
    #[cfg(feature = "hub")]
    if args.user.credentials.is_some() {
        return Err(
            "--credentials is for the invite of a fleet, and this is one of a server: leave it out"
                .to_owned(),
        );
    }
    let replaces = replaces(args, &invite, &dirs)?;
    let save_as = SaveAs { name: args.name.as_deref(), replaces: replaces.as_deref() };
    let paired = pair(&invite, save_as, &dirs).await.map_err(|error| with_sources(&error))?;
    let example = timeout(PATIENCE, example(&paired, &dirs)).await.ok().flatten();
    Ok(words(&paired, example.as_deref()))
}

/// Joins a fleet, and describes it.
#[cfg(feature = "hub")]
async fn join_fleet(args: &Pair, mut string: JoinString, dirs: &Dirs) -> Result<String, String> {
    if args.name.is_some() || args.replace {
        return Err(
            "--name and --replace are for the invite of one server, and this is one of a fleet: leave them out"
                .to_owned(),
        );
    }
    if let Some(path) = &args.user.credentials {
        let user = fleets::read_credentials(path).map_err(|error| error.to_string())?;
        string.access.user = Some(user);
    }
    let joined = fleets::join(&string, dirs).await.map_err(|error| with_sources(&error))?;
    let JoinedFleet { fleet, name, role, already, boxes } = joined;
    let what = if already { "This device is in the fleet" } else { "Joined the fleet" };
    let mut words = format!("{what} {fleet}: it is {name} there, {role}.\n");
    let count = match boxes.len() {
        1 => "1 box".to_owned(),
        many => format!("{many} boxes"),
    };
    words.push_str(&format!("It may use {count}; `topside fleet boxes` lists them"));
    if let Some(first) = boxes.first() {
        let first = quote(first);
        words.push_str(&format!(
            ". Open the screen of one with `topside connect {first}`, or run one command: `topside run --on {first} status`"
        ));
    }
    words.push('\n');
    Ok(words)
}

/// The saved server that the server of the invite replaces, if there is one and the user agrees.
fn replaces(args: &Pair, invite: &Invite, dirs: &Dirs) -> Result<Option<String>, String> {
    let store = ProfileStore::load(dirs.config.join(FILE_NAME)).map_err(|e| with_sources(&e))?;
    let Some(old) = replaceable(store.profiles(), invite, args.name.as_deref()) else {
        return Ok(None);
    };
    let name = old.name.clone();
    if args.replace {
        return Ok(Some(name));
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        if args.name.as_ref() == Some(&name) {
            // Pairing refuses a name that is taken, with advice.
            return Ok(None);
        }
        let quoted = quote(&name);
        terminal::complain(format!(
            "{name} is saved with another key and is kept. If the box was set up again, its entry is of no use: \
             `topside delete {quoted}`; next time give --replace"
        ));
        return Ok(None);
    }
    terminal::complain(format!(
        "{name} is saved with another key. Was the box set up again? y replaces its entry, n keeps both [y/N]"
    ));
    let mut answer = String::new();
    let read = stdin.lock().take(MAX_INPUT).read_line(&mut answer);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    Ok(yes.then_some(name))
}

/// A harmless command without arguments that this device may run there, preferably `status`. The menu is requested because
/// a key can be limited to some commands. Without an answer there is no example.
async fn example(paired: &Paired, dirs: &Dirs) -> Option<String> {
    let remote = Remote::of_profile(&paired.profile, Via::Auto, &dirs.state).ok()?;
    let session = connect(&Target::Remote(remote), &HELLO).await.ok()?;
    let menu = session.handle.menu().await.ok()?;
    menu_cache::keep(&dirs.state, &paired.profile.name, &menu);
    session.leave().await;
    let easy = |command: &&Command| {
        command.effect == Effect::Read
            && command.confirm.is_none()
            && command.args.iter().all(|arg| !arg.required)
    };
    let mut easy = menu.commands.iter().filter(easy);
    let status = easy.clone().find(|command| command.name == "status");
    status.or_else(|| easy.next()).map(|command| command.name.clone())
}

/// The invite in a text; `-` reads standard input.
pub(super) fn read_invite(text: &str) -> Result<PastedInvite, String> {
    if text != "-" {
        return text.parse().map_err(|error: PastedInviteError| error.to_string());
    }
    let input = std::io::stdin().lock();
    let is_terminal = input.is_terminal();
    if is_terminal {
        terminal::complain("paste the invite, then press Enter");
    }
    let (mut input, mut bytes) = (input.take(MAX_INPUT), Vec::new());
    loop {
        let before = bytes.len();
        let read = input.read_until(b'\n', &mut bytes);
        read.map_err(|error| format!("standard input cannot be read: {error}"))?;
        let line_is_empty = bytes[before..].trim_ascii().is_empty();
        // The invite may be folded over several lines.
        match String::from_utf8_lossy(&bytes).parse::<PastedInvite>() {
            Ok(invite) => return Ok(invite),
            // At a terminal an empty line ends a paste that is not complete.
            Err(error) if bytes.len() == before || (is_terminal && line_is_empty) => {
                return Err(error.to_string());
            }
            Err(_) if is_terminal => {
                terminal::complain(
                    "no complete invite yet: paste the rest, or press Enter to give up",
                );
            }
            Err(_) => {}
        }
    }
}

/// The message about the paired server.
fn words(paired: &Paired, example: Option<&str>) -> String {
    let Paired { profile, role, already, renamed } = paired;
    let name = &profile.name;
    let mut words = match already {
        true => format!("{name} was paired with this device already, which is {role} there.\n"),
        false => format!("Paired with {name}: this device is {role} there.\n"),
    };
    if let Some(was) = renamed {
        words.push_str(&format!("It was called {was} here until now.\n"));
    }
    for address in addresses(profile) {
        words.push_str(&format!("  {:<9} {address}\n", address.via().title()));
    }
    let quoted = quote(name);
    words.push_str(&format!("Open its screen with `topside connect {quoted}`"));
    if let Some(command) = example {
        let command = quote(command);
        words.push_str(&format!(", or run one command: `topside run --on {quoted} {command}`"));
    }
    words.push('\n');
    words
}
