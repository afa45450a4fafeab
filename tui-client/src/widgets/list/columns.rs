//! Columns of a list: their heads, and the cells of a row in them.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::fit;
use crate::widgets::row::Row;

/// Columns between two columns of a list.
const GAP: u16 = 2;
/// What a column without a width of its own needs, before others are left out for it.
const LEAST_REST: u16 = 8;

/// A column of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    head: &'static str,
    /// None: it takes what the others leave.
    width: Option<u16>,
    right: bool,
    /// It is left out of a list with less room than this.
    from: u16,
}

impl Column {
    pub(crate) const fn new(head: &'static str, width: u16) -> Self {
        Self { head, width: Some(width), right: false, from: 0 }
    }

    /// The column that takes what the others leave.
    pub(crate) const fn rest(head: &'static str) -> Self {
        Self { head, width: None, right: false, from: 0 }
    }

    /// Its cells stand at its right end.
    pub(crate) const fn right(self) -> Self {
        Self { right: true, ..self }
    }

    /// Shows the column only in a list of at least this width.
    pub(crate) const fn from(self, room: u16) -> Self {
        Self { from: room, ..self }
    }
}

/// The text of a row in one column, in parts with a style each.
pub(crate) type Cell = Vec<(Cow<'static, str>, Style)>;

pub(crate) fn cell(text: impl Into<Cow<'static, str>>, style: Style) -> Cell {
    vec![(text.into(), style)]
}

/// A line of a row.
#[derive(Debug)]
pub(crate) enum Line {
    /// A cell for each column, also for those that are left out.
    Cells(Vec<Cell>),
    /// One text over all columns.
    Over(Cell),
}

/// Where the columns stand in a list.
pub(super) struct ColumnPlaces<'c> {
    columns: &'c [Column],
    /// From the left end of the list, and how wide; none: left out.
    places: Vec<Option<(u16, u16)>>,
}

impl<'c> ColumnPlaces<'c> {
    pub(super) fn new(columns: &'c [Column], room: u16) -> Self {
        let mut shown: Vec<bool> = columns.iter().map(|column| column.from <= room).collect();
        let fixed = |shown: &[bool]| -> u16 {
            let columns = columns.iter().zip(shown).filter(|(_, shown)| **shown);
            columns.map(|(column, _)| column.width.map_or(0, |width| width + GAP)).sum()
        };
        // The last ones go where the rest would have no room.
        while fixed(&shown) + LEAST_REST > room {
            let last =
                columns.iter().zip(&shown).rposition(|(c, shown)| *shown && c.width.is_some());
            let Some(last) = last.filter(|last| *last > 0) else { break };
            shown[last] = false;
        }
        let rest = room.saturating_sub(fixed(&shown));
        let mut x = 0;
        let places = columns.iter().zip(&shown).map(|(column, shown)| {
            let width = column.width.unwrap_or(rest).min(room.saturating_sub(x));
            let place = shown.then_some((x, width));
            x += if *shown { width + GAP } else { 0 };
            place
        });
        Self { columns, places: places.collect() }
    }

    pub(super) fn draw_heads(&self, place: Rect, buffer: &mut Buffer, style: Style) {
        let heads = self.columns.iter().map(|column| cell(column.head, style)).collect();
        self.draw(&Line::Cells(heads), place, buffer);
    }

    pub(super) fn draw(&self, line: &Line, place: Rect, buffer: &mut Buffer) {
        let cells = match line {
            Line::Cells(cells) => cells,
            Line::Over(text) => return draw_cell(text, false, place, buffer),
        };
        for ((column, at), cell) in self.columns.iter().zip(&self.places).zip(cells) {
            let Some((x, width)) = *at else { continue };
            let place = Rect { x: place.x + x, width, ..place };
            draw_cell(cell, column.right, place, buffer);
        }
    }
}

fn draw_cell(cell: &Cell, right: bool, place: Rect, buffer: &mut Buffer) {
    let mut row = Row::new(buffer, place);
    if right {
        let width: u16 = cell.iter().map(|(text, _)| fit::columns(text)).sum();
        row.skip(place.width.saturating_sub(width));
    }
    for (text, style) in cell {
        let fits = fit::width(text) <= row.room();
        row.left(text, *style);
        if !fits {
            // The text ends with a sign that it is cut.
            return;
        }
    }
}
