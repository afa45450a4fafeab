//! One command on several boxes: the boxes, their runs, and groups of equal results. [`FanOut`] reports events and
//! prints nothing. Each box is checked first: it is dialled, and its own menu says whether the command fits and which
//! effect it has. A command that only reads starts as soon as its box is checked. Any other waits until all boxes are
//! checked, because one of them may need a confirmation.

mod boxes_at_once;
mod common_menu;
mod one_box;
mod outcome;
mod plan;
mod target_box;
mod targets;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use crate::connect::{Hello, Session};
pub(crate) use boxes_at_once::Serial;
use boxes_at_once::{AT_ONCE, MAX_HELD, SPREAD};
pub(crate) use common_menu::{cached_menus, common_menu};
use one_box::{Checked, Common, Stop, check, leave, run};
pub(crate) use one_box::{MakePlan, Plan, PlanError, effect_word, why_destructive};
pub(crate) use outcome::{
    Captured, CommandEnd, Cut, Group, NotStarted, Outcome, OutcomeKind, group,
};
pub(crate) use plan::plan;
pub(crate) use target_box::{TargetBox, UnknownBox, named, one};
pub(crate) use targets::{
    ALL, LeftOut, Selection, TAG, distinct, is_list, left_out_sentence, refresh, select, tags,
};

/// Most bytes of one stream of one box that are kept, and of that stream of all boxes together.
const MAX_KEPT: (usize, usize) = (512 * 1024, 32 * 1024 * 1024);

pub(crate) struct Settings {
    pub(crate) make_plan: MakePlan,
    pub(crate) hello: Hello,
    /// The state directory of this device.
    pub(crate) state: Arc<Path>,
    /// How many boxes run it at the same time, in their order; without it, as many as can.
    pub(crate) serial: Option<Serial>,
    /// Number of failures after which no further box is started.
    pub(crate) max_fail: Option<usize>,
    /// A run that takes longer is cancelled.
    pub(crate) timeout: Option<Duration>,
    /// Whether the command was confirmed for all boxes beforehand.
    pub(crate) confirmed: bool,
}

#[derive(Debug)]
pub(crate) enum Progress {
    /// A warning about the box's audit log.
    Warning {
        index: usize,
        sentence: String,
    },
    /// The command waits for [`FanOut::confirm`] or [`FanOut::decline`] on the boxes of [`FanOut::waiting`].
    ConfirmationNeeded,
    Ended {
        index: usize,
        outcome: Outcome,
    },
    Done,
}

enum Stage {
    New,
    Checking,
    Waiting(Box<Waiting>),
    /// Its check failed; that is reported at its turn.
    Failed(Outcome),
    Running,
    Ended,
}

/// A box with a run that has not started yet.
struct Waiting {
    plan: Plan,
    /// None if too many were held.
    session: Option<Session>,
}

/// Whether commands that do more than read may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Closed,
    Asked,
    Open,
}

type CheckResult = (usize, Result<Checked, Outcome>);

pub(crate) struct FanOut {
    boxes: Arc<[TargetBox]>,
    stages: Vec<Stage>,
    common: Arc<Common>,
    /// Most boxes that have their turn; none where they take no turns.
    turns: Option<usize>,
    /// All boxes before this one have ended, and all from `unchecked` on are new.
    unfinished: usize,
    unchecked: usize,
    max_fail: Option<usize>,
    confirmed: bool,
    gate: Gate,
    failed: usize,
    stop: watch::Sender<Stop>,
    checks: FuturesUnordered<BoxFuture<'static, CheckResult>>,
    runs: FuturesUnordered<BoxFuture<'static, (usize, Outcome)>>,
    events: VecDeque<Progress>,
}

impl FanOut {
    pub(crate) fn new(boxes: Vec<TargetBox>, settings: Settings) -> Self {
        let Settings { make_plan, hello, state, serial, max_fail, timeout, confirmed } = settings;
        let count = boxes.len();
        let keep = MAX_KEPT.0.min(MAX_KEPT.1 / count.max(1));
        let hash_keys = RandomState::new();
        let gate = if confirmed { Gate::Open } else { Gate::Closed };
        Self {
            stages: boxes.iter().map(|_| Stage::New).collect(),
            boxes: boxes.into(),
            common: Arc::new(Common { make_plan, hello, state, timeout, keep, hash_keys }),
            turns: serial.map(|serial| serial.width(count)),
            unfinished: 0,
            unchecked: 0,
            max_fail,
            confirmed,
            gate,
            failed: 0,
            stop: watch::channel(Stop::GoOn).0,
            checks: FuturesUnordered::new(),
            runs: FuturesUnordered::new(),
            events: VecDeque::new(),
        }
    }

    /// The boxes; events name them by their index.
    pub(crate) fn boxes(&self) -> &[TargetBox] {
        &self.boxes
    }

    /// The next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Progress {
        loop {
            self.advance();
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.unfinished == self.stages.len() {
                return Progress::Done;
            }
            tokio::select! {
                Some((index, checked)) = self.checks.next() => self.checked(index, checked),
                Some((index, outcome)) = self.runs.next() => self.end(index, outcome),
                else => std::future::pending().await,
            }
        }
    }

    /// The boxes on which the command waits to be started.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (usize, &Plan)> {
        self.stages.iter().enumerate().filter_map(|(index, stage)| match stage {
            Stage::Waiting(waiting) => Some((index, &waiting.plan)),
            _ => None,
        })
    }

    /// The boxes that will not run it, and are not reported yet.
    pub(crate) fn unfit(&self) -> impl Iterator<Item = (usize, &Outcome)> {
        self.stages.iter().enumerate().filter_map(|(index, stage)| match stage {
            Stage::Failed(outcome) => Some((index, outcome)),
            _ => None,
        })
    }

    pub(crate) fn confirm(&mut self) {
        self.confirmed = true;
        self.gate = Gate::Open;
    }

    pub(crate) fn decline(&mut self) {
        self.end_rest(NotStarted::NotConfirmed);
    }

    /// Cancels the runs and starts none; a second time, runs are not waited for any more.
    pub(crate) fn cancel(&mut self) {
        self.stop.send_modify(|stop| {
            *stop = if *stop == Stop::GoOn { Stop::Cancel } else { Stop::Abandon };
        });
        self.end_rest(NotStarted::Cancelled);
    }

    /// Starts the checks and runs that may start.
    fn advance(&mut self) {
        let mut at_turn = 0;
        for index in self.unfinished..self.unchecked {
            if matches!(self.stages[index], Stage::Failed(_))
                && let Stage::Failed(outcome) = self.end_stage(index)
            {
                self.end(index, outcome);
            }
            if self.max_fail.is_some_and(|max| self.failed >= max) {
                self.end_rest(NotStarted::TooManyFailed);
                break;
            }
            self.start_run(index);
            at_turn += usize::from(!matches!(self.stages[index], Stage::Ended));
            if self.turns.is_some_and(|turns| at_turn >= turns) {
                break;
            }
        }
        while self.unchecked < self.stages.len() && self.checks.len() + self.runs.len() < AT_ONCE {
            let index = self.unchecked;
            self.unchecked += 1;
            self.stages[index] = Stage::Checking;
            let (boxes, common) = (self.boxes.clone(), self.common.clone());
            let pause = self.pause(index);
            let checking = async move {
                tokio::time::sleep(pause).await;
                (index, check(&boxes[index], &common).await)
            };
            self.checks.push(Box::pin(checking));
        }
        while matches!(self.stages.get(self.unfinished), Some(Stage::Ended)) {
            self.unfinished += 1;
        }
        if self.gate == Gate::Closed
            && self.checks.is_empty()
            && self.unchecked == self.stages.len()
        {
            let asks = self.waiting().any(|(_, plan)| plan.needs_confirmation());
            self.gate = if asks { Gate::Asked } else { Gate::Open };
            match asks {
                true => self.events.push_back(Progress::ConfirmationNeeded),
                false => self.advance(),
            }
        }
    }

    /// How long the check of a box waits before it begins.
    fn pause(&self, index: usize) -> Duration {
        let (least, longest) = SPREAD;
        match self.stages.len() >= least && index < AT_ONCE {
            // The keys of the hash are random in each process.
            true => longest * (self.common.hash_keys.hash_one(index) as u32 % 256) / 256,
            false => Duration::ZERO,
        }
    }

    fn end_stage(&mut self, index: usize) -> Stage {
        std::mem::replace(&mut self.stages[index], Stage::Ended)
    }

    /// Starts the run of a box if it may start now.
    fn start_run(&mut self, index: usize) {
        let Stage::Waiting(waiting) = &self.stages[index] else { return };
        let may_start = self.gate == Gate::Open || waiting.plan.only_reads();
        if !may_start || self.checks.len() + self.runs.len() >= AT_ONCE {
            return;
        }
        let before = std::mem::replace(&mut self.stages[index], Stage::Running);
        let Stage::Waiting(waiting) = before else { return };
        let Waiting { plan, session } = *waiting;
        let (boxes, common, confirmed) = (self.boxes.clone(), self.common.clone(), self.confirmed);
        let stop = self.stop.subscribe();
        self.runs.push(Box::pin(async move {
            (index, run(plan, session, confirmed, &boxes[index], &common, stop).await)
        }));
    }

    fn checked(&mut self, index: usize, checked: Result<Checked, Outcome>) {
        self.stages[index] = match checked {
            Err(outcome) => Stage::Failed(outcome),
            Ok(Checked { plan, session, warning }) => {
                if let Some(sentence) = warning {
                    self.events.push_back(Progress::Warning { index, sentence });
                }
                Stage::Waiting(Box::new(Waiting { plan, session: Some(session) }))
            }
        };
        // At once, so that its session counts as running and not as held.
        if self.turns.is_none() {
            self.start_run(index);
        }
        self.limit_held_sessions(index);
    }

    /// Ends the session of a box that has to wait where too many are held.
    fn limit_held_sessions(&mut self, index: usize) {
        let held =
            |stage: &&Stage| matches!(stage, Stage::Waiting(waiting) if waiting.session.is_some());
        let checked = &self.stages[self.unfinished..self.unchecked];
        if checked.iter().filter(held).count() > MAX_HELD
            && let Stage::Waiting(waiting) = &mut self.stages[index]
            && let Some(session) = waiting.session.take()
        {
            tokio::spawn(leave(session));
        }
    }

    fn end(&mut self, index: usize, outcome: Outcome) {
        self.stages[index] = Stage::Ended;
        let has_failed =
            !matches!(outcome.standing(), OutcomeKind::Succeeded | OutcomeKind::NotStarted);
        self.failed += usize::from(has_failed);
        self.events.push_back(Progress::Ended { index, outcome });
    }

    fn end_rest(&mut self, why: NotStarted) {
        self.checks.clear();
        self.unchecked = self.stages.len();
        for index in self.unfinished..self.stages.len() {
            match self.end_stage(index) {
                Stage::Failed(outcome) => self.end(index, outcome),
                Stage::Waiting(waiting) => {
                    if let Some(session) = waiting.session {
                        tokio::spawn(leave(session));
                    }
                    self.end(index, Outcome::NotStarted(why));
                }
                Stage::New | Stage::Checking => self.end(index, Outcome::NotStarted(why)),
                before @ (Stage::Running | Stage::Ended) => self.stages[index] = before,
            }
        }
    }
}
