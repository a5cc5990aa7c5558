//! What the HTTP server does.

use super::declare::Declare;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Result};

/// Every status the server answers with.
const CODES: [u16; 14] = [200, 202, 304, 400, 401, 403, 404, 405, 408, 413, 421, 431, 500, 503];

/// The families.
#[derive(Debug)]
pub struct Serving {
    requests: IntCounterVec,
    /// Connections now.
    pub connections: IntGauge,
    /// Connections closed to make room, or because they took too long.
    pub evicted: IntCounter,
    /// Connections that could not be accepted, for want of file descriptors mostly.
    pub accept_errors: IntCounter,
}

impl Serving {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let evicted = "Connections closed to make room or because they took too long.";
        let serving = Self {
            requests: declare.counters("http_requests_total", "HTTP requests answered.", &["code"])?,
            connections: declare.gauge("http_connections", "HTTP connections.")?,
            evicted: declare.counter("http_evicted_connections_total", evicted)?,
            accept_errors: declare
                .counter("http_accept_errors_total", "HTTP connections that could not be accepted.")?,
        };
        for code in CODES {
            serving.requests.with_label_values(&[code.to_string()]);
        }
        Ok(serving)
    }

    /// Counts an answer.
    pub fn answered(&self, code: u16) {
        let code = if CODES.contains(&code) { code.to_string() } else { "other".to_owned() };
        self.requests.with_label_values(&[code]).inc();
    }
}
