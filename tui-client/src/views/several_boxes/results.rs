//! What the boxes did: a row for each, and groups of those that did the same.

use topside_shared::records::RunState;
use topside_shared::text::{MAX_REASON, clean};

use crate::fan_out::{Outcome, OutcomeKind, group};
use crate::input::key::Key;
use crate::scrollback::{Channel, Pane};
use crate::text::fit;
use crate::widgets::list::{List, ListKey, ListLayout};
use crate::widgets::scrolled_text::ScrolledText;

/// Lines of output of a group in the list; Enter shows all.
const PREVIEW: usize = 6;

/// One box while the command runs.
#[derive(Debug, Default)]
pub(super) struct BoxRow {
    /// Until the results are grouped.
    outcome: Option<Outcome>,
    /// How it stands, and the words for it, once it is done.
    pub(super) ended: Option<(OutcomeKind, String)>,
}

impl BoxRow {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        let reason = clean(&outcome.reason(), MAX_REASON);
        let words = if reason.is_empty() { outcome.state_words() } else { reason };
        let words = if words.is_empty() { RunState::Succeeded.words().to_owned() } else { words };
        self.ended = Some((outcome.standing(), words));
        self.outcome = Some(outcome);
    }
}

/// The results, and the place of the reader in them.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) groups: Vec<ResultGroup>,
    pub(super) succeeded: usize,
    /// The groups, by their places.
    pub(super) list: List<usize>,
    /// The chosen group, where all of it is shown.
    pub(super) whole: Option<ScrolledText>,
}

/// Boxes that did the same.
#[derive(Debug)]
pub(super) struct ResultGroup {
    pub(super) standing: OutcomeKind,
    /// How many, and how they stand.
    pub(super) label: String,
    pub(super) names: String,
    /// The output, or the reason; then notes on single boxes.
    pub(super) lines: Vec<String>,
}

/// A line of a group in the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResultLine<'r> {
    /// Names of boxes; the first line has the label of the group beside it.
    Names(String),
    Output(&'r str),
    MoreOutput(usize),
}

impl Results {
    /// Groups the outcomes, which are dropped.
    pub(super) fn new(boxes: &[String], rows: &mut [BoxRow]) -> Self {
        let outcomes: Vec<Outcome> = rows.iter_mut().filter_map(|row| row.outcome.take()).collect();
        let succeeded =
            outcomes.iter().filter(|one| one.standing() == OutcomeKind::Succeeded).count();
        let groups = group(outcomes.iter().enumerate()).into_iter().map(|group| {
            let names = group.boxes.iter().filter_map(|index| boxes.get(*index));
            let names: Vec<&str> = names.map(String::as_str).collect();
            let mut lines = lines(group.outcome);
            for index in &group.boxes {
                let name = boxes.get(*index).map_or("", String::as_str);
                let notes = outcomes[*index].notes(name);
                lines.extend(
                    notes.iter().map(|note| format!("{name}: {}", clean(note, MAX_REASON))),
                );
            }
            ResultGroup {
                standing: group.outcome.standing(),
                label: group.label(),
                names: names.join(" "),
                lines,
            }
        });
        let groups = groups.collect();
        Self { groups, succeeded, list: List::default(), whole: None }
    }

    /// The lines of a group, wrapped to this width.
    pub(super) fn lines(&self, nth: usize, width: usize) -> Vec<ResultLine<'_>> {
        let Some(group) = self.groups.get(nth) else { return Vec::new() };
        let room = width.saturating_sub(LABEL).max(8);
        let names = fit::wrap(&group.names, room).into_iter();
        let shown = if group.lines.len() > PREVIEW + 1 { PREVIEW } else { group.lines.len() };
        let lines = group.lines[..shown].iter().map(|line| ResultLine::Output(line));
        let more = group.lines.len() - shown;
        let more = (more > 0).then_some(ResultLine::MoreOutput(more));
        names.map(ResultLine::Names).chain(lines).chain(more).collect()
    }

    /// All lines of the chosen group, wrapped to this width.
    pub(super) fn whole_rows(&self, width: usize) -> Vec<String> {
        let Some(group) = self.chosen() else { return Vec::new() };
        let names = fit::wrap(&group.names, width);
        let lines = group.lines.iter().flat_map(|line| fit::wrap(line, width));
        names.into_iter().chain([String::new()]).chain(lines).collect()
    }

    /// The groups that pass the filter.
    pub(super) fn shown(&self) -> Vec<usize> {
        let passes = |nth: &usize| {
            let group = &self.groups[*nth];
            self.list
                .passes(|| format!("{} {} {}", group.label, group.names, group.lines.join(" ")))
        };
        (0..self.groups.len()).filter(passes).collect()
    }

    /// The chosen group.
    pub(super) fn chosen(&self) -> Option<&ResultGroup> {
        self.groups.get(self.list.chosen(&self.shown())?)
    }

    /// Handles a key, in an area of this size; false: the key closes the results.
    pub(super) fn key(&mut self, key: Key, (width, page): (usize, usize), drawn: Layout) -> bool {
        let rows = self.whole_rows(width).len();
        if let Some(whole) = &mut self.whole {
            if key.leaves() || key.typed() == Some('q') {
                self.whole = None;
            } else {
                whole.key(key, rows, page);
            }
            return true;
        }
        let (shown, layout) = (self.shown(), self.list.layout(drawn, 1));
        match self.list.key(key, &shown, layout) {
            ListKey::Close => return false,
            ListKey::Open => self.open(),
            ListKey::Filtered => self.list.first(&self.shown()),
            ListKey::Refresh | ListKey::Beyond | ListKey::Moved | ListKey::Passed => {}
        }
        true
    }

    /// Shows the chosen group whole.
    fn open(&mut self) {
        self.whole = self.chosen().is_some().then(ScrolledText::default);
    }

    pub(super) fn click_row(&mut self, row: usize, drawn: Layout) {
        let (shown, layout) = (self.shown(), self.list.layout(drawn, 1));
        if self.list.click(row, &shown, layout) {
            self.open();
        }
    }

    pub(super) fn wheel(&mut self, by: i32, (width, page): (usize, usize), drawn: Layout) {
        let rows = self.whole_rows(width).len();
        match &mut self.whole {
            Some(whole) => whole.wheel(by, rows, page),
            None => {
                let (shown, layout) = (self.shown(), self.list.layout(drawn, 1));
                self.list.wheel(by, &shown, layout);
            }
        }
    }
}

/// How the list was drawn last.
type Layout = Option<ListLayout>;

/// Columns before the names of a group: its label, and the gap behind it.
pub(super) const LABEL: usize = 20;

/// The output as plain lines, standard error after standard output; without output the reason.
fn lines(outcome: &Outcome) -> Vec<String> {
    let Outcome::Ended(run) = outcome else {
        return vec![clean(&outcome.reason(), MAX_REASON)];
    };
    let mut pane = Pane::default();
    pane.add_block(0);
    let missing = run.stdout.missing() + run.stderr.missing();
    pane.push(0, Channel::Stdout, &run.stdout.bytes());
    pane.push(0, Channel::Stderr, &run.stderr.bytes());
    pane.finish(0);
    let text = pane.block(0).map(|block| block.plain_text(0..u64::MAX)).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if missing > 0 {
        let size = topside_shared::text::bytes(missing);
        lines.insert(0, format!("(the first {size} are not kept here)"));
    }
    if lines.is_empty() { vec!["no output".to_owned()] } else { lines }
}
