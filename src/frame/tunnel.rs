//! Headers that carry whole packets: MPLS (RFC 3032), GRE (RFC 2784, RFC 2890, RFC 2637) with NVGRE (RFC 7637) and ERSPAN, EtherIP
//! (RFC 3378), and in UDP VXLAN (RFC 7348), GENEVE (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC 4380).

use super::link::looks_like_ethernet;
use super::path::{Route, Tunnel};
use super::view::{View, be16};
use super::walk::Layer;
use super::{Skip, l2tp, shim};

/// What one MPLS label stack entry leads to.
pub(super) fn mpls(view: &mut View<'_>, route: &mut Route, variation: &mut u64) -> Result<Layer, Skip> {
    let h = view.take::<4>().ok_or(Skip::TruncatedLink)?;
    let entry = u32::from_be_bytes(*h);
    *variation = variation.rotate_left(7) ^ u64::from(entry);
    if entry & 0x100 == 0 {
        return Ok(Layer::Mpls);
    }
    route.tunnel(Tunnel::Mpls { label: entry >> 12 });
    match view.nibble().ok_or(Skip::TruncatedLink)? {
        4 | 6 if fits_ip(view) => Ok(Layer::Ip),
        // The control word of an Ethernet pseudowire (RFC 4448 section 4.6), optional.
        0 if view.bytes.get(4..).is_some_and(looks_like_ethernet) => {
            view.take::<4>().ok_or(Skip::TruncatedLink)?;
            Ok(Layer::Ethernet)
        }
        _ if looks_like_ethernet(view.bytes) => Ok(Layer::Ethernet),
        4 | 6 => Ok(Layer::Ip),
        _ => Err(Skip::NotIp),
    }
}

/// Nothing says whether IP or an Ethernet address follows a label, so the length field must agree.
fn fits_ip(view: &View<'_>) -> bool {
    match view.nibble() {
        Some(4) => be16(view.bytes, 2).is_some_and(|n| n == 0 || u32::from(n) <= view.wire),
        _ => be16(view.bytes, 4).is_some_and(|n| u32::from(n).saturating_add(40) <= view.wire),
    }
}

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;

const GRE_ACKNOWLEDGEMENT: u16 = 0x0080;

/// GRE of version 0, or the enhanced one of PPTP (RFC 2637), which carries PPP, often encrypted.
pub(super) fn gre(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let wire = view.wire;
    let h = view.take::<4>().ok_or_else(|| truncated(wire, 4))?;
    let (flags, protocol) = (u16::from_be_bytes([h[0], h[1]]), u16::from_be_bytes([h[2], h[3]]));
    let pptp = flags & 0x0007 == 1 && protocol == 0x880b;
    if flags & 0x0007 != 0 && !pptp {
        return Err(Skip::NotTcpOrUdp);
    }
    // Source routing of RFC 1701 was withdrawn; without it no length can be told.
    if flags & GRE_ROUTING != 0 {
        return Err(Skip::BadHeader);
    }
    let mut field = |flag: u16| -> Result<Option<[u8; 4]>, Skip> {
        let wire = view.wire;
        (flags & flag != 0).then(|| view.take::<4>().copied().ok_or_else(|| truncated(wire, 4))).transpose()
    };
    let checksum = field(GRE_CHECKSUM)?;
    let key = field(GRE_KEY)?;
    let sequence = field(GRE_SEQUENCE)?;
    if pptp {
        field(GRE_ACKNOWLEDGEMENT)?;
        route.tunnel(Tunnel::Gre);
        return Ok(Layer::Ppp);
    }
    match (protocol, key) {
        (0x6558, Some(key)) if checksum.is_none() && sequence.is_none() => {
            route.tunnel(Tunnel::Nvgre { vsid: u32::from_be_bytes(key) >> 8 });
            Ok(Layer::Ethernet)
        }
        (0x6558, _) => {
            route.tunnel(Tunnel::Gre);
            Ok(Layer::Ethernet)
        }
        // Type I has neither a sequence number nor a header of its own.
        (0x88be, _) if sequence.is_none() => {
            route.tunnel(Tunnel::Erspan { session: 0 });
            Ok(Layer::Ethernet)
        }
        (0x88be, _) => {
            let h = view.take::<8>().ok_or(Skip::TruncatedLink)?;
            route.tunnel(Tunnel::Erspan { session: u16::from_be_bytes([h[2], h[3]]) & 0x03ff });
            Ok(Layer::Ethernet)
        }
        (0x22eb, _) => erspan3(view, route),
        _ => {
            route.tunnel(Tunnel::Gre);
            Ok(Layer::EtherType(protocol))
        }
    }
}

fn erspan3(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let h = view.take::<12>().ok_or(Skip::TruncatedLink)?;
    route.tunnel(Tunnel::Erspan { session: u16::from_be_bytes([h[2], h[3]]) & 0x03ff });
    // The O bit: a platform-specific subheader.
    if h[11] & 1 == 1 {
        view.take::<8>().ok_or(Skip::TruncatedLink)?;
    }
    match h[10] >> 2 & 0x1f {
        0 => Ok(Layer::Ethernet),
        2 => Ok(Layer::Ip),
        _ => Err(Skip::NotIp),
    }
}

/// EtherIP: version 3, reserved bits zero.
pub(super) fn etherip(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let wire = view.wire;
    match view.take::<2>().ok_or_else(|| truncated(wire, 2))? {
        [0x30, 0] => {
            route.tunnel(Tunnel::EtherIp);
            Ok(Layer::Ethernet)
        }
        _ => Err(Skip::BadHeader),
    }
}

const VXLAN: u16 = 4789;
/// The port of the Linux driver when none is given.
const VXLAN_LINUX: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;

/// Whether a datagram between these ports may be a tunnel. BitTorrent clients use such ports too.
#[inline]
pub(super) const fn may_be_tunnel(src: u16, dst: u16) -> bool {
    matches!(dst, GTP_U | TEREDO | VXLAN | VXLAN_GPE | GENEVE | VXLAN_LINUX | l2tp::PORT)
        || matches!(src, GTP_U | TEREDO | GENEVE | l2tp::PORT)
}

/// Takes a tunnel header off a UDP payload, or answers `None` when there is none with valid fields. Whether what is
/// inside is a packet remains to be seen.
pub(super) fn in_udp<'a>(src: u16, dst: u16, mut view: View<'a>) -> Option<(Tunnel, Layer, View<'a>)> {
    let (tunnel, layer) = match (src, dst) {
        (_, VXLAN | VXLAN_LINUX) => vxlan(&mut view)?,
        (_, VXLAN_GPE) => vxlan_gpe(&mut view)?,
        // Appliances that send a packet back the way it came swap the ports.
        (_, GENEVE) | (GENEVE, _) => geneve(&mut view)?,
        (_, GTP_U) | (GTP_U, _) => gtp_u(&mut view)?,
        (_, TEREDO) | (TEREDO, _) => teredo(&mut view)?,
        (_, l2tp::PORT) | (l2tp::PORT, _) => l2tp::in_udp(&mut view)?,
        _ => return None,
    };
    Some((tunnel, layer, view))
}

fn vxlan(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    let h = view.take::<8>()?;
    let valid = match h[0] {
        0x08 => [h[1], h[2], h[3]] == [0; 3],
        // The group policy extension uses a flag and the next three bytes.
        0x88 => true,
        _ => false,
    };
    (valid && h[7] == 0).then_some((Tunnel::Vxlan { vni: be24([h[4], h[5], h[6]]) }, Layer::Ethernet))
}

fn vxlan_gpe(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    let h = view.take::<8>()?;
    if h[0] != 0x0c || h[1] != 0 || h[2] != 0 || h[7] != 0 {
        return None;
    }
    let layer = match h[3] {
        1 | 2 => Layer::Ip,
        3 => Layer::Ethernet,
        4 => Layer::EtherType(shim::NSH),
        5 => Layer::Mpls,
        _ => return None,
    };
    Some((Tunnel::Vxlan { vni: be24([h[4], h[5], h[6]]) }, layer))
}

fn geneve(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    let h = view.take::<8>()?;
    if h[0] & 0xc0 != 0 || h[1] & 0x3f != 0 || h[7] != 0 {
        return None;
    }
    let layer = match u16::from_be_bytes([h[2], h[3]]) {
        0x6558 => Layer::Ethernet,
        0x0800 | 0x86dd => Layer::Ip,
        _ => return None,
    };
    view.take_slice(usize::from(h[0] & 0x3f) * 4)?;
    Some((Tunnel::Geneve { vni: be24([h[4], h[5], h[6]]) }, layer))
}

fn gtp_u(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    const T_PDU: u8 = 255;
    let h = view.take::<8>()?;
    // Version 1, protocol type GTP, the reserved bit clear.
    let valid =
        h[0] & 0xf8 == 0x30 && h[1] == T_PDU && u32::from(u16::from_be_bytes([h[2], h[3]])) == view.wire;
    if !valid {
        return None;
    }
    if h[0] & 0x07 != 0 {
        let mut next = view.take::<4>()?[3];
        let mut left = 8;
        while next != 0 {
            left = u32::checked_sub(left, 1)?;
            let words = usize::from(*view.bytes.first()?);
            next = *view.take_slice(words.checked_mul(4).filter(|&n| n > 0)?)?.last()?;
        }
    }
    matches!(view.nibble()?, 4 | 6).then_some((Tunnel::GtpU, Layer::Ip))
}

fn teredo(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    // Authentication comes before the origin indication (section 5.1.1).
    if view.bytes.starts_with(&[0, 1]) {
        let h = view.take::<4>()?;
        view.take_slice(usize::from(h[2]) + usize::from(h[3]) + 9)?;
    }
    if view.bytes.starts_with(&[0, 0]) {
        view.take::<8>()?;
    }
    let whole = be16(view.bytes, 4).map(|n| u32::from(n) + 40) == Some(view.wire);
    (view.nibble()? == 6 && whole).then_some((Tunnel::Teredo, Layer::Ip))
}

const fn be24(b: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, b[0], b[1], b[2]])
}

/// A header that did not even fit on the wire is bad; one that the capture cut is truncated.
const fn truncated(wire: u32, header_len: u32) -> Skip {
    if wire < header_len { Skip::BadHeader } else { Skip::TruncatedLink }
}
