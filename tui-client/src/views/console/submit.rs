//! From a line to a run: read, asked about, sent, remembered.

use serde_json::{Map, Value};
use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::cmdline::{self, LineErrorKind};
use topside_shared::command::Command;
use topside_shared::methods::{CommandRun, RunsList};
use topside_shared::text::{MAX_NAME, clean, duration};
use topside_shared::values;

use crate::app::ask::Ask;
use crate::app::console::{Console, SHUTDOWN};
use crate::app::runs::run_request::start;
use crate::app::runs::{Phase, file_sending};
use crate::app::view::stay;
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::input::admin_actions;
use crate::text::{sanitize, times};
use crate::views::admin_forms;
use crate::views::command_form::CommandForm;
use crate::views::confirm::Confirm;

/// Runs the line that is typed.
pub(crate) fn enter(state: &mut State) -> Vec<Effect> {
    // What was wrong with the line before says nothing about this one.
    state.remark = None;
    let connected = state.is_connected();
    let Some(console) = state.console_mut() else { return Vec::new() };
    let line = console.input.editor.text().to_owned();
    let typed = line.trim();
    if typed.is_empty() {
        state.refuse("Type a command: m shows the menu, Tab completes.");
        return Vec::new();
    }
    if let Some(id) = local_command(console, typed) {
        console.input.editor.clear();
        return state.act(id);
    }
    if !connected {
        let key = state.keys.word(Id::Reconnect);
        state.refuse(format!("Not connected: {key} connects again. What you typed stays."));
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
    console.input.editor.clear();
    match cmdline::parse(&line, &console.menu.commands) {
        Ok(parsed) => {
            let (command, args) = (parsed.command.clone(), parsed.args);
            submit(state, &line, &command, args)
        }
        Err(error) => {
            let name = cmdline::split(&line).ok().and_then(|tokens| tokens.into_iter().next());
            let mut message = error.message;
            if let (LineErrorKind::UnknownCommand, Some(name)) = (error.kind, name) {
                let role = state.console().map(|console| console.welcome.you.role);
                match admin_actions::hint(&name.text, &state.keys, role) {
                    Some(hint) => message = hint,
                    None => return ask_about(state, &line, name.text),
                }
            }
            let (id, clock) = (state.next_serial(), state.clock);
            let Some(console) = state.console_mut() else { return Vec::new() };
            let shown = cmdline::masked(typed, &console.menu.commands);
            console.runs.sent(id, &shown, ("", Map::new()), clock);
            console.runs.refused(id, Phase::Refused, &message);
            // The history does not have it: it stays to be corrected.
            if cmdline::is_private(&line, &console.menu.commands) {
                console.input.editor.set(&line);
            }
            remember(console, &line)
        }
    }
}

/// The action of a line that this program carries out itself, unless the menu has a command of that name.
pub(super) fn local_command(console: &Console, line: &str) -> Option<Id> {
    let id = match line.trim() {
        "clear" => Id::Clear,
        "quit" | "exit" => Id::Leave,
        _ => return None,
    };
    console.menu.find(line.trim()).is_none().then_some(id)
}

/// Runs a line that was entered before the menu came.
pub(crate) fn run_held(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    if console.menu_known && std::mem::take(&mut console.input.held) {
        return enter(state);
    }
    Vec::new()
}

/// Asks the server about a command that is not in this menu: it knows whether there is none, or which role
/// it wants, and says so in its refusal. The request carries an argument that no command can have, for
/// names are not empty. So nothing runs by accident, not even where the menu has changed meanwhile: the
/// server judges the role first, then the arguments, and refuses. (`help NAME` would not do, for a key can
/// be limited to commands without it.)
fn ask_about(state: &mut State, line: &str, command: String) -> Vec<Effect> {
    let args = Map::from_iter([(String::new(), Value::Null)]);
    let run = CommandRun { command, args, stream: true, wait: true, confirm: false };
    let Some(session) = state.session() else { return Vec::new() };
    let (block, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return Vec::new() };
    let shown = cmdline::masked(line.trim(), &console.menu.commands);
    console.runs.sent(block, &shown, ("", Map::new()), clock);
    let mut effects = remember(console, line);
    effects.push(Effect::Ask { session, ask: start(block, &run) });
    effects
}

/// Sends a command, or asks about it first; the line says the same.
pub(crate) fn submit(
    state: &mut State,
    line: &str,
    command: &Command,
    args: Map<String, Value>,
) -> Vec<Effect> {
    let name = command.name.clone();
    let mut run = CommandRun { command: name, args, stream: true, wait: true, confirm: false };
    if run.command == SHUTDOWN {
        set_absolute_return(state, &mut run);
    }
    match question(state, line, command, &run) {
        Some(confirm) => open(state, confirm),
        None => send(state, line, &run),
    }
}

/// Most characters of a question: values may be long.
const MAX_QUESTION: usize = 500;

/// Replaces the expected return of a shutdown by its time. `20:00` is meant in the zone of this device; the server would read
/// it in its own.
fn set_absolute_return(state: &State, run: &mut CommandRun) {
    let begin = state.clock.wall.plus_millis(ShutdownOrder::of_run(run).delay_ms);
    if let Some(Value::String(back)) = run.args.get_mut("back")
        && values::parse_duration_argument(back).is_none()
        && let Ok(time) = values::parse_expected_return(back, begin, &state.zone)
    {
        *back = time.to_string();
    }
}

/// What a person is asked before this command, if anything.
pub(crate) fn question(
    state: &State,
    line: &str,
    command: &Command,
    run: &CommandRun,
) -> Option<Confirm> {
    let console = state.console()?;
    let confirmed = |confirm: Confirm| {
        let line = line.to_owned();
        confirm.or_else(move |state| not_sent(state, &line))
    };
    let then = {
        let (line, run) = (line.to_owned(), CommandRun { confirm: true, ..run.clone() });
        move |state: &mut State| send(state, &line, &run)
    };
    if command.name == SHUTDOWN {
        let order = ShutdownOrder::of_run(run);
        if is_postponement(state, &order) {
            let (line, run) = (line.to_owned(), run.clone());
            let then = move |state: &mut State| admin_forms::postponed(state, &line, run);
            return Some(confirmed(shutdown_question(state, &order, then)?));
        }
        return Some(confirmed(shutdown_question(state, &order, then)?));
    }
    let question = clean(&command.question(&run.args)?, MAX_QUESTION);
    let text = vec![format!("❯ {}", cmdline::masked(line.trim(), &console.menu.commands))];
    Some(confirmed(Confirm::choice(question, text, "Run it", then)))
}

/// Opens a question. One before a shutdown names the runs that end with the server, once the server has listed them.
pub(crate) fn open(state: &mut State, question: Confirm) -> Vec<Effect> {
    let awaits_runs = question.awaits_runs;
    state.open(question);
    if !awaits_runs {
        return Vec::new();
    }
    state.ask_if_connected(Ask::of_view(
        &RunsList::running(),
        |question: &mut Confirm, page, state| {
            if std::mem::take(&mut question.awaits_runs)
                && let (Ok(page), Some(console)) = (page, state.console())
            {
                let place = question.text.len().min(1);
                question.text.splice(place..place, page.ending(console.welcome.you.client_id));
            }
            stay()
        },
    ))
}

/// What a shutdown is to be, from a command or a verb.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShutdownOrder {
    pub(crate) delay_ms: u64,
    pub(crate) then: AfterShutdown,
    pub(crate) reason: Option<String>,
    /// The expected return, as it was typed or as the server takes it.
    pub(crate) back: Option<String>,
}

impl ShutdownOrder {
    /// A number of a delay counts seconds, as in the menu of an older server.
    pub(crate) fn of_run(run: &CommandRun) -> Self {
        let delay = run.args.get("delay").map(values::to_text);
        let text = |name: &str| run.args.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            delay_ms: delay
                .and_then(|text| values::parse_duration_argument(&text))
                .unwrap_or_default(),
            then: match text("then").as_deref().and_then(AfterShutdown::from_name) {
                Some(then) => then,
                None if run.args.get("restart") == Some(&Value::Bool(true)) => {
                    AfterShutdown::Restart
                }
                None => AfterShutdown::Exit,
            },
            reason: text("reason"),
            back: text("back"),
        }
    }
}

/// The question before a shutdown of any kind, or its postponement; a yes does `then`.
pub(crate) fn shutdown_question(
    state: &State,
    order: &ShutdownOrder,
    then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
) -> Option<Confirm> {
    let console = state.console()?;
    let name = console.name().to_owned();
    let verb = order.then.does();
    let when = match order.delay_ms {
        0 => "at once".to_owned(),
        ms => format!("in {}", duration(ms)),
    };
    let due = console.due_in(state.clock.mono);
    let others = match console.clients.len().saturating_sub(1) {
        0 => "no other client is connected".to_owned(),
        1 => "1 other client is notified, and its session ends".to_owned(),
        n => format!("{n} other clients are notified, and their sessions end"),
    };
    let instead = due.map(|ms| format!(" and not in {}", times::countdown(ms)));
    let instead = instead.unwrap_or_default();
    let mut text = vec![format!("{name} {verb} {when}{instead}; {others}.")];
    text.push(match &order.reason {
        Some(reason) => format!("Reason: {}", clean(reason, 500)),
        None => "No reason is given.".to_owned(),
    });
    text.extend(order.back.as_deref().map(|back| match back.parse::<Time>() {
        Ok(time) => format!("Expected back: {}", times::date(time, state.clock.wall, &state.zone)),
        Err(_) => format!("Expected back: {}", clean(back, MAX_NAME)),
    }));
    if is_postponement(state, order) {
        let title = format!("Postpone the {}?", order.then.noun());
        return Some(Confirm::choice(title, text, "Postpone", then));
    }
    let verb = order.then.order();
    Some(Confirm::name(format!("{verb} {name}?"), text, name, verb, then).awaiting_runs())
}

/// Whether a shutdown is due already, and this one only begins later. That is less than what is due.
pub(crate) fn is_postponement(state: &State, order: &ShutdownOrder) -> bool {
    let Some(console) = state.console() else { return false };
    let same = console.banner.as_ref().is_some_and(|banner| banner.then == order.then);
    same && console.due_in(state.clock.mono).is_some_and(|due| order.delay_ms > due)
}

/// A question was answered with no: the line comes back, unless a form still holds it.
fn not_sent(state: &mut State, line: &str) {
    if state.top_view::<CommandForm>().is_none()
        && let Some(console) = state.console_mut()
        && console.input.editor.is_empty()
    {
        console.input.editor.set(line);
    }
    state.note("Not sent.");
}

/// Sends a command and opens its block. The form that it came from closes, with what it came from, and
/// begins anew next time.
pub(crate) fn send(state: &mut State, line: &str, run: &CommandRun) -> Vec<Effect> {
    let from_form = state.has_view::<CommandForm>();
    let Some(session) = state.session() else {
        if !from_form
            && let Some(console) = state.console_mut()
            && console.input.editor.is_empty()
        {
            console.input.editor.set(line);
        }
        state.refuse("The session ended meanwhile: nothing was sent.");
        return Vec::new();
    };
    if let Some(sending) = &state.sending {
        let words = sending.words(&state.keys.word(Id::StopTrying));
        state.refuse(format!("One file at a time: {words}."));
        return Vec::new();
    }
    if from_form {
        state.views.clear();
    }
    let (block, clock) = (state.next_serial(), state.clock);
    let Some(console) = state.console_mut() else { return Vec::new() };
    if from_form {
        console.drafts.remove(&run.command);
    }
    let shown = cmdline::masked(line.trim(), &console.menu.commands);
    let known = console.menu.find(&run.command);
    let takes = known.filter(|command| file_sending::sends_files(command, run)).cloned();
    let args = known.map(|command| command.masked(&run.args)).unwrap_or_default();
    console.runs.sent(block, &shown, (&run.command, args), clock);
    let mut effects = remember(console, line);
    match takes {
        Some(command) => effects.extend(file_sending::send(state, session, block, &command, run)),
        None => effects.push(Effect::Ask { session, ask: start(block, run) }),
    }
    effects
}

/// The files of a command were sent, so it runs; or why they were not.
pub(crate) fn files_sent(
    state: &mut State,
    block: u64,
    result: Result<CommandRun, String>,
) -> Vec<Effect> {
    if !file_sending::ended(state, block) {
        return Vec::new();
    }
    let why = match result {
        Ok(run) => match state.session() {
            Some(session) => return vec![Effect::Ask { session, ask: start(block, &run) }],
            None => "the session ended meanwhile: nothing was run".to_owned(),
        },
        Err(why) => why,
    };
    if let Some(console) = state.console_mut() {
        console.runs.refused(block, Phase::Refused, &sanitize::sentence(&why));
    }
    Vec::new()
}

/// Keeps a line, here and on disk, unless there may be a secret in it.
fn remember(console: &mut Console, line: &str) -> Vec<Effect> {
    if cmdline::is_private(line, &console.menu.commands) {
        return Vec::new();
    }
    let on_disk = goes_to_disk(line, [&console.menu.commands[..]]);
    let server = console.history_name().to_owned();
    if console.input.history.push(line.trim_end()) && on_disk {
        vec![Effect::SaveHistory { server, line: line.trim_end().to_owned() }]
    } else {
        Vec::new()
    }
}

/// Whether a line may be stored on the disk. A secret is not, nor is what is given to a command that no menu has: it may be a
/// secret too, and can be called back only until the program ends.
pub(crate) fn goes_to_disk<'m>(line: &str, menus: impl IntoIterator<Item = &'m [Command]>) -> bool {
    let mut is_known = false;
    for menu in menus {
        if cmdline::is_private(line, menu) {
            return false;
        }
        let hint = cmdline::hint(line, line.len(), menu);
        is_known |= hint.is_some_and(|hint| hint.command.is_some());
    }
    is_known || line.split_whitespace().count() == 1
}
