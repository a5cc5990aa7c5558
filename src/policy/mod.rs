//! Decides what deserves an alert, by rules that the operator writes.
mod clock;
mod condition;
mod lists;
mod load;
mod matching;
mod nets;
mod observation;
mod problem;
mod read;
mod rule;
mod template;
mod units;
mod yaml;

pub use load::RuleSet;
pub use observation::{
    DhtNews, Exposure, ExposureNews, HostState, HostStateNews, Observation, SensorNews, TorrentNews,
};
pub use problem::{Position, Problem};
pub use rule::{Rule, Severity, Subject};
pub use units::Unit;
