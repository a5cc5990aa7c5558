//! Looked-up names of trackers and bootstrap nodes (R-X-3): hints at best, from the question of a DNS datagram.

use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::event::{Fact, Reason};
use crate::wire::{dns, names};

/// The port of name servers (RFC 1035 section 4.2).
const PORT: u16 = 53;

/// Whether a datagram asks a name server for one of the names, or is its answer. This is the whole look: other questions
/// are no flows of interest.
pub fn may_be(bytes: &[u8], source: u16, destination: u16) -> bool {
    (destination == PORT || source == PORT)
        && dns::question(bytes).is_some_and(|question| names::asks_for_torrent_name(&question))
}

/// A datagram that passed [`may_be`].
pub fn datagram(
    _: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    _: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let answer = dns::question(datagram.bytes).is_some_and(|question| question.is_answer);
    let asker = if answer { packet.direction.reverse() } else { packet.direction };
    sink.fact(asker, Fact::Hint(Reason::NameHint));
    true
}
