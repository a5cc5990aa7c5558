//! What is known of one torrent, and what changes it.

use super::host::join;
use super::scrape::Scrape;
use super::window::Window;
use crate::base::{Address, Endpoint, InfoHash, InfoHashV2, ShortMap, ShortSet, Timestamp};
use crate::event::{AnnounceEvent, Channel, NameTrust, TorrentKey};

/// Home hosts kept per torrent.
const HOSTS: usize = 256;
/// Remote endpoints kept per torrent.
const PEERS: usize = 4_096;
/// From so many pieces on seven are less than a percent.
const SEVEN_ARE_NOTHING: u32 = 700;
/// Trackers kept per torrent.
const TRACKERS: usize = 16;

/// A torrent's name and dimensions, ordered by how far to trust them, then by age.
#[derive(Clone, Debug)]
pub struct Name {
    pub trust: NameTrust,
    pub at: (Timestamp, u64),
    pub text: String,
    pub channel: Channel,
    pub also: Option<InfoHash>,
    pub size: Option<u64>,
    pub pieces: Option<u32>,
    pub private: Option<bool>,
}

impl Name {
    fn better_than(&self, other: &Self) -> bool {
        (self.trust, std::cmp::Reverse(self.at)) > (other.trust, std::cmp::Reverse(other.at))
    }
}

/// Something told at a time, of which the latest counts.
pub type Latest<T> = Option<((Timestamp, u64), T)>;

fn newer<T>(to: &mut Latest<T>, more: Latest<T>) {
    if let Some((at, value)) = more
        && to.as_ref().is_none_or(|(t, _)| *t <= at)
    {
        *to = Some((at, value));
    }
}

/// A torrent; also the shape of what one batch adds to it.
#[derive(Debug, Default)]
pub struct Swarm {
    pub name: Option<Name>,
    pub window: Option<Window>,
    pub hosts: ShortMap<Address, Member>,
    pub peers: ShortSet<Endpoint>,
    /// Remote endpoints that told home hosts that they have all, or download nothing.
    pub seeds: ShortSet<Endpoint>,
    /// How many pieces it has at least, by the highest index seen, and at most, by the bitfields.
    pub pieces: (u32, Option<u32>),
    pub reported: Latest<(u32, u32, Option<u32>)>,
    /// What nodes of the DHT said of its size.
    pub scrape: Option<Box<Scrape>>,
    pub channels: ShortSet<Channel>,
    /// Trackers that home hosts announced it to.
    pub trackers: ShortSet<Endpoint>,
    /// The other swarm key of a hybrid torrent, as peers showed it.
    pub also: Option<InfoHash>,
    /// Peers spoke of its hashes of version 2 (BEP 52).
    pub merkle: bool,
    /// The whole v2 info-hash.
    pub v2: Option<InfoHashV2>,
}

/// A home host in a torrent.
#[derive(Debug, Default)]
pub struct Member {
    pub window: Option<Window>,
    pub announced: bool,
    pub claimed: Latest<(AnnounceEvent, u64, u64, u64)>,
    /// The most it ever told a tracker that it still needs.
    pub most_left: u64,
    pub have: u32,
    pub complete: bool,
    /// Whether it told peers that it downloads nothing (BEP 21).
    pub upload_only: Latest<bool>,
    pub downloaded: u64,
    pub uploaded: u64,
    /// Of both, from and to home hosts.
    pub across: [u64; 2],
    pub peers: ShortSet<Endpoint>,
}

impl Swarm {
    pub fn offer_name(&mut self, name: Name) {
        if self.name.as_ref().is_none_or(|known| name.better_than(known)) {
            self.name = Some(name);
        }
    }

    /// Takes note of another key. Of several the smallest stays, so that their order changes nothing.
    pub fn offer_key(&mut self, key: TorrentKey) {
        match key {
            TorrentKey::Swarm(hash) => self.also = Some(self.also.map_or(hash, |known| known.min(hash))),
            TorrentKey::V2(hash) => self.v2 = Some(self.v2.map_or(hash, |known| known.min(hash))),
        }
    }

    /// Takes note of how many pieces there are at least, and at most.
    pub fn extends(&mut self, at_least: u32, at_most: Option<u32>) {
        let (least, most) = self.pieces;
        let most = match (most, at_most) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.pieces = (least.max(at_least), most);
    }

    /// How many pieces it has, where messages show it: some peer has one of the last eight that a bitfield has room for, and
    /// the size told to a tracker fits that number, or it is so large that seven make no percent. Where peers send no bitfield
    /// (BEP 6), a home host must have told a tracker that it has all.
    pub fn counted_pieces(&self) -> Option<u32> {
        let (least, most) = self.pieces;
        let fits = match most {
            Some(most) => {
                let near = least <= most && most - least < 8;
                near && (least >= SEVEN_ARE_NOTHING || self.claimed_size(least).is_some())
            }
            None => {
                let done = self.hosts.values().any(|m| m.claimed.is_some_and(|(_, (.., left))| left == 0));
                done && self.claimed_size(least).is_some()
            }
        };
        (least > 0 && fits).then_some(least)
    }

    /// The size that home hosts told trackers when they began, if pieces of a usual length (a power of two from 16 KiB to
    /// 256 MiB) would be as many as were counted.
    pub fn claimed_size(&self, pieces: u32) -> Option<u64> {
        let size = self.hosts.values().map(|m| m.most_left).max().filter(|&size| size > 0)?;
        (14..=28).any(|bits| size.div_ceil(1 << bits) == u64::from(pieces)).then_some(size)
    }

    /// Adds a batch; gives the home hosts that are new to the torrent.
    pub fn add(&mut self, delta: Self) -> Vec<Address> {
        let mut new = Vec::new();
        if let Some(name) = delta.name {
            self.offer_name(name);
        }
        join(&mut self.window, delta.window);
        for (address, member) in delta.hosts {
            let known = self.hosts.contains_key(&address);
            if !known && member.window.is_some() {
                new.push(address);
            }
            if known || self.hosts.len() < HOSTS {
                self.hosts.entry(address).or_default().add(member);
            }
        }
        extend(&mut self.peers, delta.peers);
        extend(&mut self.seeds, delta.seeds);
        newer(&mut self.reported, delta.reported);
        if let Some(scrape) = delta.scrape {
            self.scrape.get_or_insert_default().add(&scrape);
        }
        self.extends(delta.pieces.0, delta.pieces.1);
        self.channels.extend(delta.channels);
        for tracker in delta.trackers {
            if self.trackers.len() < TRACKERS {
                self.trackers.insert(tracker);
            }
        }
        self.merkle |= delta.merkle;
        delta.also.into_iter().for_each(|hash| self.offer_key(TorrentKey::Swarm(hash)));
        delta.v2.into_iter().for_each(|hash| self.offer_key(TorrentKey::V2(hash)));
        new
    }
}

impl Member {
    fn add(&mut self, delta: Self) {
        join(&mut self.window, delta.window);
        self.announced |= delta.announced;
        newer(&mut self.claimed, delta.claimed);
        self.most_left = self.most_left.max(delta.most_left);
        self.have = self.have.max(delta.have);
        self.complete |= delta.complete;
        newer(&mut self.upload_only, delta.upload_only);
        self.downloaded += delta.downloaded;
        self.uploaded += delta.uploaded;
        self.across.iter_mut().zip(delta.across).for_each(|(sum, n)| *sum += n);
        extend(&mut self.peers, delta.peers);
    }
}

fn extend(to: &mut ShortSet<Endpoint>, from: ShortSet<Endpoint>) {
    for endpoint in from {
        if to.len() >= PEERS {
            return;
        }
        to.insert(endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_where_a_bitfield_has_room_for_no_more() {
        let counted = |told: &[(u32, Option<u32>)]| {
            let mut swarm = Swarm::default();
            told.iter().for_each(|(least, most)| swarm.extends(*least, *most));
            let least = u64::from(swarm.pieces.0);
            let sized = Member { most_left: least * 65_536, ..Member::default() };
            let without = swarm.counted_pieces();
            swarm.hosts.insert(Address::v4([10, 0, 0, 5]), sized);
            assert!(without.is_none() || least >= 700, "a small torrent's end is not known without its size");
            swarm.counted_pieces()
        };
        assert_eq!(counted(&[(17, None)]), None, "without a bitfield the end is not known");
        assert_eq!(counted(&[(3, Some(24)), (17, None)]), Some(17));
        assert_eq!(counted(&[(16, Some(24))]), None, "the bitfield has a byte more than that needs");
        assert_eq!(counted(&[(25, Some(24))]), None, "two that contradict one another");
        assert_eq!(counted(&[(24, Some(24)), (24, Some(32))]), Some(24));
        assert_eq!(counted(&[(1_017, Some(1_024))]), Some(1_017));
        let done = |left: u64, size: u64| {
            let mut swarm = Swarm::default();
            swarm.extends(10, None);
            let claimed = Some(((Timestamp(0), 0), (AnnounceEvent::None, 0, 0, left)));
            let member = Member { most_left: size, claimed, ..Member::default() };
            swarm.hosts.insert(Address::v4([10, 0, 0, 5]), member);
            swarm.counted_pieces()
        };
        assert_eq!((done(0, 150_000), done(1, 150_000), done(0, 400_000)), (Some(10), None, None));
    }

    #[test]
    fn a_claimed_size_counts_when_pieces_of_a_usual_length_fit() {
        let size = |left: u64, pieces: u32| {
            let mut swarm = Swarm::default();
            swarm.hosts.entry(Address::v4([10, 0, 0, 5])).or_default().most_left = left;
            swarm.claimed_size(pieces)
        };
        assert_eq!(size(1_000_000, 16), Some(1_000_000));
        assert_eq!((size(1_000_000, 17), size(0, 1)), (None, None));
    }
}
