//! A day in short: a client at work, which stops, and hosts that go on with other things.
#![allow(dead_code)] // each test file uses some

use std::time::Duration;
use swarmscope::base::{Address, Endpoint, Timestamp};
use swarmscope::capture::{LinkType, OwnedPacket};
use swarmscope::frame::{Tcp, build};

/// How long a host must be quiet here.
pub const QUIET: Duration = Duration::from_secs(600);
/// The host of the captures that stops, and one that has nothing to do with it.
pub const HOST: &str = "192.168.50.21";
pub const OTHER: &str = "192.168.50.250";

pub fn end(text: &str, port: u16) -> Endpoint {
    Endpoint::new(text.parse::<Address>().expect("an address"), port)
}

/// A short conversation over TCP, opened by a home host, with an answer.
pub fn conversation(host: &str, port: u16, at: Timestamp) -> Vec<OwnedPacket> {
    let (a, b) = (end(host, port), end("203.0.113.200", 443));
    let header = |flags, seq, ack| Tcp { flags, seq, ack, ..Tcp::default() };
    let (syn, ack) = (Tcp::SYN, Tcp::ACK);
    let said = [
        build::tcp(a, b, header(syn, 1, 0), b""),
        build::tcp(b, a, header(syn | ack, 9, 2), b""),
        build::tcp(a, b, header(ack, 2, 10), b"what time is it?"),
        build::tcp(b, a, header(ack, 10, 18), b"late enough, thank you"),
    ];
    let packet = |(n, ip): (usize, Vec<u8>)| {
        let at = at + Duration::from_millis(n as u64);
        OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(&ip))
    };
    said.into_iter().enumerate().map(packet).collect()
}

/// What is captured of it.
pub struct Stopped {
    /// In order of time.
    pub packets: Vec<OwnedPacket>,
    /// Where the client's own packets end.
    pub stop: Timestamp,
    pub end: Timestamp,
}

/// A client at work, whose packets these are, and which stops; its host and another go on with other things for eleven minutes.
pub fn stopped(mut packets: Vec<OwnedPacket>) -> Stopped {
    let stop = packets.last().expect("packets").at;
    let first = packets[0].at;
    let end = stop + QUIET + Duration::from_secs(60);
    let mut port = 40_000;
    let mut now = first;
    while now < end {
        for host in [HOST, OTHER] {
            packets.extend(conversation(host, port, now));
        }
        port += 1;
        now = now + Duration::from_secs(5);
    }
    packets.sort_by_key(|p| p.at);
    Stopped { packets, stop, end }
}
