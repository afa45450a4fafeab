//! List of the server's runs, live and past, of all clients.

use ratatui::layout::{Position, Rect};
use topside_shared::RunId;
use topside_shared::cmdline;
use topside_shared::command::Command;
use topside_shared::methods::{RunsList, RunsPage};
use topside_shared::notifications::Notification;
use topside_shared::records::{RunRow, RunState};
use topside_shared::text;

use super::console::blocks::standing;
use super::list_view::ListView;
use super::run_details::{self, RUN_KEYS, RunDetails, running_changes_in, took};
use crate::app::ask::{self, Ask};
use crate::app::console::Console;
use crate::app::runs::Phase;
use crate::app::view::{Change, HelpKeys, Outcome, act, open, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::canvas::{Canvas, Hit};
use crate::widgets::list::{Cell, Column, Line, List, ListHints, Load, Table, cell};
use crate::widgets::row::Row;

/// Longest line of a run that is shown, in characters.
const MAX_LINE: usize = 500;
/// Rows that are asked for while only some states are shown: most of them are not among these.
const WHILE_FILTERED: u64 = 500;
const COLUMNS: &[Column] = &[
    Column::new("RUN", 5).right(),
    Column::new("STATE", 13),
    Column::rest("COMMAND"),
    Column::new("TOOK", 8).right().from(64),
    Column::new("USER", 10).from(56),
    Column::new("STARTED", 10).from(44),
];
/// From this width on the states stand beside the filter.
const STATES_FROM: u16 = 60;

#[derive(Debug, Default)]
pub(crate) struct RunList {
    list: List<RunId>,
    states: StateFilter,
    /// Newest first.
    rows: Vec<ListedRun>,
    /// Where older ones continue, if there are any.
    next: Option<RunId>,
    load: Load,
}

/// The states that are shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum StateFilter {
    #[default]
    All,
    /// Running or queued.
    Active,
    /// Failed, timed out or lost.
    Failed,
    Succeeded,
    Cancelled,
}

impl StateFilter {
    const ALL: [Self; 5] =
        [Self::All, Self::Active, Self::Failed, Self::Succeeded, Self::Cancelled];

    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
        }
    }

    fn passes(self, state: RunState) -> bool {
        match state {
            _ if self == Self::All => true,
            RunState::Queued | RunState::Running => self == Self::Active,
            RunState::Succeeded => self == Self::Succeeded,
            RunState::Cancelled => self == Self::Cancelled,
            RunState::Failed | RunState::TimedOut | RunState::Lost => self == Self::Failed,
        }
    }

    /// The one this many places further, continuing at the other end.
    fn on(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or_default();
        Self::ALL[(at + steps) % Self::ALL.len()]
    }
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
    let mut limit = None;
    let connected = state.session().is_some();
    state.with_view::<RunList>(|view, _| {
        limit = (view.states != StateFilter::All).then_some(WHILE_FILTERED);
        if connected {
            view.load = Load::Asked;
        }
        stay()
    });
    let params = RunsList { before, limit, ..RunsList::default() };
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
            self.states.passes(listed.row.state)
                && self.list.passes(|| {
                    let row = &listed.row;
                    let wait = row.approved().or_else(|| row.wait()).unwrap_or_default();
                    let (id, state, line) = (row.run_id, row.state.words(), &listed.line);
                    format!("{id} {line} {state} {} {wait}", row.user)
                })
        };
        self.rows.iter().filter(passes).collect()
    }

    fn ids(&self) -> Vec<RunId> {
        ids(&self.shown())
    }

    fn chosen_run(&self) -> Option<&ListedRun> {
        let id = self.list.chosen(&self.ids())?;
        self.rows.iter().find(|listed| listed.row.run_id == id)
    }

    fn show(&mut self, states: StateFilter) -> Outcome {
        self.states = states;
        self.list.settle(&self.ids());
        match self.next {
            // Those of this state may all be further back.
            Some(before) if self.load == Load::Done && self.ids().is_empty() => {
                act(move |state| request(state, Some(before)))
            }
            _ => stay(),
        }
    }

    fn take(
        &mut self,
        before: Option<RunId>,
        answer: Result<RunsPage, CallError>,
        state: &State,
    ) -> Outcome {
        let refused = match (answer, state.console()) {
            (Ok(page), Some(console)) => {
                self.add(before, page, console);
                None
            }
            (Ok(_), None) => None,
            (Err(error), _) => Some(ask::why(&error)),
        };
        if self.load.answered(refused) { act(newest) } else { stay() }
    }

    /// Takes rows of the server: the newest, or those before a run.
    fn add(&mut self, before: Option<RunId>, page: RunsPage, console: &Console) {
        let listed = |row: RunRow| {
            let row = console.shown_run(row);
            let command = console.menu.commands.iter().find(|command| command.name == row.command);
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

impl ListView for RunList {
    type Row = RunId;

    fn title(&self, _state: &State) -> String {
        "Runs".to_owned()
    }

    fn opened_by(&self) -> Option<Id> {
        Some(Id::Runs)
    }

    fn list(&self) -> &List<RunId> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<RunId> {
        &mut self.list
    }

    fn rows(&self, _state: &State) -> Vec<RunId> {
        self.ids()
    }

    fn enter(&mut self, _state: &State) -> Outcome {
        self.chosen_run().map_or_else(stay, |listed| open(RunDetails::new(listed.clone())))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        let details = ("d", "Open the details, as Enter does");
        let states = ("Tab", "Show the runs of the next state");
        [details].into_iter().chain(RUN_KEYS).chain([states]).collect()
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        match key.code {
            Code::Tab => self.show(self.states.on(1)),
            Code::BackTab => self.show(self.states.on(StateFilter::ALL.len() - 1)),
            Code::Char('d') if key.typed().is_some() => self.enter(state),
            _ => match self.chosen_run() {
                Some(listed) => run_details::run_key(key, listed, state).unwrap_or_else(stay),
                None => stay(),
            },
        }
    }

    fn click_number(&mut self, hit: usize, _state: &State) -> Outcome {
        StateFilter::ALL.get(hit).map_or_else(stay, |states| self.show(*states))
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        act(newest)
    }

    fn beyond(&mut self, _state: &State) -> Outcome {
        match self.next {
            Some(before) if self.load == Load::Done => {
                act(move |state| request(state, Some(before)))
            }
            _ => stay(),
        }
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::Notice(Notification::RunChanged(_)) if self.load.changed() => act(newest),
            _ => stay(),
        }
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let times = self.rows.iter().map(|listed| listed.row.started_at);
        let ages = times::since_changes_in(times, state.clock.wall);
        ages.into_iter().chain(running_changes_in(self.shown(), state)).min()
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let room = canvas.room();
        let inside = canvas.popup(&self.title(state), room.width, room.height);
        let shown = self.shown();
        let at = self.list.place(&ids(&shown));
        let more = self.next.is_some();
        let beside = self.draw_states(inside, canvas);
        let connected = state.session().is_some();
        let chosen = shown.get(at).map(|listed| &listed.row);
        let may_cancel = connected && chosen.is_some_and(|row| !row.state.ended());
        let has_results = connected && chosen.is_some_and(|row| !row.files.is_empty());
        let keys = [
            Some("Enter details"),
            connected.then_some("l output"),
            may_cancel.then_some("Ctrl-X cancel"),
            has_results.then_some("s save results"),
        ];
        let empty = match self.states {
            _ if self.rows.is_empty() => "There are no runs yet.".to_owned(),
            states if more => {
                format!("No {} run among the newest: ↓ looks further back.", states.word())
            }
            states => format!("No {} run: Tab shows the other states.", states.word()),
        };
        let table = Table {
            columns: COLUMNS,
            load: &self.load,
            empty: &empty,
            below: 1,
            beside,
            hints: ListHints {
                row: &keys.into_iter().flatten().collect::<Vec<_>>(),
                list: if connected { &["Tab state", "r refresh"] } else { &["Tab state"] },
                more,
            },
        };
        // What it waits for, where its output was cut, and which processes outlive it have no room in its row.
        if let Some((run, wait)) = chosen.and_then(|run| Some((run, run.remark()?))) {
            let mut row = Row::at(canvas.buffer, inside, inside.height.saturating_sub(2));
            // Its place is in its row.
            let wait = wait.split_once(": ").map_or(wait.as_str(), |(_, wait)| wait);
            row.skip(2).left(&format!("{} {wait}", run.run_id), canvas.theme.plain);
        }
        self.list.draw(&table, (&shown, at), inside, canvas, |listed, chosen, theme| {
            vec![Line::Cells(run_cells(state, listed, chosen, theme))]
        })
    }
}

impl RunList {
    /// Draws the states beside the filter, each to be clicked; returns the columns that they take.
    fn draw_states(&self, inside: Rect, canvas: &mut Canvas<'_>) -> u16 {
        let theme = canvas.theme;
        let shown = |states: StateFilter| match states == self.states {
            true => format!("[{}]", states.word()),
            false => format!(" {} ", states.word()),
        };
        if inside.width < STATES_FROM {
            let word = shown(self.states);
            let width = fit::columns(&word);
            let place = Rect { x: inside.right() - width, width, height: 1, ..inside };
            Row::new(canvas.buffer, place).left(&word, theme.accent);
            canvas.hits.push((place, Hit::Key(Key::plain(Code::Tab))));
            return width + 1;
        }
        let words = StateFilter::ALL.map(shown);
        let width: u16 = words.iter().map(|word| fit::columns(word)).sum();
        let mut row = Row::new(canvas.buffer, inside);
        row.skip(inside.width - width);
        for (nth, word) in words.iter().enumerate() {
            let x = row.x();
            let chosen = StateFilter::ALL[nth] == self.states;
            row.left(word, if chosen { theme.accent } else { theme.dim });
            canvas.hits.push((row.since(x), Hit::Number(nth)));
        }
        width + 1
    }
}

fn ids(runs: &[&ListedRun]) -> Vec<RunId> {
    runs.iter().map(|listed| listed.row.run_id).collect()
}

fn run_cells(state: &State, listed: &ListedRun, chosen: bool, theme: &Theme) -> Vec<Cell> {
    let run = &listed.row;
    let style = if chosen { theme.chosen() } else { theme.plain };
    let (sign, word, look) = standing(Phase::of(run), theme);
    let took = took(run, state).unwrap_or_default();
    vec![
        cell(run.run_id.to_string(), theme.dim),
        vec![(format!("{sign} ").into(), look), (word.to_string().into(), theme.dim)],
        cell(listed.line.clone(), style),
        cell(took, theme.dim),
        cell(run.user.clone(), theme.dim),
        cell(times::since(run.started_at, state.clock.wall, &state.zone), theme.dim),
    ]
}
