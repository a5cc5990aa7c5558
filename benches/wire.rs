//! What one datagram or message costs to read.
#![allow(missing_docs)] // the macros of criterion make undocumented functions

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use swarmscope::wire::{bencode, krpc};

/// 104 bytes, as libtorrent sends them.
const GET_PEERS: &[u8] = b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:v4:LT\x02\x101:y1:qe";

fn krpc_messages(criterion: &mut Criterion) {
    let nodes = [&b"d1:rd2:id20:0123456789abcdefghij5:nodes208:"[..], &[7; 208], b"e1:t2:aa1:y1:re"].concat();
    let values = [
        &b"d1:rd2:id20:0123456789abcdefghij5:token4:tokn6:valuesl"[..],
        &b"6:\xc0\0\x02\x2c\xc8\xd5".repeat(100),
        b"ee1:t2:aa1:y1:re",
    ]
    .concat();
    let bomb = [&b"d1:a"[..], &[b'l'; 1400]].concat();
    let mut group = criterion.benchmark_group("krpc");
    for (name, datagram) in [
        ("get_peers query", GET_PEERS),
        ("find_node response, 8 nodes", &nodes),
        ("get_peers response, 100 values", &values),
        ("nesting bomb", &bomb),
        ("uTP header, refused", &[0x21; 20]),
    ] {
        group.throughput(Throughput::Bytes(datagram.len() as u64));
        group.bench_function(name, |b| b.iter(|| krpc::parse(black_box(datagram))));
    }
    group.finish();
}

fn bencode_documents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bencode");
    for (name, input, limits) in [
        ("get_peers query", GET_PEERS.to_vec(), bencode::DATAGRAM),
        (
            "list of 100,000",
            [b"l".to_vec(), b"1:x".repeat(100_000), b"e".to_vec()].concat(),
            bencode::METAINFO,
        ),
    ] {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |b| b.iter(|| bencode::parse(black_box(&input), limits)));
    }
    group.finish();
}

criterion_group!(benches, krpc_messages, bencode_documents);
criterion_main!(benches);
