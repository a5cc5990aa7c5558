//! Decides what deserves an alert, by rules that the operator writes; nothing else decides it.
//!
//! [`RuleSet::load`] reads and compiles a folder of YAML, [`Engine`] is fed with news and says at each tick of packet time
//! what happened to alerts, [`Case`] is a test of rules. The room knows no packet, no thread and no clock but the ticks; it
//! reads rule files, and writes nothing. To add a condition: a variant and a row in `condition.rs`, its sum in `window.rs`; to
//! add news: a variant in `observation.rs`.

mod alert;
mod cases;
mod clock;
mod condition;
mod engine;
mod group;
mod lists;
mod load;
mod matching;
mod nets;
mod observation;
mod problem;
mod read;
mod rule;
mod script;
mod state;
mod template;
mod units;
mod vocabulary;
mod window;
mod yaml;

pub use crate::ledger::HostState;
pub use alert::{Alert, AlertAction, AlertChange, Evidence, HOST_PAGE};
pub use cases::Case;
pub use engine::{Engine, EngineCounters, EngineLimits};
pub use load::RuleSet;
pub use observation::{
    BehaviourNews, DhtNews, Exposure, ExposureNews, HostStateNews, Observation, SensorNews, TorrentNews,
};
pub use problem::{Position, Problem};
pub use rule::{Rule, Severity, Subject};
pub use units::Unit;
pub use vocabulary::vocabulary;
