//! KRPC queries (BEP 5, 32, 33, 43, 44, 51) and their arguments.

use super::{Item, Malformed, twenty};
use crate::base::{InfoHash, NodeId};
use crate::wire::bencode::{Dict, Value};
use crate::wire::node_id::shared_prefix;

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query<'a> {
    /// Are you there? (BEP 5)
    Ping,
    /// Which nodes are near this id? (BEP 5)
    FindNode {
        /// The id looked for.
        target: NodeId,
        /// Of which address family (BEP 32).
        want: Want,
    },
    /// Who has this torrent? (BEP 5)
    GetPeers {
        /// The torrent.
        info_hash: InfoHash,
        /// Asks for the Bloom filters too (BEP 33).
        scrape: bool,
        /// Wants no seeds (BEP 33).
        noseed: bool,
        /// libtorrent's mark of a lookup for its routing table, not for a torrent.
        bootstrap: bool,
        /// Of which address family (BEP 32).
        want: Want,
    },
    /// I have this torrent. (BEP 5)
    AnnouncePeer {
        /// The torrent.
        info_hash: InfoHash,
        /// The port it listens on, absent when the datagram's own is meant.
        port: Option<u16>,
        /// Whether the datagram's source port counts instead of `port`.
        implied_port: bool,
        /// Earned by a `get_peers` before; empty where absent.
        token: &'a [u8],
        /// Whether it has the whole torrent (BEP 33); absent where not told.
        seed: Option<bool>,
        /// The torrent's name, sent by libtorrent where it knows it. A claim.
        name: Option<&'a [u8]>,
    },
    /// What is stored here? (BEP 44)
    Get {
        /// Hash of the value, or of the owner's key and salt.
        target: InfoHash,
        /// Only if newer than this version.
        seq: Option<i64>,
        /// Of which address family (BEP 32).
        want: Want,
    },
    /// Store this. (BEP 44)
    Put {
        /// What.
        item: Item<'a>,
        /// Earned by a `get` before; empty where absent.
        token: &'a [u8],
    },
    /// Which torrents do you know of? (BEP 51)
    SampleInfohashes {
        /// An id, to be told nodes near it.
        target: NodeId,
        /// Of which address family (BEP 32).
        want: Want,
    },
    /// A method outside of the BEPs, such as µTorrent's `vote`.
    Other {
        /// Its name.
        method: &'a [u8],
        /// `target`, or else `info_hash`, where it has 20 bytes; nodes answer such methods like `find_node`.
        target: Option<InfoHash>,
    },
}

impl<'a> Query<'a> {
    /// The method's name; `other` for an unknown one that is not UTF-8. Unknown names are the sender's choice.
    #[must_use]
    pub fn method(&self) -> &'a str {
        match self {
            Self::Ping => "ping",
            Self::FindNode { .. } => "find_node",
            Self::GetPeers { .. } => "get_peers",
            Self::AnnouncePeer { .. } => "announce_peer",
            Self::Get { .. } => "get",
            Self::Put { .. } => "put",
            Self::SampleInfohashes { .. } => "sample_infohashes",
            Self::Other { method, .. } => std::str::from_utf8(method).unwrap_or("other"),
        }
    }

    /// The id, info-hash or target that the query is about. For `put` it is computed from the item.
    #[must_use]
    pub fn target(&self) -> Option<InfoHash> {
        match *self {
            Self::Ping => None,
            Self::FindNode { target, .. } | Self::SampleInfohashes { target, .. } => Some(InfoHash(target.0)),
            Self::GetPeers { info_hash, .. } | Self::AnnouncePeer { info_hash, .. } => Some(info_hash),
            Self::Get { target, .. } => Some(target),
            Self::Put { ref item, .. } => Some(item.target()),
            Self::Other { target, .. } => target,
        }
    }

    /// Whether a `get_peers` of this sender looks for nodes and not for a torrent (R-DHT-6): libtorrent fills its table
    /// with `get_peers` for ids near its own.
    #[must_use]
    pub fn is_maintenance(&self, sender: &NodeId) -> bool {
        match self {
            Self::GetPeers { info_hash, bootstrap, .. } => {
                *bootstrap || shared_prefix(&info_hash.0, &sender.0) >= MAINTENANCE_BITS
            }
            _ => false,
        }
    }
}

/// A random torrent is that near to one's own id once in 65,536.
const MAINTENANCE_BITS: u32 = 16;

/// `want` (BEP 32): which lists of nodes the answer shall have. Neither: that of the datagram's own family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// `n4`: `nodes`.
    pub n4: bool,
    /// `n6`: `nodes6`.
    pub n6: bool,
}

impl Want {
    fn read(value: Value<'_>) -> Self {
        let Some(list) = value.as_list() else { return Self::default() };
        list.items().filter_map(|v| v.as_bytes()).fold(Self::default(), |want, family| Self {
            n4: want.n4 || family == b"n4",
            n6: want.n6 || family == b"n6",
        })
    }
}

/// Arguments that more than one method has; of a key given twice the first counts.
#[derive(Default)]
struct Arguments<'a> {
    id: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    info_hash: Option<&'a [u8]>,
    token: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    want: Option<Value<'a>>,
    port: Option<i64>,
    implied_port: Option<i64>,
    seed: Option<i64>,
    scrape: Option<i64>,
    noseed: Option<i64>,
    bootstrap: Option<i64>,
    seq: Option<i64>,
}

impl<'a> Arguments<'a> {
    #[inline]
    fn read(dict: Dict<'a>) -> Self {
        let mut all = Self::default();
        for (key, value) in dict.entries() {
            match key {
                b"id" => all.id = all.id.or(value.as_bytes()),
                b"info_hash" => all.info_hash = all.info_hash.or(value.as_bytes()),
                b"target" => all.target = all.target.or(value.as_bytes()),
                b"token" => all.token = all.token.or(value.as_bytes()),
                b"n" => all.name = all.name.or(value.as_bytes()),
                b"want" => all.want = all.want.or(Some(value)),
                b"port" => all.port = all.port.or(value.as_int()),
                b"implied_port" => all.implied_port = all.implied_port.or(value.as_int()),
                b"seed" => all.seed = all.seed.or(value.as_int()),
                b"scrape" => all.scrape = all.scrape.or(value.as_int()),
                b"noseed" => all.noseed = all.noseed.or(value.as_int()),
                b"bs" => all.bootstrap = all.bootstrap.or(value.as_int()),
                b"seq" => all.seq = all.seq.or(value.as_int()),
                _ => {}
            }
        }
        all
    }

    fn want(&self) -> Want {
        self.want.map(Want::read).unwrap_or_default()
    }
}

/// Reads the arguments by the method.
pub(super) fn read<'a>(method: &'a [u8], dict: Dict<'a>) -> Result<(NodeId, Query<'a>), Malformed> {
    let is_set = |n: Option<i64>| n.is_some_and(|n| n != 0);
    let args = Arguments::read(dict);
    let id = NodeId(twenty(args.id)?);
    let token = args.token.unwrap_or_default();
    let query = match method {
        b"ping" => Query::Ping,
        b"find_node" => Query::FindNode { target: NodeId(twenty(args.target)?), want: args.want() },
        b"get_peers" => Query::GetPeers {
            info_hash: InfoHash(twenty(args.info_hash)?),
            scrape: is_set(args.scrape),
            noseed: is_set(args.noseed),
            bootstrap: is_set(args.bootstrap),
            want: args.want(),
        },
        b"announce_peer" => Query::AnnouncePeer {
            info_hash: InfoHash(twenty(args.info_hash)?),
            port: args.port.and_then(|n| n.try_into().ok()),
            implied_port: is_set(args.implied_port),
            token,
            seed: args.seed.map(|n| n != 0),
            name: args.name,
        },
        b"get" => Query::Get { target: InfoHash(twenty(args.target)?), seq: args.seq, want: args.want() },
        b"put" => Query::Put { item: Item::read(dict).ok_or(Malformed::Key)?, token },
        b"sample_infohashes" => {
            Query::SampleInfohashes { target: NodeId(twenty(args.target)?), want: args.want() }
        }
        _ => Query::Other { method, target: args.target.or(args.info_hash).and_then(InfoHash::from_slice) },
    };
    Ok((id, query))
}
