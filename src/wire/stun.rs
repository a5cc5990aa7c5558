//! STUN (RFC 8489, RFC 5389): recognition, and the address a server reflects.

use super::Malformed;
use super::fields::Fields;
use crate::base::{Address, Endpoint};

/// The fixed value at offset 4.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

const MAPPED_ADDRESS: u16 = 0x0001;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// Attributes walked at most.
const ATTRIBUTES_MAX: usize = 64;

/// The class bits of the message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Expects an answer.
    Request,
    /// Expects none.
    Indication,
    /// Answers a request.
    Success,
    /// Refuses a request.
    Error,
}

/// A STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request, indication or answer.
    pub class: Class,
    /// The twelve method bits; see [`Message::BINDING`].
    pub method: u16,
    /// Chosen by the asker.
    pub transaction: [u8; 12],
    /// From XOR-MAPPED-ADDRESS, or else MAPPED-ADDRESS: the receiver as its peer sees it.
    pub mapped: Option<Endpoint>,
}

impl Message {
    /// The Binding method, the only one outside of TURN.
    pub const BINDING: u16 = 1;
}

/// R-NAT-4: reads a datagram as STUN. Success is certainty that it is STUN, and says nothing of BitTorrent.
///
/// # Errors
/// When the first two bits, the cookie or the length differ. Attributes that do not parse only end the walk.
pub fn parse(datagram: &[u8]) -> Result<Message, Malformed> {
    let mut f = Fields(datagram);
    let kind = f.u16()?;
    let length = f.u16()?;
    if kind >> 14 != 0 || f.u32()? != MAGIC_COOKIE {
        return Err(Malformed::Magic);
    }
    let transaction = f.bytes()?;
    if f.0.len() != usize::from(length) || length % 4 != 0 {
        return Err(Malformed::Length);
    }
    // RFC 8489 section 5: class bits 4 and 8 lie between the method bits.
    let class = match (kind >> 8 & 1, kind >> 4 & 1) {
        (0, 0) => Class::Request,
        (0, _) => Class::Indication,
        (_, 0) => Class::Success,
        _ => Class::Error,
    };
    let method = kind & 0x000f | kind >> 1 & 0x0070 | kind >> 2 & 0x0f80;
    Ok(Message { class, method, transaction, mapped: mapped_address(f, &transaction) })
}

fn mapped_address(mut f: Fields<'_>, transaction: &[u8; 12]) -> Option<Endpoint> {
    let mut plain = None;
    for _ in 0..ATTRIBUTES_MAX {
        let Some((kind, value)) = attribute(&mut f) else { break };
        match kind {
            XOR_MAPPED_ADDRESS => return endpoint(value, Some(transaction)),
            MAPPED_ADDRESS => plain = endpoint(value, None),
            _ => {}
        }
    }
    plain
}

fn attribute<'a>(f: &mut Fields<'a>) -> Option<(u16, &'a [u8])> {
    let (kind, length) = (f.u16().ok()?, f.u16().ok()?);
    let value = f.slice(usize::from(length)).ok()?;
    let padding = (4 - value.len() % 4) % 4;
    f.slice(padding).ok()?;
    Some((kind, value))
}

/// RFC 8489 section 14.1 and 14.2: reserved, family, port, address; XORed with cookie and transaction id.
fn endpoint(value: &[u8], transaction: Option<&[u8; 12]>) -> Option<Endpoint> {
    let mut mask = [0u8; 16];
    if let Some(id) = transaction {
        for (to, from) in mask.iter_mut().zip(MAGIC_COOKIE.to_be_bytes().iter().chain(id)) {
            *to = *from;
        }
    }
    let unmask = |byte: &mut u8, at: usize| *byte ^= mask.get(at).copied().unwrap_or(0);
    let mut f = Fields(value);
    let (_reserved, family) = (f.u8().ok()?, f.u8().ok()?);
    let mut port = f.bytes::<2>().ok()?;
    port.iter_mut().enumerate().for_each(|(at, b)| unmask(b, at));
    let address = match (family, f.0.len()) {
        (1, 4) => {
            let mut a = f.bytes::<4>().ok()?;
            a.iter_mut().enumerate().for_each(|(at, b)| unmask(b, at));
            Address::v4(a)
        }
        (2, 16) => {
            let mut a = f.bytes::<16>().ok()?;
            a.iter_mut().enumerate().for_each(|(at, b)| unmask(b, at));
            Address::v6(a)
        }
        _ => return None,
    };
    Some(Endpoint::new(address, u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The IPv4 and IPv6 responses of RFC 5769 sections 2.2 and 2.3, reduced to their addresses.
    const TRANSACTION: [u8; 12] = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut d = kind.to_be_bytes().to_vec();
        d.extend((attributes.len() as u16).to_be_bytes());
        d.extend(MAGIC_COOKIE.to_be_bytes());
        d.extend(TRANSACTION);
        d.extend(attributes);
        d
    }

    #[test]
    fn reflected_addresses_of_both_families() {
        let v4 = b"\x80\x22\0\x03abc\0\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";
        let m = parse(&message(0x0101, v4)).unwrap();
        assert_eq!((m.class, m.method), (Class::Success, Message::BINDING));
        assert_eq!(m.mapped.unwrap().to_string(), "192.0.2.1:32853");
        let v6 = b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9";
        let m = parse(&message(0x0101, v6)).unwrap();
        assert_eq!(m.mapped.unwrap().to_string(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
        let plain = b"\x00\x01\x00\x08\x00\x01\x1a\xe1\xc0\x00\x02\x07";
        assert_eq!(parse(&message(0x0101, plain)).unwrap().mapped.unwrap().to_string(), "192.0.2.7:6881");
    }

    #[test]
    fn classes_and_methods_are_taken_apart() {
        for (kind, class, method) in [
            (0x0001, Class::Request, 1),
            (0x0011, Class::Indication, 1),
            (0x0111, Class::Error, 1),
            (0x0003, Class::Request, 3),
        ] {
            let m = parse(&message(kind, b"")).unwrap();
            assert_eq!((m.class, m.method), (class, method), "{kind:#x}");
        }
    }

    #[test]
    fn any_other_length_is_refused() {
        let whole = message(0x0101, b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_err(), "{cut}");
        }
        assert_eq!(parse(&[whole, vec![0; 4]].concat()), Err(Malformed::Length));
    }

    proptest! {
        #[test]
        fn attributes_never_panic(attributes in proptest::collection::vec(0u8..40, 0..200)) {
            let _ = parse(&message(0x0101, &attributes));
            let _ = parse(&attributes);
        }
    }
}
