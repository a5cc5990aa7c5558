//! Other peer-to-peer networks and look-alikes, by their first bytes (R-OTH-1).
//!
//! Each has one cheap signature, applied at the beginning of a stream or to a whole datagram only. A signature that
//! other programs' bytes can meet by chance gives [`Guess::Maybe`]: a second packet or a known port must agree. To add
//! a network, add a variant and a function in `stream.rs` or `datagram.rs`.

use super::Guess;

mod datagram;
mod stream;

/// A network that is not BitTorrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OtherProtocol {
    /// eDonkey2000, eMule.
    Edonkey,
    /// Kademlia network of eMule.
    Kad,
    /// Gnutella.
    Gnutella,
    /// Direct Connect, ADC.
    DirectConnect,
    /// Soulseek.
    Soulseek,
    /// Ares.
    Ares,
    /// libp2p, IPFS.
    Libp2p,
    /// Vuze's own DHT.
    VuzeDht,
    /// Resilio Sync, BTSync.
    Resilio,
    /// Syncthing.
    Syncthing,
    /// Xunlei.
    Xunlei,
    /// Bitcoin.
    Bitcoin,
    /// Ethereum node discovery v4.
    EthereumDiscovery,
    /// Monero.
    Monero,
    /// LBRY's DHT.
    LbryDht,
    /// ZeroNet.
    Zeronet,
    /// Pando.
    Pando,
    /// Windows Update Delivery Optimization.
    DeliveryOptimization,
    /// Blizzard's downloader: peer wire with peer ids of its own, see [`is_blizzard`].
    Blizzard,
    /// Steam local discovery.
    Steam,
}

/// Looks at what one side of a TCP stream sent first. Lengths are compared with those of the input, so it should end
/// where the first burst ended.
#[must_use]
pub fn recognise_stream(first_bytes: &[u8]) -> Option<(OtherProtocol, Guess)> {
    stream::SIGNATURES.iter().find_map(|&(protocol, test)| found(protocol, test(first_bytes)))
}

/// Whether a datagram can be one of these networks' at all: a cheap look before [`recognise_datagram`].
#[inline]
#[must_use]
pub fn may_be_datagram(bytes: &[u8]) -> bool {
    datagram::may_be(bytes)
}

/// Looks at a whole UDP datagram and its ports.
#[must_use]
pub fn recognise_datagram(bytes: &[u8], sport: u16, dport: u16) -> Option<(OtherProtocol, Guess)> {
    let ports = Ports(sport, dport);
    datagram::SIGNATURES.iter().find_map(|&(protocol, test)| found(protocol, test(bytes, ports)))
}

/// Whether a peer id is that of Blizzard's downloader, which speaks BitTorrent and shares nothing but game updates.
#[must_use]
pub fn is_blizzard(peer_id: &[u8; 20]) -> bool {
    peer_id.starts_with(b"BLZ")
}

#[derive(Clone, Copy)]
struct Ports(u16, u16);

impl Ports {
    const fn has(self, port: u16) -> bool {
        self.0 == port || self.1 == port
    }
}

fn found(protocol: OtherProtocol, guess: Guess) -> Option<(OtherProtocol, Guess)> {
    (guess != Guess::No).then_some((protocol, guess))
}

const fn certain_if(fits: bool) -> Guess {
    if fits { Guess::Certain } else { Guess::No }
}

const fn maybe_if(fits: bool) -> Guess {
    if fits { Guess::Maybe } else { Guess::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(bytes: &[u8]) -> Option<(OtherProtocol, Guess)> {
        recognise_stream(bytes)
    }

    #[test]
    fn bittorrent_and_the_web_are_none_of_these() {
        for bytes in [
            &b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"",
            b"\0",
        ] {
            assert_eq!(stream(bytes), None, "{bytes:?}");
            assert_eq!(recognise_datagram(bytes, 50_000, 50_001), None, "{bytes:?}");
        }
    }

    #[test]
    fn streams_begin_with_their_magic() {
        use OtherProtocol as P;
        for (bytes, want) in [
            (&b"\x0eSwarm protocol\0\0"[..], (P::DeliveryOptimization, Guess::Certain)),
            (b"\x83\xa3cmd\xa9handshake", (P::Zeronet, Guess::Certain)),
            (b"\x01\x21\x01\x01\x01\x01\x01\x01\xe2", (P::Monero, Guess::Certain)),
            (b"GIV 5:0123456789abcdef0123456789abcdef/song.ogg\n\n", (P::Gnutella, Guess::Certain)),
            (b"HSUP ADBASE ADTIGR\n", (P::DirectConnect, Guess::Certain)),
            (b"\x03\0\x5a\x06\x06\x05", (P::Ares, Guess::Maybe)),
            (b"\x0ePando protocol", (P::Pando, Guess::Maybe)),
            (b"\x9e\x79\xbc\x40\0\0\0\0\0\0\0\0", (P::Syncthing, Guess::Certain)),
            (b"BSYNC\0d", (P::Resilio, Guess::Certain)),
        ] {
            assert_eq!(stream(bytes), Some(want), "{bytes:?}");
        }
    }

    #[test]
    fn datagrams_are_taken_whole() {
        use OtherProtocol as P;
        let steam = b"\xff\xff\xff\xff\x21\x4c\x5f\xa0\x0d";
        assert_eq!(recognise_datagram(steam, 27_036, 27_036), Some((P::Steam, Guess::Certain)));
        assert_eq!(recognise_datagram(steam, 1, 2), Some((P::Steam, Guess::Maybe)));
        let lbry = [b"di0ei0ei1e20:".as_slice(), &[7; 20], b"i2e48:", &[8; 48], b"i3e4:pinge"].concat();
        assert_eq!(recognise_datagram(&lbry, 4444, 4444), Some((P::LbryDht, Guess::Certain)));
        assert_eq!(recognise_datagram(b"BSYNC\0d1:m4:pinge", 3838, 3838), Some((P::Resilio, Guess::Certain)));
        let reply = b"\x00\x00\x04\x01\x11\x22\x33\x44\x81\x2a\x1d\xce\x96\x8f\xd9\xd1\x00\x00\x00\x00";
        assert_eq!(recognise_datagram(reply, 1024, 1025), Some((P::VuzeDht, Guess::Maybe)));
        // A DNS query whose id happens to be 0x3200.
        let dns = b"\x32\0\0\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        assert_eq!(recognise_datagram(dns, 50_000, 53), None);
    }

    #[test]
    fn each_packet_of_ethereum_begins_as_its_kind() {
        use sha3::Digest;
        let packet = |kind: u8, list: &[u8]| {
            let signed = [&[7; 65][..], &[kind], list].concat();
            [&sha3::Keccak256::digest(&signed)[..], &signed].concat()
        };
        let certain = Some((OtherProtocol::EthereumDiscovery, Guess::Certain));
        let long = |first: &[u8]| [&[0xf8, 0x60][..], first, &[9; 0x60]].concat();
        for (kind, list) in [
            (1, vec![0xc3, 4, 0xc0, 0xc0]),
            (1, long(&[5])),
            (2, vec![0xc2, 0xc1, 1]),
            (3, long(&[0xb8, 0x40])),
            (4, vec![0xc2, 0xc0, 1]),
            (4, vec![0xf9, 0, 0x60, 0xf8, 0x4d]),
            (5, vec![0xc5, 0x84, 1, 2, 3, 4]),
            (6, long(&[0xa0])),
        ] {
            assert_eq!(recognise_datagram(&packet(kind, &list), 30_303, 30_303), certain, "{kind} {list:x?}");
        }
        for (kind, list) in [(1, vec![0xc1, 0x80]), (3, long(&[0xb7])), (6, vec![0xc0]), (7, vec![0xc1, 4])] {
            assert_eq!(recognise_datagram(&packet(kind, &list), 30_303, 30_303), None, "{kind} {list:x?}");
        }
    }

    #[test]
    fn every_prefix_of_a_signature_is_harmless() {
        for text in [
            &b"$Lock EXTENDEDPROTOCOLABC Pk=x|"[..],
            b"GNUTELLA CONNECT/0.6\r\n",
            b"\x13/multistream/1.0.0\n",
        ] {
            for cut in 0..text.len() {
                assert_ne!(stream(&text[..cut]).map(|(_, g)| g), Some(Guess::No));
            }
            assert_eq!(stream(text).map(|(_, g)| g), Some(Guess::Certain));
        }
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_certain(bytes in proptest::collection::vec(any::<u8>(), 0..400), a: u16, b: u16) {
            prop_assert_ne!(recognise_stream(&bytes).map(|(_, g)| g), Some(Guess::Certain));
            prop_assert_ne!(recognise_datagram(&bytes, a, b).map(|(_, g)| g), Some(Guess::Certain));
        }

        #[test]
        fn mutated_openings_never_panic(head in proptest::sample::select(vec![
            &b"\xe3\x05\0\0\0\x01"[..], b"$Lock ", b"GIV ", b"\x13\0\0\0\x01\x05\0\0\0", b"\xf9\xbe\xb4\xd9",
            b"di0ei0ei1e20:", b"GND", b"\xe4\x21"]), tail: Vec<u8>)
        {
            let d = [head, &tail].concat();
            let _ = (recognise_stream(&d), recognise_datagram(&d, 1, 2));
        }
    }
}
