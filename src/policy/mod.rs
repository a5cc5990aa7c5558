//! Decides what deserves an alert, by rules that the operator writes.
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
mod window;
mod yaml;

pub use alert::{Alert, AlertAction, AlertChange, Evidence};
pub use cases::Case;
pub use engine::{Engine, EngineCounters, EngineLimits};
pub use load::RuleSet;
pub use observation::{
    DhtNews, Exposure, ExposureNews, HostState, HostStateNews, Observation, SensorNews, TorrentNews,
};
pub use problem::{Position, Problem};
pub use rule::{Rule, Severity, Subject};
pub use units::Unit;
