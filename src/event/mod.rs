//! Names what can be learnt from traffic ([`Fact`]) and how sure we are ([`Grade`], [`Reason`]).
//!
//! Protocols are an open set, facts a closed one: everyone downstream matches facts without `_`, and nobody downstream
//! names a parser. This room does nothing; it is the vocabulary between `dissect`, `ledger` and `output`.

mod draft;
mod fact;
mod grade;
mod kind;
mod knock;
mod opens;
mod record;
mod set;
mod trace;
mod update;

pub use crate::base::Direction;
pub use draft::{Clients, Draft};
pub use fact::{
    Announce, AnnounceEvent, Channel, Client, ClientSource, DhtMessage, DhtPurpose, DhtRole, Fact, Have,
    Mapping, NameTrust, SwarmSize, TorrentKey, TorrentName,
};
pub use grade::{Encryption, Grade, Reason, Reasons};
pub use kind::{Family, Kind, Kinds};
pub use knock::{Answer, Knock};
pub use opens::{Opens, Visit};
pub use record::{Counters, EndReason, FlowRecord, FlowState, Label, Opaque, Opening};
pub use set::{Set, Word};
pub use trace::{Sighting, Subject, Trace};
pub use update::{FlowUpdate, Told};
