//! Server name of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3): names of trackers, and SSL torrents.

use crate::base::InfoHash;

/// The server name in the ClientHello that a stream begins with, as far as its first record was captured.
///
/// `None` for anything else, for a ClientHello without a name, and for a name that is empty, longer than 255 bytes or
/// not visible ASCII.
#[must_use]
pub fn server_name(record: &[u8]) -> Option<&str> {
    let mut rest = extensions(record)?;
    while let Some((&[k0, k1, l0, l1], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if [k0, k1] == [0, 0] {
            return host_name(after.get(..length)?);
        }
        rest = after.get(length..)?;
    }
    None
}

/// The extensions, cut where the capture or the record ends.
fn extensions(record: &[u8]) -> Option<&[u8]> {
    let (&[kind, major, _, l0, l1], rest) = record.split_first_chunk::<5>()?;
    let body = up_to(rest, usize::from(u16::from_be_bytes([l0, l1])));
    let (&[message, h0, h1, h2], rest) = body.split_first_chunk::<4>()?;
    if (kind, major, message) != (22, 3, 1) {
        return None;
    }
    let hello = up_to(rest, u32::from_be_bytes([0, h0, h1, h2]) as usize);
    let (_version_and_random, rest) = hello.split_first_chunk::<34>()?;
    let (&session_id, rest) = rest.split_first()?;
    let (&[c0, c1], rest) = rest.get(usize::from(session_id)..)?.split_first_chunk::<2>()?;
    let (&compression, rest) = rest.get(usize::from(u16::from_be_bytes([c0, c1]))..)?.split_first()?;
    let (&[e0, e1], rest) = rest.get(usize::from(compression)..)?.split_first_chunk::<2>()?;
    Some(up_to(rest, usize::from(u16::from_be_bytes([e0, e1]))))
}

/// The first entry of type host_name; RFC 6066 allows no other and no second.
fn host_name(extension: &[u8]) -> Option<&str> {
    let (&[_, _, kind, n0, n1], rest) = extension.split_first_chunk::<5>()?;
    let name = rest.get(..usize::from(u16::from_be_bytes([n0, n1])))?;
    let visible = (1..=255).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    if kind == 0 && visible { std::str::from_utf8(name).ok() } else { None }
}

fn up_to(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// The torrent that a server name stands for: clients of SSL torrents name the info-hash in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TorrentSni {
    /// 40 digits.
    V1(InfoHash),
    /// 64 digits: the SHA-256 info-hash of BEP 52.
    V2([u8; 32]),
}

impl TorrentSni {
    /// The info-hash as handshakes carry it: a SHA-256 is cut to 20 bytes.
    #[must_use]
    pub fn info_hash(&self) -> InfoHash {
        match self {
            Self::V1(hash) => *hash,
            Self::V2(hash) => InfoHash(hash.first_chunk::<20>().copied().unwrap_or_default()),
        }
    }
}

/// Reads a server name of exactly 40 or 64 hexadecimal digits and nothing else (R-SSL-1).
#[must_use]
pub fn torrent_sni(name: &str) -> Option<TorrentSni> {
    match name.len() {
        40 => from_hex(name).map(|hash| TorrentSni::V1(InfoHash(hash))),
        64 => from_hex(name).map(TorrentSni::V2),
        _ => None,
    }
}

fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    for (byte, &[high, low]) in out.iter_mut().zip(pairs) {
        let (high, low) = (char::from(high).to_digit(16)?, char::from(low).to_digit(16)?);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ClientHello with another extension before the name.
    fn client_hello(name: &str) -> Vec<u8> {
        let u16 = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
        let sni = [&u16(name.len() + 3)[..], &[0], &u16(name.len()), name.as_bytes()].concat();
        let list = [&[0, 0x17, 0, 0][..], &[0, 0], &u16(sni.len()), &sni].concat();
        let ciphers = [0, 4, 0x13, 1, 0xc0, 0x2f];
        let hello =
            [&[3, 3][..], &[7; 32], &[4, 1, 2, 3, 4], &ciphers, &[1, 0], &u16(list.len()), &list].concat();
        [&[22, 3, 1][..], &u16(hello.len() + 4), &[1, 0], &u16(hello.len()), &hello].concat()
    }

    #[test]
    fn the_name_is_read_once_it_is_there() {
        let bytes = client_hello("tracker.example.org");
        for n in 0..bytes.len() {
            assert_eq!(server_name(&bytes[..n]), None, "{n} bytes");
        }
        assert_eq!(server_name(&bytes), Some("tracker.example.org"));
        assert_eq!(server_name(&[bytes, vec![9; 5]].concat()), Some("tracker.example.org"));
        assert_eq!(server_name(&client_hello("")), None);
        assert_eq!(server_name(&client_hello("two words")), None);
    }

    #[test]
    fn only_whole_hashes_are_torrents() {
        let v1 = "0c618d5e892178f1c73403c2460cf596f32a413f";
        let v2 = "400886e8f867b96ba44868bbd68ffbcebe2942359bffc33dd584583f9b5e2f24";
        assert_eq!(torrent_sni(v1), Some(TorrentSni::V1(v1.parse().unwrap())));
        assert_eq!(torrent_sni(v2).unwrap().info_hash(), v2[..40].parse().unwrap());
        for name in [&v1[1..], &v2[..50], "0c618d5e892178f1c73403c2460cf596f32a41.f", "", "www.example.org"] {
            assert_eq!(torrent_sni(name), None, "{name}");
        }
        assert_eq!(torrent_sni(&"é".repeat(20)), None);
        assert_eq!(torrent_sni(&"+f".repeat(20)), None);
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(at in 0..80usize, byte: u8, cut in 0..120usize) {
            let mut bytes = client_hello("tracker.example.org");
            let end = cut.min(bytes.len());
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            let _ = server_name(&bytes[..end]);
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>, name: String) {
            let _ = (server_name(&bytes), torrent_sni(&name));
        }
    }
}
