//! What all connections share: the sensor, the configuration, the page of metrics.

use super::auth::Known;
use super::connections::Connections;
use super::web_config::WebConfig;
use super::{HttpOptions, Reload};
use crate::output::live::Live;
use crate::output::prometheus::{Format, Page};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The page of metrics is made at most so often.
const PAGE_LIFE: Duration = Duration::from_secs(1);
/// Certificates and users are looked at again at most so often.
const CONFIG_LIFE: Duration = Duration::from_secs(5);

/// See above.
pub struct Site {
    pub live: Arc<Live>,
    pub allowed_hosts: Vec<String>,
    pub metrics_path: String,
    pub reload: Option<Reload>,
    pub connections: Connections,
    pub known: Known,
    /// Whether others than this machine can reach the sensor.
    beyond_loopback: bool,
    web: RefCell<Rc<WebConfig>>,
    looked: Cell<Instant>,
    page: RefCell<Option<(Instant, Page, Page)>>,
}

impl Site {
    pub fn new(live: Arc<Live>, options: HttpOptions, web: WebConfig) -> Self {
        Self {
            live,
            allowed_hosts: options.allowed_hosts,
            metrics_path: options.metrics_path.unwrap_or_else(|| "/metrics".to_owned()),
            reload: options.reload,
            connections: Connections::default(),
            known: Known::default(),
            beyond_loopback: options.listen.iter().any(|address| !address.ip().is_loopback()),
            web: RefCell::new(Rc::new(web)),
            looked: Cell::new(Instant::now()),
            page: RefCell::default(),
        }
    }

    /// Certificates and users, read again if they have changed. What cannot be read leaves those in use that were.
    pub fn web(&self) -> Rc<WebConfig> {
        let now = Instant::now();
        if now - self.looked.get() >= CONFIG_LIFE {
            self.looked.set(now);
            self.renew_web();
        }
        Rc::clone(&self.web.borrow())
    }

    fn renew_web(&self) {
        let mut web = self.web.borrow_mut();
        let before = web.protects();
        // Connections in progress keep what they began with; then the files are looked at with the next one.
        let Some(renewed) = Rc::get_mut(&mut web).and_then(WebConfig::renewed) else { return };
        let renewed = match renewed {
            Ok(renewed) if before && self.beyond_loopback && !renewed.protects() => {
                tracing::warn!("web configuration: no TLS and users any more; the one before stays in use");
                return;
            }
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::warn!("{error}; the one before stays in use");
                return;
            }
        };
        tracing::info!("web configuration read again");
        *web = Rc::new(renewed);
        self.known.clear();
    }

    /// Whether a client may learn about people: it said who it is, or it sits on this machine with nobody else.
    pub fn may_see_people(&self, web: &WebConfig) -> bool {
        !self.beyond_loopback || web.knows_clients()
    }

    /// The metrics page, at most a second old.
    pub fn metrics(&self, format: Format, gzip: bool, personal: bool) -> io::Result<Vec<u8>> {
        let now = Instant::now();
        let mut page = self.page.borrow_mut();
        if page.as_ref().is_none_or(|(made, ..)| now - *made >= PAGE_LIFE) {
            self.live.metrics.serving.connections.set(self.connections.len() as i64);
            let families = self.live.metrics.gather();
            // Where everybody may see people the other page is never asked for.
            let public = if self.beyond_loopback { families.clone() } else { Vec::new() };
            *page = Some((now, Page::new(families, true), Page::new(public, false)));
        }
        let Some((_, all, public)) = page.as_mut() else { return Ok(Vec::new()) };
        let page = if personal { all } else { public };
        page.text(format, gzip).map(<[u8]>::to_vec)
    }
}
