//! A report before it has a form: sections of a few kinds of blocks, written once and put into Markdown or HTML by others.

use super::timeline::Timeline;
use crate::base::Timestamp;
use crate::event::Answer;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// What it is about, in a line.
    pub title: String,
    /// What stands below: name and value.
    pub facts: Vec<(&'static str, Cell)>,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What it tells, in a few words.
    pub note: &'static str,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// Something in a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// The verdict.
    Banner {
        /// How grave it is.
        tone: Tone,
        /// The verdict in a word or two.
        headline: String,
        /// The sentences behind it.
        points: Vec<String>,
    },
    /// A few numbers that say most: name, value, what else there is to it.
    Tiles(Vec<(&'static str, String, String)>),
    /// A paragraph.
    Text(String),
    /// A heading inside a section.
    Heading(String),
    /// A list.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// Bytes over time.
    Timeline(Timeline),
    /// When ports were open.
    Exposure(Exposure),
    /// How much of torrents hosts have.
    Progress(Vec<Progress>),
    /// The bytes of a packet.
    Excerpt(Dump),
}

/// How grave something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// Nothing to do.
    Good,
    /// Worth a look.
    Warning,
    /// Something to do.
    Bad,
    /// Going on.
    Busy,
}

impl Tone {
    /// The class of its colour.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warning => "warn",
            Self::Bad => "bad",
            Self::Busy => "busy",
        }
    }
}

/// A value in a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// What it is.
    pub form: Form,
}

/// What a value is, hence how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Words.
    #[default]
    Words,
    /// An address, a hash: letter for letter.
    Code,
    /// A number, to stand under others.
    Number,
    /// A moment or a stretch of time, in one piece.
    Time,
    /// A word from a short list.
    Chip(Tone),
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), form: Form::Words }
    }

    /// An address, a hash.
    pub fn code(text: impl ToString) -> Self {
        Self { text: text.to_string(), form: Form::Code }
    }

    /// A number.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), form: Form::Number }
    }

    /// A moment or a stretch of time.
    pub fn time(text: impl Into<String>) -> Self {
        Self { text: text.into(), form: Form::Time }
    }

    /// A word from a short list.
    pub fn chip(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), form: Form::Chip(tone) }
    }
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its columns; those of numbers stand to the right.
    pub columns: Vec<(&'static str, bool)>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that are not shown.
    pub left_out: u64,
}

/// When ports of hosts were tried, and with which outcome.
#[derive(Clone, Debug, Default)]
pub struct Exposure {
    /// The time that the plot covers.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// One row a port.
    pub rows: Vec<ExposureRow>,
}

/// A port.
#[derive(Clone, Debug)]
pub struct ExposureRow {
    /// Host, port, protocol.
    pub label: String,
    /// How it looks at the end.
    pub state: Cell,
    /// What was seen when.
    pub stretches: Vec<(Answer, Timestamp, Timestamp)>,
}

/// How much of a torrent a host has.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which torrent or host.
    pub label: String,
    /// How much of how much.
    pub done: (u64, u64),
    /// How that is known.
    pub source: &'static str,
}

/// The bytes of a packet.
#[derive(Clone, Debug)]
pub struct Dump {
    /// Which packet, when.
    pub title: String,
    /// What it proves.
    pub proves: Vec<String>,
    /// What can be checked: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// The first bytes; nothing where they are withheld.
    pub bytes: Vec<u8>,
    /// What is to be said of the bytes.
    pub note: String,
}

impl Dump {
    /// The bytes as offset, hexadecimal, text; sixteen a line. Whatever the bytes are, the text is ASCII.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        (0usize..).step_by(16).zip(self.bytes.chunks(16)).map(|(offset, chunk)| {
            let mut hex = String::with_capacity(49);
            for place in 0..16 {
                if place == 8 {
                    hex.push(' ');
                }
                match chunk.get(place) {
                    Some(byte) => hex.push_str(&format!("{byte:02x} ")),
                    None => hex.push_str("   "),
                }
            }
            let shown = |b: &u8| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' };
            let text: String = chunk.iter().map(shown).collect();
            format!("{offset:04x}  {hex} {text}")
        })
    }
}
