//! Where the sensor stands: inside the NAT of the home networks or outside, as far as addresses tell, and why.
//!
//! A packet between a private and a public address exists only before its translation (RFC 2663 section 2.1), so a sensor that
//! sees one is inside. A home host that others see under its own address has no translation behind the sensor.

use super::report::{HostReport, MappingReport, PortReport};
use crate::base::Address;

/// Where the sensor stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Nothing tells.
    #[default]
    Unknown,
    /// Inside: home hosts show with their private addresses.
    Inside,
    /// Outside the NAT, or there is none: home hosts show with the addresses that the Internet sees.
    Outside,
    /// Some home hosts are behind a NAT and others are not.
    Mixed,
}

impl Side {
    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Mixed => "mixed",
        }
    }
}

/// What is believed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The belief.
    pub side: Side,
    /// What was seen, in sentences.
    pub evidence: Vec<String>,
}

/// Weighs what is known of the home hosts with peer-to-peer traffic.
pub fn place(hosts: &[HostReport], ports: &[PortReport], mappings: &[MappingReport]) -> Place {
    // A network-wide address of IPv6 is translated by nobody, wherever the sensor stands.
    let v4 = || hosts.iter().filter(|h| h.address.is_v4());
    let private = v4().filter(|h| h.address.is_private()).count();
    let public = v4().filter(|h| !h.address.is_private()).count();
    let side = match (private, public) {
        (0, 0) => Side::Unknown,
        (_, 0) => Side::Inside,
        (0, _) => Side::Outside,
        _ => Side::Mixed,
    };
    let mut evidence = Vec::new();
    let mut say = |n: usize, one: &str, many: &str| {
        if n > 0 {
            evidence.push(if n == 1 { format!("1 {one}") } else { format!("{n} {many}") });
        }
    };
    say(
        private,
        "home host talks to the Internet from a private address",
        "home hosts talk to the Internet from private addresses",
    );
    say(public, "home host has a public address", "home hosts have public addresses");
    let told = |wanted: fn(&HostReport, &Address) -> bool| {
        v4().filter(|h| h.external.iter().any(|(address, _)| address.is_v4() && wanted(h, address))).count()
    };
    say(
        told(|h, outside| h.address.is_private() && !outside.is_private()),
        "of them is told that it is seen at a public address",
        "of them are told that they are seen at a public address",
    );
    say(
        told(|h, outside| h.address == *outside),
        "home host is told that it is seen at its own address",
        "home hosts are told that they are seen at their own addresses",
    );
    say(
        told(|h, outside| !h.address.is_private() && h.address != *outside),
        "home host with a public address is told of another: a further NAT, or a VPN, lies behind",
        "home hosts with public addresses are told of others: a further NAT, or a VPN, lies behind",
    );
    let inside_router = |m: &&MappingReport| {
        m.mapping.answer.is_none() && m.router.address.is_private() && m.host.is_private()
    };
    say(
        mappings.iter().filter(inside_router).count(),
        "port mapping was asked of a router with a private address",
        "port mappings were asked of a router with a private address",
    );
    say(
        ports.iter().filter(|p| p.forwarded).count(),
        "port at a private address was tried from outside: a router forwards it",
        "ports at private addresses were tried from outside: a router forwards them",
    );
    let crowded = |h: &&HostReport| !h.address.is_private() && h.client_conflict;
    say(
        v4().filter(crowded).count(),
        "public address shows clients that contradict one another: several machines behind it",
        "public addresses show clients that contradict one another: several machines behind them",
    );
    Place { side, evidence }
}
