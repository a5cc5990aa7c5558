//! Owns threads, queues and ticks: leads packets from a source through frames, flows and dissectors into the ledger.
//!
//! [`analyze()`] reads files, [`analyze_source`] anything that yields packets. One `Worker` serves both
//! ways of running: inline on the reading thread (`workers = 0`, the cheapest for files), or behind a bounded queue of
//! recycled frame batches, sharded by address pair.
//! At every tick of packet time all workers are waited for and what they finished is put in order, so that the number of
//! workers changes nothing in the output.

mod analyze;
mod batch;
mod clock;
mod coverage;
mod desk;
mod followed;
mod gather;
mod intake;
mod keeper;
mod lane;
mod limits;
mod numbering;
mod pool;
mod reader;
mod recorder;
mod refusal;
mod rule_test;
mod sensor;
mod story;
mod watch;
mod worker;

/// Reading of abuse notices, for the command line, which knows no wire format.
pub use crate::wire::acns;
pub use analyze::{AnalyzeError, AnalyzeOptions, analyze, analyze_source, verify_node_ids};
pub use coverage::skip_reasons;
pub use gather::{Gathered, SAMPLE_BYTES, SAMPLE_PACKETS, Wanted, gather};
pub use limits::{AnalyzeLimits, KeeperLimits, MEMORY};
pub use rule_test::rule_test;
pub use watch::{WatchOptions, watch};
