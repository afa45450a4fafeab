//! What happens to the state, message by message; and the states that drawing is tested with.

pub(crate) mod admin_actions;
pub(crate) mod approvals;
mod block_of_run;
mod command_forms;
mod commands;
mod connections;
mod declared_fields;
mod exports;
pub(crate) mod fleet_boxes;
mod key_hints;
pub(crate) mod key_list;
mod lists;
pub(crate) mod log_lines;
mod messages;
pub(crate) mod new_invites;
pub(crate) mod pasted_invites;
pub(crate) mod probes;
pub(crate) mod prompts;
mod queue;
mod reconnects;
pub(crate) mod reloads;
pub(crate) mod runs_list;
pub(crate) mod schedules;
mod screen_states;
mod settings;
pub(crate) mod several_boxes;
mod shutdowns;
mod side_panes;
pub(crate) mod status_figures;
pub(crate) mod tabs;
mod typed_lines;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};
use topside_shared::RpcError;
use topside_shared::methods::{
    Call, Clients, ClientsList, CommandResult, CommandRun, CommandsList, Empty, EventsSubscribe,
    EventsUnsubscribe, InitializeResult, KeyInvite, KeyRevoke, KeysList, LogTail, Menu, Method,
    RunAttach, RunCancel, RunInput, RunResult, RunsList, ServerReload, ServerShutdownCancel,
    ServerStatus, SubscribeResult, Topic,
};
use topside_shared::notifications::{Closing, EventsDropped, MenuChanged, Notification, Phase};
use topside_shared::records::RunRow;
use topside_shared::{ClientId, ErrorKind, Pin, RunId, Time};

use super::ask::Reply;
use super::connection::ConnectionState;
use super::console::Watch;
use super::picker::picker_state::ProbeResult;
use super::runs::Runs;
use super::*;
use crate::config::DEFAULT_PORT;
use crate::connect::{CallError, Reached};
use crate::text::base64::output_length;
use crate::views::accepted_keys::AcceptedKeys;
use crate::views::clients::Clients as ClientsView;
use crate::views::command_form::CommandForm;
use crate::views::confirm::Confirm;
use crate::views::create_invite::InviteForm;
use crate::views::help::Help;
use crate::views::palette::Palette;
use crate::views::redeem_invite::RedeemInvite;
use crate::views::run_list::RunList;
use crate::views::update;
pub(crate) use world::World;

/// 2026-03-01, 09:14:00 in UTC.
pub(crate) const START: i64 = 1_772_356_440_000;

/// The command that was sent last.
pub(crate) fn command_of(effects: &[Effect]) -> CommandRun {
    match effects.last() {
        Some(Effect::Ask { ask, .. }) if ask.method == CommandRun::METHOD => {
            serde_json::from_value(ask.params.clone()).unwrap()
        }
        _ => panic!("nothing was sent: {effects:?}"),
    }
}

pub(crate) fn is_command(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { ask, .. } if ask.method == CommandRun::METHOD)
}

/// A request, to compare with.
pub(crate) fn ask<M: Call>(session: u64, params: &M) -> Effect {
    Effect::Ask { session, ask: Ask::raw(params, |_| Reply::new(|_| Vec::new())) }
}

/// The parameters of the subscription to the live list.
pub(crate) fn live_list() -> EventsSubscribe {
    EventsSubscribe { topics: vec![Topic::Clients, Topic::Runs, Topic::Server] }
}

/// A refusal as it comes from the server, unsafe characters included.
pub(crate) fn refused(kind: ErrorKind, message: impl Into<String>) -> CallError {
    CallError::Refused(RpcError { message: message.into(), ..RpcError::new(kind, "") })
}

pub(crate) fn refusal(message: &str) -> CallError {
    refused(ErrorKind::Forbidden, message)
}

pub(crate) fn result(row: RunRow) -> RunResult {
    RunResult::without_output(row)
}

pub(crate) fn printed(run: u64, text: &str) -> Notification {
    serde_json::from_value(json!({"runId": run, "offset": 0, "stream": "stdout", "data": text}))
        .map(Notification::RunOutput)
        .unwrap()
}

/// The row of a run that was started by this client.
pub(crate) fn running(run: u64, line: &str) -> RunRow {
    let name = line.split(' ').next().unwrap_or_default();
    let menu = menu();
    let command = menu.find(name).map_or(name, |command| &command.name);
    serde_json::from_value(json!({
        "runId": run, "command": command, "args": {}, "user": "you", "clientId": 7,
        "state": "running", "startedAt": "2026-03-01T09:14:02.000Z", "bytes": 0,
    }))
    .unwrap()
}

/// A pin.
pub(crate) fn pin(byte: u8) -> Pin {
    Pin::from_bytes([byte; 32])
}

/// A session over this machine's socket.
pub(crate) fn locally() -> Reached {
    Reached {
        via: Via::Same,
        address: "/run/x/topsided.sock".into(),
        rtt: Duration::ZERO,
        key: None,
    }
}

/// A dial that has reached the server of this machine.
pub(super) fn dialled(attempt: u64) -> Msg {
    let (welcome, reached) = (Box::new(welcome()), locally());
    Msg::Dialled { attempt, welcome, reached, embedded_server: false }
}

/// A session with a server elsewhere.
pub(crate) fn by(via: Via, address: &str) -> Reached {
    Reached { via, address: address.into(), rtt: Duration::from_millis(12), key: Some(pin(4)) }
}

/// How a run's row ends.
pub(crate) fn ended(state: &str, code: i32, ms: u64) -> Option<Value> {
    Some(json!({"state": state, "exitCode": code, "durationMs": ms}))
}

pub(crate) fn welcome() -> InitializeResult {
    serde_json::from_value(json!({
        "protocolVersion": 1,
        "server": {
            "name": "topsided", "version": "0.1.0", "hostname": "sprinkler",
            "bootId": "b", "startedAt": "2026-02-26T05:14:00.000Z",
        },
        "you": {"clientId": 7, "address": "pid 4120", "user": "ann", "role": "admin"},
        "limits": {"maxLine": 65536, "maxRuns": 8},
    }))
    .unwrap()
}

pub(crate) fn menu() -> Menu {
    let command = |name: &str, title: &str, category: &str| {
        json!({
            "name": name, "title": title, "category": category, "aliases": [],
            "effect": "read", "role": "viewer", "stdin": "none", "output": "text", "args": [],
        })
    };
    let mut commands = vec![
        command("menu", "Show the menu", "Server"),
        command("status", "Show the server's status", "Server"),
        command("close", "End your session", "Server"),
        command("shutdown", "Shut the server down", "Server"),
        command("zones", "All zones", "Get"),
        command("temp", "Temperature of the soil", "Get"),
        command("zone-run", "Run a zone", "Set"),
        command("zone-stop", "Stop a zone", "Set"),
    ];
    commands[0]["aliases"] = json!(["m"]);
    commands[3]["aliases"] = json!(["ks"]);
    commands[3]["args"] = json!([
        {"name": "delay", "type": "duration"},
        {"name": "restart", "type": "bool"},
        {"name": "reason", "rest": true},
    ]);
    commands[6]["args"] = json!([
        {"name": "zone", "type": "int", "required": true, "minimum": 1.0, "maximum": 8.0,
         "description": "Valve number"},
        {"name": "minutes", "type": "int", "default": 5, "choices": [2, 5, 10]},
    ]);
    commands[7]["confirm"] = json!("Stop zone {zone}?");
    commands[7]["args"] = json!([{"name": "zone", "type": "int", "required": true}]);
    serde_json::from_value(json!({"revision": 1, "commands": commands})).unwrap()
}

pub(crate) fn client(id: u64, user: &str, role: &str, address: &str) -> Value {
    json!({
        "clientId": id, "address": address, "connection": "same", "user": user, "role": role,
        "client": {"name": "topside", "version": "0.1.0"},
        "connectedAt": "2026-03-01T09:10:00.000Z", "idleMs": 0, "runs": [], "you": id == 7,
    })
}

fn subscribed() -> SubscribeResult {
    let mut phone = client(4, "phone", "operator", "203.0.113.9:40112");
    phone["connection"] = json!("internet");
    phone["runs"] = json!([{"runId": 3, "command": "zone-run"}]);
    serde_json::from_value(json!({
        "subscriptionId": 1,
        "snapshot": {"clients": [
            phone,
            client(7, "ann", "admin", "pid 4120"),
            client(9, "bob", "viewer", "pid 4121"),
        ]},
    }))
    .unwrap()
}

pub(crate) fn closing(phase: Phase, in_ms: u64, reason: &str) -> Notification {
    Notification::Closing(Closing {
        phase,
        reason: reason.into(),
        by: "phone (#4)".into(),
        deadline: Time::from_millis(START),
        in_ms,
        restart: false,
        then: None,
        usual_ms: None,
        back: None,
    })
}

/// The session's number of this very client.
pub(crate) const ME: ClientId = ClientId(7);
