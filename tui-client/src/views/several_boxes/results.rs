//! What the boxes did: a row for each, and groups of those that did the same.

use topside_shared::text::{MAX_REASON, clean};

use crate::fan_out::{Outcome, Standing, group};
use crate::input::key::{Code, Key};
use crate::scrollback::{Channel, Pane};
use crate::text::fit;
use crate::widgets::reading::Reading;

/// Lines of output of a group in the list; Enter shows all.
const PREVIEW: usize = 6;

/// One box while the command runs.
#[derive(Debug, Default)]
pub(super) struct BoxRow {
    /// Until the results are grouped.
    outcome: Option<Outcome>,
    /// How it stands, and the words for it, once it is done.
    pub(super) ended: Option<(Standing, String)>,
}

impl BoxRow {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        let reason = clean(&outcome.reason(), MAX_REASON);
        let words = if reason.is_empty() { outcome.state_words() } else { reason };
        let words = if words.is_empty() { "done".to_owned() } else { words };
        self.ended = Some((outcome.standing(), words));
        self.outcome = Some(outcome);
    }
}

/// The results, and the place of the reader in them.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) groups: Vec<ResultGroup>,
    pub(super) succeeded: usize,
    /// The chosen group.
    pub(super) at: usize,
    /// The rows of all groups, or of the chosen one where that is shown whole.
    pub(super) scroll: Reading,
    pub(super) whole: Option<Reading>,
}

/// Boxes that did the same.
#[derive(Debug)]
pub(super) struct ResultGroup {
    pub(super) standing: Standing,
    /// How many, and how they stand.
    pub(super) label: String,
    pub(super) names: String,
    /// The output, or the reason; then notes on single boxes.
    pub(super) lines: Vec<String>,
}

/// A row of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResultRow<'r> {
    Head { names: String },
    MoreNames { names: String },
    Line(&'r str),
    MoreLines(usize),
}

impl Results {
    /// Groups the outcomes, which are dropped.
    pub(super) fn new(boxes: &[String], rows: &mut [BoxRow]) -> Self {
        let outcomes: Vec<Outcome> = rows.iter_mut().filter_map(|row| row.outcome.take()).collect();
        let succeeded = outcomes.iter().filter(|one| one.standing() == Standing::Succeeded).count();
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
        Self { groups, succeeded, at: 0, scroll: Reading::default(), whole: None }
    }

    /// The rows of all groups in so many columns, each with its group.
    pub(super) fn rows(&self, width: usize) -> Vec<(usize, ResultRow<'_>)> {
        let mut rows = Vec::new();
        for (nth, group) in self.groups.iter().enumerate() {
            let room = width.saturating_sub(LABEL).max(8);
            let mut names = fit::wrap(&group.names, room).into_iter();
            rows.push((nth, ResultRow::Head { names: names.next().unwrap_or_default() }));
            rows.extend(names.map(|names| (nth, ResultRow::MoreNames { names })));
            let shown = if group.lines.len() > PREVIEW + 1 { PREVIEW } else { group.lines.len() };
            rows.extend(group.lines[..shown].iter().map(|line| (nth, ResultRow::Line(line))));
            if shown < group.lines.len() {
                rows.push((nth, ResultRow::MoreLines(group.lines.len() - shown)));
            }
        }
        rows
    }

    /// All lines of the chosen group in so many columns.
    pub(super) fn whole_rows(&self, width: usize) -> Vec<String> {
        let Some(group) = self.groups.get(self.at) else { return Vec::new() };
        let names = fit::wrap(&group.names, width);
        let lines = group.lines.iter().flat_map(|line| fit::wrap(line, width));
        names.into_iter().chain([String::new()]).chain(lines).collect()
    }

    /// A key in a room of so many columns and rows; false: the key closes the results.
    pub(super) fn key(&mut self, key: Key, (width, page): (usize, usize)) -> bool {
        let ends = key.code == Code::Esc || key.is_ctrl('c') || key == Key::plain(Code::Char('q'));
        if self.whole.is_some() {
            let rows = self.whole_rows(width).len();
            match &mut self.whole {
                Some(whole) if !ends && key.code != Code::Enter => {
                    whole.key(key, rows, page);
                }
                _ => self.whole = None,
            }
            return true;
        }
        if ends {
            return false;
        }
        let last = self.groups.len().saturating_sub(1);
        match key.code {
            Code::Enter => self.whole = Some(Reading::default()),
            Code::Down | Code::Char('j') => self.choose((self.at + 1).min(last), (width, page)),
            Code::Up | Code::Char('k') => self.choose(self.at.saturating_sub(1), (width, page)),
            _ => {
                let rows = self.rows(width);
                let (count, firsts) = (rows.len(), firsts(&rows));
                self.scroll.key(key, count, page);
                // The chosen group is the first of those on the screen.
                let top = self.scroll.top;
                self.at = firsts.iter().position(|first| *first >= top).unwrap_or(last);
            }
        }
        true
    }

    fn choose(&mut self, at: usize, (width, page): (usize, usize)) {
        self.at = at;
        let rows = self.rows(width);
        let first = rows.iter().position(|(group, _)| *group == at).unwrap_or(0);
        let end = rows.iter().rposition(|(group, _)| *group == at).map_or(0, |last| last + 1);
        let top = self.scroll.top.max(end.saturating_sub(page)).min(first);
        self.scroll.top = top;
    }

    pub(super) fn click(&mut self, group: usize) {
        if group == self.at {
            self.whole = Some(Reading::default());
        } else if group < self.groups.len() {
            self.at = group;
        }
    }

    pub(super) fn wheel(&mut self, by: i32, (width, page): (usize, usize)) {
        let rows = match self.whole {
            Some(_) => self.whole_rows(width).len(),
            None => self.rows(width).len(),
        };
        self.whole.as_mut().unwrap_or(&mut self.scroll).wheel(by, rows, page);
    }
}

/// Columns of the label of a group, with the gap behind it.
pub(super) const LABEL: usize = 20;

/// The first row of each group.
fn firsts(rows: &[(usize, ResultRow<'_>)]) -> Vec<usize> {
    let heads = rows.iter().enumerate();
    heads.filter(|(_, (_, row))| matches!(row, ResultRow::Head { .. })).map(|(y, _)| y).collect()
}

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
