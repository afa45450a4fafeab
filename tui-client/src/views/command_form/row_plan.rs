//! Division of a form's rows between its description, its fields, their notes, the line and the buttons.

use super::CommandForm;
use super::draw::{about, label_columns};
use crate::text::fit;

/// Most rows of a hint below all fields.
const MOST_HINT_ROWS: usize = 3;

/// How the rows are shared out; each step gives something up that the one before has.
pub(super) struct RowPlan {
    /// Rows of the sentence at the top, and the blank one below it.
    pub(super) head: Vec<String>,
    /// Rows of a field: 2 with what may stand there below it, 3 with a blank row after that.
    pub(super) step: u16,
    /// Rows below all fields that say the same of the one with the focus.
    pub(super) note: u16,
    /// Rows of the line that the form stands for, or of what the server says.
    pub(super) line: u16,
    /// Fields that are on the screen.
    pub(super) shown: u16,
}

impl RowPlan {
    /// The first step that fits `rows` rows; `line` is the number of rows of the line.
    pub(super) fn new(form: &CommandForm, line: u16, width: usize, rows: u16) -> Self {
        let count = u16::try_from(form.entries.len()).unwrap_or(u16::MAX);
        let mut head = Vec::new();
        if form.purpose.is_none() && !form.command.description.is_empty() {
            head = fit::wrap_rows(&form.command.description, width, 3);
            head.push(String::new());
        }
        let tall = u16::try_from(head.len()).unwrap_or(u16::MAX);
        let wide = Self { head, step: 3, note: 0, line, shown: count };
        let narrow = |head| Self { head, step: 2, note: 0, line, shown: count };
        if wide.rows() <= rows {
            return wide;
        }
        let full = narrow(Vec::new()).rows();
        // Below each field a hint has one row. One that is cut there is worth less than a whole one below all fields.
        let beside = width.saturating_sub(2 + label_columns(form, width));
        let hints: Vec<String> = form.fields().map(|(arg, entry)| about(arg, entry)).collect();
        let are_whole = hints.iter().all(|hint| fit::width(hint) <= beside);
        if are_whole && full.saturating_add(tall) <= rows {
            return narrow(wide.head);
        }
        if are_whole && full <= rows {
            return narrow(Vec::new());
        }
        // The hint has the rows that the longest one needs; two for a sentence about a mistake. Two fields stay on the screen. What
        // is left goes to a line that needs two rows.
        let least = line.min(1);
        let needed = hints.iter().map(|hint| fit::wrap_rows(hint, width, MOST_HINT_ROWS).len());
        let needed = u16::try_from(needed.max().unwrap_or(0)).unwrap_or(0).max(2);
        let note = needed.min(rows.saturating_sub(least + 1 + count.min(2))).max(1);
        let spare = rows.saturating_sub(count.saturating_add(note + 1 + least));
        let line = if spare > 0 { line } else { least };
        let shown = rows.saturating_sub(note + line + 1).min(count);
        Self { head: Vec::new(), step: 1, note, line, shown }
    }

    /// Rows of all parts.
    pub(super) fn rows(&self) -> u16 {
        let head = u16::try_from(self.head.len()).unwrap_or(0);
        let fields = self.shown.saturating_mul(self.step);
        fields.saturating_add(head + self.note + self.gap() + self.line + 1)
    }

    /// A blank row below the last field, where the fields have none of their own.
    pub(super) fn gap(&self) -> u16 {
        u16::from(self.step == 2 && self.shown > 0)
    }
}
