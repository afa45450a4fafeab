//! List of the server's runs, live and past, of all clients.

use ratatui::layout::Position;
use topside_shared::RunId;
use topside_shared::cmdline;
use topside_shared::command::Command;
use topside_shared::methods::{Menu, RunsList, RunsPage};
use topside_shared::notifications::Notification;
use topside_shared::records::RunRow;
use topside_shared::text::{self, duration};

use super::command_form::CommandForm;
use super::confirm::Confirm;
use super::console::blocks::standing;
use crate::app::ask::{self, Ask};
use crate::app::runs::{self, Phase};
use crate::app::view::{Change, Outcome, View, act, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::{fit, sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::{Canvas, page};
use crate::widgets::filter_list::{FilterList, ListArea, ListKey, Load};
use crate::widgets::row::Row;

/// Longest line of a run that is shown, in characters.
const MAX_LINE: usize = 500;
/// Columns of the word for a run's state.
const WORD: usize = 11;
/// From this width on each run has its times and its user.
const WIDE_FROM: u16 = 60;

#[derive(Debug, Default)]
pub(crate) struct RunList {
    list: FilterList<RunId>,
    /// Newest first.
    rows: Vec<ListedRun>,
    /// Where older ones continue, if there are any.
    next: Option<RunId>,
    load: Load,
}

/// A run with the line that started it, or would again.
#[derive(Debug, Clone)]
pub(crate) struct ListedRun {
    pub(crate) row: RunRow,
    pub(crate) line: String,
}

pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    state.open(RunList::default());
    request(state, None)
}

/// Asks for the newest runs, or for those before one.
fn request(state: &mut State, before: Option<RunId>) -> Vec<Effect> {
    if state.session().is_some() {
        state.with_view::<RunList>(|view, _| {
            view.load = Load::Asked;
            stay()
        });
    }
    let params = RunsList { before, ..RunsList::default() };
    let take = move |view: &mut RunList, answer, state: &State| view.take(before, answer, state);
    state.ask_if_connected(Ask::of_view(&params, take))
}

fn newest(state: &mut State) -> Vec<Effect> {
    request(state, None)
}

impl RunList {
    /// The runs that pass the filter.
    pub(crate) fn shown(&self) -> Vec<&ListedRun> {
        let passes = |listed: &&ListedRun| {
            self.list.passes(|| {
                let row = &listed.row;
                let wait = row.wait().unwrap_or_default();
                let (id, state, line) = (row.run_id, row.state.words(), &listed.line);
                format!("{id} {line} {state} {} {wait}", row.user)
            })
        };
        self.rows.iter().filter(passes).collect()
    }

    fn ids(&self) -> Vec<RunId> {
        self.shown().into_iter().map(|listed| listed.row.run_id).collect()
    }

    fn chosen(&self) -> Option<&ListedRun> {
        let id = self.list.chosen(&self.ids())?;
        self.rows.iter().find(|listed| listed.row.run_id == id)
    }

    fn take(
        &mut self,
        before: Option<RunId>,
        answer: Result<RunsPage, CallError>,
        state: &State,
    ) -> Outcome {
        let refused = match (answer, state.console()) {
            (Ok(page), Some(console)) => {
                self.add(before, page, &console.menu);
                None
            }
            (Ok(_), None) => None,
            (Err(error), _) => Some(ask::why(&error)),
        };
        if self.load.answered(refused) { act(newest) } else { stay() }
    }

    /// Takes rows of the server: the newest, or those before a run.
    fn add(&mut self, before: Option<RunId>, page: RunsPage, menu: &Menu) {
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

impl View for RunList {
    fn leaves_colon(&self) -> bool {
        self.list.filter.is_empty()
    }

    fn title(&self, _state: &State) -> String {
        "Runs".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if let Some(listed) = self.chosen() {
            match key.code {
                Code::Enter => {
                    let ListedRun { row, line } = listed.clone();
                    return close().then(move |state| attach(state, &row, &line));
                }
                _ if key.is_ctrl('x') => return question(listed),
                _ if key.is_ctrl('r') => return again(state, &listed.row),
                _ => {}
            }
        }
        match (self.list.key(key, &self.ids(), page(state.size)), self.next) {
            (ListKey::Close, _) => return close(),
            (ListKey::Refresh, _) => return act(newest),
            (ListKey::Beyond, Some(before)) if self.load == Load::Done => {
                return act(move |state| request(state, Some(before)));
            }
            (ListKey::Filtered, _) => self.list.first(&self.ids()),
            (ListKey::Beyond | ListKey::Done, _) => {}
        }
        stay()
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.list.paste(text);
        self.list.first(&self.ids());
        stay()
    }

    fn wheel(&mut self, rows: i32, _state: &State) {
        self.list.wheel(rows, &self.ids());
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::Notice(Notification::RunChanged(_)) if self.load.changed() => act(newest),
            _ => stay(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let room = canvas.room();
        let inside = canvas.popup(&self.title(state), room.width, room.height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let list = ListArea::new(&self.list.filter, inside, 2, buffer, theme);
        let (shown, at) = (self.shown(), self.list.place(&self.ids()));
        list.draw((&shown, at), buffer, theme, |row, listed, chosen| {
            draw_run(state, listed, chosen, row, theme);
        });
        let more = self.next.is_some();
        let none = match more {
            true => "None of the newest; ↓ looks further back.",
            false => "There is no such run.",
        };
        list.standing(&self.load, shown.is_empty().then_some(none), buffer, theme);
        // What it waits for, where its output was cut, and which processes outlive it have no room in its row.
        let chosen = shown.get(at).map(|listed| &listed.row);
        if let Some((run, wait)) = chosen.and_then(|run| Some((run, run.remarks()?))) {
            let mut row = Row::at(buffer, inside, inside.height.saturating_sub(2));
            // Its place is in its row.
            let wait = wait.split_once(": ").map_or(wait.as_str(), |(_, wait)| wait);
            row.skip(2).left(&format!("{} {wait}", run.run_id), theme.plain);
        }
        let keys = ["Enter details", "Ctrl-R again", "Ctrl-X cancel", "Esc closes"];
        list.foot((at, shown.len(), more), keys, (buffer, &mut canvas.hits), theme);
        list.cursor
    }
}

/// Asks whether to end a run.
fn question(listed: &ListedRun) -> Outcome {
    let id = listed.row.run_id;
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
        Some(command) => open(CommandForm::filled(command.clone(), &row.args)),
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
    state.ask_if_connected(runs::attach(block, row.run_id, 0))
}

fn draw_run(state: &State, listed: &ListedRun, chosen: bool, row: &mut Row<'_>, theme: &Theme) {
    let run = &listed.row;
    let wide = row.room() + 2 >= usize::from(WIDE_FROM);
    let style = if chosen { theme.chosen() } else { theme.plain };
    row.column(&format!("{:>5}", run.run_id.to_string()), 6, theme.dim).skip(1);
    if wide {
        let started = times::stamp(run.started_at, state.clock.wall, &state.zone);
        row.right(&format!("{started:>11}"), theme.dim).skip_right(1);
        row.right(&format!("{:<10}", fit::cut(&run.user, 10)), theme.dim).skip_right(1);
        // What goes on has no column that counts: the list is still while nothing changes.
        let took = run.duration_ms.map(duration).unwrap_or_default();
        row.right(&format!("{took:>8}"), theme.dim).skip_right(1);
    }
    let (sign, word, look) = standing(Phase::of(run), theme);
    row.right(&format!("{word:<WORD$}"), theme.dim).right(&format!("{sign} "), look).skip_right(1);
    row.left(&listed.line, style);
}
