//! Home hosts: `hosts`, `hosts/ADDR`, `exposure`.

use super::overview::bytes;
use super::{Asked, Written, Wrong, object};
use crate::base::Address;
use crate::ledger::report::{HostReport, PortReport, PortState};
use crate::output::{JsonWriter, json};

/// Flows of a host that are told with it.
const FLOWS: usize = 100;

/// What hosts are ordered by.
#[derive(Clone, Copy)]
enum Sort {
    Bytes,
    Address,
    Peers,
    Torrents,
    Last,
    Flows,
}

impl Asked<'_> {
    pub fn hosts(&self) -> Written {
        let page = self.query.page()?;
        let words = [
            ("bytes", Sort::Bytes),
            ("address", Sort::Address),
            ("peers", Sort::Peers),
            ("torrents", Sort::Torrents),
            ("last", Sort::Last),
            ("flows", Sort::Flows),
        ];
        let sort = self.query.word("sort", &words)?.unwrap_or(Sort::Bytes);
        let descending = self.descending(!matches!(sort, Sort::Address))?;
        let wanted = self.query.text("q").map(str::to_lowercase);
        let state = self.query.text("state");
        let hosts = self.now.report.hosts.iter().filter(|h| {
            wanted.as_ref().is_none_or(|w| matches(h, w))
                && state.is_none_or(|s| h.standing.state.label() == s)
        });
        let mut hosts: Vec<&HostReport> = hosts.collect();
        hosts.sort_by_cached_key(|h| {
            let key = match sort {
                Sort::Bytes => bytes(h).into(),
                Sort::Address => 0,
                Sort::Peers => h.peers.into(),
                Sort::Torrents => h.torrents.len() as i128,
                Sort::Last => h.last.0.into(),
                Sort::Flows => h.flows.into(),
            };
            (key, h.address)
        });
        if descending {
            hosts.reverse();
        }
        Ok(object(|w| page.write(w, &hosts, |w, host| w.object(|w| json::host(w, host)))))
    }

    pub fn host(&self, address: &str) -> Written {
        let address: Address = address.parse().map_err(|_| Wrong::Unknown("that is no address"))?;
        let minutes = self.minutes()?;
        let report = &self.now.report;
        let host = report.hosts.iter().find(|h| h.address == address);
        let host = host.ok_or(Wrong::Unknown("nothing is known of that host"))?;
        let torrents = report.torrents.iter().filter(|t| t.hosts.iter().any(|h| h.address == address));
        let flows = self.live.flows();
        let flows = flows
            .iter()
            .filter(|f| f.record.originator.address == address || f.record.responder.address == address);
        let duty = self.live.duty();
        Ok(object(|w| {
            w.key("host").object(|w| json::host(w, host));
            w.key("torrents").array(|w| torrents.for_each(|t| w.object(|w| json::torrent(w, t))));
            w.key("flows")
                .array(|w| flows.take(FLOWS).for_each(|f| w.object(|w| super::flows::members(w, f))));
            w.key("ports").array(|w| self.ports(w, address));
            self.rate(w, Some(&address), minutes);
            w.key("alerts").array(|w| {
                let alerts = duty.policy.alerts.iter().filter(|a| a.host == Some(address));
                alerts.for_each(|alert| w.json(&alert.json));
            });
        }))
    }

    pub fn exposure(&self) -> Written {
        let (page, host) = (self.query.page()?, self.address("host")?);
        let states = [
            PortState::Open,
            PortState::ForwardedRefused,
            PortState::Closed,
            PortState::Stealth,
            PortState::NotTested,
        ];
        let state = self.query.word("state", &states.map(|s| (s.label(), s)))?;
        let report = &self.now.report;
        let mut ports: Vec<&PortReport> = report.exposure.iter().collect();
        ports.retain(|p| host.is_none_or(|h| p.host == h) && state.is_none_or(|s| p.state == s));
        Ok(object(|w| page.write(w, &ports, |w, p| w.object(|w| json::port(w, p, &report.scans)))))
    }

    /// Ports that let strangers in.
    pub fn exposed_ports(&self) -> u64 {
        self.now.report.exposure.iter().filter(|p| p.state == PortState::Open).count() as u64
    }

    fn ports(&self, w: &mut JsonWriter, host: Address) {
        let report = &self.now.report;
        let ports = report.exposure.iter().filter(|p| p.host == host);
        ports.for_each(|p| w.object(|w| json::port(w, p, &report.scans)));
    }
}

/// Whether a host's address, or what it calls itself, holds a text in lower case.
fn matches(host: &HostReport, wanted: &str) -> bool {
    host.address.to_string().contains(wanted)
        || host.clients.iter().any(|c| c.name.to_lowercase().contains(wanted))
}
