//! UDP tracker protocol (BEP 15), with the request options of BEP 41.
//!
//! A datagram carries no mark of its protocol except in the connect request, so parsing and recognising are two steps:
//! [`parse_request`] and [`parse_response`] read the layout, [`recognise_request`] and [`recognise_response`] say how
//! far that layout alone can be believed (R-TU-1 to R-TU-3).

use super::fields::Fields;
use super::{Guess, Malformed, client};
use crate::base::{Endpoint, InfoHash, PeerId};

/// The magic in place of a connection id in a connect request.
pub const PROTOCOL_ID: u64 = 0x0417_2710_1980;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// Why a client announces (BEP 3, BEP 15, BEP 21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Event {
    /// A regular announce.
    #[default]
    None,
    /// The download finished.
    Completed,
    /// The torrent was started.
    Started,
    /// The torrent was stopped.
    Stopped,
    /// BEP 21; on UDP the number 4, which libtorrent may send though BEP 15 knows only 0 to 3.
    Paused,
}

impl Event {
    const fn from_number(n: u32) -> Option<Self> {
        Some(match n {
            0 => Self::None,
            1 => Self::Completed,
            2 => Self::Started,
            3 => Self::Stopped,
            4 => Self::Paused,
            _ => return None,
        })
    }

    /// From the word that HTTP and WebSocket trackers use; unknown words are a regular announce, as trackers treat
    /// them.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Self {
        match word {
            b"completed" => Self::Completed,
            b"started" => Self::Started,
            b"stopped" => Self::Stopped,
            b"paused" => Self::Paused,
            _ => Self::None,
        }
    }
}

/// What follows the 98 fixed bytes of an announce request (BEP 41).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Options {
    /// Nothing, or nothing but padding.
    None,
    /// The path and query of the announce URL. They may hold a passkey, so only their presence is told.
    UrlData,
    /// Bytes that do not parse as options.
    Malformed,
}

/// An announce request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// As given by the tracker's connect response.
    pub connection_id: u64,
    /// Chosen by the client, echoed by the tracker.
    pub transaction: u32,
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Who the client says it is.
    pub peer_id: PeerId,
    /// Bytes downloaded, as claimed.
    pub downloaded: u64,
    /// Bytes left; libtorrent says 16384 while it does not know the size.
    pub left: u64,
    /// Bytes uploaded, as claimed.
    pub uploaded: u64,
    /// Why it announces.
    pub event: Event,
    /// The IPv4 address to list instead of the sender's; 0.0.0.0 = the sender's.
    pub ip: [u8; 4],
    /// Stays the same while the client's address changes.
    pub key: u32,
    /// Peers wanted; -1 = as many as the tracker likes.
    pub num_want: i32,
    /// The port the client listens on; 0 when it stops, and from libtorrent while it listens nowhere.
    pub port: u16,
    /// BEP 41.
    pub options: Options,
}

/// A request of a client to a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Asks for a connection id.
    Connect {
        /// Chosen by the client.
        transaction: u32,
        /// Bytes after the sixteen that BEP 15 knows.
        trailing: usize,
    },
    /// Announces a torrent.
    Announce(AnnounceRequest),
    /// Asks for the sizes of swarms.
    Scrape {
        /// As given by the tracker's connect response.
        connection_id: u64,
        /// Chosen by the client.
        transaction: u32,
        /// Which torrents.
        info_hashes: InfoHashes<'a>,
    },
}

impl Request<'_> {
    /// The transaction id, which the response repeats.
    #[must_use]
    pub const fn transaction(&self) -> u32 {
        match self {
            Self::Connect { transaction, .. } | Self::Scrape { transaction, .. } => *transaction,
            Self::Announce(a) => a.transaction,
        }
    }

    /// The connection id; `None` in a connect request.
    #[must_use]
    pub const fn connection_id(&self) -> Option<u64> {
        match self {
            Self::Connect { .. } => None,
            Self::Announce(a) => Some(a.connection_id),
            Self::Scrape { connection_id, .. } => Some(*connection_id),
        }
    }
}

/// The info-hashes of a scrape request, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoHashes<'a>(&'a [u8]);

impl Iterator for InfoHashes<'_> {
    type Item = InfoHash;
    fn next(&mut self) -> Option<InfoHash> {
        let (&hash, rest) = self.0.split_first_chunk::<20>()?;
        self.0 = rest;
        Some(InfoHash(hash))
    }
}

/// A response of a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// Grants a connection id.
    Connect {
        /// Of the request.
        transaction: u32,
        /// To be used for two minutes.
        connection_id: u64,
    },
    /// Answers an announce.
    Announce {
        /// Of the request.
        transaction: u32,
        /// Seconds to wait before the next announce.
        interval: u32,
        /// Peers without the whole torrent.
        leechers: u32,
        /// Peers with the whole torrent.
        seeders: u32,
        /// Some of them.
        peers: Peers<'a>,
    },
    /// Answers a scrape.
    Scrape {
        /// Of the request.
        transaction: u32,
        /// One for each info-hash asked for, in the order of the request.
        entries: ScrapeEntries<'a>,
    },
    /// Refuses a request.
    Error {
        /// Of the request.
        transaction: u32,
        /// For people; hostile bytes.
        text: &'a [u8],
    },
}

impl Response<'_> {
    /// The transaction id of the request that this answers.
    #[must_use]
    pub const fn transaction(&self) -> u32 {
        match self {
            Self::Connect { transaction, .. }
            | Self::Announce { transaction, .. }
            | Self::Scrape { transaction, .. }
            | Self::Error { transaction, .. } => *transaction,
        }
    }
}

/// Compact peers, in order. The stride follows the address family of the socket: no field tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers<'a> {
    bytes: &'a [u8],
    ipv6: bool,
}

impl<'a> Peers<'a> {
    /// From compact peer info: 6 bytes each (BEP 23), or 18 for IPv6 (BEP 7).
    #[must_use]
    pub const fn new(bytes: &'a [u8], ipv6: bool) -> Self {
        Self { bytes, ipv6 }
    }
}

impl Iterator for Peers<'_> {
    type Item = Endpoint;
    fn next(&mut self) -> Option<Endpoint> {
        let (endpoint, rest) = if self.ipv6 {
            let (&peer, rest) = self.bytes.split_first_chunk::<18>()?;
            (Endpoint::from_compact6(peer), rest)
        } else {
            let (&peer, rest) = self.bytes.split_first_chunk::<6>()?;
            (Endpoint::from_compact4(peer), rest)
        };
        self.bytes = rest;
        Some(endpoint)
    }
}

/// One answer of a scrape response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeEntry {
    /// Peers with the whole torrent.
    pub seeders: u32,
    /// Downloads completed ever.
    pub completed: u32,
    /// Peers without the whole torrent.
    pub leechers: u32,
}

/// The answers of a scrape response, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeEntries<'a>(&'a [u8]);

impl Iterator for ScrapeEntries<'_> {
    type Item = ScrapeEntry;
    fn next(&mut self) -> Option<ScrapeEntry> {
        let mut f = Fields(self.0);
        let entry = ScrapeEntry { seeders: f.u32().ok()?, completed: f.u32().ok()?, leechers: f.u32().ok()? };
        self.0 = f.0;
        Some(entry)
    }
}

/// Reads a datagram as a request.
///
/// # Errors
/// When the length, action or event cannot be a request's.
pub fn parse_request(datagram: &[u8]) -> Result<Request<'_>, Malformed> {
    let mut f = Fields(datagram);
    let connection_id = f.u64()?;
    let action = f.u32()?;
    let transaction = f.u32()?;
    match action {
        CONNECT if connection_id == PROTOCOL_ID => Ok(Request::Connect { transaction, trailing: f.0.len() }),
        _ if connection_id == PROTOCOL_ID => Err(Malformed::Value),
        ANNOUNCE => parse_announce(connection_id, transaction, f).map(Request::Announce),
        SCRAPE => {
            if f.0.is_empty() || !f.0.len().is_multiple_of(20) {
                return Err(Malformed::Length);
            }
            Ok(Request::Scrape { connection_id, transaction, info_hashes: InfoHashes(f.0) })
        }
        _ => Err(Malformed::Magic),
    }
}

fn parse_announce(
    connection_id: u64,
    transaction: u32,
    mut f: Fields<'_>,
) -> Result<AnnounceRequest, Malformed> {
    Ok(AnnounceRequest {
        connection_id,
        transaction,
        info_hash: InfoHash(f.bytes()?),
        peer_id: PeerId(f.bytes()?),
        downloaded: f.u64()?,
        left: f.u64()?,
        uploaded: f.u64()?,
        event: Event::from_number(f.u32()?).ok_or(Malformed::Value)?,
        ip: f.bytes()?,
        key: f.u32()?,
        num_want: f.bytes().map(i32::from_be_bytes)?,
        port: f.u16()?,
        options: parse_options(f),
    })
}

/// BEP 41: 0 ends the list, 1 is padding, anything else is followed by a length and that many bytes.
fn parse_options(mut f: Fields<'_>) -> Options {
    let mut found = Options::None;
    while let Ok(kind) = f.u8() {
        match kind {
            0 => break,
            1 => {}
            _ => {
                let Ok(len) = f.u8() else { return Options::Malformed };
                if f.slice(usize::from(len)).is_err() {
                    return Options::Malformed;
                }
                if kind == 2 && len > 0 {
                    found = Options::UrlData;
                }
            }
        }
    }
    found
}

/// Reads a datagram as a response; `ipv6` is the address family of the datagram itself.
///
/// # Errors
/// When the length or action cannot be a response's.
pub fn parse_response(datagram: &[u8], ipv6: bool) -> Result<Response<'_>, Malformed> {
    let mut f = Fields(datagram);
    let action = f.u32()?;
    let transaction = f.u32()?;
    match action {
        CONNECT => Ok(Response::Connect { transaction, connection_id: f.u64()? }),
        ANNOUNCE => {
            let (interval, leechers, seeders) = (f.u32()?, f.u32()?, f.u32()?);
            if !f.0.len().is_multiple_of(if ipv6 { 18 } else { 6 }) {
                return Err(Malformed::Length);
            }
            Ok(Response::Announce { transaction, interval, leechers, seeders, peers: Peers::new(f.0, ipv6) })
        }
        SCRAPE if f.0.is_empty() || !f.0.len().is_multiple_of(12) => Err(Malformed::Length),
        SCRAPE => Ok(Response::Scrape { transaction, entries: ScrapeEntries(f.0) }),
        ERROR => Ok(Response::Error { transaction, text: f.0 }),
        _ => Err(Malformed::Magic),
    }
}

/// R-TU-1: how far a request can be believed. `connection_known`: its connection id was granted on this flow, or the
/// same announce was seen before. A port of zero without a stop is real but rare, so a familiar peer id does not suffice.
#[must_use]
pub fn recognise_request(request: &Request<'_>, connection_known: bool) -> Guess {
    let certain = match request {
        Request::Connect { trailing, .. } => *trailing == 0,
        Request::Announce(a) => {
            let usual = a.port != 0 || a.event == Event::Stopped;
            a.options != Options::Malformed
                && (connection_known || usual && client::from_peer_id(&a.peer_id.0).is_some())
        }
        Request::Scrape { .. } => connection_known,
    };
    if certain { Guess::Certain } else { Guess::Maybe }
}

/// R-TU-2, R-TU-3: how far a response can be believed. `transaction_known`: a request with this transaction id is
/// outstanding on the reversed 5-tuple. Without it nothing is certain: many binary protocols begin with a small integer
/// and a random one.
#[must_use]
pub const fn recognise_response(_response: &Response<'_>, transaction_known: bool) -> Guess {
    if transaction_known { Guess::Certain } else { Guess::Maybe }
}

#[cfg(test)]
mod tests;
