//! What a person does at the console: typing, sending, scrolling, cancelling.

use serde_json::{Map, Value};
use topside_shared::cmdline::{self, LineErrorKind};
use topside_shared::command::Command;
use topside_shared::methods::CommandRun;
use topside_shared::text::duration;
use topside_shared::values;

use super::confirm::{Ask, Confirm, Then};
use super::console::Console;
use super::editor::Editor;
use super::input::Typed;
use super::key::{Code, Key};
use super::link::Link;
use super::overlay::Overlay;
use super::runs::Phase;
use super::search::Search;
use super::update::run;
use super::{Call, Effect, State, fit, picker, session, times};
use crate::actions::{self, Id};

/// The built-in that ends the server.
const SHUTDOWN: &str = "shutdown";
/// Most lines of a pasted text that are shown.
const PREVIEW: usize = 6;

/// A key on the console, nothing lying on top of it.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    console.input.held = false;
    if let Some(search) = &mut console.search {
        if !search.key(key, &mut console.runs.pane) {
            console.search = None;
        }
        return Vec::new();
    }
    if !console.input.is_busy() {
        // End means the end of the line first, and the end of the output once the cursor is there.
        let follows = console.runs.pane.is_following();
        if key == Key::plain(Code::End) && console.input.editor.at_end() && !follows {
            return run(state, actions::get(Id::End));
        }
        if key == Key::plain(Code::Esc) && console.runs.selected().is_some() {
            console.runs.unselect();
            return Vec::new();
        }
        if let Some(action) = actions::find(state, key) {
            return run(state, action);
        }
    }
    let Some(console) = state.console_mut() else { return Vec::new() };
    match console.input.key(key, &console.menu.commands) {
        Typed::Enter => enter(state),
        Typed::Used => Vec::new(),
        Typed::Passed => match actions::find(state, key) {
            Some(action) => run(state, action),
            None => Vec::new(),
        },
    }
}

/// Pasted text: one line is typed, several are shown and joined only when a person says so.
pub(super) fn paste(state: &mut State, text: &str) {
    let Some(console) = state.console_mut() else { return };
    console.input.held = false;
    if let Some(search) = &mut console.search {
        search.paste(text, &mut console.runs.pane);
        return;
    }
    // Terminals send a pasted line end as the Enter key does.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [line] = lines[..] {
        console.input.paste(line);
        return;
    }
    if lines.is_empty() {
        return;
    }
    let joined = lines.join(" ");
    let mut shown: Vec<String> = lines
        .iter()
        .take(PREVIEW)
        .map(|line| cmdline::masked(line, &console.menu.commands))
        .map(|line| fit::cut(&topside_shared::text::clean(&line, 400), 60))
        .collect();
    if lines.len() > PREVIEW {
        shown.push(format!("… {} more", lines.len() - PREVIEW));
    }
    shown.push(String::new());
    shown.push("A command is one line, so nothing of this has run.".to_owned());
    let title = format!("{} lines were pasted", lines.len());
    let confirm = Confirm::choice(title, shown, "Join into one line", Then::Join(joined));
    state.overlays.push(Overlay::Confirm(confirm));
}

/// Runs the line that is typed.
pub(super) fn enter(state: &mut State) -> Vec<Effect> {
    let connected = matches!(state.link, Link::Connected { .. });
    let Some(console) = state.console_mut() else { return Vec::new() };
    let line = console.input.editor.text().to_owned();
    let typed = line.trim();
    if typed.is_empty() {
        state.refuse("Type a command: m shows the menu, Tab completes.");
        return Vec::new();
    }
    let known = console.menu.find(typed).is_some();
    let local = match typed {
        "clear" if !known => Some(Id::Clear),
        "quit" | "exit" if !known => Some(Id::Leave),
        _ => None,
    };
    if let Some(id) = local {
        console.input.editor.clear();
        return run(state, actions::get(id));
    }
    if !connected {
        state.refuse("Not connected: F5 connects again. What you typed stays.");
        return Vec::new();
    }
    if !console.menu_known {
        match &console.menu_refused {
            Some(why) => {
                let why = format!("There is no menu to read this line with: {why}");
                state.refuse(why);
            }
            // It goes as soon as the menu has come, unless another key comes first.
            None => console.input.held = true,
        }
        return Vec::new();
    }
    match cmdline::parse(&line, &console.menu.commands) {
        Ok(parsed) => {
            let command = parsed.command.clone();
            let run = CommandRun {
                command: command.name.clone(),
                args: parsed.args,
                stream: true,
                wait: true,
                confirm: false,
            };
            console.input.editor.clear();
            match question(state, &line, &command, &run) {
                Some(confirm) => {
                    state.overlays.push(Overlay::Confirm(confirm));
                    Vec::new()
                }
                None => send(state, &line, run),
            }
        }
        Err(error) => {
            console.input.editor.clear();
            let name = cmdline::split(&line).ok().and_then(|tokens| tokens.into_iter().next());
            if let (LineErrorKind::UnknownCommand, Some(name)) = (error.kind, name) {
                return ask_about(state, &line, name.text);
            }
            let (id, clock) = (state.next_serial(), state.clock);
            let Some(console) = state.console_mut() else { return Vec::new() };
            let shown = cmdline::masked(typed, &console.menu.commands);
            console.runs.sent(id, &shown, "", clock);
            console.runs.refused(id, Phase::Refused, &error.message);
            remember(console, &line)
        }
    }
}

/// Asks the server about a command that is not in this menu: it knows whether there is none, or which role
/// it wants, and says so in its refusal. The request carries an argument that no command can have, for
/// names are not empty. So nothing runs by accident, not even where the menu has changed meanwhile: the
/// server judges the role first, then the arguments, and refuses. (`help NAME` would not do, for a key can
/// be limited to commands without it.)
fn ask_about(state: &mut State, line: &str, command: String) -> Vec<Effect> {
    let args = Map::from_iter([(String::new(), Value::Null)]);
    let run = CommandRun { command, args, stream: true, wait: true, confirm: false };
    let Link::Connected { session } = state.link else { return Vec::new() };
    let (block, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return Vec::new() };
    let shown = cmdline::masked(line.trim(), &console.menu.commands);
    console.runs.sent(block, &shown, "", clock);
    let mut effects = remember(console, line);
    effects.push(Effect::Call { session, call: Call::Run { block, run } });
    effects
}

/// What a person is asked before this command, if anything.
fn question(state: &State, line: &str, command: &Command, run: &CommandRun) -> Option<Confirm> {
    let console = state.console()?;
    let then = Then::Run { line: line.to_owned(), run: run.clone() };
    if command.name == SHUTDOWN {
        let name = console.name().to_owned();
        let restart = run.args.get("restart") == Some(&Value::Bool(true));
        let verb = if restart { "restarts" } else { "shuts down" };
        let when = match run.args.get("delay").and_then(Value::as_u64).unwrap_or(0) {
            0 => "at once".to_owned(),
            s => format!("in {}", duration(s * 1000)),
        };
        let others = match console.clients.len().saturating_sub(1) {
            0 => "nobody else is connected".to_owned(),
            1 => "1 other client is told, and its session ends".to_owned(),
            n => format!("{n} other clients are told, and their sessions end"),
        };
        let mut text = vec![format!("{name} {verb} {when}; {others}.")];
        text.push(match run.args.get("reason").and_then(Value::as_str) {
            Some(reason) => format!("Reason told: {}", topside_shared::text::clean(reason, 500)),
            None => "No reason is given.".to_owned(),
        });
        let ask = Ask::Name { name: name.clone(), field: Editor::default(), wrong: false };
        let what = if restart { "Restart" } else { "Shut down" };
        return Some(Confirm { title: format!("{what} {name}?"), text, ask, then });
    }
    let question = fill(command.confirm.as_deref()?, command, &run.args);
    let text = vec![format!("❯ {}", cmdline::masked(line.trim(), &console.menu.commands))];
    Some(Confirm::choice(question, text, "Run it", then))
}

/// The question of a declaration with its `{argument}` places filled in.
fn fill(question: &str, command: &Command, args: &Map<String, Value>) -> String {
    let mut filled = question.to_owned();
    let args = command.masked(args);
    for arg in &command.args {
        let value = args.get(&arg.name).or(arg.default.as_ref()).map(values::to_text);
        let value = topside_shared::text::clean(&value.unwrap_or_else(|| "–".to_owned()), 200);
        filled = filled.replace(&format!("{{{}}}", arg.name), &value);
    }
    filled
}

/// Sends a command and opens its block.
pub(super) fn send(state: &mut State, line: &str, run: CommandRun) -> Vec<Effect> {
    let Link::Connected { session } = state.link else {
        if let Some(console) = state.console_mut()
            && console.input.editor.is_empty()
        {
            console.input.editor.set(line);
        }
        state.refuse("The session ended meanwhile: nothing was sent.");
        return Vec::new();
    };
    let (block, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return Vec::new() };
    console.drop_old_banner();
    let shown = cmdline::masked(line.trim(), &console.menu.commands);
    console.runs.sent(block, &shown, &run.command, clock);
    let mut effects = remember(console, line);
    effects.push(Effect::Call { session, call: Call::Run { block, run } });
    effects
}

/// Keeps a line, here and on disk, unless there may be a secret in it.
fn remember(console: &mut Console, line: &str) -> Vec<Effect> {
    if cmdline::is_private(line, &console.menu.commands) {
        return Vec::new();
    }
    // What is given to a command that is not in this menu may be a secret too: it can be called back to be
    // corrected, and does not go to the disk.
    let hint = cmdline::hint(line, line.len(), &console.menu.commands);
    let unknown = hint.is_none_or(|hint| hint.command.is_none());
    let on_disk = !unknown || line.split_whitespace().count() == 1;
    let server = console.history_name().to_owned();
    if console.input.history.push(line.trim_end()) && on_disk {
        vec![Effect::SaveHistory { server, line: line.trim_end().to_owned() }]
    } else {
        Vec::new()
    }
}

/// Carries out an action of the console.
pub(super) fn act(state: &mut State, id: Id) -> Vec<Effect> {
    match id {
        Id::Interrupt => return interrupt(state),
        Id::Leave => {
            let confirm = leaving(state);
            state.overlays.push(Overlay::Confirm(confirm));
        }
        Id::Clients => {
            let me = state.console().map(|console| console.welcome.you.client_id);
            state.overlays.push(Overlay::Clients { at: me });
        }
        Id::ToPicker | Id::Back => {
            let Some(console) = state.console() else { return Vec::new() };
            // What was never there cannot be lost.
            let Some(text) = console.runs.loss() else { return picker::open(state) };
            let title = "Go to the picker?".to_owned();
            let confirm = Confirm::choice(title, vec![text], "Go", Then::ToPicker);
            state.overlays.push(Overlay::Confirm(confirm));
        }
        Id::Reconnect => return session::reconnect(state, false),
        Id::StartHere => return session::reconnect(state, true),
        Id::Shutdown => {
            let Some(command) = state.console().and_then(|c| c.menu.find(SHUTDOWN)).cloned() else {
                return Vec::new();
            };
            let run = CommandRun {
                command: command.name.clone(),
                args: Map::new(),
                stream: true,
                wait: true,
                confirm: false,
            };
            if let Some(confirm) = question(state, SHUTDOWN, &command, &run) {
                state.overlays.push(Overlay::Confirm(confirm));
            }
        }
        Id::Copy => return export(state, false),
        Id::Save => return export(state, true),
        id => {
            if let Some(console) = state.console_mut() {
                scroll(console, id);
            }
        }
    }
    Vec::new()
}

fn scroll(console: &mut Console, id: Id) {
    let runs = &mut console.runs;
    match id {
        Id::PageUp => runs.pane.page_up(),
        Id::PageDown => runs.pane.page_down(),
        Id::LineUp => runs.pane.scroll_up(1),
        Id::LineDown => runs.pane.scroll_down(1),
        Id::Top => runs.pane.home(),
        Id::End => {
            runs.unselect();
            runs.pane.end();
        }
        Id::SelectOlder | Id::SelectNewer => runs.select(id == Id::SelectOlder),
        Id::Clear => runs.clear(),
        Id::Fold => {
            if let Some(block) = runs.chosen().map(|info| info.id) {
                let folded = runs.pane.block(block).is_some_and(crate::scroll::Block::is_folded);
                runs.pane.set_folded(block, !folded);
            }
        }
        Id::Search => console.search = Some(Search::begin(&console.runs.pane)),
        _ => {}
    }
}

/// Ctrl-C: clears the line, else cancels what runs, else offers to leave.
fn interrupt(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    if !console.input.editor.is_empty() {
        console.input.editor.clear();
        console.input.history.rest();
        return Vec::new();
    }
    if let Link::Connected { session } = state.link
        && let Some(console) = state.console_mut()
        && let Some(run) = console.runs.cancel_newest()
    {
        let info = console.runs.of_run(run).map(|info| info.line.clone()).unwrap_or_default();
        let next = match console.runs.next_to_cancel() {
            Some(next) => format!("cancels {}", next.line),
            None => "offers to leave".to_owned(),
        };
        state.done(format!("Cancelling {info}; Ctrl-C again {next}."));
        return vec![Effect::Call { session, call: Call::Cancel(run) }];
    }
    let confirm = leaving(state);
    state.overlays.push(Overlay::Confirm(confirm));
    Vec::new()
}

/// The question whether to leave, with what leaving does to others and to what runs.
pub(super) fn leaving(state: &State) -> Confirm {
    let mut text = Vec::new();
    if state.carries {
        let others = state.console().map(|console| console.clients.len().saturating_sub(1));
        let whom = match others {
            Some(0) => None,
            Some(1) => Some("1 other client".to_owned()),
            Some(n) => Some(format!("{n} other clients")),
            None => Some("whoever else is connected".to_owned()),
        };
        text.extend(whom.map(|whom| {
            format!("The server runs inside this program and ends with it, for {whom} too.")
        }));
    }
    if let Some(console) = state.console()
        && let Link::Connected { .. } = state.link
        && let Some(info) = console.runs.live().next()
    {
        let ms = state.clock.mono.saturating_sub(info.began);
        text.push(format!("{} is still running ({}).", info.line, duration(ms)));
    }
    let title = if state.carries { "Leave Topside and end its server?" } else { "Leave Topside?" };
    Confirm::choice(title.to_owned(), text, "Leave", Then::Quit)
}

/// Copies or saves the output of the chosen block.
fn export(state: &mut State, save: bool) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    let Some(info) = console.runs.chosen() else { return Vec::new() };
    let text = console.runs.text(info.id);
    if text.is_empty() {
        let line = info.line.clone();
        state.refuse(format!("{line} printed nothing"));
        return Vec::new();
    }
    let command = if info.command.is_empty() { "output" } else { &info.command };
    // A server may call a command as it likes; a file is named as this system likes.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let command: String = command.chars().map(plain).take(64).collect();
    let time = times::clock(info.at, &state.zone).replace(':', "");
    let name = format!("topside-{command}-{time}.txt");
    if save { vec![Effect::Save { name, text }] } else { vec![Effect::Copy { name, text }] }
}
