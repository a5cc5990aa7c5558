//! Builds packets from the inside out, with correct lengths and checksums, for tests and scripted scenes.
//!
//! ```
//! use swarmscope::base::Timestamp;
//! use swarmscope::frame::{Decoded, Decoder, DecoderOptions, build};
//!
//! let ip = build::udp("192.0.2.1:6881".parse()?, "192.0.2.2:6881".parse()?, b"d1:ad2:id20:");
//! let bytes = build::ethernet(&ip);
//! let packet = build::packet(Timestamp::from_secs(1), &bytes);
//! let mut decoder = Decoder::new(DecoderOptions::default());
//! let Decoded::Frame(frame) = decoder.decode(&packet, 1) else { panic!() };
//! assert_eq!((frame.src.port, frame.payload), (6881, &b"d1:ad2:id20:"[..]));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use super::Tcp;
use crate::base::{Address, Endpoint, Timestamp};
use crate::capture::{LinkType, RawPacket};
use etherparse::checksum::Sum16BitWords;

/// The MAC addresses of [`ethernet`]: destination, then source.
pub const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// An uncut Ethernet packet of origin 0.
#[must_use]
pub fn packet(at: Timestamp, bytes: &[u8]) -> RawPacket<'_> {
    raw(at, LinkType::ETHERNET, bytes)
}

/// An uncut packet of origin 0.
#[must_use]
pub fn raw(at: Timestamp, link: LinkType, bytes: &[u8]) -> RawPacket<'_> {
    RawPacket { at, link, data: bytes, wire_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), origin: 0 }
}

/// An IP packet with a UDP datagram. IPv4 when both addresses are.
#[must_use]
pub fn udp(src: Endpoint, dst: Endpoint, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len().saturating_add(8)).unwrap_or(0);
    let ports = [src.port.to_be_bytes(), dst.port.to_be_bytes()].concat();
    let datagram = [&ports, &length.to_be_bytes()[..], &[0, 0], payload].concat();
    // A sum of zero would mean that there is none.
    let sum = match transport_sum(src.address, dst.address, 17, &datagram) {
        0 => 0xffff,
        sum => sum,
    };
    ip(src.address, dst.address, 17, &set(datagram, 6, sum))
}

/// An IP packet with a TCP segment without options.
#[must_use]
pub fn tcp(src: Endpoint, dst: Endpoint, header: Tcp, payload: &[u8]) -> Vec<u8> {
    const WINDOW: u16 = 64_240;
    let segment = [
        &src.port.to_be_bytes()[..],
        &dst.port.to_be_bytes(),
        &header.seq.to_be_bytes(),
        &header.ack.to_be_bytes(),
        &[0x50, header.flags],
        &WINDOW.to_be_bytes(),
        &[0, 0],
        &header.urgent.to_be_bytes(),
        payload,
    ]
    .concat();
    let sum = transport_sum(src.address, dst.address, 6, &segment);
    ip(src.address, dst.address, 6, &set(segment, 16, sum))
}

/// An IP packet of any protocol number, with TTL 64 and, in IPv4, identification 0. A payload that is too long for the
/// length field gets length 0, as segmentation offload leaves it.
#[must_use]
pub fn ip(src: Address, dst: Address, number: u8, payload: &[u8]) -> Vec<u8> {
    match (src.as_v4(), dst.as_v4()) {
        (Some(src), Some(dst)) => {
            let total = u16::try_from(payload.len().saturating_add(20)).unwrap_or(0);
            let start = [0x45, 0];
            let rest = [0, 0, 0x40, 0, 64, number, 0, 0];
            let header = [&start[..], &total.to_be_bytes(), &rest, &src, &dst].concat();
            sum_ip([&header, payload].concat())
        }
        _ => {
            let length = u16::try_from(payload.len()).unwrap_or(0);
            [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[number, 64], &src.0, &dst.0, payload].concat()
        }
    }
}

/// An IPv4 packet with another identification. IPv6 packets are left alone.
#[must_use]
pub fn with_id(packet: Vec<u8>, id: u16) -> Vec<u8> {
    if is_v4(&packet) { sum_ip(set(packet, 4, id)) } else { packet }
}

/// An IP packet with another TTL or hop limit.
#[must_use]
pub fn with_ttl(mut packet: Vec<u8>, ttl: u8) -> Vec<u8> {
    let v4 = is_v4(&packet);
    if let Some(field) = packet.get_mut(if v4 { 8 } else { 7 }) {
        *field = ttl;
    }
    if v4 { sum_ip(packet) } else { packet }
}

/// An IP packet without options, cut into fragments of `size` payload bytes (rounded down to a multiple of 8).
#[must_use]
pub fn fragments(packet: &[u8], size: usize, id: u32) -> Vec<Vec<u8>> {
    let v4 = is_v4(packet);
    let Some((header, payload)) = packet.split_at_checked(if v4 { 20 } else { 40 }) else {
        return vec![packet.to_vec()];
    };
    let size = (size / 8 * 8).max(8);
    let last = payload.len().saturating_sub(1) / size;
    payload
        .chunks(size)
        .enumerate()
        .map(|(n, chunk)| {
            let offset = u16::try_from(n * size / 8).unwrap_or(u16::MAX);
            if v4 {
                let piece = set([header, chunk].concat(), 4, id as u16);
                let more = if n < last { 0x2000 } else { 0 };
                let total = u16::try_from(chunk.len().saturating_add(20)).unwrap_or(0);
                sum_ip(set(set(piece, 6, offset | more), 2, total))
            } else {
                let number = header.get(6).copied().unwrap_or_default();
                let field = offset << 3 | u16::from(n < last);
                let extension = [&[number, 0][..], &field.to_be_bytes(), &id.to_be_bytes()].concat();
                let length = u16::try_from(chunk.len().saturating_add(8)).unwrap_or(0);
                let mut piece = set([header, &extension, chunk].concat(), 4, length);
                if let Some(next) = piece.get_mut(6) {
                    *next = 44;
                }
                piece
            }
        })
        .collect()
}

/// An Ethernet II frame around an IP packet.
#[must_use]
pub fn ethernet(ip: &[u8]) -> Vec<u8> {
    vlan(&[], ip)
}

/// An Ethernet II frame with 802.1Q tags, outermost first, around an IP packet.
#[must_use]
pub fn vlan(ids: &[u16], ip: &[u8]) -> Vec<u8> {
    let mut frame = MACS.to_vec();
    for id in ids {
        frame.extend([0x81, 0]);
        frame.extend(id.to_be_bytes());
    }
    frame.extend(ethertype(ip).to_be_bytes());
    frame.extend(ip);
    frame
}

/// An Ethernet II frame of any EtherType.
#[must_use]
pub fn ether(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &ethertype.to_be_bytes(), payload].concat()
}

/// The EtherType of an IP packet.
#[must_use]
pub fn ethertype(ip: &[u8]) -> u16 {
    if is_v4(ip) { 0x0800 } else { 0x86dd }
}

/// A VXLAN header (RFC 7348) around an Ethernet frame, to be sent as UDP payload to port 4789.
#[must_use]
pub fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), frame].concat()
}

/// A GRE header (RFC 2784) without options, to be sent as IP protocol 47.
#[must_use]
pub fn gre(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 0][..], &protocol.to_be_bytes(), payload].concat()
}

/// An ICMP or ICMPv6 message of a type and code about a packet, of which `quoted` bytes are quoted.
#[must_use]
pub fn icmp(src: Address, dst: Address, kind: u8, code: u8, about: &[u8], quoted: usize) -> Vec<u8> {
    let quote = about.get(..quoted).unwrap_or(about);
    let message = [&[kind, code, 0, 0, 0, 0, 0, 0], quote].concat();
    if src.is_v4() && dst.is_v4() {
        let sum = Sum16BitWords::new().add_slice(&message).ones_complement().to_be();
        ip(src, dst, 1, &set(message, 2, sum))
    } else {
        let sum = transport_sum(src, dst, 58, &message);
        ip(src, dst, 58, &set(message, 2, sum))
    }
}

fn is_v4(packet: &[u8]) -> bool {
    packet.first().is_some_and(|b| b >> 4 == 4)
}

/// Writes a big-endian field; beyond the end, nothing.
fn set(mut bytes: Vec<u8>, at: usize, value: u16) -> Vec<u8> {
    if let Some(field) = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
        *field = value.to_be_bytes();
    }
    bytes
}

fn sum_ip(packet: Vec<u8>) -> Vec<u8> {
    let packet = set(packet, 10, 0);
    let header = packet.get(..20).unwrap_or_default();
    let sum = Sum16BitWords::new().add_slice(header).ones_complement().to_be();
    set(packet, 10, sum)
}

/// The checksum over the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1) and a segment whose own is 0.
fn transport_sum(src: Address, dst: Address, number: u8, segment: &[u8]) -> u16 {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX).to_be_bytes();
    let sum = match (src.as_v4(), dst.as_v4()) {
        (Some(src), Some(dst)) => Sum16BitWords::new().add_slice(&src).add_slice(&dst),
        _ => Sum16BitWords::new().add_slice(&src.0).add_slice(&dst.0),
    };
    sum.add_slice(&[0, number]).add_slice(&length).add_slice(segment).ones_complement().to_be()
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{SlicedPacket, TransportSlice};

    #[test]
    fn a_stranger_finds_the_checksums_right() {
        for (a, b) in [("192.0.2.1:6881", "198.51.100.7:80"), ("[2001:db8::1]:6881", "[2001:db8::2]:80")] {
            let (a, b): (Endpoint, Endpoint) = (a.parse().unwrap(), b.parse().unwrap());
            for payload in [&b"odd"[..], b"even", b""] {
                for packet in [udp(a, b, payload), tcp(a, b, Tcp::default(), payload)] {
                    let packet = with_ttl(with_id(packet, 77), 3);
                    let sliced = SlicedPacket::from_ip(&packet).unwrap();
                    let (want, got) = match (sliced.net.unwrap(), sliced.transport.unwrap()) {
                        (etherparse::NetSlice::Ipv4(ip), t) => {
                            let h = ip.header().to_header();
                            assert_eq!(h.calc_header_checksum(), h.header_checksum);
                            match t {
                                TransportSlice::Tcp(t) => {
                                    (t.calc_checksum_ipv4(h.source, h.destination).unwrap(), t.checksum())
                                }
                                TransportSlice::Udp(u) => {
                                    (u.to_header().calc_checksum_ipv4(&h, u.payload()).unwrap(), u.checksum())
                                }
                                _ => unreachable!(),
                            }
                        }
                        (etherparse::NetSlice::Ipv6(ip), t) => {
                            let h = ip.header().to_header();
                            match t {
                                TransportSlice::Tcp(t) => {
                                    (t.calc_checksum_ipv6(h.source, h.destination).unwrap(), t.checksum())
                                }
                                TransportSlice::Udp(u) => {
                                    (u.to_header().calc_checksum_ipv6(&h, u.payload()).unwrap(), u.checksum())
                                }
                                _ => unreachable!(),
                            }
                        }
                        _ => unreachable!(),
                    };
                    assert_eq!(want, got);
                }
            }
        }
    }
}
