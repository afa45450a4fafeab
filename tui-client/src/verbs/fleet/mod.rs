//! `topside fleet`: the fleets of this device, and for admins their rosters.

mod admin;
mod changes;
mod invites;
mod lists;
mod own_fleets;
mod passphrase;

use serde::Serialize;
use topside_shared::dirs::Dirs;

use super::errors::VerbError;
use super::exit_status;
use super::printer::{LAST_WORDS, OutputPart, Printer};
use super::question::DECLINED;
use super::server_verbs::json_line;
use crate::connect::fleets::{AdminFilesError, FleetHubError, FleetsError};
use crate::platform::Signals;
use crate::verb_args::fleet::{FleetVerb, FleetVerbs};
use passphrase::Passphrases;

/// What a verb prints: its answer in both forms, and notes for standard error.
struct Answer {
    text: String,
    json: serde_json::Value,
    notes: Vec<String>,
}

impl Answer {
    fn new(text: impl Into<String>, json: &impl Serialize) -> Self {
        let json = serde_json::to_value(json).unwrap_or_default();
        Self { text: text.into(), json, notes: Vec::new() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Runs the verb; returns the exit status.
pub(super) async fn main(args: &FleetVerbs) -> u8 {
    let (verb, json) = (&args.verb, args.verb.json());
    let printer = Printer::start();
    let mut signals = match Signals::listen(false) {
        Ok(signals) => signals,
        Err(error) => {
            printer.say(error).await;
            return printer.finish(exit_status::OWN_FAILURE).await;
        }
    };
    let done = tokio::select! {
        biased;
        signal = signals.next() => {
            if printer.interrupted() {
                printer.say(DECLINED).await;
            }
            return printer.finish_within(signals.patience(LAST_WORDS), signal.status()).await;
        }
        done = run(verb, &printer) => done,
    };
    let status = match done {
        Ok(Answer { text, json: value, notes }) => {
            let text = if json { json_line(&value) } else { text };
            printer.write(OutputPart::Print(text)).await;
            for note in notes.iter().filter(|_| !json) {
                printer.say(note).await;
            }
            exit_status::OK
        }
        Err(refused) => refused.tell(&printer, json).await,
    };
    printer.finish(status).await
}

/// Reads on a thread of its own, so that a signal ends the wait.
async fn read<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, VerbError> + Send + 'static,
) -> Result<T, VerbError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(error) => Err(VerbError::own(&error)),
    }
}

async fn run(verb: &FleetVerb, printer: &Printer) -> Result<Answer, VerbError> {
    let dirs = Dirs::from_env().map_err(|error| VerbError::own(&error))?;
    let by = Passphrases { printer, file: verb.passphrase_file() };
    match verb {
        FleetVerb::Create { name, hub, user, own, new, .. } => {
            let hub = own_fleets::Hub { words: hub, user: user.credentials.as_deref() };
            own_fleets::create(&dirs, name, hub, own.own_name.as_deref(), new, by).await
        }
        FleetVerb::Import { file, user, own, .. } => {
            let user = user.credentials.as_deref();
            own_fleets::import(&dirs, file, user, own.own_name.as_deref(), by).await
        }
        FleetVerb::Export { file, new, of, .. } => {
            own_fleets::export(&dirs, file, of.fleet.as_deref(), new, by).await
        }
        FleetVerb::Passphrase { name, remove, new, .. } => {
            let change = match remove {
                true => passphrase::Change::Remove,
                false => passphrase::Change::Set(new.new_passphrase_file.as_deref()),
            };
            passphrase::change(&dirs, name, change, by).await
        }
        FleetVerb::List(_) => own_fleets::list(&dirs),
        FleetVerb::Leave { name, confirm, .. } => {
            own_fleets::leave(&dirs, name, confirm, printer).await
        }
        FleetVerb::Boxes(of) => lists::boxes(&dirs, of.fleet.as_deref(), printer).await,
        FleetVerb::People(of) => lists::people(&dirs, of.fleet.as_deref(), printer).await,
        FleetVerb::Pending(of) => lists::pending(&dirs, of.fleet.as_deref()).await,
        FleetVerb::Invite { name, role, tags, ttl, of, .. } => {
            let invite = invites::Wanted::person(name, *role, tags, ttl.ttl)?;
            invites::make(&dirs, of.fleet.as_deref(), &invite, by).await
        }
        FleetVerb::InviteBox { tags, uses, auto, ttl, of, .. } => {
            let invite = invites::Wanted::boxes(*uses, *auto, tags, ttl.ttl)?;
            invites::make(&dirs, of.fleet.as_deref(), &invite, by).await
        }
        FleetVerb::Accept { names, all, new_name, of, .. } => {
            let names = (!*all).then_some(&names[..]);
            changes::accept(&dirs, of.fleet.as_deref(), names, new_name.as_deref(), by).await
        }
        FleetVerb::Refuse { names, of, .. } => {
            changes::refuse(&dirs, of.fleet.as_deref(), names, by).await
        }
        FleetVerb::Tag { member, tags, of, .. } => {
            changes::tag(&dirs, of.fleet.as_deref(), member, tags, by).await
        }
        FleetVerb::Remove { member, confirm, of, .. } => {
            changes::remove(&dirs, of.fleet.as_deref(), member, confirm, by).await
        }
    }
}

impl From<FleetsError> for VerbError {
    fn from(error: FleetsError) -> Self {
        match error {
            FleetsError::Unknown { .. } => Self::not_found(error.to_string()),
            FleetsError::NoFleet | FleetsError::Several(_) | FleetsError::Taken(_) => {
                Self::refused(error.to_string())
            }
            error => Self::own(&error),
        }
    }
}

impl From<AdminFilesError> for VerbError {
    fn from(error: AdminFilesError) -> Self {
        match error {
            AdminFilesError::Fleets(error) => error.into(),
            AdminFilesError::NoAuthority(_) | AdminFilesError::Exists(_) => {
                Self::refused(error.to_string())
            }
            error => Self::own(&error),
        }
    }
}

impl From<FleetHubError> for VerbError {
    fn from(error: FleetHubError) -> Self {
        Self::own(&error)
    }
}
