//! WebTorrent trackers over WebSocket where it is not encrypted (BEP 3 by JSON; RFC 6455 frames).
//!
//! The offers and answers that the tracker passes on name the endpoints of the WebRTC connections to come.

use super::sink::named;
use super::{Sink, udp_tracker};
use crate::base::{Direction, Endpoint};
use crate::event::{Announce, Channel, ClientSource, Fact, Kind, Reason, SwarmSize};
use crate::flow::Piece;
use crate::wire::websocket::{self, Opcode, TrackerMessage};
use crate::wire::{Parsed, client, sdp};

/// Bytes of one message kept at most.
const MESSAGE_MAX: usize = websocket::PAYLOAD_MAX;
/// Candidates told of one message.
const CANDIDATES: usize = 64;

/// Both directions of a connection after the upgrade.
#[derive(Debug, Default)]
pub struct WebSocket {
    halves: [Half; 2],
}

#[derive(Debug, Default)]
struct Half {
    /// Bytes of a frame that is not complete.
    frame: Vec<u8>,
    /// Payload of a message in several frames.
    message: Vec<u8>,
    /// Bytes of an oversized frame still to pass over.
    skip: u64,
    lost: bool,
}

impl WebSocket {
    /// Takes the next bytes of a direction.
    pub fn piece(&mut self, from: Direction, piece: Piece<'_>, sink: &mut dyn Sink) {
        let Some(half) = self.halves.get_mut(from.index()) else { return };
        match piece {
            Piece::Gap(n) if half.skip >= u64::from(n) => half.skip -= u64::from(n),
            Piece::Gap(_) => half.lost = true,
            Piece::Data(data) => half.data(from, data, sink),
        }
    }

    /// Whether neither direction can be read any longer.
    pub fn is_lost(&self) -> bool {
        self.halves.iter().all(|h| h.lost)
    }
}

impl Half {
    fn data(&mut self, from: Direction, mut data: &[u8], sink: &mut dyn Sink) {
        while !data.is_empty() && !self.lost {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(data.len());
            self.skip -= passed as u64;
            data = data.get(passed..).unwrap_or_default();
            if data.is_empty() {
                return;
            }
            self.frame.extend_from_slice(data);
            data = &[];
            self.frames(from, sink);
        }
    }

    /// Takes whole frames off the front of what is held.
    fn frames(&mut self, from: Direction, sink: &mut dyn Sink) {
        let held = std::mem::take(&mut self.frame);
        let mut rest = held.as_slice();
        loop {
            if let Parsed::Done { message: header, used } = websocket::parse_header(rest)
                && header.payload_len > MESSAGE_MAX as u64
            {
                let here = rest.get(used..).unwrap_or_default();
                let now = usize::try_from(header.payload_len).unwrap_or(usize::MAX).min(here.len());
                self.skip = header.payload_len - now as u64;
                rest = here.get(now..).unwrap_or_default();
                continue;
            }
            match websocket::parse_frame(rest) {
                Parsed::Done { message: frame, used } => {
                    rest = rest.get(used..).unwrap_or_default();
                    self.message.extend_from_slice(&frame.payload);
                    if self.message.len() > MESSAGE_MAX {
                        self.message.clear();
                    }
                    if frame.header.fin {
                        let message = std::mem::take(&mut self.message);
                        if matches!(frame.header.opcode, Opcode::Text | Opcode::Binary | Opcode::Continuation)
                        {
                            tell(from, &message, sink);
                        }
                    }
                }
                Parsed::NeedMore { .. } => break,
                Parsed::Bad(_) => {
                    self.lost = true;
                    return;
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        self.frame = rest.to_vec();
    }
}

/// Tells what a tracker message states (R-TH-4).
fn tell(from: Direction, text: &[u8], sink: &mut dyn Sink) {
    let Some(message) = websocket::parse_tracker_message(text) else { return };
    sink.fact(from, Fact::Identified { kind: Kind::WsTracker, reason: Reason::WsTracker });
    let channel = Channel::WsTracker;
    let from_tracker = match message {
        TrackerMessage::Announce { info_hash, peer_id, event, uploaded, downloaded, left, .. } => {
            let claimed = match (uploaded, downloaded, left) {
                (Some(up), Some(down), Some(left)) => Some([up, down, left]),
                _ => None,
            };
            let event = udp_tracker::event(event);
            sink.fact(from, Fact::Announce(Announce { channel, info_hash, port: None, event, claimed }));
            if let Some(name) = peer_id.and_then(|id| client::from_peer_id(&id.0)) {
                sink.fact(from, Fact::Client(&named(&name, ClientSource::PeerId)));
            }
            false
        }
        TrackerMessage::Interval { info_hash, complete, incomplete, .. } => {
            sink.fact(from, Fact::TwoWay);
            if let (Some(seeders), Some(leechers)) = (complete, incomplete) {
                sink.fact(from, Fact::SwarmSize(SwarmSize { info_hash, seeders, leechers, completed: None }));
            }
            true
        }
        TrackerMessage::Signal { info_hash, to_peer_id, .. } => {
            sink.fact(from, Fact::Torrent { info_hash, channel });
            to_peer_id.is_none()
        }
        TrackerMessage::Scrape { info_hashes } | TrackerMessage::ScrapeReply { info_hashes } => {
            for info_hash in info_hashes.into_iter().take(CANDIDATES) {
                sink.fact(from, Fact::Torrent { info_hash, channel });
            }
            return;
        }
    };
    let endpoints: Vec<Endpoint> = sdp::candidates(text).take(CANDIDATES).collect();
    if from_tracker && !endpoints.is_empty() {
        sink.fact(from, Fact::Peers { info_hash: None, channel, endpoints: &endpoints });
    } else {
        for endpoint in endpoints {
            sink.fact(from, Fact::Listens { port: endpoint.port, channel });
        }
    }
}
