//! Headers between Ethernet and IP that pass the packet on: the network service header (NSH, RFC 8300) and MACsec (IEEE 802.1AE)
//! where it protects without encrypting.

use super::Skip;
use super::path::{Route, Tunnel};
use super::view::View;
use super::walk::Layer;

/// EtherType of NSH.
pub(super) const NSH: u16 = 0x894f;
/// EtherType of MACsec.
pub(super) const MACSEC: u16 = 0x88e5;

/// Base header, service path header, context; then what the last byte of the base header names.
pub(super) fn nsh(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let h = view.take::<8>().ok_or(Skip::TruncatedLink)?;
    let words = usize::from(h[1] & 0x3f);
    if h[0] & 0xc0 != 0 || words < 2 {
        return Err(Skip::BadHeader);
    }
    view.take_slice((words - 2) * 4).ok_or(Skip::TruncatedLink)?;
    route.tunnel(Tunnel::Nsh { path: u32::from_be_bytes([0, h[4], h[5], h[6]]) });
    match h[3] {
        1 | 2 => Ok(Layer::Ip),
        3 => Ok(Layer::Ethernet),
        4 => Ok(Layer::EtherType(NSH)),
        5 => Ok(Layer::Mpls),
        _ => Err(Skip::NotIp),
    }
}

const VERSION: u8 = 0x80;
const EXPLICIT_SCI: u8 = 0x20;
/// Encrypted, or changed in another way.
const CONFIDENTIAL: u8 = 0x0c;
/// Bytes of the check value at the end, with every standard cipher suite.
const CHECK_VALUE: u32 = 16;

/// The security tag; the user's data begins with its own EtherType.
pub(super) fn macsec(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let h = view.take::<6>().ok_or(Skip::TruncatedLink)?;
    if h[0] & VERSION != 0 {
        return Err(Skip::BadHeader);
    }
    if h[0] & CONFIDENTIAL != 0 {
        return Err(Skip::Encrypted);
    }
    if h[0] & EXPLICIT_SCI != 0 {
        view.take::<8>().ok_or(Skip::TruncatedLink)?;
    }
    let wire = view.wire.checked_sub(CHECK_VALUE).ok_or(Skip::BadHeader)?;
    view.limit(wire);
    route.tunnel(Tunnel::Macsec);
    let ethertype = view.take::<2>().ok_or(Skip::TruncatedLink)?;
    Ok(Layer::EtherType(u16::from_be_bytes(*ethertype)))
}
