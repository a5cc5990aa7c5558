//! Reports as Markdown (CommonMark, with the tables of GitHub's dialect).
//!
//! Whatever came from the network can neither start markup nor a new line: what a reader would obey is spelled out, and
//! every character that Markdown gives a meaning stands behind a backslash.

use super::document::{Block, Cell, Document, Dump, Exposure, Form, Progress, Table};
use super::timeline::Timeline;
use crate::base::printable;
use crate::output::summary::text::{bytes, moment, percent, span};
use std::io::{self, Write};

/// Longest text in one place, in bytes.
const TEXT_MAX: usize = 2_048;
/// Rows of a timeline: it is folded to so many.
const TIMELINE_ROWS: usize = 24;
/// Letters of a bar.
const BAR: u64 = 20;

/// Writes a document.
///
/// # Errors
/// Those of the output.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}\n", text(&document.title))?;
    for (name, value) in &document.facts {
        writeln!(out, "- {}: {}", text(name), cell(value))?;
    }
    for section in &document.sections {
        let note =
            if section.note.is_empty() { String::new() } else { format!(" – {}", text(section.note)) };
        writeln!(out, "\n## {}{note}", text(section.title))?;
        section.blocks.iter().try_for_each(|b| block(b, out))?;
    }
    Ok(())
}

fn block(block: &Block, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    match block {
        Block::Banner { headline, points, .. } => {
            writeln!(out, "**{}**\n", text(headline))?;
            list(points, out)
        }
        Block::Tiles(tiles) => tiles.iter().try_for_each(|(name, value, note)| {
            let note = if note.is_empty() { String::new() } else { format!(" ({})", text(note)) };
            writeln!(out, "- {}: **{}**{note}", text(name), text(value))
        }),
        Block::Text(paragraph) => writeln!(out, "{}", text(paragraph)),
        Block::Heading(heading) => writeln!(out, "### {}", text(heading)),
        Block::List(points) => list(points, out),
        Block::Table(t) => table(t, out),
        Block::Timeline(t) => timeline(t, out),
        Block::Exposure(e) => exposure(e, out),
        Block::Progress(bars) => progress(bars, out),
        Block::Excerpt(dump) => excerpt(dump, out),
    }
}

fn list(points: &[String], out: &mut dyn Write) -> io::Result<()> {
    points.iter().try_for_each(|point| writeln!(out, "- {}", text(point)))
}

fn table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let titles: Vec<String> = table.columns.iter().map(|(title, _)| text(title)).collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    let rules: Vec<&str> =
        table.columns.iter().map(|(_, right)| if *right { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", rules.join(" | "))?;
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    if table.left_out > 0 {
        writeln!(out, "\nand {} more", table.left_out)?;
    }
    Ok(())
}

fn timeline(timeline: &Timeline, out: &mut dyn Write) -> io::Result<()> {
    let steps: Vec<_> = timeline.steps().collect();
    let fold = steps.len().div_ceil(TIMELINE_ROWS).max(1);
    let mut table = Table {
        columns: vec![("From (UTC)", false), ("Confirmed", true), ("Strong", true), ("Suspected", true)],
        ..Table::default()
    };
    for steps in steps.chunks(fold) {
        let Some((at, _)) = steps.first() else { continue };
        let sums = steps.iter().fold([0u64; 3], |mut sums, (_, step)| {
            sums.iter_mut().zip(step).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
            sums
        });
        let mut row = vec![Cell::words(moment(*at))];
        row.extend(sums.map(|n| Cell::number(bytes(n))));
        table.rows.push(row);
    }
    self::table(&table, out)
}

fn exposure(exposure: &Exposure, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "From {} to {} (UTC):\n", moment(exposure.from), moment(exposure.to))?;
    for row in &exposure.rows {
        let stretches: Vec<String> = row
            .stretches
            .iter()
            .map(|(answer, from, to)| format!("{} {}", answer.label(), span(*from, *to)))
            .collect();
        writeln!(out, "- {}, {}: {}", text(&row.label), cell(&row.state), text(&stretches.join("; ")))?;
    }
    Ok(())
}

fn progress(bars: &[Progress], out: &mut dyn Write) -> io::Result<()> {
    bars.iter().try_for_each(|bar| {
        let (done, whole) = bar.done;
        let full = if whole == 0 {
            0
        } else {
            (u128::from(done.min(whole)) * u128::from(BAR) / u128::from(whole)) as usize
        };
        let empty = (BAR as usize).saturating_sub(full);
        let drawn = format!("{}{}", "█".repeat(full), "░".repeat(empty));
        writeln!(out, "- {drawn} {} {} – {}", percent(done, whole), bar.source, text(&bar.label))
    })
}

fn excerpt(dump: &Dump, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "### {}\n", text(&dump.title))?;
    list(&dump.proves, out)?;
    for (name, value) in &dump.facts {
        writeln!(out, "- {}: `{value}`", text(name))?;
    }
    writeln!(out, "\n{}", text(&dump.note))?;
    if dump.bytes.is_empty() {
        return Ok(());
    }
    // Indented code: no sequence of bytes can end it.
    writeln!(out)?;
    dump.lines().try_for_each(|line| writeln!(out, "    {}", line.trim_end()))
}

fn cell(cell: &Cell) -> String {
    match cell.form {
        Form::Code => format!("`{}`", printable(cell.text.as_bytes(), TEXT_MAX).replace(['`', '|'], "'")),
        Form::Chip(_) => format!("**{}**", text(&cell.text)),
        Form::Words | Form::Time | Form::Number => text(&cell.text),
    }
}

/// Text that says nothing to Markdown.
fn text(of_any_origin: &str) -> String {
    let safe = printable(of_any_origin.as_bytes(), TEXT_MAX);
    let mut out = String::with_capacity(safe.len());
    for (place, c) in safe.char_indices() {
        let meant = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' | '!' => true,
            // Only at the start of a line does any of these mean anything.
            '#' | '+' | '-' | '=' => place == 0,
            _ => false,
        };
        if meant {
            out.push('\\');
        }
        out.push(c);
    }
    // A bare address is made a link by some readers.
    out.replace("://", ":\\//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_speak_markdown() {
        let hostile = "](http://x) <script>|`*_\u{202e}\n# a";
        let shown = text(hostile);
        assert!(!shown.contains('\n') && !shown.contains('\u{202e}'), "{shown}");
        for c in ["<", "|", "`", "*", "_", "]"] {
            assert!(shown.match_indices(c).all(|(at, _)| shown[..at].ends_with('\\')), "{c} in {shown}");
        }
        assert!(!shown.contains("://"));
        assert!(text(&"a".repeat(10_000)).len() < 3_000);
    }

    #[test]
    fn code_cannot_end_early() {
        assert_eq!(cell(&Cell::code("a`b|c")), "`a'b'c`");
    }
}
