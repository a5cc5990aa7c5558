//! HTTP/1.x connections (RFC 9112): tracker announces and scrapes, web seeds, `.torrent` files, port mappings by SOAP.
//!
//! Heads are read one after the other on a kept-alive connection; bodies are passed over by their length unless a request
//! of interest asked for them. Secrets in targets (passkeys) are never kept.

use super::http_body::{self, LISTED};
use super::http_message::{BODY_MAX, Body, Message, Waiting};
use super::sink::named;
use super::{Dissector, Sink, udp_tracker};
use crate::base::{Direction, InfoHash};
use crate::event::{Announce, Channel, ClientSource, Fact, Kind, Reason};
use crate::flow::Piece;
use crate::wire::http::{self, BodyLength, RequestHead, ResponseHead};
use crate::wire::http_tracker::{self, TrackerRequest};
use crate::wire::{Guess, Parsed, client, handshake, upnp, webseed};

/// Requests in a row without a meaning for us, after which the connection is left alone.
const PATIENCE: u8 = 64;
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

/// A connection.
#[derive(Debug, Default)]
pub struct Http {
    /// The message of each direction that is not whole; none between two.
    messages: [Option<Box<Message>>; 2],
    lost: [bool; 2],
    waiting: Waiting,
    idle: u8,
    useful: bool,
    /// Who asked for an upgrade to WebSocket.
    upgrading: Option<Direction>,
    /// Where ranges of files are asked for as from a web seed.
    ranges: Option<Box<Ranges>>,
}

/// What is known of the ranges of files that a client asks for.
#[derive(Debug, Default)]
struct Ranges {
    closed: u32,
    /// A listed client, aria2 among them, asked for a closed range.
    listed: bool,
    /// So did one that is a BitTorrent client and nothing else.
    client: bool,
    /// The length of the file that such a range was part of.
    file_size: Option<u64>,
}

impl Http {
    /// Whether a BitTorrent client fetched a closed range.
    pub fn is_client_range(&self) -> bool {
        self.ranges.as_ref().is_some_and(|ranges| ranges.client)
    }

    /// The whole length of a file of which a BitTorrent client fetched a closed range.
    pub fn file_size(&self) -> Option<u64> {
        self.ranges.as_ref().and_then(|ranges| ranges.file_size)
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
                    if *self.lost(from) && !self.found_again(from, rest) {
                        break;
                    }
                    if rest.first() == handshake::MAGIC.first() && self.may_be_tunnel(from) {
                        return Outcome::Tunnel(rest.to_vec());
                    }
                    let outcome = if matches!(self.message(from).as_deref(), Some(Message::Body(_))) {
                        self.body(dissector, from, &mut rest, sink);
                        Outcome::Reading
                    } else {
                        self.head(from, &mut rest, sink)
                    };
                    if !matches!(outcome, Outcome::Reading) {
                        return outcome;
                    }
                }
            }
        }
        if !self.useful && (self.idle > PATIENCE || self.lost == [true, true]) {
            return Outcome::Finished;
        }
        Outcome::Reading
    }

    /// Takes the next bytes of a direction if they are the inside of a body that nobody looks at.
    pub fn passes_over(&mut self, from: Direction, len: u32) -> bool {
        !*self.lost(from)
            && match self.message(from).as_deref_mut() {
                Some(Message::Body(body)) => body.passes_over(len),
                Some(Message::Head(_)) | None => false,
            }
    }

    #[expect(clippy::indexing_slicing, reason = "two messages, two directions")]
    fn message(&mut self, from: Direction) -> &mut Option<Box<Message>> {
        &mut self.messages[from.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "two flags, two directions")]
    fn lost(&mut self, from: Direction) -> &mut bool {
        &mut self.lost[from.index()]
    }

    fn ranges(&mut self) -> &mut Ranges {
        self.ranges.get_or_insert_default()
    }

    /// Whether what comes next may be inside a tunnel though its grant or its request was not seen: one direction only.
    fn may_be_tunnel(&mut self, from: Direction) -> bool {
        match self.message(from).as_deref() {
            None => self.waiting.last() == Some(Asked::Connect),
            Some(Message::Head(_)) => false,
            Some(Message::Body(body)) => body.may_be_anything(),
        }
    }

    /// A request that the snap length cut: enough of a percent-encoded info-hash is an announce or a scrape.
    fn cut_request(&mut self, from: Direction, sink: &mut dyn Sink) {
        let Some(Message::Head(head)) = self.message(from).as_deref() else { return };
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
        let goes_on = match self.message(from).as_deref_mut() {
            Some(Message::Body(body)) => body.pass(missing),
            Some(Message::Head(_)) | None => false,
        };
        if !goes_on {
            *self.lost(from) = true;
        }
    }

    /// After a gap, a segment that begins with a method or a status line begins a message.
    fn found_again(&mut self, from: Direction, data: &[u8]) -> bool {
        let starts = [&b"GET "[..], b"POST ", b"HTTP/1."].iter().any(|m| data.starts_with(m));
        if starts {
            *self.lost(from) = false;
            *self.message(from) = None;
        }
        starts
    }

    fn head(&mut self, from: Direction, rest: &mut &[u8], sink: &mut dyn Sink) -> Outcome {
        let mut head = match self.message(from).take().map(|message| *message) {
            Some(Message::Head(head)) => head,
            Some(Message::Body(_)) | None => Vec::new(),
        };
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
                Parsed::Bad(_) => {
                    *self.lost(from) = true;
                    *rest = &[];
                    return Outcome::Reading;
                }
            }
        } else {
            match http::parse_request(bytes) {
                Parsed::Done { message, used } => {
                    self.request(from, &message, sink);
                    (Some(used), Becomes::Http)
                }
                Parsed::NeedMore { .. } => (None, Becomes::Http),
                Parsed::Bad(_) => {
                    *self.lost(from) = true;
                    *rest = &[];
                    return Outcome::Reading;
                }
            }
        };
        let Some(used) = used else {
            let whole = if held == 0 { rest.to_vec() } else { head };
            *rest = &[];
            if whole.len() >= http::HEAD_MAX {
                *self.lost(from) = true;
            } else {
                *self.message(from) = Some(Box::new(Message::Head(whole)));
            }
            return Outcome::Reading;
        };
        *rest = rest.get(used.saturating_sub(held)..).unwrap_or_default();
        match becomes {
            Becomes::Tunnel => Outcome::Tunnel(rest.to_vec()),
            Becomes::WebSocket => Outcome::WebSocket(rest.to_vec()),
            Becomes::Http => Outcome::Reading,
        }
    }

    fn request(&mut self, from: Direction, head: &RequestHead<'_>, sink: &mut dyn Sink) {
        let asked = self.meaning(from, head, sink);
        let upgrade = head.header("Upgrade").is_some_and(|u| u.eq_ignore_ascii_case(b"websocket"));
        self.upgrading = upgrade.then_some(from);
        self.idle = if asked == Asked::Anything { self.idle.saturating_add(1) } else { 0 };
        self.useful |= !matches!(asked, Asked::Anything | Asked::Head | Asked::Connect);
        self.waiting.push(asked);
        self.expect(from, Body::after_head(head.body(), asked == Asked::Mapping, Some(asked), false));
    }

    fn expect(&mut self, from: Direction, body: Option<Body>) {
        *self.message(from) = body.map(|body| Box::new(Message::Body(body)));
    }

    /// What a request means to us; tells the facts it states itself.
    fn meaning(&mut self, from: Direction, head: &RequestHead<'_>, sink: &mut dyn Sink) -> Asked {
        let agent = head.header("User-Agent").and_then(client::from_user_agent);
        let listed = agent.as_ref().filter(|a| a.is_listed());
        if let Some(client) = listed.filter(|_| head.header("Range").is_some_and(is_closed_range)) {
            let ranges = self.ranges();
            ranges.listed = true;
            // aria2 is a general downloader as well: its ranges say nothing, unless the file is a torrent's.
            ranges.client |= client.family != "aria2";
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
                let ranges = self.ranges();
                ranges.closed += 1;
                if guess == Guess::Certain || ranges.closed >= WEBSEED_RANGES {
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
        let asked = if interim { None } else { self.waiting.pop() };
        if asked == Some(Asked::Connect) && (200..300).contains(&head.status) {
            return Becomes::Tunnel;
        }
        if let Some(ranges) = self.ranges.as_mut().filter(|ranges| ranges.listed && head.status == 206) {
            ranges.file_size =
                head.header("Content-Range").and_then(webseed::whole_length).or(ranges.file_size);
        }
        let content = head.header("Content-Type");
        let length = head.body();
        let small = match length {
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
                content.is_none_or(|t| t.starts_with(b"application/x-bittorrent") || octets(t))
            }
            Some(Asked::Webseed | Asked::Connect | Asked::Head) => false,
        };
        let gzip = head.encoding() == http::Encoding::Gzip;
        let body = Body::after_head(length, wanted && small, asked, gzip);
        self.expect(from, body.filter(|_| asked != Some(Asked::Head)));
        Becomes::Http
    }

    fn body(&mut self, dissector: &mut Dissector, from: Direction, rest: &mut &[u8], sink: &mut dyn Sink) {
        let Some(Message::Body(body)) = self.message(from).as_deref_mut() else { return };
        if body.read(rest).is_err() {
            *self.lost(from) = true;
            *rest = &[];
        } else if body.is_over()
            && let Some(Message::Body(body)) = self.message(from).take().map(|message| *message)
        {
            let (asked, gzip) = (body.asked, body.gzip);
            let mut content = body.into_kept();
            if content.is_empty() {
                return;
            }
            if gzip {
                content = Dissector::unpack(&content, BODY_MAX);
            }
            self.useful |= http_body::body(dissector, from, asked, &content, sink);
        }
    }
}

/// `bytes=FIRST-LAST`, both given (RFC 9110 section 14.1.2).
fn is_closed_range(range: &[u8]) -> bool {
    let Some(range) = range.strip_prefix(b"bytes=") else { return false };
    let mut ends = range.splitn(2, |b| *b == b'-').map(http::decimal);
    matches!((ends.next(), ends.next()), (Some(Some(first)), Some(Some(last))) if last > first)
}
