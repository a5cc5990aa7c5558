//! TCP (RFC 9293) and UDP (RFC 768) headers.

use super::ip::Ip;
use super::view::{View, word};
use super::{Segment, Skip, Tcp};
use crate::base::Transport;
use etherparse::checksum::Sum16BitWords;

/// A TCP segment or UDP datagram with its IP header's facts, before anyone looked whether it is a duplicate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parcel<'a> {
    pub(super) ip: Ip,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) segment: Segment,
    pub(super) payload: View<'a>,
    /// The transport header, for the recognition of duplicates.
    pub(super) header: [u64; 3],
    /// Whether the transport checksum covers the payload.
    pub(super) summed: bool,
}

/// Takes a TCP header off. `view` is what the IP header says is its payload.
///
/// A segment whose options were cut by the snap length still is a frame: its fields and its length are known.
#[inline(always)]
pub(super) fn tcp<'a>(ip: Ip, mut view: View<'a>) -> Result<Parcel<'a>, Skip> {
    let segment_len = view.wire;
    let Some(h) = view.take::<20>() else { return Err(short(segment_len, 20)) };
    let header_len = u32::from(h[12] >> 4) * 4;
    if header_len < 20 || header_len > segment_len {
        return Err(Skip::BadHeader);
    }
    let options = header_len as usize - 20;
    Ok(Parcel {
        ip,
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        segment: Segment::Tcp(Tcp {
            seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
            flags: h[13],
            urgent: u16::from_be_bytes([h[18], h[19]]),
        }),
        payload: View {
            bytes: view.bytes.get(options..).unwrap_or_default(),
            wire: segment_len.saturating_sub(header_len),
        },
        header: [word(h, 0), word(h, 8), word(h, 12) >> 32],
        summed: true,
    })
}

/// Takes a UDP header off. A length of 0 (jumbogram, RFC 2675, or segmentation offload) means the rest of the packet;
/// a length beyond the packet is cut to it, since segmentation offload leaves such in captures.
#[inline(always)]
pub(super) fn udp<'a>(ip: Ip, mut view: View<'a>) -> Result<Parcel<'a>, Skip> {
    let datagram_len = view.wire;
    let Some(h) = view.take::<8>() else { return Err(short(datagram_len, 8)) };
    match u16::from_be_bytes([h[4], h[5]]) {
        0 => {}
        1..8 => return Err(Skip::BadHeader),
        n => view.limit(u32::from(n) - 8),
    }
    Ok(Parcel {
        ip,
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        segment: Segment::Udp,
        payload: view,
        header: [u64::from_le_bytes(*h), 0, 0],
        summed: h[6] != 0 || h[7] != 0,
    })
}

/// Whether the checksum of a whole TCP segment or UDP datagram is there and right (RFC 9293 section 3.1, RFC 768).
pub(super) fn is_intact(ip: &Ip, number: u8, segment: &[u8]) -> bool {
    let stated = match number {
        6 => segment.get(16..18),
        17 => segment.get(6..8).filter(|&sum| sum != [0, 0]),
        _ => None,
    };
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX).to_be_bytes();
    let sum = match (ip.src.as_v4(), ip.dst.as_v4()) {
        (Some(src), Some(dst)) => Sum16BitWords::new().add_slice(&src).add_slice(&dst),
        _ => Sum16BitWords::new().add_slice(&ip.src.0).add_slice(&ip.dst.0),
    };
    stated.is_some()
        && sum.add_slice(&[0, number]).add_slice(&length).add_slice(segment).ones_complement() == 0
}

/// The two ports of a quoted transport header, of which ICMP promises only 8 bytes.
pub(super) fn ports(number: u8, header: &[u8]) -> Option<(Transport, u16, u16)> {
    let transport = match number {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => return None,
    };
    let h = header.first_chunk::<4>()?;
    Some((transport, u16::from_be_bytes([h[0], h[1]]), u16::from_be_bytes([h[2], h[3]])))
}

/// A header that did not even fit on the wire is bad; one that the capture cut is truncated.
pub(super) const fn short(wire: u32, header_len: u32) -> Skip {
    if wire < header_len { Skip::BadHeader } else { Skip::TruncatedTransport }
}
