//! Names what a flow opened with, for flows that are not BitTorrent: see [`Opens`].

use super::opening::Opened;
use crate::event::Opens;
use crate::wire::{opening, stun};

/// A test of first bytes, and what they are where it holds.
type Rule = (fn(&[u8]) -> bool, Opens);

/// What a stream began with, where a rule names it.
pub fn stream(opened: &Opened, head: &[u8]) -> Option<Opens> {
    match opened {
        // A SOCKS greeting waits for what may stand behind it.
        Opened::Wait => opening::is_socks(head).then_some(Opens::Socks),
        Opened::Handshake(_) => None,
        Opened::Http | Opened::WebSocket => Some(Opens::Http),
        Opened::Tls(_) => Some(Opens::Tls),
        Opened::Other(_) => Some(Opens::OtherP2p),
        Opened::Known | Opened::Unknown => {
            let rules: [Rule; 6] = [
                (opening::is_ssh, Opens::Ssh),
                (opening::is_smb, Opens::Smb),
                (opening::is_rdp, Opens::Rdp),
                (opening::is_socks, Opens::Socks),
                (opening::is_openvpn_stream, Opens::OpenVpn),
                (opening::is_text, Opens::Text),
            ];
            rules.iter().find(|(is, _)| is(head)).map(|(_, opens)| *opens)
        }
    }
}

/// Which tunnel the first datagram of a flow opens, if any; `ports` are its source and destination.
pub fn tunnel(bytes: &[u8], wire_len: u32, ports: [u16; 2]) -> Option<Opens> {
    let len = wire_len as usize;
    if opening::is_wireguard(bytes, len) {
        return Some(Opens::WireGuard);
    }
    if opening::is_ike(bytes, len) {
        return Some(Opens::Ike);
    }
    if opening::is_openvpn(bytes, len) {
        return Some(Opens::OpenVpn);
    }
    opening::is_esp_in_udp(bytes, ports).then_some(Opens::EspInUdp)
}

/// What the first datagram of a flow is, where a rule names it. Tunnels first: their bytes are the strictest.
pub fn datagram(bytes: &[u8], wire_len: u32, ports: [u16; 2]) -> Option<Opens> {
    if let Some(tunnel) = tunnel(bytes, wire_len, ports) {
        return Some(tunnel);
    }
    if opening::is_quic(bytes, wire_len as usize) {
        return Some(Opens::Quic);
    }
    if stun::parse(bytes).is_ok() {
        return Some(Opens::Stun);
    }
    if opening::is_dns_query(bytes) {
        return Some(Opens::Dns);
    }
    opening::is_text(bytes).then_some(Opens::Text)
}
