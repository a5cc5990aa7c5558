//! Peer wire handshake (BEP 3 "peer protocol"; reserved bits of BEP 4, 5, 6, 10 and 52).
//!
//! The magic is only ever looked for where a stream begins: libp2p also starts with 0x13, and documents about
//! BitTorrent contain the text.

use super::{Guess, Malformed, Parsed};
use crate::base::{InfoHash, PeerId};

/// The first 20 bytes: the length of the protocol's name, and the name.
pub const MAGIC: &[u8; 20] = b"\x13BitTorrent protocol";

/// Length of a whole handshake.
pub const LEN: usize = 68;

/// Length of a handshake whose peer id comes later or never: a responder may answer as soon as it knows the torrent,
/// and the NAT checks of trackers send no more than this.
pub const LEN_WITHOUT_PEER_ID: usize = 48;

/// A handshake; fields in wire order after the magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What the sender supports.
    pub reserved: Reserved,
    /// The torrent that is asked for or served.
    pub info_hash: InfoHash,
    /// Who the sender says it is; `None` when these 20 bytes have not arrived.
    pub peer_id: Option<PeerId>,
}

/// Reads the handshake at the start of a stream (R-PW-1, R-PW-2).
///
/// Needs 48 bytes. With 48 to 67 the peer id is `None` and `used` is 48: the next 20 bytes of the stream are the
/// peer id all the same, so ask again with [`LEN`] bytes, if they come, before messages are read.
#[must_use]
pub fn parse(stream: &[u8]) -> Parsed<Handshake> {
    match parse_partial(stream) {
        Partial::Other => Parsed::Bad(Malformed::Magic),
        Partial::Prefix(_) | Partial::Name | Partial::Reserved(_) => {
            Parsed::NeedMore { at_least: LEN_WITHOUT_PEER_ID }
        }
        Partial::Handshake(message) => {
            let used = if message.peer_id.is_some() { LEN } else { LEN_WITHOUT_PEER_ID };
            Parsed::Done { message, used }
        }
    }
}

/// As much of a handshake as the start of a stream holds (R-PW-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// Not a handshake.
    Other,
    /// This many bytes, 0 to 19, all of them the beginning of [`MAGIC`].
    Prefix(usize),
    /// The magic, 20 to 27 bytes.
    Name,
    /// The reserved bits too, 28 to 47 bytes.
    Reserved(Reserved),
    /// Torrent and perhaps peer id, 48 bytes or more.
    Handshake(Handshake),
}

impl Partial {
    /// How sure these bytes make one: the whole magic is certain, its beginning is a reason to wait.
    #[must_use]
    pub const fn guess(&self) -> Guess {
        match self {
            Self::Other => Guess::No,
            Self::Prefix(_) => Guess::Maybe,
            Self::Name | Self::Reserved(_) | Self::Handshake(_) => Guess::Certain,
        }
    }
}

/// Reads what there is of a handshake, for streams that end or are cut early.
#[must_use]
pub fn parse_partial(stream: &[u8]) -> Partial {
    let Some((magic, rest)) = stream.split_first_chunk::<20>() else {
        return if MAGIC.starts_with(stream) { Partial::Prefix(stream.len()) } else { Partial::Other };
    };
    if magic != MAGIC {
        return Partial::Other;
    }
    let Some((&reserved, rest)) = rest.split_first_chunk::<8>() else { return Partial::Name };
    let reserved = Reserved(reserved);
    let Some((&info_hash, rest)) = rest.split_first_chunk::<20>() else { return Partial::Reserved(reserved) };
    let peer_id = rest.first_chunk::<20>().copied().map(PeerId);
    Partial::Handshake(Handshake { reserved, info_hash: InfoHash(info_hash), peer_id })
}

impl Handshake {
    /// The bytes of this handshake, 48 without a peer id and 68 with one.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let peer_id = self.peer_id.as_ref().map_or(&[][..], |id| &id.0);
        [&MAGIC[..], &self.reserved.0, &self.info_hash.0, peer_id].concat()
    }

    /// What is odd about this handshake, if anything. It stays a handshake (R-PW-3).
    #[must_use]
    pub fn anomaly(&self) -> Option<Anomaly> {
        if self.info_hash.0 == [0; 20] {
            Some(Anomaly::ZeroInfoHash)
        } else if self.reserved.is_text() {
            Some(Anomaly::ReservedText)
        } else {
            None
        }
    }
}

/// An oddity of one handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anomaly {
    /// The info-hash is all zero, as scanners and fuzzers send it: the protocol is there, a torrent is not.
    ZeroInfoHash,
    /// Text in the reserved bytes, as some old clients write it.
    ReservedText,
}

impl Anomaly {
    /// The fixed word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ZeroInfoHash => "zero_info_hash",
            Self::ReservedText => "reserved_text",
        }
    }
}

/// What the handshakes of both directions say together (R-PW-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// One torrent.
    Same,
    /// One hybrid torrent: the initiator offered the upgrade and the responder answered with the v2 hash (BEP 52).
    Upgraded {
        /// SHA-1 info-hash.
        v1: InfoHash,
        /// First 20 bytes of the SHA-256 info-hash.
        v2: InfoHash,
    },
    /// Two info-hashes and no upgrade offered: one side is broken or probing.
    Mismatch,
    /// Both sides have one peer id: a client that connected to itself.
    SelfConnection,
}

impl Pair {
    /// Compares the handshakes of the two directions.
    #[must_use]
    pub fn of(initiator: &Handshake, responder: &Handshake) -> Self {
        if initiator.peer_id.is_some() && initiator.peer_id == responder.peer_id {
            Self::SelfConnection
        } else if initiator.info_hash == responder.info_hash {
            Self::Same
        } else if initiator.reserved.v2_upgrade() {
            Self::Upgraded { v1: initiator.info_hash, v2: responder.info_hash }
        } else {
            Self::Mismatch
        }
    }
}

/// The eight reserved bytes (BEP 4). Unknown bits mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    /// Azureus messaging. BitComet sets all of the first two bytes and does not speak it.
    #[must_use]
    pub const fn azureus(self) -> bool {
        self.0[0] & 0x80 != 0 && !self.bitcomet()
    }

    /// The marker of BitComet's own extension.
    #[must_use]
    pub const fn bitcomet(self) -> bool {
        self.0[0] == 0xff && self.0[1] == 0xff
    }

    /// Location-aware protocol; never deployed widely.
    #[must_use]
    pub const fn location_aware(self) -> bool {
        self.0[2] & 0x08 != 0
    }

    /// Extension protocol (BEP 10).
    #[must_use]
    pub const fn ltep(self) -> bool {
        self.0[5] & 0x10 != 0
    }

    /// Extension negotiation: 0 force BEP 10, 1 prefer it, 2 prefer Azureus messaging, 3 force that.
    #[must_use]
    pub const fn negotiation(self) -> u8 {
        self.0[5] & 0x03
    }

    /// DHT: the sender understands PORT messages (BEP 5).
    #[must_use]
    pub const fn dht(self) -> bool {
        self.0[7] & 0x01 != 0
    }

    /// Peer exchange of XBT; historic.
    #[must_use]
    pub const fn xbt_pex(self) -> bool {
        self.0[7] & 0x02 != 0
    }

    /// Fast extension (BEP 6).
    #[must_use]
    pub const fn fast(self) -> bool {
        self.0[7] & 0x04 != 0
    }

    /// NAT traversal; historic, not BEP 55.
    #[must_use]
    pub const fn nat_traversal(self) -> bool {
        self.0[7] & 0x08 != 0
    }

    /// The sender has the v2 side of this hybrid torrent too (BEP 52).
    #[must_use]
    pub const fn v2_upgrade(self) -> bool {
        self.0[7] & 0x10 != 0
    }

    /// Whether the bytes before the known bits are text.
    #[must_use]
    pub fn is_text(self) -> bool {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d].iter().all(|byte| matches!(byte, b' '..=b'~'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Handshake {
        Handshake {
            reserved: Reserved([0, 0, 0, 0, 0, 0x10, 0, 0x05]),
            info_hash: InfoHash([7; 20]),
            peer_id: Some(PeerId(*b"-LT20C0-aBc3.dE_fGh1")),
        }
    }

    #[test]
    fn every_prefix_says_what_it_holds() {
        let whole = sample().encode();
        for n in 0..=whole.len() {
            let expected = match n {
                0..48 => Parsed::NeedMore { at_least: 48 },
                48..68 => Parsed::Done { message: Handshake { peer_id: None, ..sample() }, used: 48 },
                _ => Parsed::Done { message: sample(), used: 68 },
            };
            assert_eq!(parse(&whole[..n]), expected, "{n} bytes");
            let guess = if n < 20 { Guess::Maybe } else { Guess::Certain };
            assert_eq!(parse_partial(&whole[..n]).guess(), guess, "{n} bytes");
        }
        let mut longer = whole;
        longer.extend([0; 9]);
        assert_eq!(parse(&longer), Parsed::Done { message: sample(), used: 68 });
    }

    #[test]
    fn any_wrong_byte_of_the_magic_is_another_protocol() {
        for i in 0..20 {
            let mut bytes = sample().encode();
            bytes[i] ^= 0x20;
            for n in i + 1..=bytes.len() {
                assert_eq!(parse(&bytes[..n]), Parsed::Bad(Malformed::Magic));
            }
        }
    }

    #[test]
    fn both_directions_are_judged_together() {
        let other = Handshake { info_hash: InfoHash([8; 20]), peer_id: Some(PeerId([1; 20])), ..sample() };
        let mut hybrid = sample();
        hybrid.reserved.0[7] |= 0x10;
        assert_eq!(Pair::of(&sample(), &sample()), Pair::SelfConnection);
        assert_eq!(Pair::of(&sample(), &Handshake { info_hash: InfoHash([7; 20]), ..other }), Pair::Same);
        assert_eq!(Pair::of(&sample(), &other), Pair::Mismatch);
        let upgraded = Pair::Upgraded { v1: InfoHash([7; 20]), v2: InfoHash([8; 20]) };
        assert_eq!(Pair::of(&hybrid, &other), upgraded);
    }

    #[test]
    fn bitcomet_is_not_azureus() {
        assert!(Reserved([0x80, 0, 0, 0, 0, 0x13, 0, 4]).azureus());
        assert!(!Reserved([0xff, 0xff, 0, 0, 0, 0x10, 0, 4]).azureus());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed(reserved: [u8; 8], hash: [u8; 20], id in proptest::option::of(any::<[u8; 20]>())) {
            let message = Handshake { reserved: Reserved(reserved), info_hash: InfoHash(hash), peer_id: id.map(PeerId) };
            let bytes = message.encode();
            prop_assert_eq!(parse(&bytes), Parsed::Done { message, used: bytes.len() });
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
