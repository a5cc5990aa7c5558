//! Link headers: Ethernet II and 802.3, Linux cooked captures, raw IP, BSD loopback, PPP (RFC 1661), Cisco HDLC; VLAN tags,
//! PPPoE (RFC 2516).
//!
//! Numbers and layouts: the list of link-layer header types at tcpdump.org.

use super::Skip;
use super::path::{Route, Tunnel};
use super::view::{View, be16, word};
use super::walk::Layer;
use crate::capture::LinkType;

/// Takes the link header off. `variation` takes up what differs between two copies of one packet.
pub(super) fn open(link: LinkType, view: &mut View<'_>, variation: &mut u64) -> Result<Layer, Skip> {
    match link {
        LinkType::ETHERNET => Ok(Layer::Ethernet),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => Ok(Layer::Ip),
        LinkType::NULL | LinkType::LOOP => loopback(view),
        LinkType::LINUX_SLL => {
            let h = view.take::<16>().ok_or(Skip::TruncatedLink)?;
            *variation ^= u64::from_le_bytes([h[0], h[1], h[6], h[7], h[8], h[9], h[10], h[11]]);
            Ok(cooked(u16::from_be_bytes([h[14], h[15]])))
        }
        LinkType::LINUX_SLL2 => {
            let h = view.take::<20>().ok_or(Skip::TruncatedLink)?;
            *variation ^= u64::from_le_bytes([h[6], h[7], h[10], h[12], h[14], h[15], h[16], h[17]]);
            Ok(cooked(u16::from_be_bytes([h[0], h[1]])))
        }
        PPP | PPP_HDLC => Ok(Layer::Ppp),
        PPP_ETHER => Ok(Layer::EtherType(PPPOE_SESSION)),
        C_HDLC => {
            let h = view.take::<4>().ok_or(Skip::TruncatedLink)?;
            Ok(Layer::EtherType(u16::from_be_bytes([h[2], h[3]])))
        }
        _ => Err(Skip::UnsupportedLinktype),
    }
}

const PPP: LinkType = LinkType(9);
const PPP_HDLC: LinkType = LinkType(50);
const PPP_ETHER: LinkType = LinkType(51);
const C_HDLC: LinkType = LinkType(104);
pub(super) const PPPOE_SESSION: u16 = 0x8864;

/// The protocol field of a cooked header: an EtherType, or 4 for a frame that begins with an LLC header.
const fn cooked(protocol: u16) -> Layer {
    if protocol == 4 { Layer::Llc } else { Layer::EtherType(protocol) }
}

/// The address family is in the byte order of the machine that captured (NULL) or of the network (LOOP); no family is
/// a valid one of the other order, so both are read alike.
fn loopback(view: &mut View<'_>) -> Result<Layer, Skip> {
    let h = view.take::<4>().ok_or(Skip::TruncatedLink)?;
    let (little, big) = (u32::from_le_bytes(*h), u32::from_be_bytes(*h));
    match little.min(big) {
        // AF_INET; AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Layer::Ip),
        _ => Err(Skip::NotIp),
    }
}

/// Ethernet II, or IEEE 802.3 with LLC.
pub(super) fn ethernet(view: &mut View<'_>, variation: &mut u64) -> Result<Layer, Skip> {
    let h = view.take::<14>().ok_or(Skip::TruncatedLink)?;
    *variation = variation.rotate_left(7) ^ macs(h);
    match u16::from_be_bytes([h[12], h[13]]) {
        length @ 0..0x600 => {
            view.limit(u32::from(length));
            Ok(Layer::Llc)
        }
        ethertype => Ok(Layer::EtherType(ethertype)),
    }
}

/// Both addresses of an Ethernet header in one word.
#[inline(always)]
pub(super) fn macs(h: &[u8; 14]) -> u64 {
    word(h, 0) ^ word(h, 4).rotate_left(29)
}

/// IEEE 802.2 LLC: IP directly, or SNAP with an EtherType (RFC 1042).
pub(super) fn llc(view: &mut View<'_>) -> Result<Layer, Skip> {
    let h = view.take::<3>().ok_or(Skip::TruncatedLink)?;
    match h {
        [0x06, 0x06, 0x03] => Ok(Layer::Ip),
        [0xaa, 0xaa, 0x03] => {
            let snap = view.take::<5>().ok_or(Skip::TruncatedLink)?;
            match snap {
                [0, 0, 0 | 0xf8, high, low] => Ok(Layer::EtherType(u16::from_be_bytes([*high, *low]))),
                _ => Err(Skip::NotIp),
            }
        }
        _ => Err(Skip::NotIp),
    }
}

/// An 802.1Q, 802.1ad or older stacked tag: its id goes into the route.
pub(super) fn vlan(view: &mut View<'_>, route: &mut Route, variation: &mut u64) -> Result<Layer, Skip> {
    let h = view.take::<4>().ok_or(Skip::TruncatedLink)?;
    let id = u16::from_be_bytes([h[0], h[1]]) & 0x0fff;
    route.vlan(id);
    *variation = variation.rotate_left(7) ^ u64::from(id);
    match u16::from_be_bytes([h[2], h[3]]) {
        length @ 0..0x600 => {
            view.limit(u32::from(length));
            Ok(Layer::Llc)
        }
        ethertype => Ok(Layer::EtherType(ethertype)),
    }
}

/// A PPPoE session header.
pub(super) fn pppoe(view: &mut View<'_>, route: &mut Route) -> Result<Layer, Skip> {
    let h = view.take::<6>().ok_or(Skip::TruncatedLink)?;
    if h[0] != 0x11 {
        return Err(Skip::BadHeader);
    }
    if h[1] != 0 {
        return Err(Skip::NotIp);
    }
    view.limit(u32::from(u16::from_be_bytes([h[4], h[5]])));
    route.tunnel(Tunnel::Pppoe);
    Ok(Layer::Ppp)
}

/// PPP: address and control, unless the peers agreed to leave them out (RFC 1661 section 6.6), and the protocol field, one
/// byte when compressed (section 6.5).
pub(super) fn ppp(view: &mut View<'_>) -> Result<Layer, Skip> {
    if view.bytes.first() == Some(&0xff) && view.take::<2>().ok_or(Skip::TruncatedLink)?[1] != 3 {
        return Err(Skip::NotIp);
    }
    let first = view.take::<1>().ok_or(Skip::TruncatedLink)?[0];
    let protocol = if first & 1 == 1 {
        u16::from(first)
    } else {
        u16::from_be_bytes([first, view.take::<1>().ok_or(Skip::TruncatedLink)?[0]])
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Layer::Ip),
        0x0281 | 0x0283 => Ok(Layer::EtherType(0x8847)),
        _ => Err(Skip::NotIp),
    }
}

/// Whether an Ethernet header with an EtherType of the networks that occur on pseudowires starts here.
pub(super) fn looks_like_ethernet(bytes: &[u8]) -> bool {
    be16(bytes, 12).is_some_and(|t| {
        matches!(t, 0x0800 | 0x0806 | 0x86dd | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8863 | 0x8864)
    })
}

/// The name of a link type by tcpdump.org's list, for the message that it is not supported. `None` for rare ones.
#[must_use]
pub fn link_name(link: LinkType) -> Option<&'static str> {
    Some(match link.0 {
        0 => "NULL",
        1 => "ETHERNET",
        3 => "AX25",
        6 => "IEEE802_5",
        7 => "ARCNET_BSD",
        8 => "SLIP",
        9 => "PPP",
        10 => "FDDI",
        50 => "PPP_HDLC",
        51 => "PPP_ETHER",
        100 => "ATM_RFC1483",
        12 | 14 | 101 => "RAW",
        104 => "C_HDLC",
        105 => "IEEE802_11",
        107 => "FRELAY",
        108 => "LOOP",
        109 => "ENC",
        113 => "LINUX_SLL",
        114 => "LTALK",
        117 => "PFLOG",
        119 => "IEEE802_11_PRISM",
        122 => "IP_OVER_FC",
        123 => "SUNATM",
        127 => "IEEE802_11_RADIOTAP",
        129 => "ARCNET_LINUX",
        138 => "APPLE_IP_OVER_IEEE1394",
        139 => "MTP2_WITH_PHDR",
        140 => "MTP2",
        141 => "MTP3",
        142 => "SCCP",
        143 => "DOCSIS",
        144 => "LINUX_IRDA",
        147..=162 => "USER",
        163 => "IEEE802_11_AVS",
        165 => "BACNET_MS_TP",
        166 => "PPP_PPPD",
        177 => "LINUX_LAPD",
        187 => "BLUETOOTH_HCI_H4",
        189 => "USB_LINUX",
        192 => "PPI",
        195 => "IEEE802_15_4_WITHFCS",
        201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
        204 => "PPP_WITH_DIR",
        220 => "USB_LINUX_MMAPPED",
        226 => "IPNET",
        227 => "CAN_SOCKETCAN",
        228 => "IPV4",
        229 => "IPV6",
        230 => "IEEE802_15_4_NOFCS",
        239 => "NFLOG",
        242 => "IP_OVER_INFINIBAND_LINUX",
        247 => "INFINIBAND",
        249 => "USBPCAP",
        251 => "BLUETOOTH_LE_LL",
        253 => "NETLINK",
        254 => "BLUETOOTH_LINUX_MONITOR",
        272 => "NORDIC_BLE",
        274 => "ETHERNET_MPACKET",
        276 => "LINUX_SLL2",
        _ => return None,
    })
}
