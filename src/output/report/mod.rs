//! Reports to hand on: what is known of a host, or of a whole capture, as Markdown, JSON, or one HTML page.
//!
//! `collect` listens to the analysis, `evidence` chains the bytes of packets, `case` and `capture` say in a `document` what
//! is to be said, and `markdown` and `html` give it a form. Nothing of it is looked up outside.

mod capture;
mod case;
mod collect;
mod document;
mod evidence;
mod html;
mod json;
mod markdown;
mod proof;
mod sections;
mod timeline;

pub use capture::{CaptureReport, write_capture_html};
pub use case::CaseFile;
pub use collect::{Collected, PeerSum, ReasonSum};
pub use evidence::{
    Captured, EXCERPT_BYTES, EXCERPTS_MAX, Evidence, Excerpt, FileDigest, Proof, Sample, Sha256Digest, link,
};
pub use json::write_report_json;
pub use timeline::Timeline;

use std::io::{self, Write};

/// What no listening sensor can know, in the words of the README.
pub const CANNOT_KNOW: [&str; 6] = [
    "Whether a client still runs without sending anything.",
    "What goes on inside VPN, Tor or TLS tunnels.",
    "Whether an address still belongs to the same machine, and who sat at it.",
    "Whether a router before the sensor drops attempts, and what a host does behind an open port.",
    "What was sent while the sensor did not watch, or in packets that it lost.",
    "What a torrent holds: its name is what somebody called it.",
];

/// Writes the report of a host as Markdown.
///
/// # Errors
/// Those of the output.
pub fn write_report_markdown(case: &CaseFile<'_>, out: &mut dyn Write) -> io::Result<()> {
    markdown::write(&case.document(), out)
}

/// Writes the report of a host as one HTML page, with no outside assets and no script.
///
/// # Errors
/// Those of the output.
pub fn write_report_html(case: &CaseFile<'_>, out: &mut dyn Write) -> io::Result<()> {
    html::write(&case.document(), out)
}
