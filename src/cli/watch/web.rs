//! What a sensor serves over HTTP: the addresses are taken while the program still may, and answered once it has given up
//! what it needs no longer.

use super::super::exit::Failure;
use std::sync::Arc;
use std::time::SystemTime;
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::config::Config;
use swarmscope::output::http::{HttpOptions, Server};
use swarmscope::output::live::{Live, LiveOptions, LiveSink};
use swarmscope::output::privacy::Veil;
use swarmscope::output::prometheus::BuildInfo;
use swarmscope::pipeline::{skip_reasons, verify_node_ids};
use swarmscope::system::Signals;

/// Takes the addresses; `None` where nothing is to be served.
pub(super) fn bind(config: &Config, signals: &Signals) -> Result<Option<Server>, Failure> {
    let web = &config.web;
    if web.listen_addresses.is_empty() {
        return Ok(None);
    }
    let signals = signals.clone();
    let options = HttpOptions {
        listen: web.listen_addresses.iter().map(|address| address.0).collect(),
        web_config: web.config_file.clone(),
        allowed_hosts: web.allowed_hosts.clone(),
        insecure_ok: web.insecure,
        metrics_path: Some(web.telemetry_path.clone()),
        reload: web.enable_lifecycle.then(|| Arc::new(move || signals.ask_reload()) as Arc<_>),
    };
    Server::bind(options).map(Some).map_err(Failure::usage)
}

/// What the pipeline tells, and what is served of it.
pub(super) fn live(config: &Config, veil: &Arc<Veil>) -> Result<(LiveSink, Arc<Live>), Failure> {
    let mode = if config.promiscuous { "promiscuous" } else { "own" };
    let build = BuildInfo {
        revision: env!("SWARMSCOPE_REVISION").to_owned(),
        rustc: env!("SWARMSCOPE_RUSTC").to_owned(),
        libpcap: libpcap_version().unwrap_or_else(|| "unknown".to_owned()),
    };
    let options = LiveOptions {
        home: veil.home(&HomeNets::new(config.home_networks.clone())),
        veil: Arc::clone(veil),
        hosts_max: usize::try_from(config.metrics.max_hosts).unwrap_or(usize::MAX),
        build,
        started: now(),
        capture_mode: mode.to_owned(),
        skip_reasons: skip_reasons(),
        complete: verify_node_ids,
    };
    Live::start(options).map_err(|error| Failure::Run(format!("cannot set up the metrics: {error}")))
}

/// The version of libpcap that this process has loaded, out of its file's name.
fn libpcap_version() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| line.rsplit_once("/libpcap.so.").map(|(_, version)| version.to_owned()))
}

/// The time by the wall clock.
#[allow(
    clippy::disallowed_methods,
    reason = "when a sensor was started and reloaded is no matter of packet time"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
