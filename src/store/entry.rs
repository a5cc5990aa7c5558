//! What goes through the queue to the writer: plain values, collected between two transactions.

use crate::base::{Address, InfoHash, Timestamp};
use crate::event::Kind;
use crate::ledger::memory::{Memory, Minute};
use crate::ledger::report::{HostBytes, PortReport, TorrentStanding};
use crate::ledger::{HostState, Missing};

/// What is written in one transaction.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose it is.
    pub(super) run: Run,
    pub(super) minutes: Vec<Minute>,
    pub(super) memory: Memory,
    pub(super) ports: Vec<PortReport>,
    pub(super) sessions: Vec<Session>,
    pub(super) members: Vec<Member>,
    pub(super) states: Vec<StateChange>,
    pub(super) alerts: Vec<AlertRow>,
    /// The state of the rules, where it is to be saved.
    pub(super) engine: Option<serde_json::Value>,
}

impl Batch {
    /// Rows, about: what is counted.
    pub(super) fn rows(&self) -> u64 {
        let lens = [
            self.minutes.len(),
            self.memory.hosts.len(),
            self.memory.mappings.len(),
            self.ports.len(),
            self.sessions.len(),
            self.members.len(),
            self.states.len(),
            self.alerts.len(),
            usize::from(self.engine.is_some()),
        ];
        lens.iter().map(|n| *n as u64).sum()
    }
}

/// What a run of the program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// A sensor at work.
    Watch,
    /// An analysis of captures.
    Analyze,
}

impl RunKind {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Analyze => "analyze",
        }
    }
}

/// A run of the program.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub kind: RunKind,
    /// Interfaces or files.
    pub source: String,
    /// The first packet.
    pub started: Timestamp,
    /// The latest tick.
    pub heartbeat: Timestamp,
    /// It ended as it should.
    pub ended: bool,
}

/// What a host did by one protocol, in one torrent where that is known.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub host: Address,
    pub info_hash: Option<InfoHash>,
    pub kind: Kind,
    pub first: Timestamp,
    pub last: Timestamp,
    pub local_port: Option<u16>,
    pub external: Option<Address>,
    pub external_port: Option<u16>,
    pub flows: u64,
    pub peers: u64,
    /// Wire bytes by grade: confirmed, strong, suspected.
    pub bytes: [HostBytes; 3],
    pub pieces: HostBytes,
    pub client: Option<String>,
}

/// A host in a torrent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub first: Timestamp,
    pub last: Timestamp,
    /// Piece bytes of this stretch.
    pub downloaded: u64,
    pub uploaded: u64,
    pub standing: TorrentStanding,
}

/// A host's state became another.
#[derive(Clone, Debug)]
pub(super) struct StateChange {
    pub host: Address,
    pub at: Timestamp,
    pub state: HostState,
    pub lacks: Vec<Missing>,
    pub evidence: Vec<String>,
}

/// Something happened to an alert.
#[derive(Clone, Debug)]
pub(super) struct AlertRow {
    pub rule: u32,
    pub group: String,
    pub since: Timestamp,
    pub name: String,
    pub severity: &'static str,
    pub host: Option<Address>,
    pub resolved: bool,
    pub at: Timestamp,
    pub value: f64,
}
