//! A label in the making, as small as it goes: a sensor keeps one for every flow that it follows.

use super::{Client, Encryption, Fact, Grade, Kinds, Label, Opens, Reasons};
use crate::base::{Direction, InfoHash};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Names of clients that are kept once; more are kept by every flow for itself.
const CLIENTS: usize = 4_096;

/// What the facts about a flow make of its label so far; the fields are those of [`Label`].
#[derive(Debug, Default)]
pub struct Draft {
    /// Protocols seen.
    pub kinds: Kinds,
    /// Why.
    pub reasons: Reasons,
    /// How sure; `None` when nothing is claimed.
    pub grade: Option<Grade>,
    encryption: Encryption,
    two_way: bool,
    heard: [bool; 2],
    opens: Option<Opens>,
    named: Option<Box<Named>>,
}

/// What only flows have whose payload was read.
#[derive(Debug, Default)]
struct Named {
    torrents: Torrents,
    clients: [Option<Arc<Client>>; 2],
    pieces: [u64; 2],
}

/// The torrents of a flow in order of appearance: most flows are of one.
#[derive(Debug, Default)]
enum Torrents {
    #[default]
    None,
    One(InfoHash),
    #[expect(clippy::box_collection, reason = "a pointer instead of three words, in every labelled flow")]
    Several(Box<Vec<InfoHash>>),
}

impl Torrents {
    fn as_slice(&self) -> &[InfoHash] {
        match self {
            Self::None => &[],
            Self::One(info_hash) => std::slice::from_ref(info_hash),
            Self::Several(all) => all,
        }
    }

    fn add(&mut self, info_hash: InfoHash) {
        let known = self.as_slice();
        if known.len() >= Label::INFO_HASHES || known.contains(&info_hash) {
            return;
        }
        match self {
            Self::None => *self = Self::One(info_hash),
            Self::One(first) => *self = Self::Several(Box::new(vec![*first, info_hash])),
            Self::Several(all) => all.push(info_hash),
        }
    }
}

impl Draft {
    /// Takes note of what a fact says of the flow itself.
    pub fn learn(&mut self, clients: &mut Clients, sender: Direction, fact: &Fact<'_>) {
        match fact {
            Fact::Identified { kind, reason } => {
                self.kinds.insert(*kind);
                self.reasons.insert(*reason);
                self.grade = self.grade.max(reason.proves());
            }
            Fact::Opens(opens) => self.opens = self.opens.or(Some(*opens)),
            Fact::TwoWay => self.two_way = true,
            Fact::Hears => {
                if let Some(heard) = self.heard.get_mut(sender.reverse().index()) {
                    *heard = true;
                }
            }
            Fact::Encrypted(encryption) => self.encryption = self.encryption.max(*encryption),
            Fact::Handshake { info_hash, .. } | Fact::Torrent { info_hash, .. } => self.torrent(*info_hash),
            Fact::Announce(announce) => self.torrent(announce.info_hash),
            Fact::Peers { info_hash: Some(info_hash), .. } => self.torrent(*info_hash),
            Fact::Client(client) => {
                if let Some(known) = self.named().clients.get_mut(sender.index())
                    && known.as_ref().is_none_or(|k| client.source < k.source)
                {
                    *known = Some(clients.once(client));
                }
            }
            Fact::Pieces { bytes, .. } => {
                if let Some(sum) = self.named().pieces.get_mut(sender.index()) {
                    *sum += bytes;
                }
            }
            Fact::Listens { .. }
            | Fact::ExternalAddress { .. }
            | Fact::Peers { info_hash: None, .. }
            | Fact::SwarmSize(_)
            | Fact::Scrape { .. }
            | Fact::OtherKey { .. }
            | Fact::Hint(_)
            | Fact::Name(_)
            | Fact::Dht(_)
            | Fact::Progress { .. }
            | Fact::UploadOnly { .. }
            | Fact::MerkleHashes { .. }
            | Fact::Extent { .. }
            | Fact::Mapping(_)
            | Fact::Malformed { .. } => {}
        }
    }

    /// The label as it stands.
    #[must_use]
    pub fn label(&self) -> Label {
        let Self { kinds, reasons, grade, encryption, two_way, heard, opens, ref named } = *self;
        let bare = Label { kinds, grade, reasons, encryption, two_way, heard, opens, ..Label::default() };
        let Some(named) = named else { return bare };
        Label {
            info_hashes: named.torrents.as_slice().to_vec(),
            clients: named.clients.each_ref().map(|client| client.as_deref().cloned()),
            pieces: named.pieces,
            ..bare
        }
    }

    fn named(&mut self) -> &mut Named {
        self.named.get_or_insert_default()
    }

    fn torrent(&mut self, info_hash: InfoHash) {
        self.named().torrents.add(info_hash);
    }
}

/// The clients that flows named, each kept once: there are few, and each has many flows.
#[derive(Debug, Default)]
pub struct Clients(BTreeSet<Arc<Client>>);

impl Clients {
    fn once(&mut self, client: &Client) -> Arc<Client> {
        if let Some(known) = self.0.get(client) {
            return Arc::clone(known);
        }
        if self.0.len() >= CLIENTS {
            // Names that somebody makes up; what flows have of them stays with the flows.
            self.0.clear();
        }
        let new = Arc::new(client.clone());
        self.0.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Channel, ClientSource};

    #[test]
    fn torrents_are_kept_in_order_of_appearance_up_to_eight() {
        let (mut draft, mut clients) = (Draft::default(), Clients::default());
        for n in (0..20).chain([3, 19]) {
            let fact = Fact::Torrent { info_hash: InfoHash([n; 20]), channel: Channel::Dht };
            draft.learn(&mut clients, Direction::FromOriginator, &fact);
        }
        let expected: Vec<InfoHash> = (0..8).map(|n| InfoHash([n; 20])).collect();
        assert_eq!(draft.label().info_hashes, expected);
    }

    #[test]
    fn a_client_is_kept_once_and_the_better_source_wins() {
        let mut clients = Clients::default();
        let client = |name: &str, source| Client { name: name.into(), source, engine: None };
        let (krpc, peer_id) = (client("A 1", ClientSource::Krpc), client("A 1.0", ClientSource::PeerId));
        let drafts: [Draft; 2] = std::array::from_fn(|_| {
            let mut draft = Draft::default();
            for told in [&krpc, &peer_id, &krpc] {
                draft.learn(&mut clients, Direction::FromResponder, &Fact::Client(told));
            }
            draft
        });
        assert!(drafts.iter().all(|d| d.label().clients == [None, Some(peer_id.clone())]));
        assert_eq!(clients.0.len(), 2);
        for n in 0..3 * CLIENTS {
            clients.once(&client(&n.to_string(), ClientSource::Upnp));
            assert!(clients.0.len() <= CLIENTS);
        }
        assert!(drafts.iter().all(|d| d.label().clients == [None, Some(peer_id.clone())]));
    }
}
