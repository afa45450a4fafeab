//! Strip of tabs: the first row while several servers are open.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::State;
use crate::app::connection::ConnectionState;
use crate::app::console::shutdown_banner::BannerPhase;
use crate::app::tabs::Tab;
use crate::input::actions::Id;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::row::Row;

/// How much of a name is shown: the first of these with which all tabs fit.
const NAMES: [usize; 6] = [32, 20, 12, 8, 5, 3];

/// The sign of a tab's state, what stands beside it, and how both are drawn.
struct Sign {
    sign: &'static str,
    countdown: String,
    style: Style,
}

impl Sign {
    fn of(tab: &Tab, now: u64, theme: &Theme) -> Self {
        let plain = |sign, style| Self { sign, countdown: String::new(), style };
        match &tab.link {
            ConnectionState::Idle => plain("", theme.untried),
            ConnectionState::Dialling(_) => plain("…", theme.due),
            ConnectionState::Lost(_) => plain("✗", theme.lost),
            ConnectionState::Connected { .. } => {
                match tab.console().and_then(|console| console.banner.as_ref()) {
                    Some(banner) => {
                        let style = if banner.is_soon(now) { theme.bad } else { theme.due };
                        let countdown = match banner.phase {
                            BannerPhase::Due { at } => times::countdown(at.saturating_sub(now)),
                            BannerPhase::Now => String::new(),
                        };
                        Self { sign: "▲", countdown, style }
                    }
                    None => plain("●", theme.reachable),
                }
            }
        }
    }
}

/// One tab in the strip.
struct Label {
    /// Its number, with as much of its name as there is room for.
    title: String,
    /// Whether the title has a name.
    named: bool,
    sign: Sign,
    unread: bool,
    active: bool,
}

impl Label {
    fn parts(&self, theme: &Theme) -> Vec<(String, Style)> {
        let base = if self.active { theme.active_tab } else { theme.tab };
        let own = |style| if self.active { base } else { style };
        let Sign { sign, countdown, style } = &self.sign;
        // A number alone has its sign right beside it.
        let gap = if self.named { " " } else { "" };
        let mut parts = vec![(format!(" {}", self.title), base)];
        let mut add = |text: &str, style| {
            if !text.is_empty() {
                parts.push((format!("{gap}{text}"), own(style)));
            }
        };
        add(sign, *style);
        add(countdown, *style);
        add(if self.unread { "↓" } else { "" }, theme.unread);
        parts.push((gap.to_owned(), base));
        parts
    }

    fn width(&self, theme: &Theme) -> usize {
        self.parts(theme).iter().map(|(text, _)| fit::width(text)).sum()
    }
}

/// The labels of all tabs. Where there is little room, names are cut; where there is less, only the active tab has one, and
/// only it has a countdown.
fn labels(state: &State) -> Vec<Label> {
    let room = usize::from(state.terminal.width);
    let fits = |labels: &Vec<Label>| {
        labels.iter().map(|label| label.width(&state.theme)).sum::<usize>() <= room
    };
    let all = NAMES.into_iter().map(|most| with_names(state, most, most));
    let active_only = NAMES.into_iter().map(|most| with_names(state, most, 0));
    all.chain(active_only).find(fits).unwrap_or_else(|| with_names(state, 0, 0))
}

/// Labels with names cut to a width: that of the active tab, and that of the others.
fn with_names(state: &State, active_name: usize, other_name: usize) -> Vec<Label> {
    let label = |(place, tab): (usize, &Tab)| {
        let active = place == state.tabs.current();
        let most = if active { active_name } else { other_name };
        let (number, named) = (place + 1, most > 0);
        let title = match named {
            true => format!("{number} {}", fit::cut(&state.title_of(tab), most)),
            false => number.to_string(),
        };
        let mut sign = Sign::of(tab, state.clock.mono, &state.theme);
        if !named {
            sign.countdown.clear();
        }
        Label { title, named, sign, unread: tab.unread, active }
    };
    state.tabs.iter().enumerate().map(label).collect()
}

/// The tab in this column.
pub(super) fn tab_at(state: &State, x: u16) -> Option<usize> {
    let mut right = 0;
    let mut columns = labels(state).into_iter().map(|label| {
        let left = right;
        right += label.width(&state.theme);
        left..right
    });
    columns.position(|column: Range<usize>| column.contains(&usize::from(x)))
}

pub(super) fn draw(state: &State, place: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let mut row = Row::new(buffer, place);
    for (text, style) in labels(state).iter().flat_map(|label| label.parts(theme)) {
        row.left(&text, style);
    }
    let select = state.keys.of(Id::SelectTab);
    let keys = select.range().into_iter().chain([state.keys.word(Id::NewTab)]);
    let hint = keys.collect::<Vec<_>>().join(" · ");
    if row.room() > fit::width(&hint) + 4 {
        row.skip_right(1).right(&hint, theme.dim);
    }
}
