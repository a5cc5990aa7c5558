//! First bytes by which common protocols and tunnels are known: for what strangers try on a port, and for tunnels that hide
//! what was seen before. Each cites where its bytes are fixed; none claims more than its first bytes do.

/// SSH identification string (RFC 4253 section 4.2).
#[must_use]
pub fn is_ssh(head: &[u8]) -> bool {
    head.starts_with(b"SSH-1.") || head.starts_with(b"SSH-2.")
}

/// SMB 1, 2 or 3 in its session framing (MS-SMB2 section 2.1, MS-SMB section 2.2.3.1), or a NetBIOS session request
/// (RFC 1002 section 4.3.2).
#[must_use]
pub fn is_smb(head: &[u8]) -> bool {
    match head {
        [0, _, _, _, 0xfd..=0xff, b'S', b'M', b'B', ..] => true,
        [0x81, 0, 0, length, 0x20, ..] => *length == 0x44,
        _ => false,
    }
}

/// The connection request of remote desktop: TPKT (RFC 1006 section 6) with an X.224 connection request (MS-RDPBCGR section
/// 2.2.1.1), whose own length byte agrees with the packet's.
#[must_use]
pub fn is_rdp(head: &[u8]) -> bool {
    matches!(head, [3, 0, high, low, inner, 0xe0, 0, 0, ..]
        if u16::from_be_bytes([*high, *low]) == u16::from(*inner) + 5)
}

/// A greeting of SOCKS 5 (RFC 1928 section 3) that ends where it says, or a SOCKS 4 connect.
#[must_use]
pub fn is_socks(head: &[u8]) -> bool {
    match head {
        [5, methods @ 1..=16, rest @ ..] => rest.len() == usize::from(*methods),
        [4, 1 | 2, _, _, _, _, _, _, .., 0] => true,
        _ => false,
    }
}

/// Eight printable bytes or line ends, or fewer where that is all and a line ends it.
#[must_use]
pub fn is_text(head: &[u8]) -> bool {
    let printable = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t'));
    match head.first_chunk::<8>() {
        Some(start) => printable(start),
        None => head.ends_with(b"\n") && printable(head),
    }
}

/// A WireGuard message: type, three reserved zeros and the length that the type has (WireGuard paper, section 5.4).
#[must_use]
pub fn is_wireguard(datagram: &[u8], wire_len: usize) -> bool {
    match datagram {
        [1, 0, 0, 0, ..] => wire_len == 148,
        [2, 0, 0, 0, ..] => wire_len == 92,
        [3, 0, 0, 0, ..] => wire_len == 64,
        // A counter that begins at zero, and a payload padded to 16 bytes with a tag of 16.
        [4, 0, 0, 0, _, _, _, _, _, _, _, _, _, _, 0, 0, ..] => wire_len >= 32 && wire_len.is_multiple_of(16),
        _ => false,
    }
}

/// The packet with which an OpenVPN client or server opens (OpenVPN network protocol, "P_CONTROL_HARD_RESET"): opcode and
/// key id 0, a session id, then no more than an HMAC and the identifiers of the reliability layer.
#[must_use]
pub fn is_openvpn(datagram: &[u8], wire_len: usize) -> bool {
    let [opcode, session @ ..] = datagram else { return false };
    // Client and server resets of version 2, the client's of version 3, all with key 0.
    let reset = matches!(opcode, 0x38 | 0x40 | 0x50);
    reset
        && (14..=160).contains(&wire_len)
        && session.get(..8).is_some_and(|id| id.iter().any(|&b| b != 0))
        && match datagram.get(9..) {
            // Without authentication the array of acknowledgements and the packet number follow, all zero.
            Some([0, 0, 0, 0, 0]) => true,
            _ => wire_len >= 42,
        }
}

/// The same over TCP, where a length of two bytes stands in front.
#[must_use]
pub fn is_openvpn_stream(head: &[u8]) -> bool {
    let Some((&length, packet)) = head.split_first_chunk::<2>() else { return false };
    let length = usize::from(u16::from_be_bytes(length));
    packet.len() == length && is_openvpn(packet, length)
}

/// An IKE header (RFC 7296 section 3.1), behind the four zeros of RFC 3948 section 2.2 on port 4500: its own length must be
/// the datagram's.
#[must_use]
pub fn is_ike(datagram: &[u8], wire_len: usize) -> bool {
    let header = |bytes: &[u8], len: usize| match bytes.first_chunk::<28>() {
        Some([spi @ .., a, b, c, d]) => {
            // Version 1 or 2, and the exchange types of either.
            let fits = matches!(spi.get(17), Some(0x10 | 0x20))
                && matches!(spi.get(18), Some(2 | 4 | 5 | 34..=37))
                && spi.get(..8).is_some_and(|spi| spi.iter().any(|&b| b != 0));
            fits && u32::from_be_bytes([*a, *b, *c, *d]) as usize == len
        }
        None => false,
    };
    header(datagram, wire_len)
        || datagram.strip_prefix(&[0; 4]).is_some_and(|rest| header(rest, wire_len.saturating_sub(4)))
}

/// ESP in UDP on its own port, 4500 (RFC 3948 section 2.1): an SPI that is not zero, nor one of the reserved, then a small
/// sequence number.
#[must_use]
pub fn is_esp_in_udp(datagram: &[u8], ports: [u16; 2]) -> bool {
    let Some(&[a, b, c, d, high, ..]) = datagram.first_chunk::<8>() else { return false };
    ports.contains(&4_500) && u32::from_be_bytes([a, b, c, d]) > 255 && high < 0x10 && datagram.len() >= 28
}

/// A QUIC long header of version 1 or 2 (RFC 9000 section 17.2, RFC 9369) in a datagram as long as an Initial must be.
#[must_use]
pub fn is_quic(datagram: &[u8], wire_len: usize) -> bool {
    let version = |v: &[u8; 4]| matches!(v, [0, 0, 0, 1] | [0x6b, 0x33, 0x43, 0xcf]);
    match datagram.split_first() {
        Some((first, rest)) => {
            first & 0xc0 == 0xc0 && wire_len >= 1_200 && rest.first_chunk::<4>().is_some_and(version)
        }
        None => false,
    }
}

/// A DNS query (RFC 1035 section 4.1.1): one question or more, no answer, and an operation of a query.
#[must_use]
pub fn is_dns_query(datagram: &[u8]) -> bool {
    matches!(datagram, [_, _, flags, low, 0, 1..=4, 0, 0, 0, 0, 0, 0..=2, _, ..]
        if flags & 0xf8 == 0 && low & 0x4f == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wireguard(kind: u8, len: usize) -> Vec<u8> {
        let mut message = vec![0x5a; len];
        message[..4].copy_from_slice(&[kind, 0, 0, 0]);
        if kind == 4 {
            message[8..16].copy_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    fn ike() -> Vec<u8> {
        let mut header = vec![0x11; 28];
        header[17..20].copy_from_slice(&[0x20, 34, 8]);
        header[24..28].copy_from_slice(&[0, 0, 0, 28]);
        header
    }

    const RDP: &[u8] = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0";
    const SMB: &[u8] = b"\0\0\0\x9c\xfeSMB\x40\0\0\0";
    const OPENVPN: &[u8] = b"\x38\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0";
    const DNS: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\0\0\x01\0\x01";

    #[test]
    fn each_is_known_by_its_own_bytes_and_no_other() {
        type Case = (&'static str, fn(&[u8]) -> bool, &'static [u8]);
        let streams: [Case; 4] = [
            ("ssh", is_ssh, b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("smb", is_smb, SMB),
            ("rdp", is_rdp, RDP),
            ("socks", is_socks, b"\x05\x02\0\x02"),
        ];
        for (name, is, bytes) in streams {
            assert!(is(bytes), "{name}");
            for (other, _, foreign) in streams.iter().filter(|(n, ..)| *n != name) {
                assert!(!is(foreign), "{name} takes {other}");
            }
        }
        for (kind, len) in [(1, 148), (2, 92), (3, 64), (4, 32), (4, 1_440)] {
            assert!(is_wireguard(&wireguard(kind, len), len), "{kind}");
            assert!(!is_wireguard(&wireguard(kind, len), len + 1), "{kind}");
        }
        assert!(is_openvpn(OPENVPN, 14) && !is_openvpn(OPENVPN, 1_400) && !is_openvpn(&[0x38; 5], 5));
        let framed = [&[0, 14], OPENVPN].concat();
        assert!(is_openvpn_stream(&framed) && !is_openvpn_stream(&framed[..15]));
        let natted = [&[0; 4], ike().as_slice()].concat();
        assert!(is_ike(&ike(), 28) && is_ike(&natted, 32) && !is_ike(&ike(), 29));
        let esp = [&[0xc1, 2, 3, 4, 0, 0, 0, 1], [9; 40].as_slice()].concat();
        assert!(is_esp_in_udp(&esp, [31_000, 4_500]) && !is_esp_in_udp(&esp, [31_000, 4_501]));
        assert!(!is_esp_in_udp(&natted, [4_500, 4_500]));
        assert!(is_dns_query(DNS) && !is_dns_query(&wireguard(1, 148)));
        let mut quic = vec![0; 1_200];
        quic[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]);
        assert!(is_quic(&quic, 1_200) && !is_quic(&quic, 300));
    }

    #[test]
    fn lines_are_text_and_a_handshake_of_peers_is_none() {
        assert!(is_text(b"EHLO mail.example\r\n") && is_text(b"?\r\n"));
        assert!(!is_text(b"\x13BitTorrent protocol") && !is_text(b"QUIT") && !is_text(b""));
    }

    #[test]
    fn no_prefix_is_taken_for_the_whole_where_a_length_is_told() {
        for whole in [RDP, SMB, OPENVPN, DNS] {
            for cut in 0..whole.len().min(8) {
                let head = &whole[..cut];
                let taken = [is_ssh(head), is_smb(head), is_rdp(head), is_dns_query(head), is_ike(head, cut)];
                assert_eq!(
                    taken.iter().filter(|t| **t).count(),
                    usize::from(cut == 8 && whole == SMB),
                    "{cut}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>, len in 0usize..3_000, port: u16) {
            let _ = [is_ssh(&bytes), is_smb(&bytes), is_rdp(&bytes), is_socks(&bytes), is_text(&bytes)];
            let _ = [is_wireguard(&bytes, len), is_openvpn(&bytes, len), is_openvpn_stream(&bytes)];
            let _ = [is_ike(&bytes, len), is_quic(&bytes, len), is_dns_query(&bytes)];
            let _ = is_esp_in_udp(&bytes, [port, 4_500]);
        }
    }
}
