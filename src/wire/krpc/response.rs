//! KRPC responses (BEP 5, 32, 33, 44, 51). They do not name the query they answer: the transaction id does.

use super::{Anomalies, Anomaly, BloomFilter, CompactNodes, Item, Malformed, Samples, Values, twenty};
use crate::base::NodeId;
use crate::wire::bencode::Dict;

/// What a node answers: whichever keys its answer has. Of a key given twice the first counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Response<'a> {
    /// Nodes near the target.
    pub nodes: CompactNodes<'a, 26>,
    /// The same over IPv6 (BEP 32).
    pub nodes6: CompactNodes<'a, 38>,
    /// Peers of the torrent.
    pub values: Values<'a>,
    /// To be given back with `announce_peer` or `put`.
    pub token: Option<&'a [u8]>,
    /// Info-hashes it stores peers of (BEP 51).
    pub samples: Samples<'a>,
    /// Seconds until asking for samples again makes sense (BEP 51).
    pub interval: Option<i64>,
    /// How many info-hashes it stores in all (BEP 51).
    pub num: Option<i64>,
    /// `BFsd`: seeds of the torrent (BEP 33).
    pub seeds: Option<BloomFilter<'a>>,
    /// `BFpe`: its other peers (BEP 33).
    pub peers: Option<BloomFilter<'a>>,
    /// What was stored (BEP 44).
    pub item: Option<Item<'a>>,
    /// Version of what is stored, also without the item itself (BEP 44).
    pub seq: Option<i64>,
    /// `p`: the receiver's port as the sender sees it (libtorrent).
    pub port: Option<u16>,
    /// `n`: the torrent's name (libtorrent). A claim.
    pub name: Option<&'a [u8]>,
}

/// Reads `r`: the sender's id, the answer, and an `ip` key misplaced inside of it, as old µTorrents have it.
pub(super) fn read<'a>(
    dict: Dict<'a>,
    anomalies: &mut Anomalies,
) -> Result<(NodeId, Response<'a>, Option<&'a [u8]>), Malformed> {
    let mut out = Response::default();
    let (mut id, mut ip, mut has_item) = (None, None, false);
    for (key, value) in dict.entries() {
        match key {
            b"id" => id = id.or(value.as_bytes()),
            b"nodes" if out.nodes.is_empty() => {
                out.nodes = list(value.as_bytes(), CompactNodes::read, Anomaly::NodesLength, anomalies);
            }
            b"nodes6" if out.nodes6.is_empty() => {
                out.nodes6 = list(value.as_bytes(), CompactNodes::read, Anomaly::NodesLength, anomalies);
            }
            b"values" if out.values == Values::default() => {
                out.values = value.as_list().map(Values::new).unwrap_or_default();
                if value.as_list().is_none() || out.values.has_odd() {
                    anomalies.insert(Anomaly::ValuesLength);
                }
            }
            b"token" => out.token = out.token.or(value.as_bytes()),
            b"samples" if out.samples.is_empty() => {
                out.samples = list(value.as_bytes(), Samples::read, Anomaly::SamplesLength, anomalies);
            }
            b"interval" => out.interval = out.interval.or(value.as_int()),
            b"num" => out.num = out.num.or(value.as_int()),
            b"BFsd" => out.seeds = out.seeds.or(filter(value.as_bytes(), anomalies)),
            b"BFpe" => out.peers = out.peers.or(filter(value.as_bytes(), anomalies)),
            b"v" => has_item = true,
            b"seq" => out.seq = out.seq.or(value.as_int()),
            b"p" => out.port = out.port.or(value.as_int().and_then(|n| n.try_into().ok())),
            b"n" => out.name = out.name.or(value.as_bytes()),
            b"ip" => ip = ip.or(value.as_bytes()),
            _ => {}
        }
    }
    if has_item {
        out.item = Item::read(dict);
    }
    Ok((NodeId(twenty(id)?), out, ip))
}

/// A packed list, or the empty one and a note (R-DHT-4).
fn list<'a, T: Default>(
    bytes: Option<&'a [u8]>,
    read: impl Fn(&'a [u8]) -> Option<T>,
    anomaly: Anomaly,
    anomalies: &mut Anomalies,
) -> T {
    bytes.and_then(read).unwrap_or_else(|| {
        anomalies.insert(anomaly);
        T::default()
    })
}

fn filter<'a>(bytes: Option<&'a [u8]>, anomalies: &mut Anomalies) -> Option<BloomFilter<'a>> {
    let read = bytes.and_then(BloomFilter::read);
    if read.is_none() {
        anomalies.insert(Anomaly::FilterLength);
    }
    read
}
