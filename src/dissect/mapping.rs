//! NAT-PMP, PCP and SSDP datagrams (RFC 6886, RFC 6887, UPnP): who asks the router to open which port.
//!
//! Games and telephony map ports too, so a mapping alone never makes a flow BitTorrent; it names a port that the host
//! wants to be reached on.

use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::event::{Channel, Fact, Mapping};
use crate::wire::port_mapping::{self, Message};

/// Whether the ports are a router's.
pub fn may_be(bytes: &[u8], source: u16, destination: u16) -> bool {
    (source == port_mapping::ROUTER_PORT || destination == port_mapping::ROUTER_PORT) && bytes.len() >= 2
}

/// A datagram from or to the router's port; tells whether it was one of these protocols.
pub fn datagram(
    _: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    _: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let Ok(message) = port_mapping::parse(datagram.bytes) else { return false };
    let from = packet.direction;
    let mut tell = |m: port_mapping::Mapping, protocol, answer| {
        let Some(transport) = m.transport else { return };
        sink.fact(
            from,
            Fact::Mapping(Mapping {
                transport,
                internal_port: m.internal_port,
                external_port: m.external_port,
                lifetime: m.lifetime,
                host: None,
                answer,
                protocol,
            }),
        );
    };
    match message {
        Message::MapRequest(m) => tell(m, "nat-pmp", None),
        Message::MapResponse { result, mapping, .. } => tell(mapping, "nat-pmp", Some(result)),
        Message::PcpMapRequest { mapping, .. } => tell(mapping, "pcp", None),
        Message::PcpMapResponse { result, mapping, external, .. } => {
            tell(mapping, "pcp", Some(u16::from(result)));
            if result == 0 {
                let port = Some(mapping.external_port);
                sink.fact(
                    from,
                    Fact::ExternalAddress { address: external, port, channel: Channel::PortMapping },
                );
            }
        }
        Message::AddressResponse { result: 0, address, .. } => {
            sink.fact(from, Fact::ExternalAddress { address, port: None, channel: Channel::PortMapping });
        }
        Message::AddressRequest
        | Message::AddressResponse { .. }
        | Message::Refused { .. }
        | Message::PcpOther { .. } => {}
    }
    true
}
