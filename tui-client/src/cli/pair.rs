//! `topside pair` and `topside id`: this device's key, and the servers that know it.

use std::io::{BufRead, IsTerminal, Read, Write};

use clap::Args;
use topside_shared::dirs::Dirs;
use topside_shared::invite::{Invite, InviteError};

use super::run::with_sources;
use super::status;
use super::words::shell_word;
use crate::net::{Address, Paired, addresses, own_identity, pair};
use crate::term;

/// Longest line with an invite; the longest invite is far shorter.
const MAX_LINE: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct Pair {
    /// What `topsided invite` or `topsided token` printed; - reads one line of standard input
    invite: String,
    /// What to call the server here; without it, as it calls itself
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Pairs; the exit status.
pub(super) fn main(args: &Pair) -> u8 {
    match run(args) {
        Ok(paired) => print(&words(&paired)),
        Err(sentence) => fail(&sentence),
    }
}

/// Prints what this device is known by; the exit status.
pub(super) fn id() -> u8 {
    let identity = Dirs::from_env()
        .map_err(|error| error.to_string())
        .and_then(|dirs| own_identity(&dirs.state).map_err(|error| with_sources(&error)));
    match identity {
        Ok(identity) => print(&format!("{}\n", identity.pin())),
        Err(sentence) => fail(&sentence),
    }
}

fn print(text: &str) -> u8 {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => status::OK,
        Err(_) => status::BROKEN_PIPE,
    }
}

fn fail(sentence: &str) -> u8 {
    term::complain(sentence);
    status::OWN_FAILURE
}

fn run(args: &Pair) -> Result<Paired, String> {
    let invite = read(&args.invite)?;
    let dirs = Dirs::from_env().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let paired = runtime.block_on(pair(&invite, args.name.as_deref(), &dirs));
    runtime.shutdown_background();
    paired.map_err(|error| with_sources(&error))
}

fn read(text: &str) -> Result<Invite, String> {
    let mut line = String::new();
    let text = match text {
        "-" => {
            let input = std::io::stdin().lock();
            if input.is_terminal() {
                term::complain("paste the invite, then press Enter");
            }
            input
                .take(MAX_LINE)
                .read_line(&mut line)
                .map_err(|error| format!("standard input cannot be read: {error}"))?;
            &line
        }
        text => text,
    };
    text.parse().map_err(|error: InviteError| error.to_string())
}

/// What was saved, and how to use it.
fn words(paired: &Paired) -> String {
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
        let Address { via, .. } = &address;
        words.push_str(&format!("  {:<9} {address}\n", via.title()));
    }
    let quoted = shell_word(name);
    words.push_str(&format!(
        "Open its screen with `topside connect {quoted}`, or run one command: `topside run --on {quoted} status`\n"
    ));
    words
}
