//! Reports as one HTML page: no outside assets, no script, light and dark, fit for a screen, a phone and paper.

mod builder;
mod plot;

use super::document::{Block, Cell, Document, Dump, Form, Section, Table, Tone};
use builder::Html;
use std::io::{self, Write};

/// What a browser may load for the page: nothing but the style sheet in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// Longest word that is kept in one piece in a table, in bytes.
const WORD_MAX: usize = 24;
/// Longest address or hash that is kept in one piece: an info-hash. The table scrolls for it.
const CODE_MAX: usize = 40;
const STYLE: &str = include_str!("report.css");

/// Writes a document.
///
/// # Errors
/// Those of the output.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut html = Html::default();
    html.doctype();
    html.element("html", &[("lang", &"en")], |h| {
        h.element("head", &[], |h| head(h, document));
        h.newline();
        h.element("body", &[], |h| body(h, document));
    });
    html.newline();
    out.write_all(html.into_text().as_bytes())
}

fn head(h: &mut Html, document: &Document) {
    h.void("meta", &[("charset", &"utf-8")]);
    h.void("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    h.void("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    h.void("meta", &[("name", &"referrer"), ("content", &"no-referrer")]);
    h.void("meta", &[("name", &"robots"), ("content", &"noindex")]);
    h.line("title", "", &document.title);
    h.style(STYLE);
}

fn body(h: &mut Html, document: &Document) {
    h.element("header", &[], |h| {
        h.line("p", "brand", "swarmscope report");
        h.line("h1", "", &document.title);
        h.of_class("dl", "facts", |h| {
            for (name, value) in &document.facts {
                h.element("div", &[], |h| {
                    h.line("dt", "", name);
                    h.element("dd", &[], |h| cell(h, value));
                });
            }
        });
        h.element("nav", &[("aria-label", &"Sections")], |h| {
            for (n, section) in document.sections.iter().enumerate() {
                let target = format!("#section-{n}");
                h.element("a", &[("href", &target)], |h| h.text(section.title));
            }
        });
    });
    h.newline();
    h.element("main", &[], |h| {
        for (n, section) in document.sections.iter().enumerate() {
            self::section(h, n, section);
            h.newline();
        }
    });
    h.line("footer", "", "Made by listening only. Nothing was sent, decrypted, or looked up outside.");
}

fn section(h: &mut Html, n: usize, section: &Section) {
    let id = format!("section-{n}");
    h.element("section", &[("id", &id)], |h| {
        h.element("h2", &[], |h| {
            h.text(section.title);
            if !section.note.is_empty() {
                h.line("small", "", section.note);
            }
        });
        section.blocks.iter().for_each(|b| block(h, b));
    });
}

fn block(h: &mut Html, block: &Block) {
    h.newline();
    match block {
        Block::Banner { tone, headline, points } => {
            let class = format!("banner {}", tone.class());
            h.element("div", &[("class", &class)], |h| {
                h.line("p", "headline", headline);
                points.iter().for_each(|point| h.line("p", "", point));
            });
        }
        Block::Tiles(tiles) => h.of_class("dl", "tiles", |h| {
            for (name, value, note) in tiles {
                h.element("div", &[], |h| {
                    h.line("dt", "", name);
                    h.line("dd", "value", value);
                    h.line("dd", "note", note);
                });
            }
        }),
        Block::Text(text) => h.line("p", "text", text),
        Block::Heading(text) => h.line("h3", "", text),
        Block::List(points) => {
            h.of_class("ul", "points", |h| points.iter().for_each(|point| h.line("li", "", point)));
        }
        Block::Table(t) => table(h, t),
        Block::Timeline(t) => plot::timeline(h, t),
        Block::Exposure(e) => plot::exposure(h, e),
        Block::Progress(bars) => plot::progress(h, bars),
        Block::Excerpt(dump) => excerpt(h, dump),
    }
}

fn table(h: &mut Html, table: &Table) {
    // A table without titles is one of names and values.
    let titled = table.columns.iter().any(|(title, _)| !title.is_empty());
    let short = |cell: &Cell| cell.text.len() <= 2 * WORD_MAX;
    let class = match (titled, table.columns.len()) {
        (false, _) => "pairs",
        // Few short values far apart are hard to read.
        (true, 0..=3) if table.rows.iter().flatten().all(short) => "wide narrow",
        (true, _) => "wide",
    };
    h.of_class("div", "table", |h| {
        h.element("table", &[("class", &class)], |h| {
            if titled {
                h.element("thead", &[], |h| {
                    h.element("tr", &[], |h| {
                        for (title, right) in &table.columns {
                            let class = if *right { "num" } else { "" };
                            h.element("th", &[("scope", &"col"), ("class", &class)], |h| h.text(title));
                        }
                    });
                });
            }
            h.element("tbody", &[], |h| {
                for row in &table.rows {
                    h.element("tr", &[], |h| {
                        for (value, (title, _)) in row.iter().zip(&table.columns) {
                            let class = if value.form == Form::Number { "num" } else { "" };
                            h.element("td", &[("class", &class), ("data-title", title)], |h| cell(h, value));
                        }
                    });
                }
            });
        });
    });
    if table.left_out > 0 {
        h.line("p", "more", &format!("and {} more", table.left_out));
    }
}

fn cell(h: &mut Html, cell: &Cell) {
    match cell.form {
        Form::Code => {
            let class = if cell.text.len() > CODE_MAX { "long" } else { "short" };
            h.of_class("code", class, |h| h.isolated(&cell.text));
        }
        Form::Chip(tone) => chip(h, &cell.text, tone),
        // A word that no line could hold may break anywhere, others between words only.
        Form::Words if cell.text.split_whitespace().any(|word| word.len() > WORD_MAX) => {
            h.element("bdi", &[("class", &"long")], |h| h.text(&cell.text));
        }
        Form::Words => h.isolated(&cell.text),
        Form::Time => h.line("span", "short", &cell.text),
        Form::Number => h.text(&cell.text),
    }
}

fn chip(h: &mut Html, text: &str, tone: Tone) {
    let class = format!("chip {}", tone.class());
    h.element("span", &[("class", &class)], |h| h.text(text));
}

fn excerpt(h: &mut Html, dump: &Dump) {
    h.of_class("article", "excerpt", |h| {
        h.line("h3", "", &dump.title);
        h.of_class("ul", "points", |h| dump.proves.iter().for_each(|point| h.line("li", "", point)));
        if !dump.bytes.is_empty() {
            h.element("pre", &[("tabindex", &0)], |h| {
                for line in dump.lines() {
                    h.text(&line);
                    h.newline();
                }
            });
        }
        h.line("p", "text", &dump.note);
        h.of_class("dl", "digests", |h| {
            for (name, value) in &dump.facts {
                h.element("div", &[], |h| {
                    h.line("dt", "", name);
                    h.element("dd", &[], |h| h.line("code", "", value));
                });
            }
        });
    });
}
