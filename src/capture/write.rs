//! Writes the classic pcap format (draft-ietf-opsawg-pcap): scenes, tests, evidence.

use super::LinkType;
use super::reader::MAX_PACKET_LEN;
use crate::base::Timestamp;
use std::io::{self, Write};

/// How finely a file keeps time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Microseconds: every tool reads it.
    #[default]
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// Writes one pcap file, little-endian, version 2.4.
///
/// ```
/// use swarmscope::base::Timestamp;
/// use swarmscope::capture::{LinkType, PcapWriter, Precision};
/// let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, Precision::Nanos)?;
/// writer.write(Timestamp::from_secs(1), &[0; 60], 60)?;
/// assert_eq!(writer.into_inner().len(), 24 + 16 + 60);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    to: W,
    precision: Precision,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header: magic, version, zone, accuracy, snap length, link type.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W, link: LinkType, precision: Precision) -> io::Result<Self> {
        let magic: u32 = match precision {
            Precision::Micros => 0xa1b2_c3d4,
            Precision::Nanos => 0xa1b2_3c4d,
        };
        to.write_all(&magic.to_le_bytes())?;
        to.write_all(&2_u16.to_le_bytes())?;
        to.write_all(&4_u16.to_le_bytes())?;
        to.write_all(&[0; 8])?;
        to.write_all(&SNAP_LEN.to_le_bytes())?;
        to.write_all(&u32::from(link.0).to_le_bytes())?;
        Ok(Self { to, precision })
    }

    /// Writes one record. Data beyond the snap length of 256 KiB is cut off, a `wire_len` below the data's length is
    /// raised to it, and times outside 1970 to 2106 become the nearest the format can hold.
    ///
    /// # Errors
    /// Those of the writer underneath.
    pub fn write(&mut self, at: Timestamp, data: &[u8], wire_len: u32) -> io::Result<()> {
        let whole = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let captured = whole.min(SNAP_LEN);
        let secs = u32::try_from(at.secs().clamp(0, i64::from(u32::MAX))).unwrap_or_default();
        let nanos = u32::try_from(at.0.rem_euclid(1_000_000_000)).unwrap_or_default();
        let fraction = match self.precision {
            Precision::Micros => nanos / 1_000,
            Precision::Nanos => nanos,
        };
        for field in [secs, fraction, captured, wire_len.max(whole)] {
            self.to.write_all(&field.to_le_bytes())?;
        }
        let kept = usize::try_from(captured).unwrap_or(usize::MAX);
        self.to.write_all(data.get(..kept).unwrap_or(data))
    }

    /// Flushes the writer underneath.
    ///
    /// # Errors
    /// Those of the writer underneath.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// The writer underneath.
    pub fn into_inner(self) -> W {
        self.to
    }
}

/// What every reader accepts.
const SNAP_LEN: u32 = 256 * 1024;
const _: () = assert!(SNAP_LEN as usize <= MAX_PACKET_LEN);
