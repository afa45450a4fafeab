//! `initialize`, `ping`, `session/close`, and the subscriptions to events.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use topside_shared::frame::MAX_LINE_IN;
use topside_shared::methods::{
    Approvals, AuditEnd, CallerInfo, Empty, EventsSubscribe, EventsUnsubscribe, Initialize,
    InitializeResult, Ping, ServerInfo, ServerSnapshot, SessionClose, Snapshot, SubscribeResult,
    Topic, WireLimits,
};
use topside_shared::notifications::name;
use topside_shared::records::{Program, RunRow};
use topside_shared::text::{MAX_NAME, clean};
use topside_shared::{ErrorKind, PROTOCOL_VERSION, RpcError};

use crate::authorize::{Action, authorize, may_see_run};
use crate::base::outbox::notification;
use crate::events::{MAX_SUBSCRIPTIONS, TooMany};
use crate::methods::page_limits::{count_that_fits, newest_that_fit};
use crate::methods::{After, Answered, Caller};

/// Entries of the log in a snapshot.
const LOG_SNAPSHOT: usize = 50;
/// Bytes of JSON that runs, and entries of the log, may take of a snapshot: beside a full page of
/// clients it must fit one line.
const RUN_BYTES: usize = 40 * 1024;
const LOG_BYTES: usize = 40 * 1024;

pub(super) async fn initialize(
    caller: Caller,
    params: Initialize,
) -> Result<Answered<InitializeResult>, RpcError> {
    let Caller { server, client } = &caller;
    if let Some(version) = params.protocol_version
        && version != PROTOCOL_VERSION
    {
        let (older, advice) = if version < PROTOCOL_VERSION {
            ("the client", "update the client")
        } else {
            ("the server", "update the server")
        };
        let message = format_args!(
            "{older} is older: the client speaks version {version} and the server {PROTOCOL_VERSION}; {advice}"
        );
        let error = RpcError::new(ErrorKind::UnsupportedVersion, message);
        return Err(error.with("supported", vec![PROTOCOL_VERSION]));
    }
    if let Some(program) = params.client {
        let program = Program {
            name: clean(&program.name, MAX_NAME),
            version: clean(&program.version, MAX_NAME),
        };
        server.clients.set_program(client, program);
    }
    if params.agent && !client.who().agent {
        server.clients.set_identity(client, client.who().as_agent());
    }
    client.notices.store(params.notices, Ordering::Relaxed);
    let closing = server.shutdown.closing();
    let after = match &closing {
        Some(closing) if params.notices => {
            vec![After::Send(notification(name::SERVER_CLOSING, closing))]
        }
        _ => Vec::new(),
    };
    let who = client.who();
    let answer = InitializeResult {
        protocol_version: PROTOCOL_VERSION,
        server: ServerInfo { pin: server.tcp.pin(), ..server.info.clone() },
        you: CallerInfo {
            client_id: client.id,
            address: client.address.clone(),
            user: who.user.clone(),
            role: who.role,
            agent: who.agent,
        },
        limits: WireLimits {
            max_line: MAX_LINE_IN as u64,
            max_runs: server.now().config.limits.max_runs_per_client as u64,
        },
        closing,
        audit: who.is_full_admin().then(|| {
            let (seq, hash) = server.audit.synced();
            AuditEnd { seq, hash }
        }),
    };
    Ok(Answered { answer, after })
}

pub(super) async fn ping(_: Caller, Ping {}: Ping) -> Result<Empty, RpcError> {
    Ok(Empty {})
}

pub(super) async fn close(
    _: Caller,
    SessionClose {}: SessionClose,
) -> Result<Answered<Empty>, RpcError> {
    Ok(Answered { answer: Empty {}, after: vec![After::Close] })
}

pub(super) async fn subscribe(
    caller: Caller,
    params: EventsSubscribe,
) -> Result<Answered<SubscribeResult>, RpcError> {
    let Caller { server, client } = &caller;
    let mut topics = params.topics;
    topics.sort();
    topics.dedup();
    if topics.is_empty() {
        let all = Topic::ALL.map(Topic::name).join(", ");
        let message = format_args!("topics must name at least one of {all}");
        return Err(RpcError::new(ErrorKind::InvalidParams, message));
    }
    let who = client.who();
    for topic in &topics {
        authorize(&who, Action::Subscribe(*topic))?;
    }
    let has = |topic| topics.contains(&topic);
    let (runs, log, revision) = (has(Topic::Runs), has(Topic::Log), has(Topic::Server));
    let (schedules, of_approvals) = (has(Topic::Schedules), has(Topic::Approvals));
    if schedules {
        server.schedules.loaded().await;
    }
    let too_many = |TooMany| {
        let message = format_args!(
            "a connection has at most {MAX_SUBSCRIPTIONS} subscriptions: end one first"
        );
        RpcError::new(ErrorKind::Busy, message)
    };
    let begun = server.events.subscribe(client, topics, &server.clients, &server.log);
    let begun = begun.map_err(too_many)?;
    let mut first = Vec::new();
    let snapshot = Snapshot {
        clients: begun.clients,
        runs: runs.then(|| {
            let live = server.runs.live();
            let seen = live.iter().filter(|run| may_see_run(&who, run.owner, run.role));
            let mut rows: Vec<RunRow> = seen.map(|run| run.row_for(&who)).collect();
            // The others follow it as `run/changed`.
            let rest = rows.split_off(count_that_fits(rows.iter(), RUN_BYTES));
            first.extend(rest.iter().map(|row| notification(name::RUN_CHANGED, row)));
            rows
        }),
        log: log.then(|| newest_that_fit(server.log.tail(LOG_SNAPSHOT, begun.log_seen), LOG_BYTES)),
        server: revision.then(|| ServerSnapshot { revision: server.now().menu.revision() }),
        schedules: schedules.then(|| server.schedules.list(&who)),
        approvals: of_approvals.then(|| {
            let mut approvals = server.runs.approvals(&who);
            let fit = count_that_fits(approvals.iter(), RUN_BYTES);
            let rest = approvals.split_off(fit);
            first.extend(rest.iter().map(|row| notification(name::APPROVAL_CHANGED, row)));
            Approvals { approvals }
        }),
    };
    let mut after = vec![After::Release(begun.id, first)];
    if !begun.is_whole {
        let (server, client, id) = (Arc::clone(server), Arc::clone(client), begun.id);
        let rest = async move { server.events.send_rest(&client, id, &server.clients).await };
        after.push(After::Follow(Box::pin(rest)));
    }
    Ok(Answered { answer: SubscribeResult { subscription_id: begun.id, snapshot }, after })
}

pub(super) async fn unsubscribe(
    caller: Caller,
    params: EventsUnsubscribe,
) -> Result<Empty, RpcError> {
    let EventsUnsubscribe { subscription_id } = params;
    if caller.server.events.unsubscribe(caller.client.id, subscription_id) {
        return Ok(Empty {});
    }
    let message = format_args!("this connection has no subscription {subscription_id}");
    Err(RpcError::new(ErrorKind::NotFound, message))
}
