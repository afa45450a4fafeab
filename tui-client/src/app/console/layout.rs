//! Layout of the console, for drawing and for scrolling: a function of the terminal's size and of the rows below the
//! output.

use ratatui::layout::Rect;

use crate::app::Size;

/// Narrower than this the menu folds away.
const MENU_FROM: u16 = 100;
/// Narrower than this the client list hides.
const CLIENTS_FROM: u16 = 80;
/// From here on menu and list have room for more than names.
const WIDE_FROM: u16 = 140;
/// What stands left of a line of output: a margin, and a place for the sign of standard error.
pub(crate) const INDENT: u16 = 3;

/// The areas of the console.
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
    /// The bar of a scheduled shutdown, or how the session ended.
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
    pub(crate) fn new(size: Size, below: RowsBelow) -> Self {
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
        let body = (2, bottom_rule.y.saturating_sub(2));

        let wide = width >= WIDE_FROM;
        let menu_width = if width < MENU_FROM {
            0
        } else if wide {
            40
        } else {
            20
        };
        let clients_width = if width < CLIENTS_FROM {
            0
        } else if wide {
            34
        } else {
            24
        };
        let column = |x: u16, width: u16| (width > 0).then(|| Rect::new(x, body.0, width, body.1));
        // A menu and a list each have a line between them and the pane.
        let pane_x = if menu_width > 0 { menu_width + 1 } else { 0 };
        let pane_end = if clients_width > 0 { width - clients_width - 1 } else { width };
        Self {
            title: row(0, 1),
            top_rule: row(1, 1),
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

    /// Columns for a line of output.
    pub(crate) fn text_width(&self) -> u16 {
        self.pane.width.saturating_sub(INDENT + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: u16, height: u16) -> ConsoleLayout {
        ConsoleLayout::new(Size { width, height }, RowsBelow::default())
    }

    #[test]
    fn the_client_list_hides_last_and_the_menu_first() {
        assert!(layout(100, 24).menu.is_some() && layout(100, 24).clients.is_some());
        assert!(layout(99, 24).menu.is_none() && layout(99, 24).clients.is_some());
        assert!(layout(79, 24).menu.is_none() && layout(79, 24).clients.is_none());
    }

    #[test]
    fn rows_add_up_at_every_size_that_is_drawn() {
        for height in 10..60 {
            for (message, bar, has_ended) in (0..27).map(|n| (n % 4, n / 4 % 3, n > 12)) {
                let below = RowsBelow { message, bar, has_ended };
                let l = ConsoleLayout::new(Size { width: 60, height }, below);
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
