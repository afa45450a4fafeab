//! List of the schedules: what the box starts by itself, and when. A schedule is paused, resumed or run from here, and the
//! plan is changed.

use ratatui::layout::Position;
use serde_json::Value;
use topside_shared::SubscriptionId;
use topside_shared::command::Effect as Harm;
use topside_shared::methods::{
    self, EventsSubscribe, SchedulePause, SchedulePlan, ScheduleResume, ScheduleRow, ScheduleRun,
    SubscribeResult, Topic,
};
use topside_shared::notifications::Notification;
use topside_shared::records::{Inactive, Outcome as Came};
use topside_shared::text::{MAX_REASON, clean, duration};

use super::confirm::Confirm;
use super::facts_view::FactsView;
use super::list_view::ListView;
use super::schedule_form;
use crate::app::ask::{self, Ask};
use crate::app::session;
use crate::app::view::{Change, HelpKeys, Outcome, act, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::text::{sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::Fact;
use crate::widgets::list::{Cell, Column, Line, List, ListHints, Load, Table, cell, draw_note};

const COLUMNS: &[Column] = &[
    Column::rest("SCHEDULE"),
    Column::new("NEXT", 24),
    Column::new("COMMAND", 12).from(50),
    Column::new("LAST", 26).from(78),
];

/// The list.
#[derive(Debug, Default)]
pub(crate) struct SchedulesView {
    list: List<String>,
    all: methods::Schedules,
    load: Load,
    /// The subscription to changes, once the server has answered.
    changes: Option<SubscriptionId>,
}

pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    state.open(SchedulesView::default());
    subscribe(state)
}

/// Subscribes to changes; the answer has the list.
fn subscribe(state: &mut State) -> Vec<Effect> {
    if state.session().is_some() {
        state.with_view::<SchedulesView>(|view, _| {
            view.load = Load::Asked;
            stay()
        });
    }
    let topics = vec![Topic::Schedules];
    state.ask(Ask::new(
        &EventsSubscribe { topics },
        |state, answer: Result<SubscribeResult, CallError>| {
            let id = answer.as_ref().ok().map(|answer| answer.subscription_id);
            let taken = state.with_view::<SchedulesView>(|view, _| view.take(answer));
            // Without the view, which was closed meanwhile, nothing needs the changes.
            taken.unwrap_or_else(|| session::end_subscription(state, id))
        },
    ))
}

impl SchedulesView {
    fn take(&mut self, answer: Result<SubscribeResult, CallError>) -> Outcome {
        let before = self.changes.take();
        let refused = match answer {
            Ok(answer) => {
                self.changes = Some(answer.subscription_id);
                self.all = sanitize::schedules(answer.snapshot.schedules.unwrap_or_default());
                let names = self.names();
                self.list.settle(&names);
                None
            }
            Err(error) => Some(ask::why(&error)),
        };
        let asks_again = self.load.answered(refused);
        act(move |state| {
            let mut effects = session::end_subscription(state, before);
            if asks_again {
                effects.extend(subscribe(state));
            }
            effects
        })
    }

    fn shown(&self) -> Vec<&ScheduleRow> {
        let passes = |row: &&ScheduleRow| {
            self.list.passes(|| {
                let plan = row.plan.as_deref().unwrap_or_default();
                format!("{} {} {} {plan}", row.schedule, row.command, row.rule)
            })
        };
        self.all.schedules.iter().filter(passes).collect()
    }

    fn names(&self) -> Vec<String> {
        names(&self.shown())
    }

    fn chosen_row(&self, state: &State) -> Option<&ScheduleRow> {
        let name = ListView::chosen(self, state)?;
        self.all.schedules.iter().find(|row| row.schedule == name)
    }

    /// The plan that the key for it activates: the one after the active one, then none.
    fn next_plan(&self) -> Option<&String> {
        let plans = &self.all.plans;
        match &self.all.plan {
            None => plans.first(),
            Some(active) => {
                plans.iter().position(|plan| plan == active).and_then(|at| plans.get(at + 1))
            }
        }
    }

    /// The plans, and what changes them.
    fn note(&self) -> Option<String> {
        let plans = &self.all.plans;
        let active = self.all.plan.as_deref().unwrap_or("none");
        let next = self.next_plan().map_or("none", String::as_str);
        (!plans.is_empty()).then(|| format!("Plan: {active} · Tab activates {next}"))
    }
}

/// Pauses a schedule, or resumes it. The list changes by its subscription.
fn pause(row: &ScheduleRow) -> Outcome {
    let schedule = row.schedule.clone();
    match row.inactive {
        Some(Inactive::Disabled) => refuse(format!(
            "{schedule} is disabled in its file: `enabled = true` there enables it."
        )),
        Some(Inactive::Paused) => act(move |state| {
            state.ask_and_say(&ScheduleResume { schedule }, |row| said(row, "is resumed"))
        }),
        _ => act(move |state| {
            let pause = SchedulePause { schedule, reason: None };
            state.ask_and_say(&pause, |row| said(row, "is paused"))
        }),
    }
}

fn said(row: ScheduleRow, what: &str) -> String {
    format!("{} {what}.", sanitize::schedule(row).schedule)
}

/// Runs the command now; asks first, unless it only reads.
fn run_now(row: &ScheduleRow, state: &State) -> Outcome {
    let schedule = row.schedule.clone();
    let run = move |state: &mut State| {
        state.ask_and_say(&ScheduleRun { schedule }, |row| {
            let row = sanitize::run(row);
            format!("Run {} of {} has started.", row.run_id, row.command)
        })
    };
    let command = state.console().and_then(|console| console.menu.find(&row.command));
    let question = command.and_then(|command| command.question(&row.args));
    if command.is_some_and(|command| command.effect == Harm::Read) && question.is_none() {
        return act(run);
    }
    let title = format!("Run {} of {} now?", row.command, row.schedule);
    let mut text: Vec<String> =
        question.map(|question| clean(&question, MAX_REASON)).into_iter().collect();
    text.extend(row.for_ms.map(|ms| format!("It ends after {}.", duration(ms))));
    open(Confirm::choice(title, text, "Run it", run).of_session())
}

/// Activates a plan; asks first, since it decides what the box starts by itself.
fn activate(before: Option<&String>, plan: Option<String>) -> Outcome {
    let title = match &plan {
        Some(plan) => format!("Activate the plan {plan}?"),
        None => "Activate no plan?".to_owned(),
    };
    let text =
        before.map(|before| format!("The schedules of the plan {before} start nothing any more."));
    let change = move |state: &mut State| {
        state.ask(Ask::new(&SchedulePlan { plan }, |state, answer| match answer {
            Ok(_) => subscribe(state),
            Err(error) => {
                state.refuse(ask::why(&error));
                Vec::new()
            }
        }))
    };
    let text = text.into_iter().collect();
    open(Confirm::choice(title, text, "Activate", change).of_session())
}

impl ListView for SchedulesView {
    type Row = String;

    fn title(&self, _state: &State) -> String {
        "Schedules".to_owned()
    }

    fn list(&self) -> &List<String> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<String> {
        &mut self.list
    }

    fn rows(&self, _state: &State) -> Vec<String> {
        self.names()
    }

    fn enter(&mut self, state: &State) -> Outcome {
        let row = self.chosen_row(state);
        row.map_or_else(stay, |row| open(FactsView::new("Schedule", facts(row, state))))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![
            ("p", "Pause or resume the schedule"),
            ("x", "Run its command now"),
            ("s", "Set its time or its arguments"),
            ("Tab", "Activate the next plan"),
        ]
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        match (key.code, self.chosen_row(state)) {
            (Code::Tab, _) if !self.all.plans.is_empty() => {
                activate(self.all.plan.as_ref(), self.next_plan().cloned())
            }
            (Code::Char('p'), Some(row)) => pause(row),
            (Code::Char('x'), Some(row)) => run_now(row, state),
            (Code::Char('s'), Some(row)) => {
                let row = row.clone();
                act(move |state| schedule_form::open(state, &row))
            }
            _ => stay(),
        }
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        act(subscribe)
    }

    fn leave(&mut self, _state: &State) -> Outcome {
        let changes = self.changes;
        close().then(move |state| session::end_subscription(state, changes))
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::SessionBegan => act(subscribe),
            Change::SessionEnded(_) => {
                self.changes = None;
                stay()
            }
            Change::Notice(Notification::ScheduleChanged(row)) => {
                let row = sanitize::schedule(ScheduleRow::clone(row));
                let mut all = self.all.schedules.iter_mut();
                let Some(known) = all.find(|known| known.schedule == row.schedule) else {
                    return stay();
                };
                let is_of_plan = |row: &ScheduleRow| row.inactive == Some(Inactive::Plan);
                let is_other_plan = is_of_plan(known) != is_of_plan(&row);
                *known = row;
                // The answer says which plan is active now.
                if is_other_plan { act(subscribe) } else { stay() }
            }
            Change::Notice(Notification::Reloaded(_)) => act(subscribe),
            Change::Notice(Notification::EventsDropped(dropped))
                if self.changes == Some(dropped.subscription_id) =>
            {
                act(subscribe)
            }
            Change::Notice(_) | Change::Tick => stay(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let room = canvas.room();
        let inside = canvas.popup(&ListView::title(self, state), room.width, room.height);
        let shown = self.shown();
        let at = self.list.place(&names(&shown));
        let note = self.note();
        let pauses = match shown.get(at).and_then(|row| row.inactive) {
            Some(Inactive::Paused) => "p resume",
            _ => "p pause",
        };
        let empty = "Nothing is scheduled: [[commands.NAME.schedule]] in commands.toml does that.";
        let table = Table {
            columns: COLUMNS,
            load: &self.load,
            empty,
            below: u16::from(note.is_some()),
            beside: 0,
            hints: ListHints {
                row: &["Enter details", pauses, "x run now", "s set"],
                list: &["r refresh"],
                more: false,
            },
        };
        if let Some(note) = note {
            draw_note(&note, Some(Key::plain(Code::Tab)), inside, canvas);
        }
        self.list.draw(&table, (&shown, at), inside, canvas, |row, chosen, theme| {
            vec![Line::Cells(cells(row, state, chosen, theme))]
        })
    }
}

fn names(rows: &[&ScheduleRow]) -> Vec<String> {
    rows.iter().map(|row| row.schedule.clone()).collect()
}

fn cells(row: &ScheduleRow, state: &State, chosen: bool, theme: &Theme) -> Vec<Cell> {
    let style = match (chosen, &row.inactive) {
        (true, _) => theme.chosen(),
        (false, None) => theme.plain,
        (false, Some(_)) => theme.dim,
    };
    let (sign, look) = match (&row.inactive, &row.open_until) {
        (Some(_), _) => ("· ", theme.dim),
        (None, Some(_)) => ("● ", theme.good),
        (None, None) => ("", theme.plain),
    };
    let set = row.set.as_ref().map_or_else(String::new, |set| format!(", set by {}", set.by));
    let last = row.last.as_ref().map_or_else(String::new, |last| {
        format!("{} {}", last.at.to_minute(state.clock.wall, &state.zone), last.words())
    });
    let failed = row.last.as_ref().is_some_and(|last| {
        matches!(last.outcome, Came::Missed | Came::Refused | Came::Lost | Came::Overlap)
    });
    vec![
        vec![(row.schedule.clone().into(), style), (set.into(), theme.dim)],
        vec![
            (sign.into(), look),
            (
                row.standing(|time| time.to_minute(state.clock.wall, &state.zone)).into(),
                theme.plain,
            ),
        ],
        cell(row.command.clone(), theme.dim),
        cell(last, if failed { theme.warning } else { theme.dim }),
    ]
}

fn facts(row: &ScheduleRow, state: &State) -> Vec<Fact> {
    let (now, zone) = (state.clock.wall, &state.zone);
    let args: Vec<String> = row
        .args
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} = {text}"),
            other => format!("{name} = {other}"),
        })
        .collect();
    let next: Vec<String> = row.next.iter().map(|time| time.to_minute(now, zone)).collect();
    let mut facts = vec![
        ("schedule", row.schedule.clone()),
        ("command", [vec![row.command.clone()], args].concat().join(" · ")),
        ("rule", format!("{} · {}", row.rule, row.zone)),
    ];
    facts.extend(
        row.set
            .as_ref()
            .map(|set| ("set", format!("by {}, {}", set.by, times::full_since(set.at, now, zone)))),
    );
    facts.extend(row.for_ms.map(|ms| ("for", duration(ms))));
    facts.extend(row.plan.clone().map(|plan| ("plan", plan)));
    facts.push(("now", row.standing(|time| time.to_minute(now, zone))));
    facts.extend((!next.is_empty()).then(|| ("next", next.join(", "))));
    facts.extend(row.paused.as_ref().map(|pause| {
        ("paused", format!("by {}, {}", pause.by, times::full_since(pause.at, now, zone)))
    }));
    facts.extend(
        row.last
            .as_ref()
            .map(|last| ("last", format!("{} · {}", last.at.to_minute(now, zone), last.words()))),
    );
    facts
}
