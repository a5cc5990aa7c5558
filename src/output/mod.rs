//! Carries events and totals outside: event files, the `--json` summary, the terminal summary, progress.
//!
//! It cannot tell a span port from a file, reads no packet and decides nothing: it writes down what `event` and `ledger`
//! say. Every string that came from the network is escaped here, whoever escaped it before. To add an export, add a file
//! and one line below.

mod alerts;
mod community_id;
mod events;
mod explain;
pub mod http;
mod json;
mod json_writer;
pub mod live;
mod notice;
pub mod page;
mod policed;
pub mod privacy;
mod progress;
pub mod prometheus;
pub mod report;
mod sensor;
mod sink;
pub mod sinks;
mod summary;
mod verdict;
mod words;

pub use alerts::{AlertLog, AlertRecord};
pub use community_id::community_id;
pub use events::{DhtEvent, EventWriter, FlowContext, HostEvent, TorrentEvent};
pub use explain::{Explained, write_explanation, write_explanation_json};
pub use json::{write_json, write_json_with_alerts};
pub use json_writer::JsonWriter;
pub use notice::{NoticeAnswer, write_notice, write_notice_json};
pub use policed::Policed;
pub use progress::Progress;
pub use sensor::{InterfaceStatus, SensorStatus};
pub use sink::AnalysisSink;
pub use summary::{Color, Layout, write_summary, write_summary_with_alerts};
pub use verdict::{Verdict, write_verdict, write_verdict_json};
