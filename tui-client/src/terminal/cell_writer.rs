//! Cells as bytes for the terminal. The position of the cursor and the style are tracked across frames, so that only what
//! differs from them is written: a slow line needs a moment for each byte.

use ratatui::buffer::{Cell, CellWidth};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};

/// Rows up to which lines are moved up by line feeds.
const MOST_LINE_FEEDS: usize = 8;
/// Blanks from which a sequence erases them.
const MANY_BLANKS: usize = 14;
/// Columns up to which unchanged cells are written again in place of a move of the cursor.
const SHORT_GAP: u16 = 3;

/// Colours and attributes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Pen {
    const DEFAULT: Self = Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }
}

/// Writes into memory; what is in `bytes` has yet to be sent.
#[derive(Debug, Default)]
pub(super) struct CellWriter {
    pub(super) bytes: Vec<u8>,
    /// Where the cursor is; none where that depends on the terminal.
    at: Option<Position>,
    /// The style of the next character; none where it is unknown.
    pen: Option<Pen>,
    /// Whether the cursor is visible; none where it is unknown.
    visible: Option<bool>,
    /// The first row that scrolls, and the row behind the last; none where all rows do.
    region: Option<(u16, u16)>,
}

impl CellWriter {
    /// Forgets what the terminal was set to: another program may have changed it.
    pub(super) fn forget(&mut self) {
        (self.at, self.pen, self.visible) = (None, None, None);
    }

    /// Erases the screen.
    pub(super) fn erase(&mut self) {
        self.set_pen(Pen::DEFAULT);
        self.put("\x1b[r\x1b[2J");
        (self.region, self.at) = (None, None);
    }

    /// Erases the row from the cursor on.
    pub(super) fn erase_row(&mut self) {
        self.blank_pen();
        self.put("\x1b[K");
    }

    /// Shows the cursor at a position, or hides it.
    pub(super) fn cursor(&mut self, cursor: Option<Position>) {
        if let Some(at) = cursor {
            self.move_to(at);
        }
        if self.visible != Some(cursor.is_some()) {
            self.visible = Some(cursor.is_some());
            self.put(if cursor.is_some() { "\x1b[?25h" } else { "\x1b[?25l" });
        }
    }

    pub(super) fn move_to(&mut self, to: Position) {
        if self.at == Some(to) {
            return;
        }
        let ahead = self.at.filter(|at| at.y == to.y && at.x < to.x).map(|at| to.x - at.x);
        match ahead {
            Some(1) => self.put("\x1b[C"),
            Some(columns) => self.put(&format!("\x1b[{columns}C")),
            None if to.x == 0 => self.put(&format!("\x1b[{}H", to.y + 1)),
            None => self.put(&format!("\x1b[{};{}H", to.y + 1, to.x + 1)),
        }
        self.at = Some(to);
    }

    /// Writes those cells of a row that differ from what is shown. All of them have one column.
    pub(super) fn changed_cells(&mut self, y: u16, before: &[Cell], now: &[Cell]) {
        let is_blank = |cell: &Cell| *cell == Cell::EMPTY;
        // The end of the row, where it becomes blank, is erased in one go.
        let text = now.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1);
        let vanishing = before[text..].iter().filter(|cell| !is_blank(cell)).count();
        let erased = if vanishing > 3 { text } else { now.len() };
        let mut cleared = 0;
        for (x, (old, new)) in (0..).zip(before.iter().zip(now)).take(erased) {
            if old == new || usize::from(x) < cleared {
                continue;
            }
            let blanks = now[usize::from(x)..].iter().take_while(|cell| is_blank(cell)).count();
            if blanks >= MANY_BLANKS {
                self.move_to(Position { x, y });
                self.blank_pen();
                self.put(&format!("\x1b[{blanks}X"));
                cleared = usize::from(x) + blanks;
                continue;
            }
            if let Some(at) = self.at.filter(|at| at.y == y && at.x < x && x - at.x <= SHORT_GAP) {
                let gap = &now[usize::from(at.x)..usize::from(x)];
                if gap.iter().all(|cell| self.can_write(cell)) {
                    gap.iter().for_each(|cell| self.put(cell.symbol()));
                    self.at = Some(Position { x, y });
                }
            }
            self.cell(x, y, new, now.len());
        }
        if erased < now.len() {
            let first = before[erased..].iter().position(|cell| !is_blank(cell)).unwrap_or(0);
            self.move_to(Position { x: u16::try_from(erased + first).unwrap_or(u16::MAX), y });
            self.erase_row();
        }
    }

    /// Writes a cell of known width at its place.
    pub(super) fn cell(&mut self, x: u16, y: u16, cell: &Cell, width: usize) {
        self.cell_as(x, y, cell, cell.symbol());
        let next = x + cell.cell_width().max(1);
        // Behind the last column the cursor stays in it or not, depending on the terminal.
        self.at = (usize::from(next) < width).then_some(Position { x: next, y });
    }

    /// Writes another symbol in place of the cell's, after which the cursor may be anywhere.
    pub(super) fn cell_as(&mut self, x: u16, y: u16, cell: &Cell, symbol: &str) {
        self.move_to(Position { x, y });
        if !self.can_write(cell) {
            self.set_pen(Pen::of(cell));
        }
        self.put(symbol);
        self.at = None;
    }

    /// Moves the rows from `top` to before `bottom` up, or down where `rows` is negative. The rows that become free are
    /// blank. The region stays set: output scrolls the same rows again and again.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, rows: i32) {
        self.blank_pen();
        if self.region != Some((top, bottom)) {
            self.put(&format!("\x1b[{};{bottom}r", top + 1));
            self.region = Some((top, bottom));
            // Setting a region moves the cursor.
            self.at = None;
        }
        if let Ok(line_feeds @ 1..=MOST_LINE_FEEDS) = usize::try_from(rows) {
            // The cursor is where the new lines are written then.
            self.move_to(Position { x: 0, y: bottom - 1 });
            self.put(&"\n".repeat(line_feeds));
        } else {
            // Lines that are deleted or inserted stay within the region.
            let last = if rows > 0 { 'M' } else { 'L' };
            self.move_to(Position { x: 0, y: top });
            self.put(&format!("\x1b[{}{last}", rows.unsigned_abs()));
        }
    }

    /// Sets a style that leaves no trace where the terminal erases: some erase with the current one.
    fn blank_pen(&mut self) {
        if !self.can_write(&Cell::EMPTY) {
            self.set_pen(Pen::DEFAULT);
        }
    }

    /// Whether a cell looks as it should in the current style. The colour of a blank is not seen.
    fn can_write(&self, cell: &Cell) -> bool {
        let wanted = Pen::of(cell);
        let Some(pen) = self.pen else { return false };
        let seen = Modifier::UNDERLINED | Modifier::REVERSED | Modifier::CROSSED_OUT;
        let is_bare = |pen: Pen| !pen.modifier.intersects(seen);
        pen == wanted
            || (cell.symbol() == " " && pen.bg == wanted.bg && is_bare(pen) && is_bare(wanted))
    }

    fn set_pen(&mut self, pen: Pen) {
        if self.pen == Some(pen) {
            return;
        }
        let mut anew = codes(Pen::DEFAULT, pen);
        if !anew.is_empty() {
            anew.insert_str(0, "0;");
        }
        let kept = self.pen.filter(|before| pen.modifier.contains(before.modifier));
        let changes = kept.map(|before| codes(before, pen));
        let shorter = changes.filter(|changes| changes.len() <= anew.len());
        self.put(&format!("\x1b[{}m", shorter.unwrap_or(anew)));
        self.pen = Some(pen);
    }

    fn put(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

/// The parameters of SGR that turn one style into another that has all its attributes.
fn codes(before: Pen, now: Pen) -> String {
    let attributes = [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::SLOW_BLINK, 5),
        (Modifier::RAPID_BLINK, 6),
        (Modifier::REVERSED, 7),
        (Modifier::HIDDEN, 8),
        (Modifier::CROSSED_OUT, 9),
    ];
    let added = now.modifier - before.modifier;
    let added = attributes.into_iter().filter(|(one, _)| added.contains(*one));
    let colours = [(before.fg, now.fg, 30), (before.bg, now.bg, 40)];
    let changed = colours.into_iter().filter(|(old, new, _)| old != new);
    let codes = added.map(|(_, code)| code.to_string());
    let codes = codes.chain(changed.map(|(_, new, base)| colour(new, base)));
    codes.collect::<Vec<_>>().join(";")
}

/// The parameters of a colour; `base`: 30 for characters, 40 for what is behind them.
fn colour(colour: Color, base: u8) -> String {
    let number = match colour {
        Color::Reset => return (base + 9).to_string(),
        Color::Rgb(red, green, blue) => return format!("{};2;{red};{green};{blue}", base + 8),
        Color::Indexed(number) => number,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    match number {
        0..=7 => (base + number).to_string(),
        8..=15 => (base + 60 + number - 8).to_string(),
        _ => format!("{};5;{number}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn written(cells: &[(u16, u16, &str, Style)]) -> String {
        let mut out = CellWriter::default();
        for (x, y, symbol, style) in cells {
            let mut cell = Cell::EMPTY;
            cell.set_symbol(symbol).set_style(*style);
            out.cell(*x, *y, &cell, 80);
        }
        String::from_utf8(out.bytes).unwrap()
    }

    #[test]
    fn a_style_is_written_where_it_changes_and_as_what_changes() {
        let (plain, red) = (Style::new(), Style::new().fg(Color::Red));
        let bold = red.add_modifier(Modifier::BOLD);
        let cells = [(0, 0, "a", plain), (1, 0, "b", red), (2, 0, "c", red), (3, 0, "d", bold)];
        assert_eq!(written(&cells), "\x1b[1H\x1b[ma\x1b[31mbc\x1b[1md");
        assert_eq!(
            written(&[(0, 0, "a", bold), (1, 0, "b", red)]),
            "\x1b[1H\x1b[0;1;31ma\x1b[0;31mb"
        );
        assert_eq!(
            written(&[(0, 0, "a", bold), (1, 0, "b", plain)]),
            "\x1b[1H\x1b[0;1;31ma\x1b[mb"
        );
    }

    #[test]
    fn a_colour_has_its_shortest_form() {
        assert_eq!(colour(Color::Indexed(1), 30), "31");
        assert_eq!(colour(Color::White, 40), "107");
        assert_eq!(colour(Color::Indexed(214), 30), "38;5;214");
        assert_eq!(colour(Color::Rgb(1, 2, 3), 40), "48;2;1;2;3");
        assert_eq!(colour(Color::Reset, 30), "39");
    }

    #[test]
    fn the_cursor_is_moved_by_the_shortest_sequence() {
        let plain = Style::new();
        let cells =
            [(4, 2, "a", plain), (5, 2, "b", plain), (9, 2, "c", plain), (0, 3, "d", plain)];
        assert_eq!(written(&cells), "\x1b[3;5H\x1b[mab\x1b[3Cc\x1b[4Hd");
    }
}
