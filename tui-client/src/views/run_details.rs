//! One run in full, and what can be done with it.

use ratatui::layout::Position;
use topside_shared::RunId;
use topside_shared::methods::{RunsList, RunsPage};
use topside_shared::notifications::Notification;
use topside_shared::records::{ResultFile, RunRow, RunState};
use topside_shared::text::{bytes, called_for, duration};

use super::command_form::{self, CommandForm};
use super::confirm::Confirm;
use super::console::blocks::standing;
use super::run_list::{ListedRun, RunList};
use super::save_result;
use crate::app::ask::{self, Ask};
use crate::app::runs::run_request;
use crate::app::runs::{self, Phase};
use crate::app::view::{Change, HelpKeys, Outcome, View, act, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::times;
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::{Fact, Facts, FactsKey};

#[derive(Debug)]
pub(crate) struct RunDetails {
    run: ListedRun,
    scroll: Facts,
}

impl RunDetails {
    pub(super) fn new(run: ListedRun) -> Self {
        Self { run, scroll: Facts::default() }
    }
}

impl View for RunDetails {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        format!("Run {}", self.run.row.run_id)
    }

    fn help(&self) -> Vec<HelpKeys> {
        [("Enter", "Show the output")]
            .into_iter()
            .chain(RUN_KEYS)
            .chain([("r F5", "Ask the server again"), ("Esc q", "Back")])
            .collect()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        match self.scroll.key(key, &facts(state, &self.run), state.view_size()) {
            FactsKey::Close => close(),
            FactsKey::Passed => run_key(key, &self.run, state).unwrap_or_else(stay),
            FactsKey::Refresh => {
                let id = self.run.row.run_id;
                act(move |state| refresh(state, id))
            }
            FactsKey::Scrolled => stay(),
        }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        self.scroll.wheel(rows, &facts(state, &self.run), state.view_size());
    }

    fn change(&mut self, change: &Change<'_>, state: &State) -> Outcome {
        if let Change::Notice(Notification::RunChanged(row)) = change
            && row.run_id == self.run.row.run_id
            && let Some(console) = state.console()
        {
            self.run.row = console.shown_run((**row).clone());
        }
        stay()
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        running_changes_in([&self.run], state)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let connected = state.session().is_some();
        let menu = state.console().map(|console| &console.menu);
        let has_form = menu.is_some_and(|menu| menu.find(&self.run.row.command).is_some());
        let goes_on = connected && !self.run.row.state.ended();
        let keys = [
            connected.then_some("Enter output"),
            connected.then_some("e change and run"),
            has_form.then_some("Ctrl-R form"),
            goes_on.then_some("Ctrl-X cancel"),
            (connected && !self.run.row.files.is_empty()).then_some("s save results"),
            connected.then_some("r refresh"),
            Some("Esc back"),
        ];
        let keys: Vec<&str> = keys.into_iter().flatten().collect();
        self.scroll.draw(&self.title(state), &facts(state, &self.run), &keys, canvas);
        None
    }
}

/// Asks for the row of a run; `then` takes it as the server sends it, or why there is none.
pub(super) fn one_run(
    state: &mut State,
    id: RunId,
    then: impl FnOnce(&mut State, Result<RunRow, String>) -> Vec<Effect> + Send + 'static,
) -> Vec<Effect> {
    state.ask(Ask::new(&RunsList::one(id), move |state, page| {
        let row = page
            .map_err(|error| ask::why(&error))
            .and_then(|page| page.find(id).ok_or_else(|| format!("there is no run {id}")));
        then(state, row)
    }))
}

/// Asks for the row of a run again.
fn refresh(state: &mut State, id: RunId) -> Vec<Effect> {
    let take = move |view: &mut RunDetails, answer: Result<RunsPage, CallError>, state: &State| {
        match (answer.map(|page| page.find(id)), state.console()) {
            (Ok(Some(row)), Some(console)) if view.run.row.run_id == id => {
                view.run.row = console.shown_run(row);
            }
            (Ok(_), _) => {}
            (Err(error), _) => return refuse(ask::why(&error)),
        }
        stay()
    };
    state.ask_if_connected(Ask::of_view(&RunsList::one(id), take))
}

/// What the keys do with a run, in its details and in the list.
pub(super) const RUN_KEYS: [HelpKeys; 5] = [
    ("l", "Show the output"),
    ("s", "Save its results"),
    ("e", "Put the line into the input, to be changed and run"),
    ("Ctrl-R", "Open the line as a form"),
    ("Ctrl-X", "Cancel the run"),
];

/// A key that does something with a run, in its details and in the list.
pub(super) fn run_key(key: Key, listed: &ListedRun, state: &State) -> Option<Outcome> {
    match key.typed() {
        Some('l') => return Some(show_output(listed)),
        Some('s') => return Some(save_result::open(&listed.row)),
        Some('e') => return Some(change_and_run(state, listed)),
        _ => {}
    }
    match key.code {
        Code::Enter => Some(show_output(listed)),
        _ if key.is_ctrl('x') => Some(question(state, listed)),
        _ if key.is_ctrl('r') => Some(again(state, &listed.row)),
        _ => None,
    }
}

/// Shows the output of a run in the console.
fn show_output(listed: &ListedRun) -> Outcome {
    let ListedRun { row, line } = listed.clone();
    close_both(move |state| attach(state, &row, &line))
}

/// Closes the details and the list, so that the console is seen.
fn close_both(then: impl FnOnce(&mut State) -> Vec<Effect> + 'static) -> Outcome {
    close().then(|state| {
        state.close_views::<RunDetails>();
        state.close_views::<RunList>();
        then(state)
    })
}

/// Puts the line of a run into the input, to be changed and sent.
fn change_and_run(state: &State, listed: &ListedRun) -> Outcome {
    let command = state.console().and_then(|console| console.menu.find(&listed.row.command));
    // Without its secrets, of which a run keeps only that there were some.
    let form = command.map(|command| CommandForm::filled(command.clone(), &listed.row.args));
    let line = form.map_or_else(|| listed.line.clone(), |form| form.line());
    close_both(move |state| {
        command_form::type_line(state, &line);
        Vec::new()
    })
}

/// Asks whether to cancel a run.
fn question(state: &State, listed: &ListedRun) -> Outcome {
    let id = listed.row.run_id;
    if state.session().is_none() {
        let key = state.keys.word(Id::Reconnect);
        return refuse(format!(
            "Not connected, so {id} cannot be cancelled: {key} connects again."
        ));
    }
    if listed.row.state.ended() {
        return refuse(format!("{id} has ended already."));
    }
    let text = vec![format!("❯ {}", listed.line), format!("Started by {}.", listed.row.user)];
    let confirm = Confirm::choice(format!("Cancel run {id}?"), text, "Cancel run", move |state| {
        let connected = state.session().is_some();
        if let Some(console) = state.console_mut().filter(|_| connected) {
            console.runs.cancelling(id);
        }
        state.ask_if_connected(runs::cancel(id))
    });
    open(confirm.keeping("Keep running"))
}

/// The form of a run's command with the run's values: nothing is sent by this.
fn again(state: &State, row: &RunRow) -> Outcome {
    match state.console().and_then(|console| console.menu.find(&row.command)) {
        Some(command) => {
            let form = CommandForm::filled(command.clone(), &row.args);
            let asked = form.clone();
            open(form).then(move |state| command_form::requests(state, &asked))
        }
        None => refuse(format!("{} is not in the menu any more.", row.command)),
    }
}

/// Shows a run's output: where it is on the screen already, else in a block of its own.
pub(super) fn attach(state: &mut State, row: &RunRow, line: &str) -> Vec<Effect> {
    if state.session().is_none() {
        let key = state.keys.word(Id::Reconnect);
        state.refuse(format!("Not connected, so its output cannot be read: {key} connects again."));
        return Vec::new();
    }
    let (block, clock) = (state.next_serial(), state.clock);
    let started = times::stamp(row.started_at, clock.wall, &state.zone);
    let Some(console) = state.console_mut() else { return Vec::new() };
    let known = console.runs.of_run(row.run_id).filter(|info| info.phase != Phase::Unknown);
    if let Some(known) = known.map(|info| info.id) {
        console.runs.pick(known);
        return Vec::new();
    }
    let note = format!("{} of {}, started {started}", row.run_id, row.user);
    let own = row.user == console.welcome.you.user;
    console.runs.attached(block, line, &note, (row, own), clock);
    state.ask_if_connected(run_request::attach(block, row.run_id, 0))
}

/// How long a run took, or has been running by the clock of this device. None before it starts, and after the session:
/// whether it still runs is unknown then.
pub(super) fn took(run: &RunRow, state: &State) -> Option<String> {
    let so_far = || state.clock.wall.millis_since(run.started_at);
    match run.state {
        RunState::Running => state.session().map(|_| times::running(so_far())),
        _ => run.duration_ms.map(duration),
    }
}

/// Milliseconds until the time of the first running one among these changes.
pub(super) fn running_changes_in<'r>(
    runs: impl IntoIterator<Item = &'r ListedRun>,
    state: &State,
) -> Option<u64> {
    state.session()?;
    let mut rows = runs.into_iter().map(|listed| &listed.row);
    let running = rows.find(|row| row.state == RunState::Running)?;
    Some(times::next_second(0, state.clock.wall.millis_since(running.started_at)))
}

/// All that is known of a run.
fn facts(state: &State, listed: &ListedRun) -> Vec<Fact> {
    let row = &listed.row;
    let at = |time| times::full_since(time, state.clock.wall, &state.zone);
    let (_, word, _) = standing(Phase::of(row), &state.theme);
    let by = called_for(&row.user, row.client_id, state.own_client());
    let mut facts = vec![
        ("line", listed.line.clone()),
        ("state", word.to_string()),
        ("user", by),
        ("started", at(row.started_at)),
    ];
    facts.extend(row.ended_at.map(|time| ("ended", at(time))));
    let label = if row.state.ended() { "took" } else { "so far" };
    facts.extend(took(row, state).map(|took| (label, took)));
    facts.push(("output", bytes(row.bytes)));
    let result = |file: &ResultFile| ("result", format!("{} ({})", file.name, bytes(file.size)));
    facts.extend(row.files.iter().map(result));
    facts.extend(row.remarks().map(|text| ("remark", text)));
    facts
}
