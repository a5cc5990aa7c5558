//! What an HTTP connection keeps from packet to packet: messages that are not whole, and requests without a response.

use super::http::Asked;
use crate::wire::Malformed;
use crate::wire::http::{BodyLength, Chunk, Chunked};
use crate::wire::http_tracker;
use std::collections::VecDeque;

/// Bodies of interest are kept up to this size; `.torrent` files are larger than tracker answers.
pub const BODY_MAX: usize = 512 * 1024;
/// Requests that wait for their response at most.
const WAITING_MAX: usize = 32;

/// A message of which not everything has come.
#[derive(Debug)]
pub enum Message {
    /// The bytes of its head so far, one at least.
    Head(Vec<u8>),
    Body(Body),
}

/// The body of a message.
#[derive(Debug)]
pub struct Body {
    left: Left,
    /// The body so far, where it is of interest.
    kept: Option<Vec<u8>>,
    /// What the body belongs to.
    pub asked: Option<Asked>,
    pub gzip: bool,
}

/// What is still to come of a body.
#[derive(Debug)]
enum Left {
    /// This many bytes.
    Bytes(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Body {
    /// The body behind a head that was just read; nothing where it has none.
    pub fn after_head(length: BodyLength, wanted: bool, asked: Option<Asked>, gzip: bool) -> Option<Self> {
        let left = match length {
            BodyLength::Known(0) => return None,
            BodyLength::Known(n) => Left::Bytes(n),
            BodyLength::Chunked => Left::Chunked(Chunked::default()),
            BodyLength::UntilClose => Left::UntilClose,
        };
        Some(Self { left, kept: wanted.then(Vec::new), asked, gzip })
    }

    /// Takes what belongs to the body off the front of `rest`.
    ///
    /// # Errors
    /// When the chunks of a chunked body are none.
    pub fn read(&mut self, rest: &mut &[u8]) -> Result<(), Malformed> {
        match &mut self.left {
            Left::Bytes(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let (content, after) = rest.split_at(n);
                *left -= n as u64;
                *rest = after;
                keep(&mut self.kept, content);
            }
            Left::UntilClose => {
                keep(&mut self.kept, rest);
                *rest = &[];
                if self.kept.as_ref().is_some_and(|k| http_tracker::parse_response(k).is_ok()) {
                    self.left = Left::Bytes(0);
                }
            }
            Left::Chunked(chunked) => match chunked.next(rest)? {
                Chunk::Content(content) => keep(&mut self.kept, content),
                Chunk::NeedMore => *rest = &[],
                Chunk::End => self.left = Left::Bytes(0),
            },
        }
        // A body that is plainly no bencoded dictionary needs no keeping.
        if !self.is_over()
            && matches!(self.asked, Some(Asked::Anything) | None)
            && !self.gzip
            && self.kept.as_ref().is_some_and(|k| k.first().is_some_and(|&b| b != b'd'))
        {
            self.kept = None;
        }
        Ok(())
    }

    /// Passes over bytes that are missing; whether the end of the body is still known.
    pub fn pass(&mut self, missing: u32) -> bool {
        self.kept = None;
        match &mut self.left {
            Left::Bytes(left) if *left >= u64::from(missing) => {
                *left -= u64::from(missing);
                true
            }
            Left::UntilClose => true,
            Left::Bytes(_) | Left::Chunked(_) => false,
        }
    }

    /// Takes the next bytes of the body if nobody looks at them and more are to come.
    pub fn passes_over(&mut self, len: u32) -> bool {
        match &mut self.left {
            Left::Bytes(left) if self.kept.is_none() && *left > u64::from(len) => {
                *left -= u64::from(len);
                true
            }
            Left::Bytes(_) | Left::Chunked(_) => false,
            Left::UntilClose => self.kept.is_none(),
        }
    }

    /// Whether nothing more belongs to it.
    pub const fn is_over(&self) -> bool {
        matches!(self.left, Left::Bytes(0))
    }

    /// What was kept of it.
    pub fn into_kept(self) -> Vec<u8> {
        self.kept.unwrap_or_default()
    }

    /// Whether it goes on to the end of the connection, of a request that was not seen, and nothing of it has come.
    pub fn may_be_anything(&self) -> bool {
        matches!(self.left, Left::UntilClose)
            && self.asked.is_none()
            && self.kept.as_ref().is_some_and(Vec::is_empty)
    }
}

fn keep(kept: &mut Option<Vec<u8>>, content: &[u8]) {
    match kept {
        Some(bytes) if bytes.len() + content.len() <= BODY_MAX => bytes.extend_from_slice(content),
        _ => *kept = None,
    }
}

/// Requests that wait for their response, in order. Nearly always one, which needs no list.
#[derive(Debug, Default)]
pub struct Waiting {
    first: Option<Asked>,
    #[expect(clippy::box_collection, reason = "a pointer instead of four words, in every HTTP connection")]
    more: Option<Box<VecDeque<Asked>>>,
}

impl Waiting {
    /// Takes a request in, if there is room.
    pub fn push(&mut self, asked: Asked) {
        if self.first.is_none() {
            self.first = Some(asked);
            return;
        }
        let more = self.more.get_or_insert_default();
        if more.len() + 1 < WAITING_MAX {
            more.push_back(asked);
        }
    }

    /// The request that the next response answers.
    pub fn pop(&mut self) -> Option<Asked> {
        let next = self.more.as_mut().and_then(|more| more.pop_front());
        std::mem::replace(&mut self.first, next)
    }

    /// The latest request.
    pub fn last(&self) -> Option<Asked> {
        self.more.as_ref().and_then(|more| more.back().copied()).or(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_in_order_up_to_a_number() {
        let all = [Asked::Scrape, Asked::Webseed, Asked::Mapping];
        let mut waiting = Waiting::default();
        for asked in all.iter().cycle().take(WAITING_MAX + 5) {
            waiting.push(*asked);
        }
        assert_eq!(waiting.last(), Some(all[(WAITING_MAX - 1) % 3]));
        let out = std::iter::from_fn(|| waiting.pop()).collect::<Vec<_>>();
        assert_eq!(out, all.iter().cycle().take(WAITING_MAX).copied().collect::<Vec<_>>());
        assert_eq!(waiting.last(), None);
    }
}
