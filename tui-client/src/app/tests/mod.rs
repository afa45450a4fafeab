//! What happens to the state, message by message; and the states that drawing is tested with.

pub(crate) mod admin_actions;
mod command_forms;
mod commands;
mod connections;
mod exports;
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
mod settings;
pub(crate) mod several_boxes;
mod shutdowns;
mod side_panes;
pub(crate) mod status_figures;
pub(crate) mod tabs;
mod typed_lines;

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
use super::picker::routes::ProbeResult;
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

/// 2026-03-01, 09:14:00 in UTC.
pub(crate) const START: i64 = 1_772_356_440_000;

/// A state and what goes on around it.
pub(crate) struct World {
    pub(crate) state: State,
    /// Milliseconds since the start.
    pub(crate) now: u64,
    /// How much each run has printed.
    printed: BTreeMap<RunId, u64>,
    /// Requests without an answer, oldest first.
    pending: Vec<Sent>,
}

/// A request that was sent.
pub(crate) struct Sent {
    session: u64,
    ask: Ask,
    /// The block that its output belongs to.
    block: Option<u64>,
}

impl World {
    /// The picker of a terminal of this size, with nothing saved and no server running.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let clock = Clock { mono: 0, wall: Time::from_millis(START) };
        let mut state = State::new(clock, Size { width, height }, TimeZone::UTC);
        state.local_server = LocalServer::NotRunning;
        Self { state, now: 0, printed: BTreeMap::new(), pending: Vec::new() }
    }

    /// The same with three saved servers, of which the first is paired.
    pub(crate) fn with_servers(mut self) -> Self {
        let profile = |name: &str, lan: Option<&str>, internet: Option<&str>| Profile {
            name: name.into(),
            lan: lan.map(Into::into),
            internet: internet.map(Into::into),
            port: DEFAULT_PORT,
            internet_port: None,
            tags: Vec::new(),
            pin: (name == "sprinkler").then(|| pin(1).to_string()),
        };
        self.tell(Msg::Servers(vec![
            profile("sprinkler", Some("192.168.1.10"), Some("203.0.113.7")),
            profile("clock", Some("192.168.1.11"), None),
            profile("lab-psu", None, None),
        ]));
        self
    }

    /// The console of a server called `sprinkler`, connected, with menu and list.
    pub(crate) fn connected(width: u16, height: u16) -> Self {
        let mut world = Self::new(width, height);
        world.state.local_server = LocalServer::Running(2);
        let effects = world.press("enter");
        let Some(Effect::Dial { attempt, .. }) = effects.first() else { panic!("{effects:?}") };
        let attempt = *attempt;
        world.tell(Msg::Dialled {
            attempt,
            welcome: Box::new(welcome()),
            reached: locally(),
            embedded_server: false,
        });
        world.answer::<CommandsList>(Ok(menu()));
        world.answer::<EventsSubscribe>(Ok(subscribed()));
        world
    }

    /// The left button pressed on what is drawn here.
    pub(crate) fn click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        self.tell(Msg::Click(Position::new(column, row)))
    }

    /// The left button pressed on this text, where it is on the screen first.
    pub(crate) fn click_on(&mut self, text: &str) -> Vec<Effect> {
        let screen = crate::views::tests::text(&crate::views::tests::frame(&self.state));
        let found =
            screen.lines().enumerate().find_map(|(y, line)| Some((y, line.split_once(text)?.0)));
        let (y, before) = found.unwrap_or_else(|| panic!("`{text}` is not in {screen}"));
        self.click(crate::text::fit::columns(before), u16::try_from(y).unwrap())
    }

    /// Draws a frame, as the loop does before it reads what the user did.
    fn lay(&mut self) {
        let Size { width, height } = self.state.terminal;
        let area = Rect::new(0, 0, width, height);
        (_, self.state.hits) = crate::views::draw(&self.state, area, &mut Buffer::empty(area));
    }

    pub(crate) fn tell(&mut self, msg: Msg) -> Vec<Effect> {
        let is_click = matches!(msg, Msg::Click(_) | Msg::Wheel { .. });
        let has_list = !self.state.views.is_empty() || matches!(self.state.screen, Screen::Picker);
        if is_click || matches!(msg, Msg::Key(_)) && has_list {
            self.lay();
        }
        let wall = Time::from_millis(START).plus_millis(self.now);
        let mut effects = update(&mut self.state, Clock { mono: self.now, wall }, msg);
        for effect in &mut effects {
            let Effect::Ask { session, ask } = effect else { continue };
            let runs = self.state.console().map(|console| &console.runs);
            let block = match ask.method {
                Method::CommandRun => runs.and_then(Runs::newest),
                Method::RunAttach => {
                    let run = ask.params["runId"].as_u64().map(RunId);
                    runs.and_then(|runs| Some(runs.of_run(run?)?.id))
                }
                _ => None,
            };
            self.pending.push(Sent { session: *session, ask: ask.take(), block });
        }
        effects
    }

    /// Presses keys, named and parted by spaces; the effects of the last one come back.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys.split(' ') {
            effects = self.tell(Msg::Key(key.parse().unwrap()));
        }
        effects
    }

    /// Types a text key by key.
    pub(crate) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.tell(Msg::Key(crate::input::key::Key::plain(crate::input::key::Code::Char(c))));
        }
    }

    /// Types a line and presses Enter.
    pub(crate) fn enter(&mut self, line: &str) -> Vec<Effect> {
        self.write(line);
        self.press("enter")
    }

    /// Answers the question that is open: how the chosen server stands at this address.
    pub(crate) fn reach(&mut self, via: Via, reach: ProbeResult) {
        let round = self.state.picker.asking.round();
        self.tell(Msg::Reached { round, via, reach });
    }

    /// Chooses a command in the menu's list.
    pub(crate) fn choose(&mut self, name: &str) -> Vec<Effect> {
        self.press("f3");
        self.write(name);
        self.press("enter")
    }

    pub(crate) fn session(&self) -> u64 {
        match self.state.link {
            ConnectionState::Connected { session } => session,
            ref other => panic!("{other:?}"),
        }
    }

    pub(crate) fn event(&mut self, mut event: Event) -> Vec<Effect> {
        let session = self.session();
        if let Event::Notice(notice) = &mut event
            && let Notification::RunOutput(output) = notice.as_mut()
        {
            // Output without a place of its own comes after the output before it.
            let printed = self.printed.entry(output.run_id).or_default();
            output.offset = output.offset.max(*printed);
            *printed = output.offset + output_length(output) as u64;
        }
        self.tell(Msg::Session { session, event })
    }

    /// Answers the oldest pending request of this kind.
    pub(crate) fn answer<M: Call>(&mut self, answer: Result<M::Answer, CallError>) -> Vec<Effect> {
        let session = self.session();
        if !self.pending.iter().any(|sent| (sent.session, sent.ask.method) == (session, M::METHOD))
        {
            self.make_ask(M::METHOD);
        }
        self.answer_to::<M>(|_| true, answer)
    }

    /// Answers the request whose output belongs to this block.
    pub(crate) fn ran(&mut self, block: u64, result: Result<RunResult, CallError>) -> Vec<Effect> {
        let of_block = move |sent: &Sent| sent.block == Some(block);
        let attached = |sent: &Sent| of_block(sent) && sent.ask.method == RunAttach::METHOD;
        let result = result.map(|mut result| {
            if result.row.bytes == 0 {
                let printed = self.printed.get(&result.row.run_id);
                result.row.bytes = printed.copied().unwrap_or_default();
            }
            result
        });
        match self.pending.iter().any(attached) {
            true => self.answer_to::<RunAttach>(of_block, result.map(|result| result.row)),
            false => {
                let result = result.map(|result| CommandResult::Run(Box::new(result)));
                self.answer_to::<CommandRun>(of_block, result)
            }
        }
    }

    /// Makes the screen ask for this, as far as it asks again by itself or by F5.
    fn make_ask(&mut self, method: Method) {
        match (method, &self.console().watch) {
            (Method::CommandsList, _) => {
                self.notice(Notification::Reloaded(MenuChanged { revision: u64::MAX }));
            }
            (Method::EventsSubscribe, Watch::Live(id)) => {
                let dropped = EventsDropped { subscription_id: *id, count: 1 };
                self.notice(Notification::EventsDropped(dropped));
            }
            _ => drop(self.press("f5")),
        }
    }

    fn answer_to<M: Call>(
        &mut self,
        which: impl Fn(&Sent) -> bool,
        answer: Result<M::Answer, CallError>,
    ) -> Vec<Effect> {
        let session = self.session();
        let asks =
            |sent: &Sent| sent.session == session && sent.ask.method == M::METHOD && which(sent);
        let place = self.pending.iter().position(asks);
        let place = place.unwrap_or_else(|| panic!("nothing asked for {}", M::METHOD.name()));
        let raw = |answer| serde_json::value::to_raw_value(&answer).unwrap();
        let reply = self.pending.remove(place).ask.answer(answer.map(raw));
        self.event(Event::Answer(reply))
    }

    /// The block whose command was sent by these effects.
    pub(crate) fn block_of(&self, effects: &[Effect]) -> u64 {
        command_of(effects);
        self.pending.last().and_then(|sent| sent.block).unwrap()
    }

    /// The runs whose output these effects read: block, run, and the first byte.
    pub(crate) fn attached(&self, effects: &[Effect]) -> Vec<(u64, RunId, u64)> {
        let attach = |effect: &Effect| match effect {
            Effect::Ask { ask, .. } if ask.method == RunAttach::METHOD => {
                let attach: RunAttach = serde_json::from_value(ask.params.clone()).unwrap();
                let info = self.state.console()?.runs.of_run(attach.run_id)?;
                Some((info.id, attach.run_id, attach.from))
            }
            _ => None,
        };
        effects.iter().filter_map(attach).collect()
    }

    /// Types a line, and gives the block of its command.
    pub(crate) fn start(&mut self, line: &str) -> u64 {
        let effects = self.enter(line);
        self.block_of(&effects)
    }

    pub(crate) fn notice(&mut self, notice: Notification) -> Vec<Effect> {
        self.event(Event::Notice(Box::new(notice)))
    }

    pub(crate) fn console(&mut self) -> &mut Console {
        self.state.console_mut().unwrap()
    }

    pub(crate) fn input(&mut self) -> String {
        self.console().input.editor.text().to_owned()
    }

    pub(crate) fn remark(&self) -> String {
        self.state.remark.as_ref().map(|remark| remark.text.clone()).unwrap_or_default()
    }

    pub(crate) fn wait(&mut self, ms: u64) -> Vec<Effect> {
        self.now += ms;
        self.tell(Msg::Tick)
    }

    /// Runs a command to its end with this output.
    pub(crate) fn run(&mut self, line: &str, run: u64, output: &str, end: Option<Value>) {
        let effects = self.enter(line);
        let block = self.block_of(&effects);
        let mut whole = running(run, line);
        self.notice(Notification::RunChanged(Box::new(whole.clone())));
        if !output.is_empty() {
            self.notice(printed(run, output));
        }
        if let Some(end) = end {
            let mut value = serde_json::to_value(&whole).unwrap();
            for (name, field) in end.as_object().unwrap() {
                value[name] = field.clone();
            }
            whole = serde_json::from_value(value).unwrap();
            self.ran(block, Ok(result(whole)));
        }
    }

    /// Types a line whose command is not in the menu, and answers it as the server does.
    pub(crate) fn enter_unknown(
        &mut self,
        line: &str,
        kind: ErrorKind,
        message: &str,
    ) -> Vec<Effect> {
        let effects = self.enter(line);
        let result = Err(refused(kind, message));
        self.ran(self.block_of(&effects), result)
    }

    /// The text of the newest block.
    pub(crate) fn newest(&mut self) -> String {
        let runs = &self.console().runs;
        let id = runs.chosen().unwrap().id;
        runs.text(id)
    }
}

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
        command("status", "Show how things stand", "Server"),
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
        back: None,
    })
}

/// The session's number of this very client.
pub(crate) const ME: ClientId = ClientId(7);
