//! `build_info` and `start_time_seconds`: what runs, and since when.

use super::declare::Declare;
use crate::base::Timestamp;

/// What the program was built from.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// The commit.
    pub revision: String,
    /// The compiler's version.
    pub rustc: String,
    /// The version of libpcap in use.
    pub libpcap: String,
}

impl Default for BuildInfo {
    fn default() -> Self {
        let unknown = || "unknown".to_owned();
        Self { revision: unknown(), rustc: unknown(), libpcap: unknown() }
    }
}

/// Registers both with the values they keep.
pub fn register(declare: &Declare<'_>, build: &BuildInfo, started: Timestamp) -> prometheus::Result<()> {
    let labels = ["version", "revision", "rustc", "libpcap"];
    let info = declare.gauges("build_info", "What the program was built from; always 1.", &labels)?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), &build.revision, &build.rustc, &build.libpcap])
        .set(1);
    let help = "When the sensor was started, in seconds since the epoch.";
    declare.float_gauge("start_time_seconds", help)?.set(started.as_secs_f64());
    Ok(())
}
