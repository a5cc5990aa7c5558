//! Peer-to-peer traffic by what it is: bytes, flows, handshakes.
//!
//! Bytes are counted under what is known of their flow when they are counted, and stay there: a counter cannot take back
//! what it has said. What was moved before anything was known is counted with the first word on the flow.

use super::declare::Declare;
use crate::event::{Encryption, Family, FlowUpdate, Grade, Kind, Kinds, Reason};
use crate::output::words;
use prometheus::{IntCounterVec, Result};

/// Label values of `direction`, in the order of [`directions`].
const DIRECTIONS: [&str; 3] = ["in", "out", "across"];

/// The families.
#[derive(Debug)]
pub struct P2p {
    bytes: IntCounterVec,
    flows: IntCounterVec,
    other: IntCounterVec,
    handshakes: IntCounterVec,
}

impl P2p {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let p2p = Self {
            bytes: declare.counters(
                "p2p_bytes_total",
                "Wire bytes of BitTorrent flows into, out of and past the home networks.",
                &["direction", "kind", "transport", "encryption", "grade"],
            )?,
            flows: declare.counters(
                "p2p_flows_total",
                "BitTorrent flows, by what was known when they were first recognised.",
                &["kind", "transport", "encryption", "grade"],
            )?,
            other: declare.counters(
                "other_p2p_bytes_total",
                "Wire bytes of flows of other peer-to-peer networks and of look-alikes.",
                &["direction", "family"],
            )?,
            handshakes: declare.counters(
                "handshakes_total",
                "Flows on which a peer handshake (BEP 3) was read.",
                &["transport", "encryption"],
            )?,
        };
        p2p.start_at_zero();
        Ok(p2p)
    }

    /// Makes the series that an ordinary network has, so that the first increase of each is seen as one.
    fn start_at_zero(&self) {
        let (none, confirmed) = (Encryption::None.label(), Grade::Confirmed.label());
        for &kind in Kind::ALL {
            for direction in DIRECTIONS {
                if kind.family() == Family::Bittorrent {
                    let labels = [direction, kind.label(), usual_transport(kind), none, confirmed];
                    self.bytes.with_label_values(&labels);
                } else {
                    self.other.with_label_values(&[direction, kind.label()]);
                }
            }
            if kind.family() == Family::Bittorrent {
                self.flows.with_label_values(&[kind.label(), usual_transport(kind), none, confirmed]);
            }
        }
        for transport in ["tcp", "utp"] {
            for encryption in Encryption::ALL {
                self.handshakes.with_label_values(&[transport, encryption.label()]);
            }
        }
    }

    pub fn observe(&self, update: &FlowUpdate<'_>, home: [bool; 2]) {
        let (record, told) = (update.record, &update.told);
        let label = &record.label;
        let Some(grade) = label.grade else { return };
        let added = directions(update.added().map(|c| c.bytes), home);
        if label.kinds.family() != Some(Family::Bittorrent) {
            let Some(family) = words::family_of(label.kinds) else { return };
            for (direction, bytes) in DIRECTIONS.iter().zip(added).filter(|(_, bytes)| *bytes > 0) {
                self.other.with_label_values(&[*direction, family]).inc_by(bytes);
            }
            return;
        }
        let kind = most_telling(label.kinds);
        let transport = words::transport(record.transport, label.kinds);
        let (encryption, grade) = (label.encryption.label(), grade.label());
        for (direction, bytes) in DIRECTIONS.iter().zip(added).filter(|(_, bytes)| *bytes > 0) {
            let labels = [*direction, kind, transport, encryption, grade];
            self.bytes.with_label_values(&labels).inc_by(bytes);
        }
        if update.is_new() {
            self.flows.with_label_values(&[kind, transport, encryption, grade]).inc();
        }
        if label.reasons.contains(Reason::Handshake) && !told.reasons.contains(Reason::Handshake) {
            self.handshakes.with_label_values(&[transport, encryption]).inc();
        }
    }
}

/// Bytes into, out of and past the home networks, of what originator and responder sent.
pub fn directions([out, back]: [u64; 2], home: [bool; 2]) -> [u64; 3] {
    match home {
        [true, false] => [back, out, 0],
        [false, true] => [out, back, 0],
        _ => [0, 0, out.saturating_add(back)],
    }
}

/// One word for a flow that carries several kinds: the one that says most of what is done, content before look-ups.
fn most_telling(kinds: Kinds) -> &'static str {
    kinds.iter().find(|k| k.family() == Family::Bittorrent).map_or("unknown", Kind::label)
}

const fn usual_transport(kind: Kind) -> &'static str {
    match kind {
        Kind::Utp => "utp",
        Kind::Dht | Kind::UdpTracker | Kind::Lsd | Kind::Webrtc | Kind::PortMapping => "udp",
        _ => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_named_after_its_content() {
        let kinds: Kinds = [Kind::Dht, Kind::Utp, Kind::PeerWire].into_iter().collect();
        assert_eq!(most_telling(kinds), "peer-wire");
        let kinds: Kinds = [Kind::Dht, Kind::Resilio].into_iter().collect();
        assert_eq!(most_telling(kinds), "dht");
    }

    #[test]
    fn directions_are_seen_from_home() {
        assert_eq!(directions([1, 2], [true, false]), [2, 1, 0]);
        assert_eq!(directions([1, 2], [false, true]), [1, 2, 0]);
        assert_eq!(directions([1, 2], [true, true]), [0, 0, 3]);
        assert_eq!(directions([1, 2], [false, false]), [0, 0, 3]);
    }
}
