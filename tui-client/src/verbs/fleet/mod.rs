//! `topside fleet`: the fleets of this device, and for admins their rosters.

mod admin;
mod changes;
mod invites;
mod lists;
mod own_fleets;

use serde::Serialize;
use topside_shared::dirs::Dirs;

use super::errors::VerbError;
use super::exit_status;
use super::printer::{OutputPart, Printer};
use super::server_verbs::json_line;
use crate::connect::fleets::{AdminFilesError, FleetHubError, FleetsError};
use crate::verb_args::fleet::{FleetVerb, FleetVerbs};

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
    let status = match run(verb, &printer).await {
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

async fn run(verb: &FleetVerb, printer: &Printer) -> Result<Answer, VerbError> {
    let dirs = Dirs::from_env().map_err(|error| VerbError::own(&error))?;
    match verb {
        FleetVerb::Create { name, hub, own, .. } => {
            own_fleets::create(&dirs, name, hub, own.own_name.as_deref()).await
        }
        FleetVerb::Import { file, own, .. } => {
            own_fleets::import(&dirs, file, own.own_name.as_deref()).await
        }
        FleetVerb::Export { file, of } => own_fleets::export(&dirs, file, of.fleet.as_deref()),
        FleetVerb::List(_) => own_fleets::list(&dirs),
        FleetVerb::Leave { name, confirm, .. } => {
            own_fleets::leave(&dirs, name, confirm, printer).await
        }
        FleetVerb::Boxes(of) => lists::boxes(&dirs, of.fleet.as_deref(), printer).await,
        FleetVerb::People(of) => lists::people(&dirs, of.fleet.as_deref(), printer).await,
        FleetVerb::Pending(of) => lists::pending(&dirs, of.fleet.as_deref()).await,
        FleetVerb::Invite { name, role, tags, ttl, of } => {
            let invite = invites::Wanted::person(name, *role, tags, ttl.ttl)?;
            invites::make(&dirs, of.fleet.as_deref(), &invite).await
        }
        FleetVerb::InviteBox { tags, uses, auto, ttl, of } => {
            let invite = invites::Wanted::boxes(*uses, *auto, tags, ttl.ttl)?;
            invites::make(&dirs, of.fleet.as_deref(), &invite).await
        }
        FleetVerb::Accept { names, all, new_name, of } => {
            let names = (!*all).then_some(&names[..]);
            changes::accept(&dirs, of.fleet.as_deref(), names, new_name.as_deref()).await
        }
        FleetVerb::Refuse { names, of } => changes::refuse(&dirs, of.fleet.as_deref(), names).await,
        FleetVerb::Tag { member, tags, of } => {
            changes::tag(&dirs, of.fleet.as_deref(), member, tags).await
        }
        FleetVerb::Remove { member, confirm, of } => {
            changes::remove(&dirs, of.fleet.as_deref(), member, confirm, printer).await
        }
    }
}

impl From<FleetsError> for VerbError {
    fn from(error: FleetsError) -> Self {
        match error {
            FleetsError::Unknown { .. } => Self::not_found(error.to_string()),
            FleetsError::NoFleet | FleetsError::Several(_) | FleetsError::Taken(_) => {
                Self::new(exit_status::REFUSED, error.to_string())
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
                Self::new(exit_status::REFUSED, error.to_string())
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
