//! Capture files as one source: opened one after another, filtered, their damage noted.

use super::filter::{Filter, Verdict};
use super::paths::{self, Input};
use super::reader::{self, Fault, Reader, Record, Step};
use super::run::{RUN, Run, Several};
use super::window::{ExpansionLimit, Window};
use super::{CaptureError, Damage, Origin, PacketSource, Read, SourceStatus};
use crate::base::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most damage noted of one file; a file can be bad in a million places.
const DAMAGE_PER_FILE_MAX: usize = 16;
/// Most damage noted altogether.
const DAMAGE_MAX: usize = 4_096;
/// Most origins told apart; later ones share the last.
const ORIGINS_MAX: usize = 65_536;

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    /// A filter in libpcap's language; packets that do not match are left out. It sees the captured bytes only.
    pub filter: Option<String>,
    /// Packets before this are left out.
    pub since: Option<Timestamp>,
    /// Packets at or after this are left out.
    pub until: Option<Timestamp>,
    /// How far compressed files may expand.
    pub expansion_limit: ExpansionLimit,
}

/// Opens capture files: pcap and pcapng, plain or in gzip or zstd; `-` is standard input, a folder stands for the
/// captures directly in it, by the time of their first packet. They are read in the order given.
///
/// A file that cannot be read, or not to its end, does not hinder the others: see [`SourceStatus::damage`].
///
/// # Errors
/// [`CaptureError::Open`] for a path that does not exist or is a device; [`CaptureError::Filter`] for a filter that does
/// not compile.
pub fn open(paths: &[PathBuf], options: &FileOptions) -> Result<Files, CaptureError> {
    let filter = options.filter.as_deref().map(Filter::new).transpose()?;
    let listing = paths::list(paths, options.expansion_limit)?;
    let mut files = Files::new(listing.inputs.into(), filter, options);
    files.status.ignored = listing.ignored;
    files.status.bytes_total = listing.bytes_total;
    Ok(files)
}

/// Capture files, read one after another. See [`open`].
pub struct Files {
    waiting: VecDeque<Input>,
    current: Option<Current>,
    filter: Option<Filter>,
    /// The packet times that are wanted.
    times: RangeInclusive<Timestamp>,
    limit: ExpansionLimit,
    status: SourceStatus,
    /// Origins of the current file by interface name.
    origins_here: HashMap<Option<String>, u16>,
    damage_here: usize,
    /// Input bytes of the files already read.
    bytes_before: u64,
    spare: Vec<u8>,
}

struct Current {
    path: PathBuf,
    window: Window,
    reader: Reader,
}

impl Files {
    fn new(waiting: VecDeque<Input>, filter: Option<Filter>, options: &FileOptions) -> Self {
        let last = options.until.map_or(Timestamp::MAX, |until| Timestamp(until.0.saturating_sub(1)));
        Self {
            waiting,
            current: None,
            filter,
            times: options.since.unwrap_or(Timestamp::MIN)..=last,
            limit: options.expansion_limit,
            status: SourceStatus::default(),
            origins_here: HashMap::new(),
            damage_here: 0,
            bytes_before: 0,
            spare: Vec::new(),
        }
    }

    /// Reads one capture from any byte stream, under the name `name`.
    ///
    /// # Errors
    /// [`CaptureError::Filter`] as for [`open`].
    pub fn from_reader(
        name: impl Into<PathBuf>,
        reader: Box<dyn std::io::Read + Send>,
        options: &FileOptions,
    ) -> Result<Self, CaptureError> {
        let filter = options.filter.as_deref().map(Filter::new).transpose()?;
        let input = Input::Stream { name: name.into(), reader };
        Ok(Self::new(VecDeque::from([input]), filter, options))
    }

    /// The next packet that is wanted; `None` at the end of the last file.
    fn next_record(&mut self) -> Option<(Record, u16)> {
        loop {
            let Some(Current { window, reader, .. }) = &mut self.current else {
                let next = self.waiting.pop_front()?;
                self.begin(next);
                continue;
            };
            let step = reader.step(window);
            self.status.bytes_read = self.bytes_before + window.input_bytes();
            match step {
                Step::Packet(record) => {
                    if self.wanted(&record) {
                        let origin = self.origin(&record);
                        return Some((record, origin));
                    }
                    self.status.filtered += 1;
                }
                Step::Damage(fault) => self.note_current(fault),
                Step::End => self.finish(),
            }
        }
    }

    fn wanted(&mut self, record: &Record) -> bool {
        self.status.normalised += u64::from(record.normalised);
        self.times.contains(&record.at) && (self.filter.is_none() || self.passes(record))
    }

    /// Whether the filter, if there is one, lets a record through.
    fn passes(&mut self, record: &Record) -> bool {
        let (Some(filter), Some(current)) = (&mut self.filter, &self.current) else { return true };
        match filter.judge(record.link, record.packet(current.window.buffer(), 0).data) {
            Verdict::Wanted => true,
            Verdict::Unwanted => false,
            Verdict::Inapplicable(reason) => {
                let offset = current.window.offset_of(record.start);
                self.note_current(Fault::new(offset, reason));
                false
            }
        }
    }

    /// The index of the origin of a record, made on the first packet from there.
    #[inline(always)]
    fn origin(&mut self, record: &Record) -> u16 {
        let interface = self.current.as_mut().and_then(|current| current.reader.interface(record.interface));
        match interface.and_then(|interface| interface.origin) {
            Some(known) => known,
            None => self.new_origin(record),
        }
    }

    #[cold]
    fn new_origin(&mut self, record: &Record) -> u16 {
        let Some(Current { path, reader, .. }) = &mut self.current else { return u16::MAX };
        let interface = reader.interface(record.interface);
        let name = interface.as_ref().and_then(|interface| interface.name.clone());
        let file = Some(path.display().to_string());
        let index = intern(&mut self.origins_here, &mut self.status.origins, file, name);
        if let Some(interface) = interface {
            interface.origin = Some(index);
        }
        index
    }

    fn begin(&mut self, input: Input) {
        self.origins_here.clear();
        self.damage_here = 0;
        let path = input.name().to_path_buf();
        let taken = Arc::<AtomicU64>::default();
        let opened = input.open().and_then(|source| {
            let spare = std::mem::take(&mut self.spare);
            reader::open_stream(source, Arc::clone(&taken), spare, self.limit)
        });
        match opened {
            Ok((window, reader)) => self.current = Some(Current { path, window, reader }),
            Err(fault) => {
                self.bytes_before += taken.load(Ordering::Relaxed);
                self.status.bytes_read = self.bytes_before;
                self.note(&path, fault);
            }
        }
    }

    #[cold]
    fn finish(&mut self) {
        if let Some(Current { window, .. }) = self.current.take() {
            self.bytes_before += window.input_bytes();
            self.spare = window.recycle();
        }
    }

    #[cold]
    fn note_current(&mut self, fault: Fault) {
        if let Some(path) = self.current.as_ref().map(|current| current.path.clone()) {
            self.note(&path, fault);
        }
    }

    fn note(&mut self, file: &Path, Fault { offset, reason }: Fault) {
        self.damage_here += 1;
        if self.status.damage.len() >= DAMAGE_MAX || self.damage_here > DAMAGE_PER_FILE_MAX {
            return;
        }
        let more = if self.damage_here == DAMAGE_PER_FILE_MAX {
            "; further damage in this file is not listed"
        } else {
            ""
        };
        let reason = format!("{reason}{more}");
        self.status.damage.push(Damage { file: file.to_path_buf(), offset, reason });
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current.as_ref().map(|current| &current.path);
        f.debug_struct("Files")
            .field("current", &current)
            .field("waiting", &self.waiting.len())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl PacketSource for Files {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        let Some((record, origin)) = self.next_record() else { return Ok(Read::End) };
        let Some(current) = &self.current else { return Ok(Read::End) };
        Ok(Read::Packet(record.packet(current.window.buffer(), origin)))
    }

    fn next_run(&mut self, until: Timestamp) -> Result<Run<'_>, CaptureError> {
        if let Some(current) = &mut self.current {
            // What was lent last was a packet.
            current.window.packet_seen();
        }
        let Some((first, origin)) = self.next_record() else { return Ok(Run::End) };
        let Some(Current { window, reader, .. }) = &mut self.current else { return Ok(Run::End) };
        let (seen, ahead, start) = window.split();
        let first = first.packet(seen, origin);
        if self.filter.is_some() {
            return Ok(Run::Packets(first.into()));
        }
        let (wanted, normalised) = (&self.times, &mut self.status.normalised);
        let first = Some(first);
        let several = Several { first, left: RUN - 1, ahead, start, reader, wanted, until, normalised };
        Ok(Run::Packets(several.into()))
    }

    fn status(&self) -> &SourceStatus {
        &self.status
    }
}

fn intern(
    here: &mut HashMap<Option<String>, u16>,
    origins: &mut Vec<Origin>,
    file: Option<String>,
    interface: Option<String>,
) -> u16 {
    if let Some(known) = here.get(&interface) {
        return *known;
    }
    if origins.len() >= ORIGINS_MAX {
        return u16::MAX;
    }
    let index = u16::try_from(origins.len()).unwrap_or(u16::MAX);
    origins.push(Origin { file, interface: interface.clone() });
    here.insert(interface, index);
    index
}
