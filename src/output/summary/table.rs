//! A table that fits: long addresses get a line of their own, wide columns are cut, then the least important columns are
//! left out.

use super::page::{Page, Paint};
use super::text::{fit, safe, width};
use std::io;

/// Spaces between columns, and before the first.
const GAP: usize = 2;
/// Where room is short, a longer text in the first column gets a line of its own: a full IPv6 address has 39 characters
/// and may not be cut.
const LEAD_MAX: usize = 18;

/// One column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its head.
    pub title: &'static str,
    /// Whether numbers stand in it.
    pub right: bool,
    /// Down to how many columns it may be cut; `None` where a cut would make it worthless, as with addresses.
    pub cut_to: Option<usize>,
    /// The column with the highest number goes first when the table is too wide; 0 never goes.
    pub leaves: u8,
}

/// One field.
pub(super) type Cell = (String, Paint);

/// Writes the table. Every row has a cell for each column.
pub(super) fn write_table(page: &mut Page<'_>, columns: &[Column], rows: &[Vec<Cell>]) -> io::Result<()> {
    let heads = columns.iter().map(|column| (column.title.to_owned(), Paint::Dim)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(heads)
        .chain(rows.iter().map(|row| row.iter().map(|(text, paint)| (safe(text), *paint)).collect()))
        .collect();
    let mut natural: Vec<usize> = (0..columns.len()).map(|i| widest(&rows, i, usize::MAX)).collect();
    if natural.iter().map(|w| w + GAP).sum::<usize>() > page.layout.width
        && let Some(first) = natural.first_mut()
    {
        *first = widest(&rows, 0, LEAD_MAX);
    }
    let widths = fitted(columns, &natural, page.layout.width);
    for row in &rows {
        write_row(page, columns, &widths, row)?;
    }
    Ok(())
}

/// The widest text of a column among those of at most `limit`.
fn widest(rows: &[Vec<Cell>], column: usize, limit: usize) -> usize {
    let texts = rows.iter().filter_map(|row| row.get(column));
    texts.map(|(text, _)| width(text)).filter(|&width| width <= limit).max().unwrap_or(0)
}

fn write_row(
    page: &mut Page<'_>,
    columns: &[Column],
    widths: &[Option<usize>],
    row: &[Cell],
) -> io::Result<()> {
    // Spaces are owed until a text follows, so that no line ends in them.
    let mut owed = 0;
    for (i, ((column, column_width), (text, paint))) in columns.iter().zip(widths).zip(row).enumerate() {
        let Some(column_width) = *column_width else { continue };
        if i == 0 && width(text) > column_width {
            page.piece(&" ".repeat(GAP), Paint::Plain)?;
            page.piece(&fit(text, page.layout.width.saturating_sub(GAP)), *paint)?;
            page.blank()?;
            owed = GAP + column_width;
            continue;
        }
        let text = fit(text, column_width);
        let padding = column_width.saturating_sub(width(&text));
        let (before, after) = if column.right { (padding, 0) } else { (0, padding) };
        owed += GAP + before;
        if !text.is_empty() {
            page.piece(&" ".repeat(std::mem::take(&mut owed)), Paint::Plain)?;
            page.piece(&text, *paint)?;
        }
        owed += after;
    }
    page.blank()
}

/// The width of every column, `None` for those left out.
fn fitted(columns: &[Column], natural: &[usize], room: usize) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    loop {
        let taken: usize = widths.iter().flatten().map(|w| w + GAP).sum();
        let slack = |(column, width): (&Column, &Option<usize>)| match (column.cut_to, width) {
            (Some(least), Some(width)) => width.saturating_sub(least),
            _ => 0,
        };
        let excess = taken.saturating_sub(room);
        let leaver = columns
            .iter()
            .zip(&widths)
            .enumerate()
            .filter(|(_, (column, width))| column.leaves > 0 && width.is_some())
            .max_by_key(|(_, (column, _))| column.leaves)
            .map(|(i, _)| i);
        if excess > columns.iter().zip(&widths).map(slack).sum()
            && let Some(width) = leaver.and_then(|i| widths.get_mut(i))
        {
            *width = None;
            continue;
        }
        for _ in 0..excess {
            // One column at a time from whichever has most to spare.
            let widest = columns.iter().zip(&mut widths).max_by_key(|(column, width)| slack((column, width)));
            match widest {
                Some((column, Some(width))) if column.cut_to.is_some_and(|least| *width > least) => {
                    *width -= 1
                }
                _ => break,
            }
        }
        return widths;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn column(cut_to: Option<usize>, leaves: u8) -> Column {
        Column { title: "", right: false, cut_to, leaves }
    }

    #[test]
    fn wide_columns_are_cut_before_any_leaves() {
        let columns = [column(None, 0), column(Some(5), 0), column(None, 1)];
        assert_eq!(fitted(&columns, &[10, 20, 8], 60), [Some(10), Some(20), Some(8)]);
        assert_eq!(fitted(&columns, &[10, 20, 8], 40), [Some(10), Some(16), Some(8)]);
        assert_eq!(fitted(&columns, &[10, 20, 8], 28), [Some(10), Some(14), None]);
        assert_eq!(fitted(&columns, &[10, 20, 8], 10), [Some(10), Some(5), None]);
    }

    #[test]
    fn the_widest_gives_first() {
        let columns = [column(Some(2), 0), column(Some(2), 0)];
        assert_eq!(fitted(&columns, &[4, 20], 20), [Some(4), Some(12)]);
    }
}
