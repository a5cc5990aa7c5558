//! Finds the next believable record of a pcap file behind a damaged one.
//!
//! pcap has no marks between records, so one wrong length loses the rest of the file. A place is believed when three
//! records in a row make sense there, or fewer that end exactly where the file ends.

use super::pcap::{RecordHeader, Variant};
use super::reader::MAX_PACKET_LEN;
use super::window::{BLOCK, Window};
use crate::base::Timestamp;

/// How many bytes behind the damage a record may begin.
pub(super) const SCAN: usize = 64 * 1024;

/// Records in a row that must make sense.
const CHAIN: usize = 3;

/// Most packet time between two records in a row, in nanoseconds: a day. Random bytes hit it once in 25,000 times.
const STEP_MAX: u64 = 86_400_000_000_000;

/// What makes a record believable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plausible {
    pub(super) variant: Variant,
    pub(super) snap_len: u32,
    /// When the last good packet was captured.
    pub(super) last: Option<Timestamp>,
}

impl Plausible {
    /// Total length of the record at the beginning of `bytes` and its time, if it is believable. Stricter than the reader.
    fn record(self, bytes: &[u8], before: Option<Timestamp>) -> Option<(usize, Timestamp)> {
        let header = RecordHeader::read(bytes.get(..self.variant.record_header_len)?, self.variant)?;
        let at = header.at(self.variant);
        let len = usize::try_from(header.captured_len).ok()?;
        let believable = (1..=MAX_PACKET_LEN).contains(&len)
            && header.captured_len <= header.original_len
            && header.captured_len <= self.snap_len
            && usize::try_from(header.original_len).is_ok_and(|len| len <= MAX_PACKET_LEN)
            && header.has_proper_fraction(self.variant)
            && before.is_none_or(|before| before.0.abs_diff(at.0) <= STEP_MAX);
        believable.then_some((self.variant.record_header_len + len, at))
    }

    /// Whether a chain begins here; `to_end` says that `bytes` end where the file does.
    fn chain(self, mut bytes: &[u8], to_end: bool) -> bool {
        let mut before = self.last;
        for _ in 0..CHAIN {
            if bytes.is_empty() {
                return to_end;
            }
            let Some((len, at)) = self.record(bytes, before) else { return false };
            let Some(rest) = bytes.get(len..) else { return false };
            (bytes, before) = (rest, Some(at));
        }
        true
    }
}

/// How many bytes further the next believable record begins.
#[cold]
pub(super) fn find(window: &mut Window, plausible: Plausible) -> Option<usize> {
    let to_end = window.ahead(BLOCK).is_none();
    let bytes = window.buffered();
    (1..=SCAN.min(bytes.len().checked_sub(1)?))
        .find(|&distance| bytes.get(distance..).is_some_and(|rest| plausible.chain(rest, to_end)))
}
