//! Beginnings of streams that show what they are, so that they are no Message Stream Encryption (MSE/PE).

use super::handshake;

/// Beginnings that are a protocol or a file format of their own.
const PREFIXES: &[&[u8]] = &[
    handshake::MAGIC,
    b"\x13/multistream/",
    // Greetings and requests.
    b"SSH-",
    b"HTTP/",
    b"PRI * HTTP/2",
    b"RFB 00",
    b"AMQP",
    b"GNUTELLA",
    b"GIV ",
    b"$Lock ",
    b"$MyNick ",
    b"<?xml",
    b"<stream",
    b"220 ",
    b"220-",
    b"+OK ",
    b"* OK",
    // Bitcoin mainnet, testnet 3, signet, regtest (protocol documentation, "network magic").
    b"\xf9\xbe\xb4\xd9",
    b"\x0b\x11\x09\x07",
    b"\x0a\x03\xcf\x40",
    b"\xfa\xbf\xb5\xda",
    // Monero's Levin.
    b"\x01\x21\x01\x01\x01\x01\x01\x01",
    // Files, as data connections of FTP begin.
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"PK\x03\x04",
    b"Rar!",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"%PDF",
    b"\x7fELF",
    b"RIFF",
    b"\x1aE\xdf\xa3",
    b"OggS",
    b"ID3",
];

/// Whether the start of a stream is visibly structured: a known beginning, text, or a length field that counts exactly
/// what follows. Random bytes are said to be structured in about 1 of 2,000 cases.
#[must_use]
pub fn known_magic(bytes: &[u8]) -> bool {
    PREFIXES.iter().any(|prefix| bytes.starts_with(prefix))
        || is_text(bytes)
        || is_tls(bytes)
        || is_socks(bytes)
        || is_windows(bytes)
        || is_emule(bytes)
        || is_length_prefixed(bytes)
}

/// Eight printable bytes: HTTP methods, SIP, RTSP, IRC, NNTP and every other protocol of lines. One random start in
/// 2,800 looks so.
fn is_text(bytes: &[u8]) -> bool {
    bytes
        .first_chunk::<8>()
        .is_some_and(|start| start.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')))
}

/// A record of TLS (RFC 8446 section 5.1), or a ClientHello in the framing of SSL 2.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x18, 3, 0..=4, length, ..] if *length <= 0x48)
        || matches!(bytes, [0x80..=0xff, _, 1, 3, 0..=3, ..])
}

/// Requests and answers of SOCKS 4 and 5 (RFC 1928).
fn is_socks(bytes: &[u8]) -> bool {
    match bytes {
        [5, methods @ 1..=16, rest @ ..] => rest.len() == usize::from(*methods) || rest.starts_with(&[0]),
        [5, 0] | [5, 0, 0, 1 | 3 | 4, ..] => true,
        [4, 1 | 2, _, _, a, ..] => bytes.last() == Some(&0) && *a < 0xe0,
        _ => false,
    }
}

/// SMB in its session framing (MS-SMB2 2.1), remote desktop in TPKT (RFC 1006 section 6).
fn is_windows(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0, _, _, _, 0xfd..=0xff, b'S', b'M', b'B', ..] | [3, 0, 0..=8, _, 2..=0x40, 0xd0 | 0xe0 | 0xf0, ..]
    )
}

/// eDonkey, eMule and its compressed packets: the length after the first byte is little-endian.
fn is_emule(bytes: &[u8]) -> bool {
    let Some((&[0xc5 | 0xd4 | 0xe3, length @ ..], _)) = bytes.split_first_chunk::<5>() else { return false };
    counts_the_rest(u32::from_le_bytes(length), bytes.len(), 5)
}

/// A length field in front, of 2, 3 or 4 bytes, that says exactly how much follows: DNS, OpenVPN, MySQL, and the many
/// protocols of frames. The chance of a random start is 4 in 65,536.
fn is_length_prefixed(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = bytes.first_chunk::<4>() else { return false };
    let of = |length: u32, header: usize| counts_the_rest(length, bytes.len(), header);
    let (short_be, short_le) = (u16::from_be_bytes([a, b]).into(), u16::from_le_bytes([a, b]).into());
    of(short_be, 2)
        || of(short_le, 2)
        || of(short_be, 0)
        || of(u32::from_le_bytes([a, b, c, 0]), 4)
        || of(u32::from_be_bytes([a, b, c, d]), 4)
        || of(u32::from_be_bytes([a, b, c, d]), 0)
        || of(u32::from_le_bytes([a, b, c, d]), 4)
        || of(u32::from_le_bytes([a, b, c, d]), 0)
}

fn counts_the_rest(length: u32, total: usize, header: usize) -> bool {
    (length as usize).checked_add(header) == Some(total)
}
