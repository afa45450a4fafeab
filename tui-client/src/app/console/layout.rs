//! Layout of the console, for drawing and for scrolling. It depends on the terminal's size, the rows below the output,
//! and the side panes that the user chose.
//!
//! **Invariant:** a side pane opens only where a line of output keeps [`OUTPUT`] columns beside it.

use ratatui::layout::Rect;

use crate::app::Size;
use crate::config::PaneChoice;

/// Least columns of a line of output beside a side pane.
const OUTPUT: u16 = 80;
/// From this width the menu is shown unless the user hid it.
const MENU_FROM: u16 = 140;
/// Least and most columns of the menu and of the client list.
const MENU: (u16, u16) = (26, 34);
const CLIENTS: (u16, u16) = (24, 30);
/// Columns left of a line of output: the edge of its block, a sign for standard error, and a mark where the line
/// continues to the left.
pub(crate) const INDENT: u16 = 3;
/// Columns right of a line of output: a mark where it continues.
const RIGHT: u16 = 1;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsoleLayout {
    pub(crate) title: Rect,
    pub(crate) top_rule: Rect,
    pub(crate) menu: Option<Rect>,
    pub(crate) pane: Rect,
    pub(crate) clients: Option<Rect>,
    pub(crate) bottom_rule: Rect,
    /// The message: the row of the line below the output, and more rows below it where the message is long.
    pub(crate) message: Rect,
    /// The input; without rows once the session has ended.
    pub(crate) input: Rect,
    /// The bar of a shutdown that is due, or how the session ended.
    pub(crate) bar: Rect,
    pub(crate) hints: Rect,
}

/// The rows between the output and the key hints.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowsBelow {
    pub(crate) message: u16,
    pub(crate) bar: u16,
    /// Whether the session has ended, so that the bar takes the place of the input.
    pub(crate) has_ended: bool,
}

impl ConsoleLayout {
    pub(crate) fn new(size: Size, below: RowsBelow, choice: PaneChoice) -> Self {
        let Size { width, height } = size;
        let row = |y: u16, rows: u16| Rect::new(0, y, width, rows);
        let hints = row(height.saturating_sub(1), 1);
        let input_rows = u16::from(!below.has_ended || below.bar == 0);
        // The output keeps three rows.
        let most = height.saturating_sub(7 + input_rows);
        let bar_rows = below.bar.min(most);
        let bar = row(hints.y.saturating_sub(bar_rows), bar_rows);
        let input = row(bar.y.saturating_sub(input_rows), input_rows);
        // The first row of a message takes the place of the line, so that the output does not move.
        let message_rows = below.message.min(most - bar_rows + 1);
        let bottom_rule = row(input.y.saturating_sub(message_rows.max(1)), 1);
        let message = row(bottom_rule.y, message_rows);
        // A zoomed pane takes the rows of the title and of the line below it.
        let head = u16::from(!choice.zoomed);
        let body = (2 * head, bottom_rule.y.saturating_sub(2 * head));

        let (menu_width, clients_width) = side_panes(width, choice);
        let column = |x: u16, width: u16| (width > 0).then(|| Rect::new(x, body.0, width, body.1));
        // A menu and a list each have a line between them and the pane.
        let pane_x = if menu_width > 0 { menu_width + 1 } else { 0 };
        let pane_end = if clients_width > 0 { width - clients_width - 1 } else { width };
        Self {
            title: row(0, head),
            top_rule: row(head, head),
            menu: column(0, menu_width),
            pane: Rect::new(pane_x, body.0, pane_end.saturating_sub(pane_x), body.1),
            clients: column(pane_end + 1, clients_width),
            bottom_rule,
            message,
            input,
            bar,
            hints,
        }
    }

    pub(crate) fn text_width(&self) -> u16 {
        self.pane.width.saturating_sub(INDENT + RIGHT)
    }
}

/// The widths of the menu and of the client list; 0 where it is not shown.
fn side_panes(width: u16, choice: PaneChoice) -> (u16, u16) {
    if choice.zoomed {
        return (0, 0);
    }
    let mut spare = width.saturating_sub(OUTPUT + INDENT + RIGHT);
    let mut least = |wanted: bool, columns: u16| {
        let fits = wanted && spare > columns;
        spare -= if fits { columns + 1 } else { 0 };
        if fits { columns } else { 0 }
    };
    let mut clients = least(choice.clients.unwrap_or(true), CLIENTS.0);
    let mut menu = least(choice.menu.unwrap_or(width >= MENU_FROM), MENU.0);
    for (columns, most) in [(&mut menu, MENU.1), (&mut clients, CLIENTS.1)] {
        if *columns > 0 {
            let more = spare.min(most - *columns);
            *columns += more;
            spare -= more;
        }
    }
    (menu, clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: u16, height: u16, choice: PaneChoice) -> ConsoleLayout {
        ConsoleLayout::new(Size { width, height }, RowsBelow::default(), choice)
    }

    /// The side panes at a width: the menu, the clients.
    fn shown(width: u16, choice: PaneChoice) -> (bool, bool) {
        let layout = layout(width, 24, choice);
        (layout.menu.is_some(), layout.clients.is_some())
    }

    #[test]
    fn a_side_pane_opens_only_beside_80_columns_of_output() {
        for width in 40..400 {
            for (menu, clients) in [(None, None), (Some(true), None), (Some(true), Some(true))] {
                let layout = layout(width, 24, PaneChoice { menu, clients, ..Default::default() });
                let open = layout.menu.is_some() || layout.clients.is_some();
                assert!(!open || layout.text_width() >= 80, "{width}: {}", layout.text_width());
                let sides = [layout.menu, layout.clients].into_iter().flatten();
                let all = layout.pane.width + sides.map(|side| side.width + 1).sum::<u16>();
                assert_eq!(all, width);
            }
        }
    }

    #[test]
    fn the_menu_opens_from_140_columns_and_earlier_only_if_it_was_chosen() {
        let default = PaneChoice::default();
        assert_eq!(shown(108, default), (false, false));
        assert_eq!(shown(109, default), (false, true));
        assert_eq!(shown(139, default), (false, true));
        assert_eq!(shown(140, default), (true, true));
        let menu = PaneChoice { menu: Some(true), clients: Some(false), ..default };
        assert_eq!(shown(120, menu), (true, false));
        assert_eq!(shown(110, menu), (false, false));
    }

    #[test]
    fn a_zoomed_pane_has_all_rows_but_those_of_the_input() {
        let zoomed = layout(160, 50, PaneChoice { zoomed: true, ..Default::default() });
        assert_eq!(zoomed.pane, Rect::new(0, 0, 160, 47));
        assert!(zoomed.menu.is_none() && zoomed.clients.is_none());
        assert_eq!((zoomed.title.height, zoomed.top_rule.height), (0, 0));
    }

    #[test]
    fn rows_add_up_at_every_size_that_is_drawn() {
        for height in 10..60 {
            for (message, bar, has_ended) in (0..27).map(|n| (n % 4, n / 4 % 3, n > 12)) {
                let below = RowsBelow { message, bar, has_ended };
                let choice = PaneChoice { zoomed: height % 2 > 0, ..Default::default() };
                let l = ConsoleLayout::new(Size { width: 60, height }, below, choice);
                assert_eq!(l.pane.y + l.pane.height, l.bottom_rule.y);
                assert!(l.pane.height >= 3, "{height} rows, {below:?}");
                assert_eq!(l.bottom_rule.y + l.message.height.max(1), l.input.y);
                assert_eq!(l.input.bottom(), l.bar.y);
                assert_eq!(l.bar.bottom(), l.hints.y);
                assert_eq!(l.hints.y, height - 1);
                assert!(bar == 0 || l.bar.height > 0, "{below:?}");
            }
        }
    }
}
