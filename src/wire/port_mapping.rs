//! NAT-PMP (RFC 6886) and PCP (RFC 6887): a host asks its router for a public address or a port.

use super::Malformed;
use super::fields::Fields;
use crate::base::{Address, Transport};

/// Requests go to this UDP port of the router, answers come from it.
pub const ROUTER_PORT: u16 = 5351;

/// A message of either protocol. `result` 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// NAT-PMP: asks for the public address.
    AddressRequest,
    /// NAT-PMP: tells it.
    AddressResponse {
        /// RFC 6886 section 3.5.
        result: u16,
        /// Seconds since the router lost its mappings.
        epoch: u32,
        /// The public address, meaningful on success.
        address: Address,
    },
    /// NAT-PMP: asks for a mapping; lifetime 0 deletes it.
    MapRequest(Mapping),
    /// NAT-PMP: the answer, with the granted external port and lifetime.
    MapResponse {
        /// RFC 6886 section 3.5.
        result: u16,
        /// Seconds since the router lost its mappings.
        epoch: u32,
        /// What was granted.
        mapping: Mapping,
    },
    /// NAT-PMP: refuses a version or opcode that the router does not know, in eight bytes; so old routers answer PCP.
    Refused {
        /// Without the answer bit.
        opcode: u8,
        /// RFC 6886 section 3.5; not 0.
        result: u16,
        /// Seconds since the router lost its mappings.
        epoch: u32,
    },
    /// PCP MAP: asks for a mapping; lifetime 0 deletes it.
    PcpMapRequest {
        /// The asking host's own address.
        client: Address,
        /// Ties answers and renewals to the request.
        nonce: [u8; 12],
        /// What is asked for.
        mapping: Mapping,
        /// The external address hoped for; all zeros where none.
        external: Address,
    },
    /// PCP MAP: the answer.
    PcpMapResponse {
        /// RFC 6887 section 7.4.
        result: u8,
        /// Seconds since the router lost its mappings.
        epoch: u32,
        /// From the request.
        nonce: [u8; 12],
        /// What was granted.
        mapping: Mapping,
        /// The external address.
        external: Address,
    },
    /// Another PCP opcode (ANNOUNCE 0, PEER 2, ..): only the common header is read.
    PcpOther {
        /// Without the answer bit.
        opcode: u8,
        /// Whether it is an answer.
        response: bool,
    },
}

/// A mapping asked for or granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// `None` for PCP protocols other than TCP and UDP (0 = all).
    pub transport: Option<Transport>,
    /// The port inside.
    pub internal_port: u16,
    /// The port outside; 0 = any.
    pub external_port: u16,
    /// Seconds.
    pub lifetime: u32,
}

/// R-NAT-1: reads a datagram from or to port 5351. Without that port the short layouts prove nothing.
///
/// # Errors
/// When version, opcode or length are no protocol's.
pub fn parse(datagram: &[u8]) -> Result<Message, Malformed> {
    let mut f = Fields(datagram);
    match f.u8()? {
        0 => nat_pmp(f),
        2 => pcp(f, datagram.len()),
        _ => Err(Malformed::Magic),
    }
}

fn nat_pmp(mut f: Fields<'_>) -> Result<Message, Malformed> {
    let opcode = f.u8()?;
    let transport = match opcode & 0x7f {
        0 => None,
        1 => Some(Transport::Udp),
        2 => Some(Transport::Tcp),
        _ => return Err(Malformed::Magic),
    };
    if opcode & 0x80 != 0 && f.0.len() == 6 {
        let (result, epoch) = (f.u16()?, f.u32()?);
        let refused = Message::Refused { opcode: opcode & 0x7f, result, epoch };
        return if result == 0 { Err(Malformed::Truncated) } else { Ok(refused) };
    }
    // Reserved in a request, the result in an answer.
    let result = if f.0.is_empty() && opcode == 0 { 0 } else { f.u16()? };
    let message = match (opcode >> 7, transport) {
        (0, None) => Message::AddressRequest,
        (_, None) => {
            Message::AddressResponse { result, epoch: f.u32()?, address: f.bytes().map(Address::v4)? }
        }
        (0, _) => Message::MapRequest(ports_then_lifetime(&mut f, transport)?),
        _ => {
            let epoch = f.u32()?;
            Message::MapResponse { result, epoch, mapping: ports_then_lifetime(&mut f, transport)? }
        }
    };
    if f.0.is_empty() { Ok(message) } else { Err(Malformed::Trailing) }
}

fn ports_then_lifetime(f: &mut Fields<'_>, transport: Option<Transport>) -> Result<Mapping, Malformed> {
    Ok(Mapping { transport, internal_port: f.u16()?, external_port: f.u16()?, lifetime: f.u32()? })
}

/// RFC 6887 section 7: at most 1100 bytes, in words of four.
fn pcp(mut f: Fields<'_>, len: usize) -> Result<Message, Malformed> {
    let first = f.u8()?;
    let (opcode, response) = (first & 0x7f, first & 0x80 != 0);
    if len > 1100 || !len.is_multiple_of(4) {
        return Err(Malformed::Length);
    }
    let (_reserved, result) = (f.u8()?, f.u8()?);
    let lifetime = f.u32()?;
    let mut epoch = Fields(f.0);
    let address: [u8; 16] = f.bytes()?;
    if opcode != 1 {
        return Ok(Message::PcpOther { opcode, response });
    }
    let nonce = f.bytes()?;
    let transport = match f.u8()? {
        6 => Some(Transport::Tcp),
        17 => Some(Transport::Udp),
        _ => None,
    };
    f.slice(3)?;
    let mapping = Mapping { transport, internal_port: f.u16()?, external_port: f.u16()?, lifetime };
    let external = Address::v6(f.bytes()?);
    Ok(if response {
        Message::PcpMapResponse { result, epoch: epoch.u32()?, nonce, mapping, external }
    } else {
        Message::PcpMapRequest { client: Address::v6(address), nonce, mapping, external }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nat_pmp_messages_have_exactly_one_length() {
        let all: [&[u8]; 4] = [
            b"\0\0",
            b"\0\x80\0\0\0\0\x30\x39\xcb\0\x71\x05",
            b"\0\x01\0\0\xc8\xd5\xc8\xd5\0\0\x0e\x10",
            b"\0\x82\0\x02\0\0\x30\x39\x1a\xe1\0\0\0\0\x0e\x10",
        ];
        for whole in all {
            assert!(parse(whole).is_ok());
            assert!(parse(&[whole, b"x"].concat()).is_err());
            for cut in 0..whole.len() {
                let cut_short = parse(&whole[..cut]);
                assert!(cut_short.is_err() || cut == 8, "{whole:?} {cut}: {cut_short:?}");
            }
        }
        let Ok(Message::AddressResponse { address, .. }) = parse(all[1]) else { panic!() };
        assert_eq!(address.to_string(), "203.0.113.5");
        let Ok(Message::MapResponse { result: 2, mapping, .. }) = parse(all[3]) else { panic!() };
        assert_eq!((mapping.transport, mapping.internal_port), (Some(Transport::Tcp), 6881));
    }

    #[test]
    fn an_old_router_refuses_pcp() {
        assert_eq!(parse(b"\0\x80\0\x01\0\0\0\x03"), Ok(Message::Refused { opcode: 0, result: 1, epoch: 3 }));
        assert!(parse(b"\0\x80\0\0\0\0\0\x03").is_err());
    }

    #[test]
    fn a_pcp_answer_carries_the_external_address() {
        let mut d = vec![2, 0x81, 0, 0, 0, 0, 0x0e, 0x10, 0, 0, 0, 9];
        d.extend([0; 12]);
        d.extend([7; 12]);
        d.extend([17, 0, 0, 0, 0x1a, 0xe1, 0x1a, 0xe2]);
        d.extend(Address::v4([203, 0, 113, 5]).0);
        for cut in 0..d.len() {
            assert!(parse(&d[..cut]).is_err(), "{cut}");
        }
        let Ok(Message::PcpMapResponse { result, epoch, mapping, external, .. }) = parse(&d) else {
            panic!()
        };
        assert_eq!((result, epoch, external.to_string().as_str()), (0, 9, "203.0.113.5"));
        assert_eq!(
            mapping,
            Mapping {
                transport: Some(Transport::Udp),
                internal_port: 6881,
                external_port: 6882,
                lifetime: 3600
            }
        );
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(version in 0u8..4, opcode: u8, rest: Vec<u8>) {
            let _ = parse(&[&[version, opcode], rest.as_slice()].concat());
        }
    }
}
