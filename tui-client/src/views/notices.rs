//! Notices of a session, newest first.

use ratatui::layout::Position;

use super::facts_view::FactsView;
use super::list_view::ListView;
use crate::app::console::notices::SessionNotice;
use crate::app::view::{Outcome, open, stay};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::text::{fit, times};
use crate::widgets::canvas::{Canvas, text_width};
use crate::widgets::list::{Column, Line, List, ListHints, Load, Table, cell, draw_note};

const COLUMNS: &[Column] = &[Column::new("WHEN", WHEN), Column::rest("NOTICE")];
/// Columns of the time.
const WHEN: u16 = 10;
/// Columns beside the text of a notice: the bar of the chosen one, its time, and its sign.
const BESIDE: u16 = 2 + WHEN + 2 + 2;

/// Rows are told apart by their number since the session began, from 1.
#[derive(Debug, Default)]
pub(crate) struct NoticesView(List<u64>);

pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    state.open(NoticesView::default());
    Vec::new()
}

impl NoticesView {
    /// The notices that pass the filter, each with its number.
    fn shown<'s>(&self, state: &'s State) -> Vec<(u64, &'s SessionNotice)> {
        let Some(console) = state.console() else { return Vec::new() };
        let notices = &console.notices;
        let numbered = (0..notices.count()).rev().map(|nth| nth + 1).zip(notices.newest());
        numbered.filter(|(_, notice)| self.0.passes(|| notice.text.clone())).collect()
    }
}

impl ListView for NoticesView {
    type Row = u64;

    fn title(&self, _state: &State) -> String {
        "Notices of this session".to_owned()
    }

    fn opened_by(&self) -> Option<Id> {
        Some(Id::Notices)
    }

    fn list(&self) -> &List<u64> {
        &self.0
    }

    fn list_mut(&mut self) -> &mut List<u64> {
        &mut self.0
    }

    fn rows(&self, state: &State) -> Vec<u64> {
        self.shown(state).into_iter().map(|(number, _)| number).collect()
    }

    fn enter(&mut self, state: &State) -> Outcome {
        let chosen = self.chosen(state);
        let shown = self.shown(state).into_iter().find(|(number, _)| Some(*number) == chosen);
        let Some((_, notice)) = shown else { return stay() };
        let when = times::full_since(notice.at, state.clock.wall, &state.zone);
        open(FactsView::new("Notice", vec![("when", when), ("notice", notice.text.clone())]))
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let times = self.shown(state).into_iter().map(|(_, notice)| notice.at);
        times::since_changes_in(times, state.clock.wall)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let console = state.console()?;
        let shown = self.shown(state);
        let room = usize::from(text_width(state.view_size()).saturating_sub(BESIDE));
        let height = |(_, notice): &(u64, &SessionNotice)| fit::wrap(&notice.text, room).len();
        let dropped = console.notices.dropped();
        let lines = shown.iter().map(height).sum::<usize>() + 3 + usize::from(dropped > 0);
        let most = canvas.room();
        let wanted = u16::try_from(lines).unwrap_or(u16::MAX).max(6).min(most.height);
        let inside = canvas.popup(&self.title(state), most.width, wanted);
        let table = Table {
            columns: COLUMNS,
            load: &Load::Done,
            empty: "There is none yet.",
            below: u16::from(dropped > 0),
            beside: 0,
            hints: ListHints { row: &["Enter details"], list: &[], more: false },
        };
        if dropped > 0 {
            let note = format!("{dropped} older ones are not kept any more");
            draw_note(&note, None, inside, canvas);
        }
        let rows: Vec<u64> = shown.iter().map(|(number, _)| *number).collect();
        let at = self.0.place(&rows);
        self.0.draw_rows(
            &table,
            (&shown, at, &height),
            inside,
            canvas,
            |(_, notice), chosen, theme| {
                let when = times::since(notice.at, state.clock.wall, &state.zone);
                let (sign, look) =
                    if notice.warns { ("▲ ", theme.warn) } else { ("· ", theme.dim) };
                let style = if chosen { theme.chosen() } else { theme.plain };
                let mut begins = Some((when, sign));
                let line = |text: String| {
                    let (when, sign) = begins.take().unwrap_or((String::new(), "  "));
                    let text = vec![(sign.into(), look), (text.into(), style)];
                    Line::Cells(vec![cell(when, theme.dim), text])
                };
                fit::wrap(&notice.text, room).into_iter().map(line).collect()
            },
        )
    }
}
