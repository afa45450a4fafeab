//! Finds out whether rows of the next frame are on the screen already, higher or lower: moving them takes a few bytes, and
//! writing them again takes thousands.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use ratatui::buffer::{Buffer, Cell};

/// Changed cells from which a move is looked for.
const WORTH_LOOKING: usize = 48;
/// Cells that a move must save: its own sequence takes about half of that.
const WORTH_MOVING: i32 = 32;
/// The largest screen on which a move is looked for: the time grows with the square of its rows.
const MAX_CELLS: usize = 32 * 1024;

/// Rows of the screen that move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scroll {
    pub(super) rows: Range<usize>,
    /// Rows to scroll up; negative: down.
    pub(super) up: i32,
}

/// The move that saves the most cells; none where none saves enough.
pub(super) fn find(shown: &Buffer, next: &Buffer) -> Option<Scroll> {
    let width = usize::from(next.area.width).max(1);
    let changed = shown.content.iter().zip(&next.content).filter(|(one, two)| one != two).count();
    if changed < WORTH_LOOKING || next.content.len() > MAX_CELLS {
        return None;
    }
    let (shown, next) = (hashes(&shown.content), hashes(&next.content));
    let shown: Vec<&[u32]> = shown.chunks(width).collect();
    let next: Vec<&[u32]> = next.chunks(width).collect();
    let blank = vec![hash(&Cell::EMPTY); width];
    let differ = |one: &[u32], two: &[u32]| {
        i32::try_from(one.iter().zip(two).filter(|(one, two)| one != two).count()).unwrap_or(0)
    };
    let height = next.len();
    // What each row takes as it is, and what it saves where it becomes blank first.
    let now: Vec<i32> = (0..height).map(|y| differ(shown[y], next[y])).collect();
    let freed: Vec<i32> = (0..height).map(|y| now[y] - differ(&blank, next[y])).collect();
    let mut best = (WORTH_MOVING, None);
    for by in 1..height {
        // Upwards, row `y` of the next frame is row `y + by` of the screen, and the last rows become free.
        let saved = |y: usize| now[y] - differ(shown[y + by], next[y]);
        if let Some((gain, top, end)) =
            best_rows(height - by, saved, |end| sum(&freed[end..end + by]))
            && gain > best.0
        {
            best = (gain, Some(Scroll { rows: top..end + by, up: i32::try_from(by).unwrap_or(0) }));
        }
        // Downwards, row `y + by` of the next frame is row `y` of the screen, and the first rows become free.
        let saved = |y: usize| {
            let y = height - by - 1 - y;
            now[y + by] - differ(shown[y], next[y + by])
        };
        let at = |end: usize| height - by - end;
        if let Some((gain, top, end)) =
            best_rows(height - by, saved, |end| sum(&freed[at(end)..at(end) + by]))
            && gain > best.0
        {
            let rows = at(end)..height - top;
            best = (gain, Some(Scroll { rows, up: -i32::try_from(by).unwrap_or(0) }));
        }
    }
    best.1
}

/// The rows next to each other that save the most, together with what is freed behind their end.
fn best_rows(
    count: usize,
    saved: impl Fn(usize) -> i32,
    freed: impl Fn(usize) -> i32,
) -> Option<(i32, usize, usize)> {
    let (mut top, mut sum, mut best) = (0, 0, None::<(i32, usize, usize)>);
    for y in 0..count {
        if sum <= 0 {
            (top, sum) = (y, 0);
        }
        sum += saved(y);
        let gain = sum + freed(y + 1);
        if best.is_none_or(|(most, ..)| gain > most) {
            best = Some((gain, top, y + 1));
        }
    }
    best
}

fn sum(values: &[i32]) -> i32 {
    values.iter().sum()
}

fn hashes(cells: &[Cell]) -> Vec<u32> {
    cells.iter().map(hash).collect()
}

/// Two cells that look alike have the same; that others have it too only makes a move less good.
fn hash(cell: &Cell) -> u32 {
    if *cell == Cell::EMPTY {
        return 0;
    }
    let mut state = DefaultHasher::new();
    (cell.symbol(), cell.fg, cell.bg, cell.modifier).hash(&mut state);
    state.finish() as u32
}
