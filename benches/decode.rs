//! Time to decode one packet: the ordinary kinds, and what leaves the straight road.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use swarmscope::base::{Endpoint, HashKey, Timestamp};
use swarmscope::frame::{Decoder, DecoderOptions, Tcp, build};

/// Enough packets of different flows that neither the branch predictor nor the duplicate table sees one twice.
const PACKETS: u32 = 4096;

fn endpoint(text: &str, n: u32) -> Endpoint {
    let mut endpoint: Endpoint = text.parse().unwrap_or_default();
    endpoint.port = endpoint.port.wrapping_add(n as u16);
    endpoint
}

fn ip_packets(kind: &str) -> Vec<Vec<u8>> {
    let payload = vec![0x5a; 400];
    (0..PACKETS)
        .map(|n| {
            let v4 = (endpoint("10.0.0.5:20000", n), endpoint("203.0.113.7:6881", 0));
            let v6 = (endpoint("[2001:db8::5]:20000", n), endpoint("[2001:db8:1::7]:6881", 0));
            let header = Tcp { seq: n * 400, ack: 1, flags: Tcp::ACK, urgent: 0 };
            let tcp = build::with_id(build::tcp(v4.0, v4.1, header, &payload), n as u16 + 1);
            match kind {
                "vlan tcp" => build::vlan(&[20], &tcp),
                "ipv6 udp" => build::ethernet(&build::udp(v6.0, v6.1, &payload)),
                "vxlan tcp" => {
                    let outer = (endpoint("172.16.0.1:50000", 0), endpoint("172.16.0.2:4789", 0));
                    build::ethernet(&build::udp(outer.0, outer.1, &build::vxlan(42, &build::ethernet(&tcp))))
                }
                _ => build::ethernet(&tcp),
            }
        })
        .collect()
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(u64::from(PACKETS)));
    for kind in ["plain tcp", "plain tcp, copies let through", "vlan tcp", "ipv6 udp", "vxlan tcp"] {
        let bytes = ip_packets(kind);
        let options =
            DecoderOptions { suppress_duplicates: !kind.contains("copies"), key: HashKey::fixed(7, 9) };
        let mut decoder = Decoder::new(options);
        let mut number = 0;
        group.bench_function(kind, |b| {
            b.iter(|| {
                for data in &bytes {
                    number += 1;
                    // 20 microseconds a packet: the next round is far outside the window of copies.
                    let packet = build::packet(Timestamp(number as i64 * 20_000), data);
                    black_box(decoder.decode(&packet, number));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
