//! List of the server's runs, live and past, of all clients.

use topside_shared::RunId;
use topside_shared::cmdline;
use topside_shared::command::Command;
use topside_shared::methods::{Menu, RunsList, RunsPage};
use topside_shared::records::RunRow;
use topside_shared::text;

use super::Phase;
use crate::app::ask::{self, Ask};
use crate::app::command_form::CommandForm;
use crate::app::confirm::{Confirm, ConfirmedAction};
use crate::app::overlay::{self, Overlay};
use crate::app::widgets::filter_list::{FilterList, ListMove, Load};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::{sanitize, times};

/// Longest line of a run that is shown, in characters.
const MAX_LINE: usize = 500;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct RunList {
    pub(crate) list: FilterList<RunId>,
    /// Newest first.
    rows: Vec<ListedRun>,
    /// Where older ones go on, if there are any.
    next: Option<RunId>,
    pub(crate) load: Load,
    /// Something has changed since it was asked for.
    stale: bool,
}

/// A run with the line that started it, or would again.
#[derive(Debug)]
pub(crate) struct ListedRun {
    pub(crate) row: RunRow,
    pub(crate) line: String,
}

/// What becomes of the list after a key.
#[derive(Debug, PartialEq, Eq)]
enum RunListResult {
    Open,
    Closed,
    /// The newest are asked for again.
    Refresh,
    /// Older ones are asked for.
    Older(RunId),
    /// Its output is wanted.
    Attach(RunId),
    Cancel(RunId),
    /// It is to be run again.
    Again(RunId),
}

impl RunList {
    /// The runs that pass the filter.
    pub(crate) fn shown(&self) -> Vec<&ListedRun> {
        let passes = |listed: &&ListedRun| {
            let row = &listed.row;
            let wait = row.wait().unwrap_or_default();
            let (id, state, line) = (row.run_id, row.state.words(), &listed.line);
            self.list.passes(&format!("{id} {line} {state} {} {wait}", row.user))
        };
        self.rows.iter().filter(passes).collect()
    }

    fn ids(&self) -> Vec<RunId> {
        self.shown().into_iter().map(|listed| listed.row.run_id).collect()
    }

    /// The place of the chosen run among those shown.
    pub(crate) fn place(&self) -> usize {
        self.list.place(&self.ids())
    }

    /// Whether the server has older runs than those that are here.
    pub(crate) fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// Pasted text is looked for; its first line.
    pub(crate) fn paste(&mut self, text: &str) {
        self.list.paste(text);
        self.list.first(&self.ids());
    }

    fn get(&self, id: RunId) -> Option<&ListedRun> {
        self.rows.iter().find(|listed| listed.row.run_id == id)
    }

    fn key(&mut self, key: Key, page: usize) -> RunListResult {
        let shown = self.ids();
        let chosen = self.list.chosen(&shown);
        match key.code {
            Code::Esc => return RunListResult::Closed,
            _ if key.is_ctrl('c') => return RunListResult::Closed,
            Code::F(5) => return RunListResult::Refresh,
            Code::Enter => return chosen.map_or(RunListResult::Open, RunListResult::Attach),
            _ if key.is_ctrl('x') => {
                return chosen.map_or(RunListResult::Open, RunListResult::Cancel);
            }
            _ if key.is_ctrl('r') => {
                return chosen.map_or(RunListResult::Open, RunListResult::Again);
            }
            _ => {}
        }
        match (self.list.walk(key, &shown, page), self.next) {
            (Some(ListMove::Beyond), Some(before)) if self.load == Load::Done => {
                return RunListResult::Older(before);
            }
            (None, _) if self.list.edit(key) => self.list.first(&self.ids()),
            _ => {}
        }
        RunListResult::Open
    }

    /// Takes rows of the server: the newest, or those before a run.
    fn take(&mut self, before: Option<RunId>, page: RunsPage, menu: &Menu) {
        self.load = Load::Done;
        let listed = |row: RunRow| {
            let row = sanitize::run(row);
            let command = menu.commands.iter().find(|command| command.name == row.command);
            let unknown = || Command { name: row.command.clone(), ..Command::default() };
            let line = cmdline::render(&command.cloned().unwrap_or_else(unknown), &row.args);
            ListedRun { line: text::clean(&line, MAX_LINE), row }
        };
        let mut fresh: Vec<ListedRun> = page.runs.into_iter().map(listed).collect();
        let end = fresh.last().map(|listed| listed.row.run_id);
        match before {
            Some(before) => {
                self.rows.retain(|listed| listed.row.run_id >= before);
                self.rows.append(&mut fresh);
                self.next = page.next;
            }
            None => {
                // What was read of the older ones stays, where the two meet.
                let meets = page.next.is_some()
                    && self.rows.iter().any(|listed| Some(listed.row.run_id) == end);
                if meets {
                    self.rows.retain(|listed| Some(listed.row.run_id) < end);
                    fresh.append(&mut self.rows);
                } else {
                    self.next = page.next;
                }
                self.rows = fresh;
            }
        }
        self.list.settle(&self.ids());
    }
}

/// Opens the list.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.overlays.push(Overlay::Runs(Box::default()));
    ask(state, None)
}

/// Asks the server for the newest runs, or for those before one.
fn ask(state: &mut State, before: Option<RunId>) -> Vec<Effect> {
    if let Some(view) = view(state) {
        view.load = Load::Asked;
    }
    let params = RunsList { before, ..RunsList::default() };
    state.ask_if_connected(Ask::new(&params, move |state, result| {
        listed(state, before, result.map_err(|error| ask::why(&error)))
    }))
}

fn view(state: &mut State) -> Option<&mut RunList> {
    state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Runs(view) => Some(view.as_mut()),
        _ => None,
    })
}

/// Somebody's run has changed: an open list is asked for anew, once what was asked for before has come.
pub(crate) fn changed(state: &mut State) -> Vec<Effect> {
    match view(state) {
        Some(view) if view.load == Load::Done => return ask(state, None),
        Some(view) => view.stale |= view.load == Load::Asked,
        None => {}
    }
    Vec::new()
}

/// The server's answer.
fn listed(
    state: &mut State,
    before: Option<RunId>,
    result: Result<RunsPage, String>,
) -> Vec<Effect> {
    let menu = state.console().map(|console| console.menu.clone()).unwrap_or_default();
    let Some(view) = view(state) else { return Vec::new() };
    match result {
        Ok(page) => view.take(before, page, &menu),
        Err(why) => view.load = Load::Refused(why),
    }
    match std::mem::take(&mut view.stale) && view.load == Load::Done {
        true => ask(state, None),
        false => Vec::new(),
    }
}

/// A key for the list, which was taken off the overlays.
pub(crate) fn key(state: &mut State, mut view: Box<RunList>, key: Key) -> Vec<Effect> {
    let next = view.key(key, overlay::page(state.size));
    let chosen = match next {
        RunListResult::Attach(id) | RunListResult::Cancel(id) | RunListResult::Again(id) => {
            view.get(id)
        }
        _ => None,
    };
    let chosen = chosen.map(|listed| (listed.row.clone(), listed.line.clone()));
    if next != RunListResult::Closed && !matches!(next, RunListResult::Attach(_)) {
        state.overlays.push(Overlay::Runs(view));
    }
    match (next, chosen) {
        (RunListResult::Refresh, _) => return ask(state, None),
        (RunListResult::Older(before), _) => return ask(state, Some(before)),
        (RunListResult::Attach(_), Some((row, line))) => return attach(state, &row, &line),
        (RunListResult::Cancel(id), Some((row, line))) => {
            if row.state.ended() {
                state.refuse(format!("{id} has ended already."));
                return Vec::new();
            }
            let title = format!("End run {id}?");
            let text = vec![format!("❯ {line}"), format!("Started by {}.", row.user)];
            let confirm = Confirm::choice(title, text, "End it", ConfirmedAction::Cancel(id));
            state.overlays.push(Overlay::Confirm(confirm));
        }
        (RunListResult::Again(_), Some((row, _))) => again(state, &row),
        _ => {}
    }
    Vec::new()
}

/// Opens the form of a run's command with the run's values: nothing is sent by this.
fn again(state: &mut State, row: &RunRow) {
    let command = state.console().and_then(|console| console.menu.find(&row.command)).cloned();
    match command {
        Some(command) => {
            let form = CommandForm::filled(command, &row.args);
            state.overlays.push(Overlay::CommandForm(Box::new(form)));
        }
        None => state.refuse(format!("{} is not in the menu any more.", row.command)),
    }
}

/// Shows a run's output: where it is on the screen already, else in a block of its own.
fn attach(state: &mut State, row: &RunRow, line: &str) -> Vec<Effect> {
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
    state.ask_if_connected(super::attach(block, row.run_id, 0))
}
