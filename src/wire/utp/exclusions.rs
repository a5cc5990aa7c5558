//! Datagrams that pass for uTP (BEP 29) and are something else (R-UTP-3).
//!
//! Most look-alikes fall to the header test: QUIC long headers, RTP, DTLS, GTP-U, NTP and text have another version
//! nibble or first extension; CoAP is too short or its chain overruns.

/// Whether a datagram that parses as uTP is one of the known others.
pub(super) fn is_another(captured: &[u8], wire_len: usize) -> bool {
    is_stun(captured, wire_len)
        || is_wireguard(captured, wire_len)
        || is_dns(captured)
        || is_radius(captured, wire_len)
}

/// STUN responses begin 01 01 and 01 11 (RFC 5389 section 6); without the cookie (RFC 3489) the length and the
/// attributes tell.
fn is_stun(captured: &[u8], wire_len: usize) -> bool {
    let Some((&[_, kind, l0, l1, cookie @ ..], _)) = captured.split_first_chunk::<8>() else { return false };
    if cookie == [0x21, 0x12, 0xa4, 0x42] {
        return true;
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    matches!(kind, 0x01 | 0x11) && length.is_multiple_of(4) && length.checked_add(20) == Some(wire_len)
}

/// A handshake initiation: message type 1 as a little-endian u32, and always 148 bytes (WireGuard white paper, 5.4.2).
/// The other types have another version nibble.
fn is_wireguard(captured: &[u8], wire_len: usize) -> bool {
    wire_len == 148 && captured.starts_with(&[1, 0, 0, 0])
}

/// DNS (RFC 1035 section 4.1) with a transaction id such as 0x0100: one question whose labels end inside.
fn is_dns(captured: &[u8]) -> bool {
    let Some((&[_, _, flags, _, q0, q1, ..], mut rest)) = captured.split_first_chunk::<12>() else {
        return false;
    };
    // Opcodes above 5 are unassigned.
    if [q0, q1] != [0, 1] || (flags >> 3 & 0x0f) > 5 {
        return false;
    }
    let mut name = 0usize;
    while let Some((&label, after)) = rest.split_first() {
        if label == 0 {
            let Some(&[_, _, class_high, class]) = after.first_chunk::<4>() else { return false };
            // The high bit is the unicast request of multicast DNS (RFC 6762 section 5.4).
            return class_high & 0x7f == 0 && matches!(class, 1 | 3 | 4 | 254 | 255);
        }
        let Some(next) = after.get(usize::from(label)..) else { return false };
        name = name.saturating_add(usize::from(label) + 1);
        if label > 63 || name > 255 {
            return false;
        }
        rest = next;
    }
    false
}

/// RADIUS (RFC 2865 section 3) access request with a small identifier: its own length, and attributes that fill it.
fn is_radius(captured: &[u8], wire_len: usize) -> bool {
    let Some((&[code, _, l0, l1, ..], mut rest)) = captured.split_first_chunk::<20>() else { return false };
    if code != 1 || usize::from(u16::from_be_bytes([l0, l1])) != wire_len || captured.len() != wire_len {
        return false;
    }
    while let Some((&[_, length], _)) = rest.split_first_chunk::<2>() {
        match rest.get(usize::from(length)..) {
            Some(next) if length >= 2 => rest = next,
            _ => return false,
        }
    }
    rest.is_empty()
}
