//! Notices of a session, newest first.

use ratatui::layout::Position;

use crate::app::view::{Outcome, View, close, stay};
use crate::app::{Effect, State};
use crate::input::key::Key;
use crate::text::{fit, times};
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::reading::Reading;

#[derive(Debug, Default)]
pub(crate) struct NoticesView(Reading);

/// Columns before the words: a sign, and the time or `11-24 09:14`.
const BEFORE: u16 = 14;

/// One row of the list.
struct NoticeLine {
    /// Where a notice begins: when, and whether it warns.
    begins: Option<(String, bool)>,
    text: String,
}

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.open(NoticesView::default());
    Vec::new()
}

impl View for NoticesView {
    fn leaves_colon(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        "Notices of this session".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let stays = self.0.key(key, rows(state).len(), page(state.size));
        if stays { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        self.0.wheel(by, rows(state).len(), page(state.size));
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let head = (&*self.title(state), canvas.room().width);
        self.0.draw(head, &rows(state), 1, canvas, |line, row, theme| {
            match &line.begins {
                Some((at, warns)) => {
                    let (sign, style) =
                        if *warns { ("▲ ", theme.warn) } else { ("· ", theme.dim) };
                    row.left(sign, style).column(at, usize::from(BEFORE) - 3, theme.dim).skip(1);
                }
                None => {
                    row.skip(BEFORE);
                }
            }
            row.left(&line.text, theme.plain);
        });
        None
    }
}

/// All rows; a text that is too long for one continues in the next.
fn rows(state: &State) -> Vec<NoticeLine> {
    let Some(console) = state.console() else { return Vec::new() };
    let room = usize::from(text_width(state.size).saturating_sub(BEFORE));
    let mut rows = Vec::new();
    for notice in console.notices.newest() {
        let at = times::stamp(notice.at, state.clock.wall, &state.zone);
        let mut begins = Some((at, notice.warns));
        for text in fit::wrap(&notice.text, room) {
            rows.push(NoticeLine { begins: begins.take(), text });
        }
    }
    let dropped = console.notices.dropped();
    if dropped > 0 {
        let text = format!("{dropped} older ones are not kept any more");
        rows.push(NoticeLine { begins: None, text });
    }
    rows
}
