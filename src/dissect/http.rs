//! HTTP/1.x connections (RFC 9112): tracker announces and scrapes, web seeds, `.torrent` files, port mappings by SOAP.
//!
//! Heads are read one after the other on a kept-alive connection; bodies are passed over by their length unless a request
//! of interest asked for them. Secrets in targets (passkeys) are never kept.

use super::http_body::{self, LISTED};
use super::sink::named;
use super::{Dissector, Sink, udp_tracker};
use crate::base::{Direction, InfoHash};
use crate::event::{Announce, Channel, ClientSource, Fact, Kind, Reason};
use crate::flow::Piece;
use crate::wire::http::{self, BodyLength, Chunk, Chunked, RequestHead, ResponseHead};
use crate::wire::http_tracker::{self, TrackerRequest};
use crate::wire::{Guess, Parsed, client, handshake, upnp, webseed};
use std::collections::VecDeque;

/// Bodies of interest are kept up to this size; `.torrent` files are larger than tracker answers.
const BODY_MAX: usize = 512 * 1024;
/// Requests that wait for their response at most.
const WAITING_MAX: usize = 32;
/// Requests in a row without a meaning for us, after which the connection is left alone.
const PATIENCE: u32 = 64;
/// Block-aligned ranges in a row that make a client's downloads a web seed's (R-WS-2).
const WEBSEED_RANGES: u32 = 3;
/// Percent escapes that a cut info-hash must show: an index page writes forty hex digits and none.
const CUT_ESCAPES: usize = 4;

/// What a request asked, as far as its response must be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Announce(InfoHash),
    Scrape,
    Webseed,
    Mapping,
    Connect,
    Head,
    Anything,
}

/// What is to be done with the connection.
pub enum Outcome {
    /// Go on.
    Reading,
    /// It holds nothing of interest.
    Finished,
    /// The connection was upgraded to WebSocket; these bytes already belong to it.
    WebSocket(Vec<u8>),
    /// A CONNECT was granted; these bytes already belong to the tunnelled stream.
    Tunnel(Vec<u8>),
}

/// What a response makes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    Http,
    Tunnel,
    WebSocket,
}

#[derive(Debug, Default)]
enum Body {
    /// In or before a head.
    #[default]
    None,
    /// This many bytes left.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// Bytes of a head that is not complete.
    head: Vec<u8>,
    body: Body,
    /// The body so far, where it is of interest.
    kept: Option<Vec<u8>>,
    /// What the body belongs to.
    asked: Option<Asked>,
    lost: bool,
    gzip: bool,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Http {
    halves: [Half; 2],
    waiting: VecDeque<Asked>,
    idle: u32,
    useful: bool,
    closed_ranges: u32,
    client_range: bool,
    /// A listed client, aria2 among them, asked for a closed range.
    ranged: bool,
    /// Who asked for an upgrade to WebSocket.
    upgrading: Option<Direction>,
    /// The length of the file that such a range was part of.
    file_size: Option<u64>,
}

impl Http {
    /// Whether a BitTorrent client fetched a closed range.
    pub const fn is_client_range(&self) -> bool {
        self.client_range
    }

    /// The whole length of a file of which a BitTorrent client fetched a closed range.
    pub const fn file_size(&self) -> Option<u64> {
        self.file_size
    }

    /// Takes the next bytes of a direction.
    pub fn piece(
        &mut self,
        dissector: &mut Dissector,
        from: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Outcome {
        match piece {
            Piece::Gap(n) => {
                self.cut_request(from, sink);
                self.gap(from, n);
            }
            Piece::Data(data) => {
                let mut rest = data;
                while !rest.is_empty() {
                    if self.half(from).lost && !self.found_again(from, rest) {
                        break;
                    }
                    if rest.first() == handshake::MAGIC.first() && self.may_be_tunnel(from) {
                        return Outcome::Tunnel(rest.to_vec());
                    }
                    let outcome = if matches!(self.half(from).body, Body::None) {
                        self.head(dissector, from, &mut rest, sink)
                    } else {
                        self.body(dissector, from, &mut rest, sink);
                        Outcome::Reading
                    };
                    if !matches!(outcome, Outcome::Reading) {
                        return outcome;
                    }
                }
            }
        }
        if !self.useful && (self.idle > PATIENCE || self.halves.iter().all(|h| h.lost)) {
            return Outcome::Finished;
        }
        Outcome::Reading
    }

    #[expect(clippy::indexing_slicing, reason = "two halves, two directions")]
    fn half(&mut self, from: Direction) -> &mut Half {
        &mut self.halves[from.index()]
    }

    /// Whether what comes next may be inside a tunnel though its grant or its request was not seen: one direction only.
    fn may_be_tunnel(&mut self, from: Direction) -> bool {
        let asked = self.waiting.back() == Some(&Asked::Connect);
        let half = self.half(from);
        match half.body {
            Body::None => asked && half.head.is_empty(),
            Body::UntilClose => half.asked.is_none() && half.kept.as_ref().is_some_and(Vec::is_empty),
            Body::Length(_) | Body::Chunked(_) => false,
        }
    }

    /// A request that the snap length cut: enough of a percent-encoded info-hash is an announce or a scrape.
    fn cut_request(&mut self, from: Direction, sink: &mut dyn Sink) {
        let head = &self.half(from).head;
        let Some(target) = head.strip_prefix(b"GET ") else { return };
        let Some(at) = target.windows(10).position(|w| w == b"info_hash=") else { return };
        let value = target.get(at + 10..).unwrap_or_default();
        let escaped = value.iter().filter(|&&b| b == b'%').count();
        if escaped >= CUT_ESCAPES && !value.contains(&b' ') {
            self.useful = true;
            sink.fact(from, Fact::Identified { kind: Kind::HttpTracker, reason: Reason::HttpTracker });
        }
    }

    fn gap(&mut self, from: Direction, missing: u32) {
        let half = self.half(from);
        half.kept = None;
        match &mut half.body {
            Body::Length(left) if *left >= u64::from(missing) => *left -= u64::from(missing),
            Body::UntilClose => {}
            Body::None | Body::Length(_) | Body::Chunked(_) => half.lost = true,
        }
    }

    /// After a gap, a segment that begins with a method or a status line begins a message.
    fn found_again(&mut self, from: Direction, data: &[u8]) -> bool {
        let starts = [&b"GET "[..], b"POST ", b"HTTP/1."].iter().any(|m| data.starts_with(m));
        if starts {
            *self.half(from) = Half::default();
        }
        starts
    }

    fn head(
        &mut self,
        dissector: &mut Dissector,
        from: Direction,
        rest: &mut &[u8],
        sink: &mut dyn Sink,
    ) -> Outcome {
        let mut head = std::mem::take(&mut self.half(from).head);
        let held = head.len();
        // Frames of a client are masked (RFC 6455 section 5.1): its upgrade was granted by an answer that was not seen.
        if held == 0
            && self.upgrading == Some(from)
            && matches!(*rest, [0x80..=0x8f | 0..=2, 0x80..=0xff, ..])
        {
            return Outcome::WebSocket(rest.to_vec());
        }
        let bytes: &[u8] = if held == 0 {
            rest
        } else {
            head.extend_from_slice(rest.get(..http::HEAD_MAX.min(rest.len())).unwrap_or_default());
            &head
        };
        let response = bytes.starts_with(b"HTTP/1.")
            || b"HTTP/1.".starts_with(bytes.get(..7.min(bytes.len())).unwrap_or_default());
        let (used, becomes) = if response {
            match http::parse_response(bytes) {
                Parsed::Done { message, used } => (Some(used), self.response(from, &message)),
                Parsed::NeedMore { .. } => (None, Becomes::Http),
                Parsed::Bad(_) => return self.lose(from, rest),
            }
        } else {
            match http::parse_request(bytes) {
                Parsed::Done { message, used } => {
                    self.request(from, &message, sink);
                    (Some(used), Becomes::Http)
                }
                Parsed::NeedMore { .. } => (None, Becomes::Http),
                Parsed::Bad(_) => return self.lose(from, rest),
            }
        };
        let Some(used) = used else {
            let whole = if held == 0 { rest.to_vec() } else { head };
            *rest = &[];
            if whole.len() >= http::HEAD_MAX {
                self.half(from).lost = true;
            } else {
                self.half(from).head = whole;
            }
            return Outcome::Reading;
        };
        *rest = rest.get(used.saturating_sub(held)..).unwrap_or_default();
        match becomes {
            Becomes::Tunnel => return Outcome::Tunnel(rest.to_vec()),
            Becomes::WebSocket => return Outcome::WebSocket(rest.to_vec()),
            Becomes::Http => {}
        }
        self.body_may_be_over(dissector, from, sink);
        Outcome::Reading
    }

    fn lose(&mut self, from: Direction, rest: &mut &[u8]) -> Outcome {
        self.half(from).lost = true;
        *rest = &[];
        Outcome::Reading
    }

    fn request(&mut self, from: Direction, head: &RequestHead<'_>, sink: &mut dyn Sink) {
        let asked = self.meaning(from, head, sink);
        let upgrade = head.header("Upgrade").is_some_and(|u| u.eq_ignore_ascii_case(b"websocket"));
        self.upgrading = upgrade.then_some(from);
        self.idle = if asked == Asked::Anything { self.idle + 1 } else { 0 };
        self.useful |= !matches!(asked, Asked::Anything | Asked::Head | Asked::Connect);
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(asked);
        }
        let half = self.half(from);
        half.body = body_of(head.body());
        half.asked = Some(asked);
        half.kept = (asked == Asked::Mapping).then(Vec::new);
    }

    /// What a request means to us; tells the facts it states itself.
    fn meaning(&mut self, from: Direction, head: &RequestHead<'_>, sink: &mut dyn Sink) -> Asked {
        let agent = head.header("User-Agent").and_then(client::from_user_agent);
        let listed = agent.as_ref().filter(|a| a.is_listed());
        if let Some(client) = listed.filter(|_| head.header("Range").is_some_and(is_closed_range)) {
            self.ranged = true;
            // aria2 is a general downloader as well: its ranges say nothing, unless the file is a torrent's.
            self.client_range |= client.family != "aria2";
        }
        let agent = agent.map(|name| named(&name, ClientSource::UserAgent));
        let mut identify = |kind, reason| {
            sink.fact(from, Fact::Identified { kind, reason });
            if let Some(agent) = &agent {
                sink.fact(from, Fact::Client(agent));
            }
        };
        if upnp::action(head).is_some() {
            return Asked::Mapping;
        }
        let get = head.method == b"GET";
        match http_tracker::parse_request(head.target).filter(|_| get) {
            Some(TrackerRequest::Announce(a)) => {
                identify(Kind::HttpTracker, Reason::HttpTracker);
                if let Some(name) = a.peer_id.and_then(|id| client::from_peer_id(&id.0)) {
                    sink.fact(from, Fact::Client(&named(&name, ClientSource::PeerId)));
                }
                let Some(info_hash) = a.info_hash() else {
                    return Asked::Scrape; // obfuscated (BEP 8): a tracker, a torrent nobody can name
                };
                let claimed = match (a.uploaded, a.downloaded, a.left) {
                    (Some(up), Some(down), Some(left)) => Some([up, down, left]),
                    _ => None,
                };
                sink.fact(
                    from,
                    Fact::Announce(Announce {
                        channel: Channel::HttpTracker,
                        info_hash,
                        port: (a.port != 0).then_some(a.port),
                        event: udp_tracker::event(a.event),
                        claimed,
                    }),
                );
                return Asked::Announce(info_hash);
            }
            Some(TrackerRequest::Scrape { info_hashes }) => {
                identify(Kind::HttpTracker, Reason::HttpTracker);
                for info_hash in info_hashes.take(LISTED) {
                    sink.fact(from, Fact::Torrent { info_hash, channel: Channel::HttpTracker });
                }
                return Asked::Scrape;
            }
            // Without an info-hash the answer must tell (R-TH-1).
            Some(TrackerRequest::ScrapeAll) => return Asked::Scrape,
            None => {}
        }
        match webseed::recognise(head) {
            Some((seed, guess)) => {
                self.closed_ranges += 1;
                if guess == Guess::Certain || self.closed_ranges >= WEBSEED_RANGES {
                    identify(Kind::Webseed, Reason::Webseed);
                    if let webseed::WebseedRequest::Piece { info_hash, .. } = seed {
                        sink.fact(from, Fact::Torrent { info_hash, channel: Channel::Webseed });
                    }
                }
                Asked::Webseed
            }
            None if head.method == b"CONNECT" => Asked::Connect,
            None if head.method == b"HEAD" => Asked::Head,
            None => Asked::Anything,
        }
    }

    /// Takes a response head; tells what the connection becomes by it.
    fn response(&mut self, from: Direction, head: &ResponseHead<'_>) -> Becomes {
        if head.status == 101 && head.header("Upgrade").is_some_and(|u| u.eq_ignore_ascii_case(b"websocket"))
        {
            return Becomes::WebSocket;
        }
        let interim = (100..200).contains(&head.status);
        let asked = if interim { None } else { self.waiting.pop_front() };
        if asked == Some(Asked::Connect) && (200..300).contains(&head.status) {
            return Becomes::Tunnel;
        }
        if self.ranged && head.status == 206 {
            self.file_size = head.header("Content-Range").and_then(webseed::whole_length).or(self.file_size);
        }
        let torrent = head.header("Content-Type").is_some_and(|t| t.starts_with(b"application/x-bittorrent"));
        let small = match head.body() {
            BodyLength::Known(n) => n <= BODY_MAX as u64,
            BodyLength::Chunked | BodyLength::UntilClose => true,
        };
        let wanted = match asked {
            Some(Asked::Announce(_) | Asked::Scrape | Asked::Mapping) => true,
            // A torrent file is often served as plain octets; text, pictures and the like are not looked at.
            Some(Asked::Anything) | None => {
                // Where the request was not seen it may be a tracker's answer, which is plain text to most of them.
                let plain = |t: &[u8]| asked.is_none() && t.starts_with(b"text/plain");
                let octets = |t: &[u8]| t.starts_with(b"application/octet-stream") || plain(t);
                torrent || head.header("Content-Type").is_none_or(octets)
            }
            Some(Asked::Webseed | Asked::Connect | Asked::Head) => false,
        };
        let half = self.half(from);
        half.body = if asked == Some(Asked::Head) { Body::None } else { body_of(head.body()) };
        half.kept = (wanted && small).then(Vec::new);
        half.gzip = head.encoding() == http::Encoding::Gzip;
        half.asked = asked;
        Becomes::Http
    }

    fn body(&mut self, dissector: &mut Dissector, from: Direction, rest: &mut &[u8], sink: &mut dyn Sink) {
        let half = self.half(from);
        match &mut half.body {
            Body::None => {}
            Body::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let (content, after) = rest.split_at(n);
                *left -= n as u64;
                *rest = after;
                keep(&mut half.kept, content);
            }
            Body::UntilClose => {
                keep(&mut half.kept, rest);
                *rest = &[];
                if half.kept.as_ref().is_some_and(|k| http_tracker::parse_response(k).is_ok()) {
                    half.body = Body::Length(0);
                }
            }
            Body::Chunked(chunked) => match chunked.next(rest) {
                Ok(Chunk::Content(content)) => keep(&mut half.kept, content),
                Ok(Chunk::NeedMore) => *rest = &[],
                Ok(Chunk::End) => half.body = Body::Length(0),
                Err(_) => {
                    half.lost = true;
                    *rest = &[];
                }
            },
        }
        self.body_may_be_over(dissector, from, sink);
    }

    fn body_may_be_over(&mut self, dissector: &mut Dissector, from: Direction, sink: &mut dyn Sink) {
        let half = self.half(from);
        if !matches!(half.body, Body::Length(0)) {
            // A body that is plainly no bencoded dictionary needs no keeping.
            if matches!(half.asked, Some(Asked::Anything) | None)
                && !half.gzip
                && half.kept.as_ref().is_some_and(|k| k.first().is_some_and(|&b| b != b'd'))
            {
                half.kept = None;
            }
            return;
        }
        half.body = Body::None;
        let (kept, asked, gzip) = (half.kept.take(), half.asked.take(), half.gzip);
        let Some(mut body) = kept.filter(|k| !k.is_empty()) else { return };
        if gzip {
            body = Dissector::unpack(&body, BODY_MAX);
        }
        self.useful |= http_body::body(dissector, from, asked, &body, sink);
    }
}

fn body_of(length: BodyLength) -> Body {
    match length {
        BodyLength::Known(n) => Body::Length(n),
        BodyLength::Chunked => Body::Chunked(Chunked::default()),
        BodyLength::UntilClose => Body::UntilClose,
    }
}

fn keep(kept: &mut Option<Vec<u8>>, content: &[u8]) {
    match kept {
        Some(bytes) if bytes.len() + content.len() <= BODY_MAX => bytes.extend_from_slice(content),
        _ => *kept = None,
    }
}

/// `bytes=FIRST-LAST`, both given (RFC 9110 section 14.1.2).
fn is_closed_range(range: &[u8]) -> bool {
    let Some(range) = range.strip_prefix(b"bytes=") else { return false };
    let mut ends = range.splitn(2, |b| *b == b'-').map(http::decimal);
    matches!((ends.next(), ends.next()), (Some(Some(first)), Some(Some(last))) if last > first)
}
