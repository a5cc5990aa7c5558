//! Keeps names and addresses back, at the one place where values leave for the outputs.
//!
//! A [`Veil`] goes over every value that an [`AnalysisSink`](super::AnalysisSink) is told ([`Veiled`]) and over the report.
//! Each function takes its value apart to the last field, so that a field which is added later does not compile before
//! somebody has decided what of it may be seen.

mod pseudonym;
mod sink;

pub use pseudonym::Pseudonyms;
pub use sink::Veiled;

use crate::base::{Address, Endpoint, HomeNets, Network, NodeId, hex};
use crate::event::FlowRecord;
use crate::ledger::Standing;
use crate::ledger::report::{
    Coverage, HostReport, MappingReport, PortReport, Report, ScanReport, TorrentHost, TorrentReport,
};
use crate::policy::{Alert, Evidence, HOST_PAGE};
use sha2::{Digest as _, Sha256};

/// How names of torrents and files are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// As they are.
    #[default]
    Shown,
    /// As `name-` and sixteen digits, the same for the same name.
    Hashed,
    /// Not at all.
    Off,
}

/// What is kept back.
#[derive(Debug, Default)]
pub struct Veil {
    names: Names,
    pseudonyms: Option<Pseudonyms>,
}

impl Veil {
    /// Names as said, and addresses behind pseudonyms where there is a key.
    #[must_use]
    pub const fn new(names: Names, pseudonyms: Option<Pseudonyms>) -> Self {
        Self { names, pseudonyms }
    }

    /// Whether everything is told as it is.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.names == Names::Shown && self.pseudonyms.is_none()
    }

    /// An address as it is told.
    #[must_use]
    pub fn address(&self, address: Address) -> Address {
        self.pseudonyms.as_ref().map_or(address, |p| p.address(address))
    }

    /// An endpoint as it is told; ports are no secret.
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> Endpoint {
        Endpoint::new(self.address(endpoint.address), endpoint.port)
    }

    /// The home networks as they are told. Since prefixes are kept, the hosts that are told lie in them.
    #[must_use]
    pub fn home(&self, home: &HomeNets) -> HomeNets {
        if self.pseudonyms.is_none() {
            return home.clone();
        }
        HomeNets::new(home.networks().iter().filter_map(|n| self.network(&n.to_string())).collect())
    }

    /// A text as it is told: addresses and networks in it stand behind their pseudonyms.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.pseudonyms.is_none() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(part_of_address) {
            let (before, from) = rest.split_at(start);
            let (word, after) = from.split_at(from.find(|c| !part_of_address(c)).unwrap_or(from.len()));
            out.push_str(before);
            // A full stop or colon behind an address belongs to the sentence.
            let bare = word.trim_end_matches(['.', ':', '/']);
            let end = word.get(bare.len()..).unwrap_or_default();
            out.push_str(&self.word(bare));
            out.push_str(end);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// A report, its coverage included.
    pub fn report(&self, report: &mut Report) {
        if self.is_clear() {
            return;
        }
        let Report { coverage, totals: _, hosts, torrents, mappings, exposure, scans, place, oddities: _ } =
            report;
        self.coverage(coverage);
        place.evidence.iter_mut().for_each(|sentence| *sentence = self.text(sentence));
        hosts.iter_mut().for_each(|h| self.host(h));
        torrents.iter_mut().for_each(|t| self.torrent(t));
        for MappingReport { host, router, mapping, at: _, last: _, used_by: _ } in mappings {
            *host = self.address(*host);
            *router = self.endpoint(*router);
            mapping.host = mapping.host.map(|h| self.address(h));
        }
        exposure.iter_mut().for_each(|p| self.port(p));
        for ScanReport { host, source, ports: _, first: _, last: _ } in scans {
            *host = self.address(*host);
            *source = self.address(*source);
        }
    }

    /// What the sensor saw. Names of capture files are the operator's own and stay.
    pub fn coverage(&self, coverage: &mut Coverage) {
        if self.pseudonyms.is_some() {
            coverage.home_nets.iter_mut().for_each(|n| *n = self.text(n));
        }
    }

    /// What is known of a host.
    pub fn host(&self, host: &mut HostReport) {
        let HostReport {
            address,
            first: _,
            last: _,
            bytes: _,
            transports: _,
            encryption: _,
            all: _,
            kinds: _,
            flows: _,
            peers: _,
            claimed_only: _,
            clients: _,
            client_conflict: _,
            listens: _,
            node_ids,
            external,
            external_ports,
            torrents: _,
            dht: _,
            dht_exchange: _,
            dht_conduct: _,
            nat: _,
            opened: _,
            standing,
            allowed: _,
        } = host;
        *address = self.address(*address);
        node_ids.iter_mut().for_each(|(id, _)| *id = self.node(*id));
        external.iter_mut().for_each(|(address, _)| *address = self.address(*address));
        external_ports.iter_mut().for_each(|endpoint| *endpoint = self.endpoint(*endpoint));
        self.standing(standing);
    }

    /// Whether a host still takes part.
    pub fn standing(&self, standing: &mut Standing) {
        let Standing { state: _, last: _, missing: _, evidence } = standing;
        evidence.iter_mut().for_each(|sentence| *sentence = self.text(sentence));
    }

    /// What is known of a torrent.
    pub fn torrent(&self, torrent: &mut TorrentReport) {
        let TorrentReport {
            info_hash: _,
            also: _,
            v2: _,
            is_v2: _,
            name,
            size: _,
            pieces: _,
            private: _,
            first: _,
            last: _,
            hosts,
            peers: _,
            peers_seeding: _,
            reported: _,
            scrape: _,
            channels: _,
            trackers,
            allowed: _,
        } = torrent;
        trackers.iter_mut().for_each(|tracker| *tracker = self.endpoint(*tracker));
        *name = name.take().and_then(|(name, channel, trust)| Some((self.name(name)?, channel, trust)));
        for TorrentHost {
            address,
            first: _,
            last: _,
            claimed: _,
            measured: _,
            upload_only: _,
            downloaded: _,
            uploaded: _,
            peers: _,
            across: _,
            role: _,
        } in hosts
        {
            *address = self.address(*address);
        }
    }

    /// A flow.
    pub fn record(&self, record: &mut FlowRecord) {
        let FlowRecord {
            originator,
            responder,
            transport: _,
            path: _,
            sent: _,
            start: _,
            end: _,
            last_stretch: _,
            state: _,
            reason: _,
            midstream: _,
            one_way: _,
            label: _,
            opaque: _,
            trace,
        } = record;
        *originator = self.endpoint(*originator);
        *responder = self.endpoint(*responder);
        if let Some(trace) = trace {
            trace.told_by_mut().for_each(|who| *who = self.address(*who));
        }
    }

    /// An alert: its evidence, what keeps it apart, what its rule says of it.
    pub fn alert(&self, alert: &mut Alert) {
        let Alert { rule: _, at: _, since: _, group, value: _, evidence, annotations, link } = alert;
        // Behind the page comes the host; the page itself is the sensor's.
        let host_of = |link: String| match link.rsplit_once(HOST_PAGE) {
            Some((page, host)) => format!("{page}{HOST_PAGE}{}", self.text(host)),
            None => link,
        };
        *link = link.take().map(host_of);
        group.iter_mut().for_each(|(_, value)| *value = self.text(value));
        for (_, value) in annotations {
            // A host in a link stands behind a path, where it would not be seen as an address.
            let parts: Vec<String> = value.split(HOST_PAGE).map(|part| self.text(part)).collect();
            *value = parts.join(HOST_PAGE);
        }
        let Evidence {
            host,
            port: _,
            remote,
            transport: _,
            vlans: _,
            torrent: _,
            kinds: _,
            grade: _,
            reasons: _,
            encryption: _,
            client: _,
            detail: _,
        } = evidence;
        *host = host.map(|h| self.address(h));
        *remote = remote.map(|r| self.endpoint(r));
    }

    /// A DHT node id as it is told: it may be made from an address (BEP 42).
    #[must_use]
    pub fn node(&self, id: NodeId) -> NodeId {
        self.pseudonyms.as_ref().map_or(id, |p| NodeId(p.id(id.0)))
    }

    /// A name as it is told.
    #[must_use]
    pub fn name(&self, name: String) -> Option<String> {
        match (self.names, &self.pseudonyms) {
            (Names::Shown, _) => Some(name),
            (Names::Hashed, Some(pseudonyms)) => Some(format!("name-{}", pseudonyms.digits(&name))),
            (Names::Hashed, None) => {
                let digest = Sha256::digest(&name);
                Some(format!("name-{}", hex(digest.get(..8).unwrap_or_default())))
            }
            (Names::Off, _) => None,
        }
    }

    fn port(&self, port: &mut PortReport) {
        let PortReport {
            host,
            transport: _,
            port: _,
            state: _,
            open_for: _,
            sources: _,
            attempts: _,
            p2p: _,
            mapped: _,
            forwarded: _,
            intervals: _,
            scanners: _,
            callers: _,
            visits: _,
        } = port;
        *host = self.address(*host);
    }

    fn network(&self, text: &str) -> Option<Network> {
        let (address, len) = text.split_once('/')?;
        format!("{}/{len}", self.address(address.parse().ok()?)).parse().ok()
    }

    fn word(&self, word: &str) -> String {
        if let Ok(address) = word.parse::<Address>() {
            return self.address(address).to_string();
        }
        if let Ok(endpoint) = word.parse::<Endpoint>() {
            return self.endpoint(endpoint).to_string();
        }
        self.network(word).map_or_else(|| word.to_owned(), |network| network.to_string())
    }
}

/// Brackets are left out: inside them stands an IPv6 address. All letters are in, so that no part of a word is taken for one.
const fn part_of_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Timestamp, Transport};
    use crate::event::Mapping;
    use crate::ledger::report::PortState;
    use std::time::Duration;

    fn veil() -> Veil {
        Veil::new(Names::Hashed, Some(Pseudonyms::new(&[7; 32])))
    }

    #[test]
    fn addresses_in_a_text_stand_behind_their_pseudonyms() {
        let veil = veil();
        let of = |text: &str| veil.address(text.parse().unwrap()).to_string();
        let text = "10.0.0.5:6881 sent to [2001:db8::1]:80, 203.0.113.7. At 2026-11-21T10:11:48.737533+00:00: fe80::1";
        let expected = format!(
            "{}:6881 sent to [{}]:80, {}. At 2026-11-21T10:11:48.737533+00:00: {}",
            of("10.0.0.5"),
            of("2001:db8::1"),
            of("203.0.113.7"),
            of("fe80::1")
        );
        assert_eq!(veil.text(text), expected);
        assert_eq!(veil.text("1.5 MiB, 12:30, a/b"), "1.5 MiB, 12:30, a/b");
        assert!(!veil.text("10.0.0.0/8").contains("10.0.0.0"));
    }

    #[test]
    fn hosts_at_home_stay_at_home() {
        let veil = veil();
        let home = HomeNets::new(vec!["10.20.0.0/14".parse().unwrap(), "2001:db8:50::/64".parse().unwrap()]);
        let veiled = veil.home(&home);
        for address in
            ["10.20.3.4", "10.23.255.255", "10.24.0.0", "2001:db8:50::9", "2001:db8:51::9", "203.0.113.7"]
        {
            let address: Address = address.parse().unwrap();
            assert_eq!(home.contains(&address), veiled.contains(&veil.address(address)), "{address}");
        }
    }

    #[test]
    fn no_part_of_a_report_keeps_a_real_address() {
        let [host, router, stranger]: [Address; 3] =
            ["10.20.3.4", "10.20.0.1", "203.0.113.7"].map(|a| a.parse().unwrap());
        let mapping = Mapping {
            transport: Transport::Tcp,
            internal_port: 1,
            external_port: 1,
            lifetime: 60,
            host: Some(host),
            answer: Some(0),
            protocol: "upnp",
        };
        let port = PortReport {
            host,
            transport: Transport::Udp,
            port: 1,
            state: PortState::Open,
            open_for: Duration::ZERO,
            sources: 1,
            attempts: 1,
            p2p: true,
            mapped: true,
            forwarded: true,
            intervals: Vec::new(),
            scanners: 0,
            callers: 0,
            visits: Vec::new(),
        };
        let at = Timestamp(0);
        let coverage = Coverage { home_nets: vec!["10.20.3.4/32".to_owned()], ..Coverage::default() };
        let mut report = Report {
            coverage,
            mappings: vec![MappingReport {
                host,
                router: Endpoint::new(router, 5_351),
                mapping,
                at,
                last: at,
                used_by: 0,
            }],
            exposure: vec![port],
            scans: vec![ScanReport { host, source: stranger, ports: 9, first: at, last: at }],
            ..Report::default()
        };
        veil().report(&mut report);
        let text = format!("{report:?}");
        for address in [host, router, stranger] {
            assert!(!text.contains(&address.to_string()), "{address} in {text}");
        }
    }

    #[test]
    fn the_same_name_has_the_same_digits_under_the_same_key_only() {
        let name = |veil: &Veil| veil.name("holiday.zip".to_owned()).unwrap();
        assert_eq!(name(&veil()), name(&veil()));
        assert_ne!(name(&veil()), name(&Veil::new(Names::Hashed, None)));
        assert_eq!(Veil::new(Names::Off, None).name("x".to_owned()), None);
    }
}
