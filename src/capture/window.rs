//! A window sliding over a byte stream: block reads into one recycled buffer, records borrowed from it.
//!
//! The readers ask for the next n bytes, look at them, and consume them. Nothing is allocated by a length the stream
//! declares: the buffer at most doubles, and only when it is full of bytes that are really there.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is asked of the stream at a time: fits the second-level cache, so that packets are still warm when parsed.
pub(super) const BLOCK: usize = 256 * 1024;

/// How far a compressed file may expand before it is taken for a decompression bomb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpansionLimit {
    /// Most bytes out for each compressed byte in, once `ratio_from` bytes are out.
    pub ratio: u64,
    /// Bytes out before which `ratio` is not looked at.
    pub ratio_from: u64,
    /// Most bytes out altogether.
    pub total: u64,
    /// Most bytes out without a packet among them.
    pub run: u64,
}

impl Default for ExpansionLimit {
    /// 1,000:1 after 64 MiB, 256 GiB altogether, 16 MiB without a packet.
    fn default() -> Self {
        Self { ratio: 1_000, ratio_from: 64 << 20, total: 256 << 30, run: 16 << 20 }
    }
}

/// The window. `buf[start..end]` is read and not yet consumed.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Stream offset of `buf[0]`.
    base: u64,
    /// Stream offset just behind the packet consumed last.
    last_packet: u64,
    ended: bool,
    failure: Option<String>,
    input: Arc<AtomicU64>,
    role: Role,
}

enum Role {
    /// The file's own bytes.
    File,
    /// What a decompressor made of them.
    Expanded(ExpansionLimit),
}

impl Window {
    /// A window on a file's own bytes, counted into `input`; `buf` is a buffer to recycle.
    pub(super) fn file(source: Box<dyn Read + Send>, buf: Vec<u8>, input: Arc<AtomicU64>) -> Self {
        Self::new(source, buf, input, Role::File)
    }

    /// A window on the output of a decompressor whose input is counted in `input` elsewhere.
    pub(super) fn expanded(
        source: Box<dyn Read + Send>,
        input: Arc<AtomicU64>,
        limit: ExpansionLimit,
    ) -> Self {
        Self::new(source, Vec::new(), input, Role::Expanded(limit))
    }

    fn new(source: Box<dyn Read + Send>, mut buf: Vec<u8>, input: Arc<AtomicU64>, role: Role) -> Self {
        if buf.len() < BLOCK {
            buf.resize(BLOCK, 0);
        }
        Self {
            source,
            buf,
            start: 0,
            end: 0,
            base: 0,
            last_packet: 0,
            ended: false,
            failure: None,
            input,
            role,
        }
    }

    /// The buffer, for the next window.
    pub(super) fn recycle(self) -> Vec<u8> {
        self.buf
    }

    /// Compressed or plain bytes taken from the file so far.
    pub(super) fn input_bytes(&self) -> u64 {
        self.input.load(Ordering::Relaxed)
    }

    /// Stream offset of the next unconsumed byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset_of(self.start)
    }

    /// Stream offset of a place in the buffer.
    pub(super) fn offset_of(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// Bytes read and not yet consumed.
    #[inline(always)]
    pub(super) fn buffered(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `n` bytes without consuming them; `None` when the stream ends before.
    #[inline]
    pub(super) fn ahead(&mut self, n: usize) -> Option<&[u8]> {
        if self.end - self.start < n && !self.fill(n) {
            return None;
        }
        self.buf.get(self.start..self.start + n)
    }

    /// Consumes `n` bytes that [`Self::ahead`] or [`Self::buffered`] has shown and says where in the buffer they begin.
    #[inline]
    pub(super) fn consume_seen(&mut self, n: usize) -> usize {
        let at = self.start;
        self.start = self.end.min(at + n);
        at
    }

    /// Notes that a packet has just been consumed.
    #[inline]
    pub(super) fn packet_seen(&mut self) {
        self.last_packet = self.base + self.start as u64;
    }

    /// The buffer up to what is not consumed, the rest, and the place between them, to be moved on by what is consumed.
    pub(super) fn split(&mut self) -> (&[u8], &[u8], &mut usize) {
        let (seen, ahead) = self.buf.get(..self.end).unwrap_or_default().split_at(self.start.min(self.end));
        (seen, ahead, &mut self.start)
    }

    /// The whole buffer; valid until the next call that reads.
    #[inline]
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buf
    }

    /// Consumes `n` bytes without keeping them; false when the stream ends before.
    pub(super) fn skip(&mut self, n: u64) -> bool {
        let mut left = n;
        loop {
            let here = (self.end - self.start).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.start += here;
            left -= here as u64;
            if left == 0 {
                return true;
            }
            if !self.fill(1) {
                return false;
            }
        }
    }

    /// Reads no further and forgets what is buffered.
    pub(super) fn stop(&mut self) {
        self.ended = true;
        self.start = self.end;
    }

    /// Where the stream ended and why, when it ended for another reason than its end.
    pub(super) fn failure(&self) -> Option<(u64, String)> {
        let reason = self.failure.as_ref()?;
        Some((self.base + self.end as u64, reason.clone()))
    }

    /// Reads until `n` bytes are there; false when the stream ends before.
    #[cold]
    fn fill(&mut self, n: usize) -> bool {
        self.base += self.start as u64;
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < n && !self.ended {
            if self.end == self.buf.len() {
                let doubled = self.buf.len() * 2;
                self.buf.resize(doubled.min(n).max(BLOCK), 0);
            }
            self.read_block();
        }
        self.end >= n
    }

    fn read_block(&mut self) {
        if let Some(reason) = self.limit_exceeded() {
            self.ended = true;
            self.failure = Some(reason);
            return;
        }
        let space = self.buf.get_mut(self.end..).unwrap_or_default();
        match self.source.read(space) {
            Ok(0) => self.ended = true,
            Ok(n) => {
                self.end = self.buf.len().min(self.end + n);
                if matches!(self.role, Role::File) {
                    self.input.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.ended = true;
                self.failure = Some(match self.role {
                    Role::File => format!("read error: {error}"),
                    Role::Expanded(_) => format!("damaged compressed data: {error}"),
                });
            }
        }
    }

    fn limit_exceeded(&self) -> Option<String> {
        let Role::Expanded(limit) = self.role else { return None };
        let out = self.base + self.end as u64;
        if out >= limit.total {
            return Some(format!("decompression limit: more than {} bytes", limit.total));
        }
        if out > limit.ratio_from && out / limit.ratio.max(1) > self.input_bytes() {
            return Some(format!(
                "decompression limit: more than {} bytes out for each byte in",
                limit.ratio
            ));
        }
        if out - self.last_packet > limit.run {
            return Some(format!("decompression limit: {} bytes without a packet", limit.run));
        }
        None
    }
}

impl Read for Window {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut there = self.fill_buf()?;
        let n = there.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

/// How a decompressor reads the file's own bytes.
impl BufRead for Window {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end
            && !self.fill(1)
            && let Some(reason) = &self.failure
        {
            return Err(io::Error::other(reason.clone()));
        }
        Ok(self.buffered())
    }

    fn consume(&mut self, n: usize) {
        self.consume_seen(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn over(bytes: Vec<u8>) -> Window {
        Window::file(Box::new(Cursor::new(bytes)), Vec::new(), Arc::default())
    }

    /// Gives one byte at a time and is interrupted between them.
    struct Dribble(Vec<u8>, bool);

    impl Read for Dribble {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match (self.0.pop(), out.first_mut()) {
                (Some(byte), Some(place)) => {
                    *place = byte;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    #[test]
    fn what_is_ahead_stays_until_consumed_and_offsets_count_the_stream() {
        let bytes: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
        let mut window = over(bytes.clone());
        let mut offset = 0;
        while let Some(seen) = window.ahead(1_003) {
            assert_eq!(seen, &bytes[offset..offset + 1_003]);
            assert_eq!(window.offset(), offset as u64);
            let at = window.consume_seen(1_003);
            assert_eq!(window.buffer()[at..at + 3], bytes[offset..offset + 3]);
            offset += 1_003;
        }
        assert_eq!(window.buffered(), &bytes[offset..]);
        assert_eq!(window.input_bytes(), 700_000);
    }

    #[test]
    fn the_buffer_grows_only_with_bytes_that_are_there() {
        let mut window = over(vec![7; 300_000]);
        assert!(window.ahead(1 << 40).is_none());
        assert!(window.recycle().len() <= 2 * 300_000);
    }

    #[test]
    fn interrupted_and_short_reads_are_continued() {
        let mut window = Window::file(Box::new(Dribble(vec![1; 50], false)), Vec::new(), Arc::default());
        assert_eq!(window.ahead(50), Some(&[1; 50][..]));
        assert!(window.ahead(51).is_none());
        assert!(window.failure().is_none());
    }

    #[test]
    fn skipping_stops_at_the_end() {
        let mut window = over(vec![0; 600_000]);
        assert!(window.skip(599_999));
        assert_eq!(window.offset(), 599_999);
        assert!(!window.skip(u64::MAX));
    }
}
