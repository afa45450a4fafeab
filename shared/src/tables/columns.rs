//! Text in aligned columns.

use std::fmt::Write as _;

/// A longer cell moves the rest of its own row only.
const WIDEST: usize = 80;

/// Rows with aligned columns below their headings.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let headings = headings.map(str::to_owned);
    columns(&std::iter::once(headings).chain(rows).collect::<Vec<_>>())
}

/// Rows with aligned columns, two spaces between; the last column is as long as it is.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            let needed = cell.chars().count();
            if needed <= WIDEST {
                *width = (*width).max(needed);
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let written = if index + 1 == N {
                write!(line, "{cell}")
            } else {
                write!(line, "{cell:width$}  ")
            };
            debug_assert!(written.is_ok());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_end_in_spaces() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(columns(&[row("a", "b"), row("äöü", "")]), "a    b\näöü\n");
    }

    #[test]
    fn a_very_long_cell_does_not_move_the_other_rows() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let long = "l".repeat(WIDEST + 1);
        assert_eq!(columns(&[row("a", "b"), row(&long, "c")]), format!("a  b\n{long}  c\n"));
    }
}
