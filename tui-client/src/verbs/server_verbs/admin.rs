//! What an admin orders.

use std::time::Duration;

use clap::{Args, ValueEnum};
use topside_server::cli::{Handed, ShowError};
use topside_shared::ClientId;
use topside_shared::methods::{
    Broadcast, ClientKick, ClientsList, Empty, KeyInviteResult, KeyRevoke, KeysList, ReloadResult,
    ServerReload, ServerShutdown, ServerShutdownCancel, ServerStatus,
};
use topside_shared::notifications::{EndCode, Urgency};
use topside_shared::records::ClientRow;
use topside_shared::tables;
use topside_shared::text::{self, MAX_NAME, clean};

use super::one_shot::OneShot;
use super::{ConfirmArgs, SessionArgs};
use crate::connect::{CallError, DisconnectReason};
use crate::verbs::duration;
use crate::verbs::errors::VerbError;

#[derive(Debug, Args)]
pub(in crate::verbs) struct Tell {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    /// How much it matters
    #[arg(long, value_enum, default_value = "info")]
    level: LevelArg,
    /// What everybody is told
    #[arg(required = true, value_name = "MESSAGE")]
    message: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    /// Good to know
    Info,
    /// Something that may go wrong, or must be done
    Warning,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Kick {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    #[command(flatten)]
    sure: ConfirmArgs,
    /// The client's number, as `topside clients` shows it
    #[arg(value_parser = super::runs::number)]
    client: u64,
    /// Told to that client
    #[arg(value_name = "REASON")]
    reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Shutdown {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    #[command(flatten)]
    sure: ConfirmArgs,
    /// Begin after so long: 90, 90s, 5m, 1h30m; without it, at once
    #[arg(long = "in", value_name = "DURATION", value_parser = duration::parse)]
    delay: Option<Duration>,
    /// Start again at once
    #[arg(long)]
    restart: bool,
    /// When it is back, as people say it: 14:00, tomorrow
    #[arg(long, value_name = "WHEN")]
    back: Option<String>,
    /// Told to every client
    #[arg(value_name = "REASON")]
    reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Postpone {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    /// By how much: 90, 90s, 5m, 1h30m
    #[arg(value_name = "DURATION", value_parser = duration::parse, default_value = "5m")]
    by: Duration,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Revoke {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    #[command(flatten)]
    sure: ConfirmArgs,
    /// Its name, or the beginning of its digits as `topside keys` shows them
    key: String,
}

/// Words of the command line as one text; none where there are none.
fn joined(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) async fn broadcast(asker: &mut OneShot<'_>, args: &Tell) -> Result<u8, VerbError> {
    let level = match args.level {
        LevelArg::Info => Urgency::Info,
        LevelArg::Warning => Urgency::Warning,
    };
    let message = args.message.join(" ");
    let delivered = asker.call(&Broadcast { message, level }).await?;
    asker.print(&delivered, |told| told.sentence() + "\n").await
}

pub(super) async fn kick(asker: &mut OneShot<'_>, args: &Kick) -> Result<u8, VerbError> {
    let client_id = ClientId(args.client);
    if !args.sure.yes {
        let Some(row) = row(asker, client_id).await? else {
            let sentence = format!("there is no client {client_id}: it may have left");
            return Err(VerbError::not_found(sentence));
        };
        let (user, address) = (clean(&row.user, MAX_NAME), clean(&row.address, MAX_NAME));
        let who = format!("{client_id}, {user} at {address} ({})", row.role);
        args.sure.ask(asker.printer, &format!("Send {who} away from {}?", asker.name())).await?;
    }
    let reason = joined(&args.reason);
    let done = asker.call(&ClientKick { client_id, reason }).await?;
    asker.print(&done, |_| format!("{client_id} was sent away\n")).await
}

/// The row of one client.
async fn row(asker: &mut OneShot<'_>, client: ClientId) -> Result<Option<ClientRow>, VerbError> {
    let after = client.0.checked_sub(1).map(ClientId);
    let page = asker.call(&ClientsList { after, limit: Some(1) }).await?;
    Ok(page.clients.into_iter().find(|row| row.client_id == client))
}

pub(super) async fn shut_down(asker: &mut OneShot<'_>, args: &Shutdown) -> Result<u8, VerbError> {
    let delay = args.delay.unwrap_or_default();
    let (verb, does) =
        if args.restart { ("Restart", "restarts") } else { ("Shut down", "shuts down") };
    let when = match args.delay {
        None => "now".to_owned(),
        Some(_) => format!("in {}", text::duration(millis(delay))),
    };
    let name = asker.name().to_owned();
    let question = format!("{verb} {name} for everybody, {when}?");
    args.sure.ask_name(asker.printer, &question, &name).await?;
    let reason = joined(&args.reason);
    let reason = ServerShutdown::reason_with_return(reason.as_deref(), args.back.as_deref());
    let order = ServerShutdown { delay_ms: millis(delay), reason, restart: args.restart };
    let due = asker.call(&order).await?;
    asker
        .print(&due, |due| match due.in_ms {
            0 => format!("{name} {does} now\n"),
            ms => format!(
                "{name} {does} in {}; `topside call-off` calls it off\n",
                text::duration(ms)
            ),
        })
        .await
}

pub(super) async fn postpone(asker: &mut OneShot<'_>, args: &Postpone) -> Result<u8, VerbError> {
    let status = asker.call(&ServerStatus {}).await?;
    let Some(due) = status.closing else {
        let sentence =
            format!("no shutdown of {} is due: there is nothing to postpone", asker.name());
        return Err(VerbError::not_found(sentence));
    };
    let delay_ms = due.in_ms.saturating_add(millis(args.by));
    let reason = (!due.reason.is_empty()).then_some(due.reason);
    let order = ServerShutdown { delay_ms, reason, restart: due.restart };
    let later = asker.call(&order).await?;
    let does = if due.restart { "restarts" } else { "shuts down" };
    let name = asker.name().to_owned();
    asker.print(&later, |later| format!("{name} {does} in {}\n", text::duration(later.in_ms))).await
}

pub(super) async fn call_off(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let done = asker.call(&ServerShutdownCancel {}).await?;
    let name = asker.name().to_owned();
    asker.print(&done, |_| format!("{name} stays\n")).await
}

pub(super) async fn reload(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let reloaded = asker.call(&ServerReload {}).await?;
    asker
        .print(&reloaded, |ReloadResult { changed, .. }| {
            let mut said = changed.sentences();
            if said.is_empty() {
                said.push("nothing has changed".to_owned());
            }
            said.join("\n") + "\n"
        })
        .await
}

pub(super) async fn revoke(asker: &mut OneShot<'_>, args: &Revoke) -> Result<u8, VerbError> {
    let keys = asker.call(&KeysList {}).await?.keys;
    let row = tables::keys::find(&keys, &args.key)
        .map_err(|error| VerbError::not_found(error.to_string()))?;
    let name = clean(&row.name, MAX_NAME);
    let is_own = asker.key == Some(row.key_id);
    let own = if is_own { " It is the key that you come in by." } else { "" };
    let question = format!("Revoke {name} ({}, {})? Its sessions end.{own}", row.role, row.key_id);
    args.sure.ask(asker.printer, &question).await?;
    let done = match asker.handle.call(&KeyRevoke { key_id: row.key_id }).await {
        Ok(done) => done,
        // The end of this very session may overtake the answer, and says the same.
        Err(CallError::Lost) if is_own => match asker.events.end().await {
            DisconnectReason::Ended(ended) if ended.code == EndCode::Revoked => Empty {},
            why => return Err(OneShot::unanswered(&why)),
        },
        Err(error) => return Err(asker.refused(error).await),
    };
    asker
        .print(&done, |_| format!("revoked {name} ({}), its sessions included\n", row.key_id))
        .await
}

/// Prints a key that was made: the secret on standard output, the rest beside it.
pub(super) async fn hand_over(
    asker: &OneShot<'_>,
    made: &KeyInviteResult,
    shown: Result<Handed, ShowError>,
) -> Result<u8, VerbError> {
    let handed = shown.map_err(|error| VerbError::own(&error))?;
    let status = asker.print(made, |_| handed.text).await?;
    if !asker.is_json() {
        for sentence in handed.sentences {
            asker.printer.say(sentence).await;
        }
    }
    Ok(status)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
