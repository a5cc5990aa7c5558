//! Who sent what nobody can read: weighs the evidence for flows whose bytes prove nothing.
//!
//! This file is the one table of points. A flow becomes `strong` from [`STRONG_FROM`] points on when at least two
//! independent reasons speak, one of them about this very flow or port, and `suspected` from [`SUSPECTED_FROM`] on. Learnt
//! endpoints are attacker-controlled (anyone can put any address into a DHT answer): they count only for a home host that
//! is itself a confirmed participant, within [`EVIDENCE_WINDOW`] of the flow, never below port 1024, and never alone.

use super::window::Window;
use super::{Ledger, Lesson};
use crate::base::{Address, Endpoint, InfoHash, Transport};
use crate::event::{Encryption, FlowRecord, Grade, Kind, Reason, Reasons};
use std::time::Duration;

/// Evidence is believed this long before and after it was seen.
pub const EVIDENCE_WINDOW: Duration = Duration::from_secs(30 * 60);
/// A looked-up name is a hint for connections of so many minutes after it (R-X-3).
pub const HINT_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Points that make a flow `strong`, given two independent reasons.
pub const STRONG_FROM: u32 = 60;
/// Points that make a flow `suspected`.
pub const SUSPECTED_FROM: u32 = 25;

/// The most that an unanswered key exchange says: 96 bytes of key and 512 of padding, sent up to three times.
const UNANSWERED_MAX: u64 = 3 * 608;
/// Remotes with whom a host exchanges peer-wire lengths, from which on it is a pattern.
pub const FAN_OUT_FROM: usize = 3;

/// Files shorter than this agree with a torrent's size too easily.
const TORRENT_SIZE_FROM: u64 = 65_536;

/// What a reason weighs in attribution, and the look-alike that it must not catch alone.
#[must_use]
pub const fn points(reason: Reason) -> u32 {
    match reason {
        // Telegram, Ethereum RLPx, Kerberos and shadowsocks open alike: never enough alone.
        Reason::MseShape => 25,
        // obfs4 and VMess rarely keep all four lengths; still only a shape.
        Reason::MseBursts => 20,
        // Any encrypted stream seen from one side.
        Reason::MseOneSide => 8,
        // Poisoned DHT, tracker and peer-exchange answers name innocent servers.
        Reason::LearntEndpoint | Reason::KnownPeer => 40,
        // Another program may reuse the port later.
        Reason::OwnPort | Reason::SharedPort => 40,
        // A participant also browses, calls and works.
        Reason::Participant => 10,
        // Other request-and-block protocols under encryption (backup, block storage).
        Reason::LengthArithmetic => 30,
        // SFTP, NBD and the like answer requests with blocks of 16 KiB too, but their requests have other lengths.
        Reason::RequestPairing => 30,
        // Resilio Sync, Ethereum portal network and updaters speak uTP too.
        Reason::UtpSyn | Reason::UtpTwoWay | Reason::UtpOneWay => 60,
        // Three per cent of ordinary UDP flows hold a packet of this form (STUN, DNS, WireGuard, games).
        Reason::UtpHeader => 20,
        // Other programs that speak uTP encrypt too.
        Reason::UtpOpaque => 15,
        // Calls and conferences: only an endpoint that a WebTorrent tracker passed on makes it ours.
        Reason::Webrtc => 20,
        // Clients fetch feeds and updates too, though seldom by closed ranges.
        Reason::ClientRange => 50,
        // aria2 fetches files that have nothing to do with its torrents; a short file may agree by chance.
        Reason::TorrentSize => 50,
        // Counts only remotes whose flows fit the length arithmetic: crawlers and scanners do not.
        Reason::FanOut => 30,
        // Blocklists, researchers and web pages look the same names up.
        Reason::NameHint => 10,
        // A server that speaks something else on the same port.
        Reason::RetryInClear => 40,
        // Bytes decide; these never reach attribution.
        Reason::Handshake
        | Reason::MessageChain
        | Reason::Krpc
        | Reason::UdpTracker
        | Reason::HttpTracker
        | Reason::WsTracker
        | Reason::Lsd
        | Reason::Webseed
        | Reason::Metainfo
        | Reason::PortMapping
        | Reason::TorrentSni
        | Reason::MsePlaintext
        | Reason::OtherMagic => 0,
    }
}

/// Reasons that speak about this very flow's bytes, lengths or port, as opposed to the host or a list.
const fn is_about_the_flow(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MseShape
            | Reason::MseBursts
            | Reason::MseOneSide
            | Reason::LengthArithmetic
            | Reason::RequestPairing
            | Reason::UtpSyn
            | Reason::UtpTwoWay
            | Reason::UtpOneWay
            | Reason::UtpHeader
            | Reason::Webrtc
            | Reason::ClientRange
            | Reason::TorrentSize
            | Reason::OwnPort
            | Reason::SharedPort
    )
}

impl Ledger {
    /// Judges a flow whose bytes did not prove what it is, with all that is known by now.
    pub fn judge(&self, record: &mut FlowRecord) {
        if record.label.grade == Some(Grade::Confirmed) {
            // What carries it is proven; what is inside is the peer wire under MSE (R-UTP-5).
            if record.opaque.utp_random {
                record.label.kinds.insert(Kind::PeerWire);
                record.label.reasons.insert(Reason::UtpOpaque);
                record.label.encryption = record.label.encryption.max(encryption(record));
            }
            return;
        }
        let flow_reasons = flow_evidence(record);
        if flow_reasons.is_empty() && record.opaque.file_size.is_none() {
            return;
        }
        self.date_context(record);
        let mut best: Option<(u32, Reasons)> = None;
        for (host, remote) in [(record.originator, record.responder), (record.responder, record.originator)] {
            if !self.home().contains(&host.address) {
                continue;
            }
            let reasons = flow_reasons.union(self.context(record, host, remote));
            let sum = sum(record, reasons);
            if best.is_none_or(|(most, _)| sum > most) {
                best = Some((sum, reasons));
            }
        }
        let (sum, reasons) = best.unwrap_or_else(|| {
            // Neither end is at home: only what the endpoints themselves were seen to speak counts.
            let spoke = |e: &Endpoint| {
                let learnt = self.endpoints.get(e).and_then(|l| l.spoke);
                learnt.is_some_and(|w| w.near(record.start, record.end, EVIDENCE_WINDOW)) && e.port >= 1_024
            };
            let mut reasons = flow_reasons;
            if spoke(&record.originator) || spoke(&record.responder) {
                reasons.insert(Reason::KnownPeer);
            }
            (sum(record, reasons), reasons)
        });
        if let Some(trace) = &mut record.trace {
            trace.weighed = reasons;
            trace.points = sum;
        }
        // A looked-up name accuses nobody: it raises a suspicion, never a proof (R-X-3).
        let hint = if reasons.contains(Reason::NameHint) { points(Reason::NameHint) } else { 0 };
        let grade = if sum.saturating_sub(hint) >= STRONG_FROM && independent(reasons) {
            Grade::Strong
        } else if sum >= SUSPECTED_FROM {
            Grade::Suspected
        } else {
            return;
        };
        accept(record, grade, reasons);
    }

    /// Notes since when the ledger knows what may speak for a flow, where an explanation was asked for.
    fn date_context(&self, record: &mut FlowRecord) {
        let Some(mut trace) = record.trace.take() else { return };
        let window = |w: Option<Window>| w.filter(|w| w.near(record.start, record.end, EVIDENCE_WINDOW));
        let mut tell = |reason, w: Option<Window>, by| {
            if let Some(w) = window(w) {
                let number = (w.number != Window::UNKNOWN).then_some(w.number);
                trace.note_told(reason, w.first, number, by);
            }
        };
        for (host, remote) in [(record.originator, record.responder), (record.responder, record.originator)] {
            tell(Reason::KnownPeer, self.endpoints.get(&remote).and_then(|l| l.spoke), None);
            if !self.home().contains(&host.address) {
                continue;
            }
            tell(Reason::Participant, self.hosts.get(&host.address).and_then(|h| h.facts.confirmed), None);
            if let Some(port) = self.ports.get(&(host, record.transport)) {
                tell(Reason::OwnPort, port.told, None);
                tell(Reason::SharedPort, port.window, None);
            }
            if let Some(learnt) = self.endpoints.get(&remote) {
                let lesson = learnt.told.iter().find(|l| l.home == host.address);
                let by = lesson.map(|l| (l.source, l.channel));
                tell(Reason::LearntEndpoint, lesson.map(|l| l.window), by);
            }
            // The pattern stands once the last of the remotes it needs was met.
            if let Some(known) = self.hosts.get(&host.address) {
                let mut met: Vec<Window> =
                    known.shaped.values().copied().filter(|w| window(Some(*w)).is_some()).collect();
                met.sort_by_key(|w| w.first);
                tell(Reason::FanOut, met.get(FAN_OUT_FROM - 1).copied(), None);
            }
        }
        record.trace = Some(trace);
    }

    /// What is known around the flow: its endpoints, ports and host.
    fn context(&self, record: &FlowRecord, host: Endpoint, remote: Endpoint) -> Reasons {
        let mut reasons = Reasons::default();
        let near = |w: Option<Window>| w.is_some_and(|w| w.near(record.start, record.end, EVIDENCE_WINDOW));
        if record.opaque.lengths_fit && self.lengths_fan_out(host.address, near) >= FAN_OUT_FROM {
            reasons.insert(Reason::FanOut);
        }
        let (confirmed, hinted) =
            self.hosts.get(&host.address).map_or((None, None), |h| (h.facts.confirmed, h.facts.hinted));
        // The name is looked up before the connections it leads to.
        let looked_up = |w: Window| w.first <= record.end && w.last + HINT_WINDOW >= record.start;
        if remote.port >= 1_024 && hinted.is_some_and(looked_up) {
            reasons.insert(Reason::NameHint);
        }
        if !near(confirmed) {
            return reasons;
        }
        reasons.insert(Reason::Participant);
        if record.opaque.file_size.is_some_and(|size| self.is_torrent_size(host.address, size, near)) {
            reasons.insert(Reason::TorrentSize);
        }
        if let Some(port) = self.ports.get(&(host, record.transport)) {
            if near(port.told) {
                reasons.insert(Reason::OwnPort);
            }
            if record.transport == Transport::Udp && near(port.window) && !port.spoke.is_empty() {
                reasons.insert(Reason::SharedPort);
            }
        }
        if let Some(learnt) = self.endpoints.get(&remote) {
            if near(learnt.spoke) && remote.port >= 1_024 {
                reasons.insert(Reason::KnownPeer);
            }
            let again =
                |w: &(Address, Window)| w.0 == host.address && w.1.last >= record.start && near(Some(w.1));
            if remote.port >= 1_024 && learnt.reached.iter().any(again) {
                reasons.insert(Reason::RetryInClear);
            }
            let told = |l: &Lesson| l.home == host.address && near(Some(l.window));
            if learnt.told.iter().any(told) {
                reasons.insert(Reason::LearntEndpoint);
            }
        }
        reasons
    }

    /// Whether a host takes part in a torrent of this size: it told a tracker that it needs so many bytes, or the
    /// torrent's description says so.
    fn is_torrent_size(&self, host: Address, size: u64, near: impl Fn(Option<Window>) -> bool) -> bool {
        if size < TORRENT_SIZE_FROM {
            return false;
        }
        let torrents: Vec<InfoHash> = {
            let Some(host) = self.hosts.get(&host) else { return false };
            if near(host.facts.sizes.get(&size).copied()) {
                return true;
            }
            host.facts.torrents.iter().copied().collect()
        };
        torrents.iter().any(|hash| {
            self.swarms.get(hash).is_some_and(|swarm| {
                let member = swarm.hosts.get(&host).and_then(|m| m.window);
                near(member) && swarm.name.as_ref().and_then(|n| n.size) == Some(size)
            })
        })
    }
}

/// What the flow itself shows.
fn flow_evidence(record: &FlowRecord) -> Reasons {
    let well_known = record.originator.port < 1_024 || record.responder.port < 1_024;
    // Well-known services are many things to many people: they are not named by lengths alone.
    let holds = |reason: &Reason| match reason {
        Reason::RequestPairing => !well_known,
        Reason::UtpHeader => is_mostly_utp(record),
        _ => true,
    };
    record.label.reasons.iter().chain(record.opaque.reasons().iter().filter(holds)).collect()
}

/// Whether most packets begin as uTP does: one in a while has this form in QUIC, DNS, games and random bytes.
fn is_mostly_utp(record: &FlowRecord) -> bool {
    let packets: u64 = record.sent.iter().map(|side| side.packets).sum();
    // The headers are counted up to 255.
    let enough = packets.min(2 * u64::from(u8::MAX)) / 2;
    record.opaque.utp_headers > 0 && u64::from(record.opaque.utp_headers) >= enough
}

/// The points of all reasons. That an endpoint was named and that it spoke count once for a stream of which one side was
/// seen, unless it ended where a key exchange waits for its answer: both can be forged by whoever knows the address, and
/// any encrypted stream is random.
fn sum(record: &FlowRecord, reasons: Reasons) -> u32 {
    let all: u32 = reasons.iter().map(points).sum();
    let both = reasons.contains(Reason::LearntEndpoint) && reasons.contains(Reason::KnownPeer);
    let payload: u64 = record.sent.iter().map(|side| side.payload).sum();
    let went_on = reasons.contains(Reason::MseOneSide) && payload > UNANSWERED_MAX;
    if both && went_on { all.saturating_sub(points(Reason::KnownPeer)) } else { all }
}

/// Two reasons that do not follow from one another, one of them about the flow or its port.
fn independent(reasons: Reasons) -> bool {
    let about_flow = reasons.iter().any(is_about_the_flow);
    // Shape and burst lengths are one observation; so are the two kinds of endpoint knowledge.
    let shape =
        [Reason::MseShape, Reason::MseBursts, Reason::MseOneSide].iter().any(|&r| reasons.contains(r));
    let endpoint = [Reason::LearntEndpoint, Reason::KnownPeer, Reason::RetryInClear]
        .iter()
        .any(|&r| reasons.contains(r));
    let port = [Reason::OwnPort, Reason::SharedPort].iter().any(|&r| reasons.contains(r));
    let utp = [Reason::UtpSyn, Reason::UtpTwoWay, Reason::UtpOneWay, Reason::UtpHeader]
        .iter()
        .any(|&r| reasons.contains(r));
    let lengths = reasons.contains(Reason::LengthArithmetic);
    // What one side asks and how much the other delivers are two observations.
    let paired = reasons.contains(Reason::RequestPairing);
    let fan_out = reasons.contains(Reason::FanOut);
    let webrtc = reasons.contains(Reason::Webrtc);
    let range = reasons.contains(Reason::ClientRange);
    let size = reasons.contains(Reason::TorrentSize);
    // A web seed is a server like any other: what makes the download a torrent's is that the host takes part.
    let takes_part = (range || size) && reasons.contains(Reason::Participant);
    about_flow
        && [shape, endpoint, port, utp, lengths, paired, fan_out, webrtc, range, size, takes_part]
            .into_iter()
            .filter(|&fact| fact)
            .count()
            >= 2
}

/// The method of an MSE exchange that gave no clear handshake: RC4 when the whole exchange was seen, for plaintext would
/// have shown.
const fn encryption(record: &FlowRecord) -> Encryption {
    if record.opaque.bursts_fit { Encryption::MseRc4 } else { Encryption::Mse }
}

fn accept(record: &mut FlowRecord, grade: Grade, reasons: Reasons) {
    let method = encryption(record);
    let label = &mut record.label;
    if label.grade.is_none_or(|g| g < grade) {
        label.grade = Some(grade);
    }
    label.reasons = reasons;
    if reasons.contains(Reason::Webrtc) {
        label.kinds.insert(Kind::Webrtc);
        return;
    }
    if reasons.contains(Reason::ClientRange) || reasons.contains(Reason::TorrentSize) {
        label.kinds.insert(Kind::Webseed);
        return;
    }
    let utp = record.opaque.utp_headers > 0
        || [Reason::UtpSyn, Reason::UtpTwoWay, Reason::UtpOneWay].iter().any(|&r| reasons.contains(r));
    if utp {
        label.kinds.insert(Kind::Utp);
    }
    if record.transport == Transport::Tcp || record.opaque.utp_random {
        label.kinds.insert(Kind::PeerWire);
    }
    if label.encryption == Encryption::None
        && (record.transport == Transport::Tcp || record.opaque.utp_random)
    {
        label.encryption = method;
    }
}
