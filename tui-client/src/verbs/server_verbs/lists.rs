//! Verbs that print a list: status, clients, the menu, runs, keys, the log.

use jiff::tz::TimeZone;
use topside_shared::advice::FIRST_INVITE;
use topside_shared::methods::{self, ClientsList, KeysList, LogRotate, RunsList, ServerStatus};
use topside_shared::tables;

use super::follow;
use super::one_shot::OneShot;
use crate::verb_args::log::{Log, LogAction};
use crate::verb_args::server::{Clients, Runs, SessionArgs};
use crate::verbs::errors::VerbError;
use crate::verbs::messages;

const PAGE: u64 = 500;

pub(super) async fn status(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let status = session.call(&ServerStatus::default()).await?;
    session
        .print(&status, |status| {
            tables::status(&session.welcome.server, status, &TimeZone::system())
        })
        .await
}

pub(super) async fn clients(session: &mut OneShot<'_>, args: &Clients) -> Result<u8, VerbError> {
    if args.watch {
        return follow::clients(session).await;
    }
    let mut all = methods::Clients::default();
    loop {
        let page = session.call(&ClientsList { after: all.next, limit: Some(PAGE) }).await?;
        all.clients.extend(page.clients);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| tables::clients(&all.clients)).await
}

pub(super) async fn menu(session: &mut OneShot<'_>, how: &SessionArgs) -> Result<u8, VerbError> {
    let menu = session.menu().await?;
    how.on.keep(&menu);
    session
        .print(&menu, |menu| {
            let hint = "\n`topside run help NAME` explains a command and its arguments\n";
            tables::menu(&menu.commands) + hint
        })
        .await
}

pub(super) async fn runs(session: &mut OneShot<'_>, args: &Runs) -> Result<u8, VerbError> {
    let Runs { state, command, user, before, limit, .. } = args;
    if args.watch {
        let wanted = |row: &topside_shared::records::RunRow| {
            state.is_none_or(|state| row.state == state)
                && command.as_ref().is_none_or(|command| row.command == *command)
                && user.as_ref().is_none_or(|user| row.user == *user)
        };
        return follow::runs(session, wanted).await;
    }
    let mut all =
        methods::RunsPage { next: before.map(topside_shared::RunId), ..Default::default() };
    while (all.runs.len() as u64) < *limit {
        let list = RunsList {
            state: *state,
            command: command.clone(),
            user: user.clone(),
            before: all.next,
            limit: Some(PAGE.min(limit - all.runs.len() as u64)),
        };
        let page = session.call(&list).await?;
        all.runs.extend(page.runs);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    let you = session.welcome.you.called();
    let is_filtered = state.is_some() || command.is_some() || user.is_some() || before.is_some();
    session
        .print(&all, |all| {
            if all.runs.is_empty() && *limit > 0 {
                let sentence = if is_filtered { "no such runs\n" } else { "no runs yet\n" };
                return sentence.to_owned();
            }
            let rows = all.runs.iter().map(|row| messages::row_for(row.clone(), &you));
            tables::runs(&rows.collect::<Vec<_>>(), &TimeZone::system())
        })
        .await
}

pub(super) async fn keys(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let keys = session.call(&KeysList {}).await?;
    session
        .print(&keys, |keys| {
            let invite = format!("`topside {FIRST_INVITE}`");
            tables::keys::list(&keys.keys, &invite, &TimeZone::system())
        })
        .await
}

pub(super) async fn log(session: &mut OneShot<'_>, args: &Log) -> Result<u8, VerbError> {
    if args.action == Some(LogAction::Rotate) {
        let done = session.call(&LogRotate {}).await?;
        return session.print(&done, |_| "the log begins a new file\n".to_owned()).await;
    }
    if args.follow {
        let last = usize::try_from(args.lines).unwrap_or(usize::MAX);
        return follow::log(session, last, |entry| args.wants(entry)).await;
    }
    let log = session.call(&args.request()).await?;
    session.print(&log, |log| tables::log_lines(&log.entries, &TimeZone::system())).await
}
