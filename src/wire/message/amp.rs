//! Azureus messaging (BEP 4, reserved bit 0): what two Azureus or BiglyBT clients speak after the handshake.
//!
//! `u32 length`, `u32 name length`, name, version with flags, padding where a flag says so, payload. The `BT_` messages
//! carry the bodies of the peer messages of the same name; the payload of the `AZ_` messages is one bencoded dictionary.

use super::{Header, Id, MAX_EXTENDED, Malformed, Message, Parsed};
use crate::base::{Endpoint, InfoHash};
use crate::wire::bencode::{self, Dict, List};
use crate::wire::extension::Metadata;

/// The longest message accepted, as for peer messages.
const MAX_LENGTH: u32 = super::MAX_LENGTH;
/// From this version on the upper four bits of the version are flags.
const VERSION_WITH_FLAGS: u8 = 2;
/// The flag for padding before the payload: `u16 length` and as many bytes.
const PADDED: u8 = 0x10;
/// Bytes of a `BT_PIECE` that are looked at: piece and begin.
const PIECE_HEADER: u32 = 8;
/// Peers read of one `AZ_PEER_EXCHANGE`, and pieces of one `AZ_HAVE`.
const LISTED_MAX: usize = 4_096;

/// One Azureus message; fields in wire order after the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amp<'a> {
    /// `AZ_HANDSHAKE`, `BT_PIECE` and the like.
    pub name: &'a str,
    /// The version of the message, and flags in the upper four bits.
    pub flags: u8,
    /// What is to be read of the payload: of a `BT_PIECE` its first 8 bytes, of messages above [`MAX_EXTENDED`] nothing.
    pub payload: &'a [u8],
    /// Bytes of the whole payload.
    pub payload_len: u32,
}

/// Reads the Azureus message at the start of the input (R-PW-9). The name is judged as soon as it has arrived.
///
/// As with [`super::parse`], `used` is the length on the wire and may be *more* than the input has: the data of pieces is
/// never asked for.
///
/// # Errors
/// `Bad(Length)` when the lengths contradict each other, `Bad(Magic)` when the name is not one of this protocol.
#[must_use]
pub fn amp(bytes: &[u8]) -> Parsed<Amp<'_>> {
    let Some((&length, rest)) = bytes.split_first_chunk::<4>() else {
        return Parsed::NeedMore { at_least: 8 };
    };
    let length = u32::from_be_bytes(length);
    let Some((&name_length, rest)) = rest.split_first_chunk::<4>() else {
        return Parsed::NeedMore { at_least: 8 };
    };
    let name_length = u32::from_be_bytes(name_length);
    // The name's length, the name and the flags must fit.
    if length > MAX_LENGTH || !(4..=40).contains(&name_length) || length < name_length.saturating_add(5) {
        return Parsed::Bad(Malformed::Length);
    }
    let Some((name, rest)) = rest.split_at_checked(name_length as usize) else {
        return Parsed::NeedMore { at_least: 8 + name_length as usize };
    };
    let Some(name) = std::str::from_utf8(name).ok().filter(|name| is_name(name)) else {
        return Parsed::Bad(Malformed::Magic);
    };
    let Some((&flags, rest)) = rest.split_first() else {
        return Parsed::NeedMore { at_least: 9 + name.len() };
    };
    let whole = length.saturating_sub(name_length.saturating_add(5));
    let padding = if flags & 0x0f >= VERSION_WITH_FLAGS && flags & PADDED != 0 {
        let Some(&padding) = rest.first_chunk::<2>() else {
            return Parsed::NeedMore { at_least: 11 + name.len() };
        };
        2 + u32::from(u16::from_be_bytes(padding))
    } else {
        0
    };
    let Some(payload_len) = whole.checked_sub(padding) else { return Parsed::Bad(Malformed::Length) };
    let wanted = match name {
        "BT_PIECE" => payload_len.min(PIECE_HEADER),
        _ if payload_len > MAX_EXTENDED => 0,
        _ => payload_len,
    };
    let end = padding as usize + wanted as usize;
    match rest.get(padding as usize..end) {
        Some(payload) => {
            let message = Amp { name, flags, payload, payload_len };
            Parsed::Done { message, used: 4 + length as usize }
        }
        None => Parsed::NeedMore { at_least: 9 + name.len() + end },
    }
}

fn is_name(name: &str) -> bool {
    ["AZ_", "BT_", "JPC_"].iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b == b'_' || b.is_ascii_uppercase()))
    })
}

/// What an Azureus message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmpBody<'a> {
    /// What the peer message of that name says.
    Peer(Message<'a>),
    /// `AZ_HANDSHAKE`: who the sender is.
    Handshake(AmpHandshake<'a>),
    /// `AZ_HAVE`: the sender has this many pieces more.
    Have(u32),
    /// `AZ_PEER_EXCHANGE`.
    Peers(AmpPeers<'a>),
    /// `AZ_METADATA`, whose payload is that of `ut_metadata` (BEP 9).
    Metadata(Metadata<'a>),
    /// A message that says nothing of interest, or one that cannot be read.
    Other,
}

/// `AZ_HANDSHAKE`; absent or wrong keys are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AmpHandshake<'a> {
    /// The program's name.
    pub client: Option<&'a [u8]>,
    /// Its version.
    pub version: Option<&'a [u8]>,
    /// Where it listens for TCP.
    pub tcp_port: Option<u16>,
    /// Where it listens for UDP.
    pub udp_port: Option<u16>,
}

/// `AZ_PEER_EXCHANGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmpPeers<'a> {
    /// Of which torrent.
    pub info_hash: InfoHash,
    added: Option<List<'a>>,
}

impl AmpPeers<'_> {
    /// The peers that the sender knows now: strings of 6 bytes (BEP 23) or 18 (BEP 7).
    pub fn added(&self) -> impl Iterator<Item = Endpoint> {
        self.added.into_iter().flat_map(|list| list.items()).take(LISTED_MAX).filter_map(|peer| {
            let bytes = peer.as_bytes()?;
            let v4 = bytes.try_into().map(Endpoint::from_compact4);
            v4.or_else(|_| bytes.try_into().map(Endpoint::from_compact6)).ok()
        })
    }
}

impl<'a> Amp<'a> {
    /// Reads the payload.
    #[must_use]
    pub fn body(&self) -> AmpBody<'a> {
        let read = match self.name {
            "AZ_METADATA" => Metadata::parse(self.payload).ok().map(AmpBody::Metadata),
            "AZ_HANDSHAKE" => self.dict().map(|dict| AmpBody::Handshake(handshake(dict))),
            "AZ_HAVE" => self.dict().and_then(|dict| {
                let pieces = dict.get(b"pieces")?.as_list()?.items().take(LISTED_MAX).count();
                Some(AmpBody::Have(u32::try_from(pieces).ok()?))
            }),
            "AZ_PEER_EXCHANGE" => self.dict().and_then(|dict| {
                let info_hash = InfoHash::from_slice(dict.get(b"infohash")?.as_bytes()?)?;
                let added = dict.get(b"added").and_then(|list| list.as_list());
                Some(AmpBody::Peers(AmpPeers { info_hash, added }))
            }),
            name => self.peer_message(name).map(AmpBody::Peer),
        };
        read.unwrap_or(AmpBody::Other)
    }

    fn dict(&self) -> Option<Dict<'a>> {
        bencode::parse(self.payload, bencode::EXTENSION).ok()?.value.as_dict()
    }

    fn peer_message(&self, name: &str) -> Option<Message<'a>> {
        let id = match name {
            "BT_CHOKE" => Id::Choke,
            "BT_UNCHOKE" => Id::Unchoke,
            "BT_INTERESTED" => Id::Interested,
            "BT_UNINTERESTED" => Id::NotInterested,
            "BT_HAVE" => Id::Have,
            "BT_BITFIELD" => Id::Bitfield,
            "BT_REQUEST" => Id::Request,
            "BT_PIECE" => Id::Piece,
            "BT_CANCEL" => Id::Cancel,
            "BT_DHT_PORT" => Id::Port,
            "BT_SUGGEST_PIECE" => Id::Suggest,
            "BT_HAVE_ALL" => Id::HaveAll,
            "BT_HAVE_NONE" => Id::HaveNone,
            "BT_REJECT_REQUEST" => Id::Reject,
            "BT_ALLOWED_FAST" => Id::AllowedFast,
            "BT_KEEP_ALIVE" => return Some(Message::KeepAlive),
            _ => return None,
        };
        let length = self.payload_len.checked_add(1).filter(|n| id.lengths().contains(n))?;
        super::body(Header { length, id }, self.payload).ok()
    }
}

fn handshake(dict: Dict<'_>) -> AmpHandshake<'_> {
    let text = |key: &[u8]| dict.get(key).and_then(|v| v.as_bytes());
    let port = |key: &[u8]| {
        dict.get(key).and_then(|v| v.as_int()).and_then(|n| u16::try_from(n).ok()).filter(|&p| p != 0)
    };
    AmpHandshake {
        client: text(b"client"),
        version: text(b"version"),
        tcp_port: port(b"tcp_port"),
        udp_port: port(b"udp_port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::BLOCK;
    use proptest::prelude::*;

    const SAMPLE: &[u8] = b"\0\0\0\x13\0\0\0\x0cAZ_HANDSHAKE\x01de";

    fn message(name: &str, version: &[u8], payload: &[u8]) -> Vec<u8> {
        let u32 = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
        let length = 4 + name.len() + version.len() + payload.len();
        [&u32(length)[..], &u32(name.len()), name.as_bytes(), version, payload].concat()
    }

    fn body(bytes: &[u8]) -> AmpBody<'_> {
        match amp(bytes) {
            Parsed::Done { message, .. } => message.body(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_prefix_waits_and_the_whole_is_read() {
        for n in 0..SAMPLE.len() {
            assert!(matches!(amp(&SAMPLE[..n]), Parsed::NeedMore { at_least } if at_least > n), "{n}");
        }
        let message = Amp { name: "AZ_HANDSHAKE", flags: 1, payload: b"de", payload_len: 2 };
        assert_eq!(amp(SAMPLE), Parsed::Done { message, used: SAMPLE.len() });
    }

    #[test]
    fn other_names_and_lengths_are_refused() {
        assert_eq!(amp(b"\0\0\0\x13\0\0\0\x0cXZ_HANDSHAKE\x01de"), Parsed::Bad(Malformed::Magic));
        assert_eq!(amp(b"\0\0\0\x10\0\0\0\x0cAZ_HANDSHAKE\x01de"), Parsed::Bad(Malformed::Length));
        assert_eq!(amp(b"\xff\xff\xff\xff\0\0\0\x0cAZ_HAND"), Parsed::Bad(Malformed::Length));
        // More padding than there is message.
        assert_eq!(amp(&message("BT_CHOKE", &[0x12, 0, 9], b"")), Parsed::Bad(Malformed::Length));
    }

    #[test]
    fn padding_before_the_payload_is_passed_over() {
        let padded = message("BT_HAVE", &[0x12, 0, 3, 9, 9, 9], &[0, 0, 0, 7]);
        assert_eq!(body(&padded), AmpBody::Peer(Message::Have { piece: 7 }));
        // The first version had no flags.
        let first = message("BT_HAVE", &[0x11], &[0, 0, 0, 7]);
        assert_eq!(body(&first), AmpBody::Peer(Message::Have { piece: 7 }));
    }

    #[test]
    fn a_piece_is_told_by_its_first_bytes() {
        let whole = message("BT_PIECE", &[2], &[&[0, 0, 0, 1, 0, 0, 0x40, 0][..], &[9; 100]].concat());
        let Parsed::Done { message, used } = amp(&whole[..whole.len() - 100]) else { panic!() };
        assert_eq!(used, whole.len());
        assert_eq!(message.body(), AmpBody::Peer(Message::Piece { piece: 1, begin: BLOCK, length: 100 }));
    }

    #[test]
    fn what_clients_say_of_themselves_and_others_is_read() {
        let hello = b"d6:client7:BiglyBT8:tcp_porti51413e8:udp_porti0e7:version7:3.5.0.0e";
        let want = AmpHandshake {
            client: Some(b"BiglyBT"),
            version: Some(b"3.5.0.0"),
            tcp_port: Some(51_413),
            udp_port: None,
        };
        assert_eq!(body(&message("AZ_HANDSHAKE", &[2], hello)), AmpBody::Handshake(want));
        let have = message("AZ_HAVE", &[2], b"d6:piecesli1ei5ei6eee");
        assert_eq!(body(&have), AmpBody::Have(3));
        let peers = [&b"d5:addedl6:\xc6\x33\x64\x07\x1a\xe1e8:infohash20:"[..], &[7; 20], b"e"].concat();
        let peers = message("AZ_PEER_EXCHANGE", &[2], &peers);
        let AmpBody::Peers(peers) = body(&peers) else { panic!() };
        assert_eq!(peers.info_hash, InfoHash([7; 20]));
        assert_eq!(peers.added().collect::<Vec<_>>(), ["198.51.100.7:6881".parse().unwrap()]);
        let request = message("AZ_METADATA", &[2], b"d8:msg_typei0e5:piecei2ee");
        assert_eq!(body(&request), AmpBody::Metadata(Metadata::Request { piece: 2 }));
        assert_eq!(body(&message("AZ_BAD_PIECE", &[2], b"d5:piecei2ee")), AmpBody::Other);
        assert_eq!(body(&message("BT_HAVE", &[2], b"short")), AmpBody::Other);
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(name in proptest::sample::select(vec!["AZ_HANDSHAKE", "AZ_HAVE", "AZ_PEER_EXCHANGE",
            "AZ_METADATA", "BT_PIECE", "BT_BITFIELD", "BT_REQUEST"]), payload: Vec<u8>, version: u8, at in 0..40usize,
            byte: u8, cut in 0..80usize)
        {
            let mut bytes = message(name, &[version], &payload);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Parsed::Done { message, .. } = amp(&bytes[..cut.min(bytes.len())]) {
                let _ = message.body();
            }
        }
    }
}
