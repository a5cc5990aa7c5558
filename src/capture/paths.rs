//! From paths to inputs: what is a file, a pipe, a folder, and what is refused.

use super::CaptureError;
use super::reader::{self, Fault, Step};
use super::window::ExpansionLimit;
use crate::base::Timestamp;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most ignored files of folders whose names are kept.
const IGNORED_MAX: usize = 4_096;

/// Something to read, not yet opened: a FIFO is opened when its turn comes, and a large folder takes one descriptor.
pub(super) enum Input {
    Stdin,
    Path(PathBuf),
    Stream {
        name: PathBuf,
        reader: Box<dyn Read + Send>,
    },
    /// Cannot be opened.
    Unreadable(PathBuf, String),
}

/// What paths stand for.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) inputs: Vec<Input>,
    /// Files of folders that are no captures.
    pub(super) ignored: Vec<PathBuf>,
    /// Length of all inputs, in bytes; `None` when one has no length.
    pub(super) bytes_total: Option<u64>,
}

impl Input {
    pub(super) fn name(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("-"),
            Self::Path(path) | Self::Stream { name: path, .. } | Self::Unreadable(path, _) => path,
        }
    }

    pub(super) fn open(self) -> Result<Box<dyn Read + Send>, Fault> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::Stream { reader, .. } => Ok(reader),
            Self::Unreadable(_, reason) => Err(Fault::new(0, reason)),
            Self::Path(path) => {
                let file = File::open(path).map_err(|error| cannot_open(&error))?;
                // Asked of the open file: the path may have been replaced since it was listed.
                let kind = file.metadata().map_err(|error| cannot_open(&error))?.file_type();
                match refusal(kind) {
                    Some(reason) => Err(Fault::new(0, reason)),
                    None => Ok(Box::new(file)),
                }
            }
        }
    }
}

/// Looks at every path, in the order given.
pub(super) fn list(paths: &[PathBuf], limit: ExpansionLimit) -> Result<Listing, CaptureError> {
    let mut listing = Listing { bytes_total: Some(0), ..Listing::default() };
    for path in paths {
        if path.as_os_str() == "-" || path.as_os_str() == "/dev/stdin" {
            listing.bytes_total = None;
            listing.inputs.push(Input::Stdin);
            continue;
        }
        let refused = |reason: String| CaptureError::Open { what: path.display().to_string(), reason };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => list_folder(path, limit, &mut listing),
            Ok(metadata) => {
                if let Some(reason) = refusal(metadata.file_type()) {
                    return Err(refused(reason.to_owned()));
                }
                listing.bytes_total =
                    listing.bytes_total.filter(|_| metadata.is_file()).map(|sum| sum + metadata.len());
                listing.inputs.push(Input::Path(path.clone()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(refused(error.to_string())),
            Err(error) => {
                listing.inputs.push(Input::Unreadable(path.clone(), cannot_open(&error).reason));
            }
        }
    }
    Ok(listing)
}

/// Devices are refused by what they are, not by where they lie: /dev/fd/63 may be a pipe, and reading /dev/zero or a
/// disk never ends.
fn refusal(kind: FileType) -> Option<&'static str> {
    if kind.is_file() || kind.is_fifo() || kind.is_dir() {
        None
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("is a device, not a file or a FIFO")
    } else {
        Some("is neither a file nor a FIFO")
    }
}

/// Adds the captures directly in a folder, by the time of their first packet; those without one come last.
fn list_folder(folder: &Path, limit: ExpansionLimit, listing: &mut Listing) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let reason = cannot_open(&error).reason;
            return listing.inputs.push(Input::Unreadable(folder.to_path_buf(), reason));
        }
    };
    let mut captures = Vec::new();
    let mut buf = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(metadata) if metadata.is_file() => match first_packet(&path, &mut buf, limit) {
                Some(first) => captures.push((first.unwrap_or(Timestamp::MAX), path, metadata.len())),
                None => listing.ignore(path),
            },
            _ => listing.ignore(path),
        }
    }
    captures.sort();
    listing.ignored.sort();
    let total: u64 = captures.iter().map(|(_, _, len)| len).sum();
    listing.bytes_total = listing.bytes_total.map(|sum| sum + total);
    listing.inputs.extend(captures.into_iter().map(|(_, path, _)| Input::Path(path)));
}

impl Listing {
    fn ignore(&mut self, path: PathBuf) {
        if self.ignored.len() < IGNORED_MAX {
            self.ignored.push(path);
        }
    }
}

/// The time of the first packet of a capture; `None` if the file is no capture.
fn first_packet(path: &Path, buf: &mut Vec<u8>, limit: ExpansionLimit) -> Option<Option<Timestamp>> {
    let source = Input::Path(path.to_path_buf()).open().ok()?;
    let opened = reader::open_stream(source, Arc::default(), std::mem::take(buf), limit);
    let (mut window, mut reader) = opened.ok()?;
    let first = loop {
        match reader.step(&mut window) {
            Step::Packet(record) => break Some(record.at),
            Step::Damage(_) if window.offset() < limit.run => {}
            Step::Damage(_) | Step::End => break None,
        }
    };
    *buf = window.recycle();
    Some(first)
}

fn cannot_open(error: &io::Error) -> Fault {
    Fault::new(0, format!("cannot be opened: {error}"))
}
