//! Local service discovery (BEP 14): a multicast announce of a port and some info-hashes.

use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::event::{Announce, AnnounceEvent, Channel, Fact, Kind, Reason};
use crate::wire::lsd;

/// Info-hashes of one announce that are told at most; a datagram holds no more than about thirty.
const INFO_HASHES: usize = 64;

/// A datagram that begins `BT-SEARCH`; tells whether it was an announce.
pub fn datagram(
    _: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    _: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let announce = match lsd::parse(datagram.bytes) {
        Ok(announce) => announce,
        Err(reason) => {
            sink.fact(packet.direction, Fact::Malformed { kind: Kind::Lsd, reason: reason.label() });
            return false;
        }
    };
    let from = packet.direction;
    sink.fact(from, Fact::Identified { kind: Kind::Lsd, reason: Reason::Lsd });
    for info_hash in announce.info_hashes.take(INFO_HASHES) {
        let announce = Announce {
            channel: Channel::Lsd,
            info_hash,
            port: Some(announce.port),
            event: AnnounceEvent::None,
            claimed: None,
        };
        sink.fact(from, Fact::Announce(announce));
    }
    true
}
