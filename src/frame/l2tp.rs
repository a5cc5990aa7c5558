//! L2TP: version 2 with PPP inside (RFC 2661) and version 3 with Ethernet inside (RFC 3931, RFC 4719), in UDP or right in IP.

use super::Skip;
use super::link::looks_like_ethernet;
use super::path::{Route, Tunnel};
use super::view::View;
use super::walk::Layer;

/// L2TP's UDP port.
pub(super) const PORT: u16 = 1701;

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
/// Bits that both versions leave zero.
const RESERVED: u16 = 0x30f0;

/// Bytes up to the end of an Ethernet header behind the longest session header: id, cookie, sublayer.
const LONGEST: usize = 4 + 8 + 4 + 14;

/// The header in a UDP payload; `None` for control messages and for what is none.
pub(super) fn in_udp(view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    let flags = u16::from_be_bytes(*view.take::<2>()?);
    if flags & (CONTROL | RESERVED) != 0 {
        return None;
    }
    match flags & 0x000f {
        2 => version2(flags, view),
        // Version 3 has no flags but the one for control, then 16 reserved bits.
        3 if flags == 3 && view.take::<2>() == Some(&[0, 0]) => {
            session(view).then_some((Tunnel::L2tp, Layer::Ethernet))
        }
        _ => None,
    }
}

/// Right after an IP header (protocol 115): always version 3; session 0 is control.
pub(super) fn in_ip(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let cut = view.bytes.len() < LONGEST && view.bytes.len() < view.wire as usize;
    if session(view) {
        route.tunnel(Tunnel::L2tp);
        Ok(Layer::Ethernet)
    } else if cut {
        Err(Skip::TruncatedLink)
    } else {
        Err(Skip::NotTcpOrUdp)
    }
}

fn version2(flags: u16, view: &mut View<'_>) -> Option<(Tunnel, Layer)> {
    if flags & LENGTH != 0 {
        // The length counts from the flags.
        let length = u32::from(u16::from_be_bytes(*view.take::<2>()?)).checked_sub(4)?;
        if length > view.wire {
            return None;
        }
        view.limit(length);
    }
    // Tunnel and session.
    view.take::<4>()?;
    if flags & SEQUENCE != 0 {
        view.take::<4>()?;
    }
    if flags & OFFSET != 0 {
        let padding = u16::from_be_bytes(*view.take::<2>()?);
        view.take_slice(usize::from(padding))?;
    }
    Some((Tunnel::L2tp, Layer::Ppp))
}

/// Takes the session id off, and a cookie of 0, 4 or 8 bytes and a sublayer of 0 or 4, whose lengths only the two ends know:
/// what follows must have the form of an Ethernet header.
fn session(view: &mut View<'_>) -> bool {
    if view.take::<4>().is_none_or(|id| *id == [0; 4]) {
        return false;
    }
    let at = [0, 4, 8, 12].into_iter().find(|&at| view.bytes.get(at..).is_some_and(looks_like_ethernet));
    at.is_some_and(|at| view.take_slice(at).is_some())
}
