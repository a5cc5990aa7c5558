//! A page of text on a terminal or in a file: titles, labelled lines, paragraphs, in colour where wanted.

use super::text::{fit, safe, width, wrap};
use std::io::{self, IsTerminal, Write};

/// Columns of a labelled line's label, with the gap behind it.
const LABEL_WIDTH: usize = 12;
/// Width where nobody says how wide the terminal is.
const WIDTH_DEFAULT: usize = 80;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is a dumb one.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How wide and how colourful the page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns.
    pub width: usize,
    /// Whether to write ANSI colours.
    pub color: bool,
}

impl Layout {
    /// The layout of standard output: its terminal's width, else `COLUMNS`, else 80.
    #[must_use]
    pub fn of_stdout(color: Color) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        };
        let measured =
            terminal_size::terminal_size_of(io::stdout()).map(|(columns, _)| usize::from(columns.0));
        let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Self { width: measured.or_else(told).unwrap_or(WIDTH_DEFAULT).clamp(60, 200), color }
    }
}

/// The look of a piece of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    Title,
    Subject,
    Dim,
    Good,
    Warning,
    Bad,
}

impl Paint {
    /// Select Graphic Rendition parameters (ECMA-48 section 8.3.117).
    const fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Title => "1",
            Self::Subject => "1;36",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "1;31",
        }
    }
}

/// Writes the page.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    pub(super) layout: Layout,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, layout: Layout) -> Self {
        Self { out, layout }
    }

    /// A section's title, with a blank line above.
    pub(super) fn title(&mut self, title: &str, note: &str) -> io::Result<()> {
        self.blank()?;
        self.piece(title, Paint::Title)?;
        if !note.is_empty() {
            let room = self.layout.width.saturating_sub(width(title) + 2);
            self.piece("  ", Paint::Plain)?;
            self.piece(&fit(note, room), Paint::Dim)?;
        }
        self.blank()
    }

    /// The name of what the following labelled lines describe.
    pub(super) fn subject(&mut self, name: &str, note: &str) -> io::Result<()> {
        let name = fit(&safe(name), self.layout.width.saturating_sub(2));
        let room = self.layout.width.saturating_sub(width(&name) + 4);
        self.piece("  ", Paint::Plain)?;
        self.piece(&name, Paint::Subject)?;
        if !note.is_empty() {
            self.piece("  ", Paint::Plain)?;
            self.piece(&fit(note, room), Paint::Dim)?;
        }
        self.blank()
    }

    /// `label   item, item` with the items wrapped; nothing without items.
    pub(super) fn entry(
        &mut self,
        label: &str,
        items: &[String],
        separator: &str,
        paint: Paint,
    ) -> io::Result<()> {
        let items: Vec<String> = items.iter().map(|item| safe(item)).collect();
        // One column is left for the separator that ends a wrapped line.
        let room = self.layout.width.saturating_sub(LABEL_WIDTH + 3);
        for (i, line) in wrap(&items, separator, room).iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            self.piece(&format!("  {label:<LABEL_WIDTH$}"), Paint::Dim)?;
            self.piece(line, paint)?;
            self.blank()?;
        }
        Ok(())
    }

    /// `label   words of a sentence`, wrapped between words.
    pub(super) fn sentence(&mut self, label: &str, text: &str, paint: Paint) -> io::Result<()> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        self.entry(label, &words, " ", paint)
    }

    /// A paragraph, indented by two.
    pub(super) fn paragraph(&mut self, text: &str, paint: Paint) -> io::Result<()> {
        self.hanging("  ", text, paint)
    }

    /// A point of a list.
    pub(super) fn point(&mut self, text: &str, paint: Paint) -> io::Result<()> {
        self.hanging("  - ", text, paint)
    }

    fn hanging(&mut self, lead: &str, text: &str, paint: Paint) -> io::Result<()> {
        let words: Vec<String> = text.split_whitespace().map(safe).collect();
        for (i, line) in wrap(&words, " ", self.layout.width.saturating_sub(width(lead))).iter().enumerate() {
            let lead = if i == 0 { lead.to_owned() } else { " ".repeat(width(lead)) };
            self.piece(&lead, Paint::Dim)?;
            self.piece(line, paint)?;
            self.blank()?;
        }
        Ok(())
    }

    /// Text without a line end. It must be [`safe`] already.
    pub(super) fn piece(&mut self, text: &str, paint: Paint) -> io::Result<()> {
        if self.layout.color && paint != Paint::Plain && !text.trim().is_empty() {
            write!(self.out, "\x1b[{}m{text}\x1b[0m", paint.sgr())
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    /// Ends the line.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }
}
