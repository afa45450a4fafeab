//! Verbs for admins.

use jiff::tz::TimeZone;
use topside_server::cli::{NewKey, ShowError, surroundings};
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::{
    Broadcast, ClientKick, ClientsList, Empty, KeyInviteResult, KeyRevoke, KeyState, KeysList,
    NotifyTestResult, ReloadResult, RunsList, ServerReload, ServerShutdown, ServerShutdownCancel,
    ServerStatus,
};
use topside_shared::notifications::{EndCode, Urgency, return_note};
use topside_shared::records::ClientRow;
use topside_shared::tables;
use topside_shared::text::{self, MAX_NAME, MAX_REASON, called, clean};
use topside_shared::time::millis;
use topside_shared::values::parse_expected_return;
use topside_shared::{ClientId, Time};

use super::one_shot::OneShot;
use crate::connect::{CallError, DisconnectReason};
use crate::verb_args::notify::NotifyArgs;
use crate::verb_args::server::{BroadcastArgs, Kick, LevelArg, Postpone, Revoke};
use crate::verb_args::shutdown::Shutdown;
use crate::verb_args::worker::WorkerArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;

/// The time of `--back` for a shutdown that begins in `delay_ms`.
fn expected_return(text: Option<&str>, delay_ms: u64) -> Result<Option<Time>, VerbError> {
    let begin = Time::now().plus_millis(delay_ms);
    let back = text.map(|text| parse_expected_return(text, begin, &TimeZone::system()));
    back.transpose().map_err(|error| VerbError::new(exit_status::USAGE, format!("--back: {error}")))
}

/// Words of the command line as one text; none without words.
fn joined(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) async fn broadcast(
    session: &mut OneShot<'_>,
    args: &BroadcastArgs,
) -> Result<u8, VerbError> {
    let level = match args.level {
        LevelArg::Info => Urgency::Info,
        LevelArg::Warning => Urgency::Warning,
    };
    let message = args.message.join(" ");
    let delivered = session.call(&Broadcast { message, level }).await?;
    session.print(&delivered, |told| told.sentence() + "\n").await
}

/// Prints a line for each notifier; the exit status is 1 where one could not send.
pub(super) async fn test_notifiers(
    session: &mut OneShot<'_>,
    args: &NotifyArgs,
) -> Result<u8, VerbError> {
    let tested = session.call(&args.request()).await?;
    let printed = session.print(&tested, NotifyTestResult::lines).await?;
    let has_failed = tested.notifiers.iter().any(|row| row.failure.is_some());
    Ok(if has_failed { 1 } else { printed })
}

pub(super) async fn kick(session: &mut OneShot<'_>, args: &Kick) -> Result<u8, VerbError> {
    let client_id = ClientId(args.client);
    if !args.confirm.yes {
        let Some(row) = row(session, client_id).await? else {
            let sentence = format!("there is no client {client_id}: it may have left");
            return Err(VerbError::not_found(sentence));
        };
        let (user, address) = (called(&row.user, client_id), clean(&row.address, MAX_NAME));
        let client = format!("{user} at {address}, {},", row.role);
        let question = format!("Disconnect {client} from {}?", session.name());
        session.confirm(&args.confirm, &question).await?;
    }
    let reason = joined(&args.reason);
    let done = session.call(&ClientKick { client_id, reason }).await?;
    session.print(&done, |_| format!("{client_id} was disconnected\n")).await
}

async fn row(session: &mut OneShot<'_>, client: ClientId) -> Result<Option<ClientRow>, VerbError> {
    let after = client.0.checked_sub(1).map(ClientId);
    let page = session.call(&ClientsList { after, limit: Some(1) }).await?;
    Ok(page.clients.into_iter().find(|row| row.client_id == client))
}

pub(super) async fn shut_down(session: &mut OneShot<'_>, args: &Shutdown) -> Result<u8, VerbError> {
    let delay = args.delay.unwrap_or_default();
    let delay_ms = millis(delay);
    let then = args.then();
    let (verb, does) = (then.order(), then.does());
    let back = expected_return(args.back.as_deref(), delay_ms)?;
    let when = match args.delay {
        None => "now".to_owned(),
        Some(_) => format!("in {}", text::duration(delay_ms)),
    };
    let name = session.name().to_owned();
    let mut question = format!("{verb} {name} for everybody, {when}?");
    if args.name.is_none() && !args.confirm.yes {
        let running = session.call(&RunsList::running()).await?;
        question
            .extend(running.ending(session.welcome.you.client_id).map(|runs| format!(" {runs}")));
    }
    match &args.name {
        Some(typed) if *typed == name => {}
        Some(typed) => {
            let sentence =
                format!("--name is {}, and this server is {name}", clean(typed, MAX_NAME));
            return Err(VerbError::refused(sentence));
        }
        None if then == AfterShutdown::Poweroff && args.confirm.yes => {
            let sentence =
                format!("a power off is confirmed with the name of the server: pass --name {name}");
            return Err(VerbError::refused(sentence));
        }
        None => session.confirm_by_name(&args.confirm, &question).await?,
    }
    let order = args.order(delay_ms, joined(&args.reason), back);
    let due = session.call(&order).await?;
    let back = return_note(back, Time::now(), &TimeZone::system());
    session
        .print(&due, |due| match due.in_ms {
            0 => format!("{name} {does} now{back}\n"),
            ms => format!(
                "{name} {does} in {}{back}; `topside cancel-shutdown` cancels it\n",
                text::duration(ms)
            ),
        })
        .await
}

pub(super) async fn postpone(session: &mut OneShot<'_>, args: &Postpone) -> Result<u8, VerbError> {
    let status = session.call(&ServerStatus::default()).await?;
    let Some(due) = status.closing else {
        let sentence =
            format!("no shutdown of {} is due: there is nothing to postpone", session.name());
        return Err(VerbError::not_found(sentence));
    };
    let delay_ms = due.in_ms.saturating_add(millis(args.by));
    let mut order = ServerShutdown::postponed(&due, delay_ms);
    order.reason = joined(&args.reason).or(order.reason);
    order.back = expected_return(args.back.as_deref(), delay_ms)?.or(order.back);
    let later = session.call(&order).await?;
    let does = due.then().does();
    let why = order.reason.map_or_else(String::new, |why| format!(": {}", clean(&why, MAX_REASON)));
    let back = return_note(order.back, Time::now(), &TimeZone::system());
    session
        .print(&later, |later| {
            let left = text::duration(later.in_ms);
            format!("{} {does} in {left}{why}{back}\n", session.name())
        })
        .await
}

pub(super) async fn cancel_shutdown(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let done = session.call(&ServerShutdownCancel {}).await?;
    session.print(&done, |_| format!("{} stays\n", session.name())).await
}

pub(super) async fn reload(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let reloaded = session.call(&ServerReload {}).await?;
    session
        .print(&reloaded, |ReloadResult { changed, .. }| {
            let mut said = changed.sentences();
            if said.is_empty() {
                said.push("nothing has changed".to_owned());
            }
            said.join("\n") + "\n"
        })
        .await
}

pub(super) async fn restart_worker(
    session: &mut OneShot<'_>,
    args: &WorkerArgs,
) -> Result<u8, VerbError> {
    let worker = session.call(&args.request()).await?;
    session.print(&worker, |worker| tables::worker_restarted(worker) + "\n").await
}

pub(super) async fn revoke(session: &mut OneShot<'_>, args: &Revoke) -> Result<u8, VerbError> {
    let keys = session.call(&KeysList {}).await?.keys;
    let row = tables::keys::find(&keys, &args.key)
        .map_err(|error| VerbError::not_found(error.to_string()))?;
    let name = clean(&row.name, MAX_NAME);
    let is_own = session.key == Some(row.key_id);
    let own = if is_own { " It is the key of this device." } else { "" };
    let question = format!("Revoke {name} ({}, {})? Its sessions end.{own}", row.role, row.key_id);
    session.confirm(&args.confirm, &question).await?;
    let done = match session.handle.call(&KeyRevoke { key_id: row.key_id }).await {
        Ok(done) => done,
        // The end of this session may overtake the answer, and means the same.
        Err(CallError::Lost) if is_own => match session.events.end().await {
            DisconnectReason::Ended(ended) if ended.code == EndCode::Revoked => Empty {},
            why => return Err(OneShot::unanswered(&why)),
        },
        Err(error) => return Err(session.refused(error).await),
    };
    session
        .print(&done, |_| format!("revoked {name} ({}), its sessions included\n", row.key_id))
        .await
}

/// Prints a new key: the secret on standard output, the rest on standard error.
pub(super) async fn hand_over(
    session: &OneShot<'_>,
    made: &KeyInviteResult,
    shown: Result<NewKey, ShowError>,
) -> Result<u8, VerbError> {
    let handed = shown.map_err(|error| VerbError::own(&error))?;
    let status = session.print(made, |_| handed.text).await?;
    if !session.is_json() {
        // The key is made and printed: what cannot be said about it is left out.
        let keys = match made.key.state {
            KeyState::Invited => session
                .handle
                .call(&KeysList {})
                .await
                .map(|answer| answer.keys)
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let status = session.handle.call(&ServerStatus::default()).await;
        let listeners = status.map(|status| status.listeners).unwrap_or_default();
        let around = surroundings(&made.key, &keys, &listeners);
        for sentence in handed.notes.into_iter().chain(around) {
            session.printer.say(sentence).await;
        }
    }
    Ok(status)
}
