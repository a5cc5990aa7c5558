//! Other peer-to-peer networks and look-alikes: named as what they are, never as BitTorrent.

use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::event::{Fact, Kind, Reason};
use crate::wire::Guess;
use crate::wire::other::{self, OtherProtocol};

/// Whether a datagram can be one of the other networks'.
pub fn may_be(bytes: &[u8], _: u16, _: u16) -> bool {
    other::may_be_datagram(bytes)
}

/// A datagram that passed [`may_be`].
pub fn datagram(
    _: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let (source, destination) = (packet.sender().port, packet.receiver().port);
    let Some((protocol, guess)) = other::recognise_datagram(datagram.bytes, source, destination) else {
        return false;
    };
    // Two bytes of a little-endian number are no evidence, however often they come.
    if protocol == OtherProtocol::Xunlei {
        return false;
    }
    // A weak signature needs an answer of the same network (R-OTH-1).
    if guess != Guess::Certain && !conversation.other_answered(protocol, packet.direction) {
        return false;
    }
    sink.fact(packet.direction, Fact::Identified { kind: kind(protocol), reason: Reason::OtherMagic });
    true
}

/// The network that a stream's first bytes belong to.
pub fn stream(head: &[u8]) -> Option<(Kind, Guess)> {
    other::recognise_stream(head).map(|(protocol, guess)| (kind(protocol), guess))
}

/// The kind in the vocabulary of facts.
const fn kind(protocol: OtherProtocol) -> Kind {
    match protocol {
        OtherProtocol::Edonkey => Kind::Edonkey,
        OtherProtocol::Kad => Kind::Kad,
        OtherProtocol::Gnutella => Kind::Gnutella,
        OtherProtocol::DirectConnect => Kind::DirectConnect,
        OtherProtocol::Soulseek => Kind::Soulseek,
        OtherProtocol::Ares => Kind::Ares,
        OtherProtocol::Libp2p => Kind::Libp2p,
        OtherProtocol::VuzeDht => Kind::VuzeDht,
        OtherProtocol::Resilio => Kind::Resilio,
        OtherProtocol::Syncthing => Kind::Syncthing,
        OtherProtocol::Xunlei => Kind::Xunlei,
        OtherProtocol::Bitcoin => Kind::Bitcoin,
        OtherProtocol::EthereumDiscovery => Kind::EthereumDiscovery,
        OtherProtocol::Monero => Kind::Monero,
        OtherProtocol::LbryDht => Kind::LbryDht,
        OtherProtocol::Zeronet => Kind::Zeronet,
        OtherProtocol::Pando => Kind::Pando,
        OtherProtocol::DeliveryOptimization => Kind::DeliveryOptimization,
        OtherProtocol::Blizzard => Kind::Blizzard,
        OtherProtocol::Steam => Kind::Steam,
    }
}
