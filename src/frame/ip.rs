//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, IPv6 extension headers and AH (RFC 4302).

use super::Skip;
use super::view::View;
use crate::base::Address;
use etherparse::{IpAuthHeaderSlice, Ipv6FragmentHeaderSlice, Ipv6RawExtHeaderSlice, err};

/// What later steps need of an IP header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub(super) src: Address,
    pub(super) dst: Address,
    /// Identification of IPv4; of an IPv6 fragment header; otherwise 0.
    pub(super) id: u32,
    /// TTL or hop limit.
    pub(super) ttl: u8,
    /// Whether this is IPv6.
    pub(super) six: bool,
}

/// An IP header that was taken off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) ip: Ip,
    /// Protocol number of what follows.
    pub(super) number: u8,
    /// Set on a fragment.
    pub(super) fragment: Option<Slot>,
    /// The header declares more bytes than were on the wire.
    pub(super) longer_than_wire: bool,
}

/// Where a fragment belongs in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// In bytes.
    pub(super) offset: u16,
    /// Others come after it.
    pub(super) more: bool,
}

/// Most IPv6 extension headers of one packet.
const EXTENSIONS_MAX: u8 = 8;

/// Takes an IP header of either version off, without extensions, and cuts padding from the view.
///
/// A length of 0 means the rest of the packet: segmentation offload writes it in IPv4, jumbograms (RFC 2675) and offload
/// in IPv6.
pub(super) fn take(view: &mut View<'_>) -> Result<Header, Skip> {
    match view.nibble() {
        Some(4) => v4(view),
        Some(6) => v6(view),
        Some(_) => Err(Skip::BadHeader),
        None => Err(short(view.wire, 1)),
    }
}

fn v4(view: &mut View<'_>) -> Result<Header, Skip> {
    let wire = view.wire;
    let h = view.take::<20>().ok_or_else(|| short(wire, 20))?;
    let header_len = u32::from(h[0] & 0x0f) * 4;
    let total = match u32::from(u16::from_be_bytes([h[2], h[3]])) {
        0 => wire,
        n => n,
    };
    if header_len < 20 || total < header_len {
        return Err(Skip::BadHeader);
    }
    view.limit(total.saturating_sub(20));
    let options = view.wire;
    view.take_slice(header_len as usize - 20).ok_or_else(|| short(options, header_len - 20))?;
    let field = u16::from_be_bytes([h[6], h[7]]);
    let slot = Slot { offset: (field & 0x1fff).wrapping_mul(8), more: field & 0x2000 != 0 };
    Ok(Header {
        ip: Ip {
            src: Address::v4([h[12], h[13], h[14], h[15]]),
            dst: Address::v4([h[16], h[17], h[18], h[19]]),
            id: u32::from(u16::from_be_bytes([h[4], h[5]])),
            ttl: h[8],
            six: false,
        },
        number: h[9],
        fragment: (slot.more || slot.offset > 0).then_some(slot),
        longer_than_wire: total > wire,
    })
}

fn v6(view: &mut View<'_>) -> Result<Header, Skip> {
    const NO_NEXT_HEADER: u8 = 59;
    let wire = view.wire;
    let h = view.take::<40>().ok_or_else(|| short(wire, 40))?;
    let declared = u32::from(u16::from_be_bytes([h[4], h[5]]));
    let longer_than_wire = declared > view.wire;
    if declared > 0 || h[6] == NO_NEXT_HEADER {
        view.limit(declared);
    }
    let address = |b: &[u8]| Address::v6(b.first_chunk().copied().unwrap_or_default());
    Ok(Header {
        ip: Ip {
            src: address(h.get(8..).unwrap_or_default()),
            dst: address(h.get(24..).unwrap_or_default()),
            id: 0,
            ttl: h[7],
            six: true,
        },
        number: h[6],
        fragment: None,
        longer_than_wire,
    })
}

/// Walks over extension headers up to the transport or to a fragment that must be joined first. `seen` are those that
/// came before, in the first fragment. Returns how many there are now.
pub(super) fn extensions(view: &mut View<'_>, header: &mut Header, seen: u8) -> Result<u8, Skip> {
    let mut count = seen;
    // What follows the header of a fragment is readable only when the datagram is whole.
    while header.fragment.is_none() {
        let (len, next) = match header.number {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6: all of one shape.
            0 | 43 | 60 | 135 | 139 | 140 if header.ip.six => {
                let h = Ipv6RawExtHeaderSlice::from_slice(view.bytes)
                    .map_err(|e| short_usize(view.wire, e.required_len))?;
                (h.slice().len(), h.next_header().0)
            }
            44 if header.ip.six => {
                let h = Ipv6FragmentHeaderSlice::from_slice(view.bytes)
                    .map_err(|e| short_usize(view.wire, e.required_len))?;
                // An "atomic" fragment (RFC 6946) is a whole datagram.
                if h.is_fragmenting_payload() {
                    let offset = h.fragment_offset().value().wrapping_mul(8);
                    header.fragment = Some(Slot { offset, more: h.more_fragments() });
                }
                header.ip.id = h.identification();
                (h.slice().len(), h.next_header().0)
            }
            51 => {
                let h = IpAuthHeaderSlice::from_slice(view.bytes).map_err(|e| match e {
                    err::ip_auth::HeaderSliceError::Len(e) => short_usize(view.wire, e.required_len),
                    err::ip_auth::HeaderSliceError::Content(_) => Skip::BadHeader,
                })?;
                (h.slice().len(), h.next_header().0)
            }
            _ => break,
        };
        count = count.saturating_add(1);
        if count > EXTENSIONS_MAX {
            return Err(Skip::TooManyLayers);
        }
        let wire = view.wire;
        view.take_slice(len).ok_or_else(|| short_usize(wire, len))?;
        header.number = next;
    }
    Ok(count)
}

/// A header that did not even fit on the wire is bad; one that the capture cut is truncated.
fn short(wire: u32, header_len: u32) -> Skip {
    if wire < header_len { Skip::BadHeader } else { Skip::TruncatedIp }
}

fn short_usize(wire: u32, header_len: usize) -> Skip {
    short(wire, u32::try_from(header_len).unwrap_or(u32::MAX))
}
