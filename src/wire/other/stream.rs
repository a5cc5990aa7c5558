//! Signatures at the beginning of TCP streams.

use super::{Guess, OtherProtocol, certain_if, maybe_if};
use crate::wire::fields::Fields;

type Test = fn(&[u8]) -> Guess;

/// Strong signatures stand before weak ones.
pub(super) const SIGNATURES: &[(OtherProtocol, Test)] = &[
    (OtherProtocol::DeliveryOptimization, |b| certain_if(b.starts_with(b"\x0eSwarm protocol"))),
    (OtherProtocol::Libp2p, |b| certain_if(b.starts_with(b"\x13/multistream/1.0.0\n"))),
    (OtherProtocol::Gnutella, gnutella),
    (OtherProtocol::DirectConnect, direct_connect),
    (OtherProtocol::Resilio, |b| certain_if(b.starts_with(b"BSYNC\0"))),
    (OtherProtocol::Syncthing, syncthing_relay),
    (OtherProtocol::Bitcoin, bitcoin),
    (OtherProtocol::Monero, |b| certain_if(b.starts_with(b"\x01\x21\x01\x01\x01\x01\x01\x01"))),
    (OtherProtocol::Zeronet, |b| certain_if(b.starts_with(b"\x83\xa3cmd\xa9handshake"))),
    (OtherProtocol::Edonkey, edonkey),
    (OtherProtocol::Soulseek, soulseek),
    (OtherProtocol::Ares, ares),
    (OtherProtocol::Pando, |b| maybe_if(b.starts_with(b"\x0ePan"))),
];

/// `GNUTELLA CONNECT/0.6`, or `GIV index:guid/name` of a servent that pushes a file.
fn gnutella(bytes: &[u8]) -> Guess {
    if bytes.starts_with(b"GNUTELLA CONNECT/0.") || bytes.starts_with(b"GNUTELLA/0.6 ") {
        return Guess::Certain;
    }
    let Some(rest) = bytes.strip_prefix(b"GIV ") else { return Guess::No };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let guid = rest.get(digits..).and_then(|r| r.strip_prefix(b":")).and_then(|r| r.split_at_checked(32));
    certain_if(
        digits > 0 && guid.is_some_and(|(g, r)| g.iter().all(u8::is_ascii_hexdigit) && r.starts_with(b"/")),
    )
}

/// NMDC opens with `$Lock … Pk=…|` or `$MyNick …|`, ADC with a `SUP` command.
fn direct_connect(bytes: &[u8]) -> Guess {
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|w| w == wanted);
    if bytes.starts_with(b"$Lock ") {
        return if has(b" Pk=") { Guess::Certain } else { Guess::Maybe };
    }
    if bytes.starts_with(b"$MyNick ") {
        return if has(b"|") { Guess::Certain } else { Guess::Maybe };
    }
    if [b"HSUP AD", b"CSUP AD", b"ISUP AD"].iter().any(|s| bytes.starts_with(*s)) {
        return Guess::Certain;
    }
    maybe_if(bytes.starts_with(b"BINF "))
}

/// Relay protocol: magic, type, length of the message, each u32.
fn syncthing_relay(bytes: &[u8]) -> Guess {
    let mut f = Fields(bytes);
    let (Ok(0x9e79_bc40), Ok(kind), Ok(length)) = (f.u32(), f.u32(), f.u32()) else { return Guess::No };
    certain_if(kind < 16 && length < 1024)
}

/// Network magic, then a command in ASCII padded with zeros to 12 bytes, then the payload's length.
fn bitcoin(bytes: &[u8]) -> Guess {
    const MAGICS: [[u8; 4]; 5] = [
        [0xf9, 0xbe, 0xb4, 0xd9],
        [0xfa, 0xbf, 0xb5, 0xda],
        [0x0b, 0x11, 0x09, 0x07],
        [0x1c, 0x16, 0x3f, 0x28],
        [0x0a, 0x03, 0xcf, 0x40],
    ];
    let mut f = Fields(bytes);
    let (Ok(magic), Ok(command)) = (f.bytes(), f.bytes::<12>()) else { return Guess::No };
    if !MAGICS.contains(&magic) {
        return Guess::No;
    }
    let letters = command.iter().take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).count();
    certain_if(letters >= 3 && command.iter().skip(letters).all(|&b| b == 0))
}

/// Protocol byte, little-endian length, opcode. The length must be that of the burst, or another message follows.
fn edonkey(bytes: &[u8]) -> Guess {
    let Some((&[protocol, a, b, c, d, opcode], rest)) = bytes.split_first_chunk::<6>() else {
        return Guess::No;
    };
    let after = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0).checked_sub(1);
    let next = after.and_then(|len| rest.get(len..));
    let framed = next.is_some_and(|n| matches!(n.first(), None | Some(0xe3 | 0xc5 | 0xd4)));
    match (protocol, opcode, framed) {
        // Hello and its answer; to a server, login.
        (0xe3, 0x01 | 0x4c, true) => Guess::Certain,
        (0xe3 | 0xc5 | 0xd4, _, true) => Guess::Maybe,
        _ => Guess::No,
    }
}

/// Little-endian length of the rest; then to a server u32 1 (login) and a name, to a peer u8 1 (init), a name, a type.
fn soulseek(bytes: &[u8]) -> Guess {
    let Some((length, rest)) = little_endian(bytes) else { return Guess::No };
    if length != rest.len() {
        return Guess::No;
    }
    let peer_init = rest.split_first().filter(|(code, _)| **code == 1).and_then(|(_, rest)| {
        let (_name, rest) = text(rest)?;
        let (kind, token) = text(rest)?;
        (matches!(kind, b"P" | b"F" | b"D") && token.len() == 4).then_some(())
    });
    if peer_init.is_some() {
        return Guess::Certain;
    }
    let login = little_endian(rest).filter(|(code, _)| *code == 1).and_then(|(_, rest)| text(rest));
    maybe_if(login.is_some())
}

fn little_endian(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&n, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(n)).ok()?, rest))
}

/// A short string with its length before it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = little_endian(bytes)?;
    let (text, rest) = rest.split_at_checked(len)?;
    ((1..=64).contains(&len) && !text.iter().any(u8::is_ascii_control)).then_some((text, rest))
}

fn ares(bytes: &[u8]) -> Guess {
    maybe_if(
        bytes.len() == 6 && bytes.starts_with(b"\x03\0\x5a\x06")
            || bytes.len() == 138 && bytes.starts_with(b"\x87\0\x3c")
            || bytes.starts_with(b"ARES"),
    )
}
