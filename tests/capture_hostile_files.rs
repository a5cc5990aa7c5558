//! Damaged, contradictory and hostile capture files: everything readable comes out, everything else is named.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod capture_support;

use capture_support::{Order, Outcome, payload, pcap, read, time};
use proptest::prelude::*;
use swarmscope::capture::LinkType;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// What must come out of a file.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Which of the numbered packets.
    packets: Vec<u8>,
    /// Offset of each damage, and words of its reason.
    damage: Vec<(u64, &'static str)>,
}

fn case(
    name: &'static str,
    bytes: impl Into<Vec<u8>>,
    packets: impl IntoIterator<Item = u8>,
    damage: impl IntoIterator<Item = (u64, &'static str)>,
) -> Case {
    let packets = packets.into_iter().collect();
    Case { name, bytes: bytes.into(), packets, damage: damage.into_iter().collect() }
}

fn check(cases: Vec<Case>) {
    for Case { name, bytes, packets, damage } in cases {
        let outcome = read(&bytes);
        assert_eq!(numbers(&outcome), packets, "{name}: {:?}", outcome.damage());
        assert_eq!(outcome.damage().len(), damage.len(), "{name}: {:?}", outcome.damage());
        for (found, (offset, words)) in outcome.damage().iter().zip(damage) {
            assert_eq!(found.offset, offset, "{name}: {found:?}");
            assert!(found.reason.contains(words), "{name}: {found:?}");
        }
    }
}

/// The numbers of the packets, each checked to be whole.
fn numbers(outcome: &Outcome) -> Vec<u8> {
    let number = |packet: &swarmscope::capture::OwnedPacket| {
        let n = packet.data.first().copied().unwrap_or(0xff);
        assert_eq!(packet.data, payload(n));
        assert_eq!(packet.at, time(n));
        n
    };
    outcome.packets.iter().map(number).collect()
}

/// `bytes` with a 32-bit little-endian number at `at`.
fn patched(bytes: &[u8], at: usize, number: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn files_that_are_no_captures_say_what_they_begin_with() {
    let (good, _) = pcap(1);
    check(vec![
        case("empty", [], [], [(0, "empty file: 0 bytes, need 24")]),
        case("three bytes", [0xd4, 0xc3, 0xb2], [], [(0, "3 bytes (d4 c3 b2), need 24")]),
        case("ten bytes", &good[..10], [], [(0, "24 bytes needed, 10 present")]),
        case("text", *b"hello, world\n", [], [(0, "begins with 68 65 6c 6c (text)")]),
        case("binary", [0xde, 0xad, 0xbe, 0xef, 0], [], [(0, "de ad be ef")]),
        case("lz4", [0x04, 0x22, 0x4d, 0x18, 0], [], [(0, "lz4")]),
        case("xz", *b"\xfd7zXZ\0", [], [(0, "xz")]),
        case("bzip2", *b"BZh91AY", [], [(0, "bzip2")]),
        case("zip", *b"PK\x03\x04....", [], [(0, "zip")]),
        case(
            "pcapng with no byte-order magic",
            *b"\n\r\r\n\0\0\0\x1c\0\0\0\0",
            [],
            [(0, "byte-order magic")],
        ),
    ]);
}

#[test]
fn pcap_damage_costs_the_damaged_record() {
    let (good, at) = pcap(6);
    let long = |n: usize| patched(&good, at[n] + 8, u32::MAX);
    let noise: Vec<u8> =
        (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let with_noise = |len: usize| [&good[..at[3]], &noise[..len], &good[at[3]..]].concat();
    let [a1, a3, a5, a6] = [at[1], at[3], at[5], at[6]].map(|offset| offset as u64);
    check(vec![
        case("whole", &good[..], 0..6, []),
        case("header only", &good[..24], [], []),
        case("cut in a record header", &good[..at[5] + 9], 0..5, [(a5, "16 bytes needed, 9 present")]),
        case("cut in a packet", &good[..at[5] + 30], 0..5, [(a5, "71 bytes needed, 30 present")]),
        case("caplen 4 GiB, four good behind", long(1), [0, 2, 3, 4, 5], [(a1, "resumed 43 bytes later")]),
        case("caplen 4 GiB, one good behind", long(4), [0, 1, 2, 3, 5], [(at[4] as u64, "resumed")]),
        case("caplen 4 GiB, none behind", long(5), 0..5, [(a5, "no record found")]),
        case("caplen 4 GiB in the first", long(0), 1..6, [(24, "resumed")]),
        case("noise", with_noise(60_000), 0..6, [(a3, "resumed 60000 bytes later")]),
        case(
            "more noise than is searched",
            with_noise(66_000),
            0..3,
            [(a3, "no record found in 65536 bytes")],
        ),
        case("zeros are packets of no bytes", [&good[..], &[0; 7]].concat(), 0..6, [(a6, "7 present")]),
        case("link type beyond 16 bits", patched(&good, 20, 70_000), [], [(20, "link type 70000")]),
        case("frame check sequence bits", patched(&good, 20, 0x4400_0001), 0..6, []),
    ]);
}

#[test]
fn contradicting_lengths_and_times_are_put_right_and_counted() {
    let (good, at) = pcap(3);
    let more_than_wire = read(&patched(&good, at[1] + 12, 5));
    assert_eq!((numbers(&more_than_wire).len(), more_than_wire.packets[1].wire_len), (3, 27));
    assert_eq!(more_than_wire.status.normalised, 1);

    let more_than_snap = read(&patched(&good, 16, 22));
    assert_eq!((numbers(&more_than_snap), more_than_snap.status.normalised), (vec![0, 1, 2], 2));

    let seconds = read(&patched(&good, at[1] + 4, 2_500_000));
    assert_eq!(seconds.packets[1].at.0 - time(0).0, 3_500_000_000);
    assert_eq!(seconds.status.normalised, 1);

    let empty = read(&[&patched(&good[..40], 32, 0)[..], &good[at[1]..]].concat());
    assert_eq!((empty.packets[0].data.len(), empty.packets[0].wire_len, empty.packets.len()), (0, 20, 3));

    let far = read(&patched(&good, at[2], u32::MAX));
    assert_eq!(far.packets[2].at.secs(), i64::from(u32::MAX));
}

#[test]
fn offloaded_frames_beyond_64_kib_pass() {
    let (mut file, _) = pcap(0);
    for len in [65_549_u32, 262_144] {
        file.extend([[0; 4], [0; 4], len.to_le_bytes(), len.to_le_bytes()].concat());
        file.extend(vec![1; len as usize]);
    }
    let outcome = read(&file);
    assert_eq!(outcome.packets.iter().map(|packet| packet.data.len()).collect::<Vec<_>>(), [65_549, 262_144]);
    assert!(outcome.damage().is_empty());
}

#[test]
fn all_magic_numbers_are_read() {
    for (magic, nanos, extra) in
        [(0xa1b2_c3d4_u32, false, 0), (0xa1b2_3c4d, true, 0), (0xa1b2_cd34, false, 8)]
    {
        for order in ORDERS {
            let mut file =
                [order.u32(magic), order.u16(2), order.u16(4), vec![0; 8], order.u32(65_535), order.u32(101)]
                    .concat();
            for n in 0..3 {
                let fraction = (time(n).0 % 1_000_000_000) as u32 / if nanos { 1 } else { 1_000 };
                let len = order.u32(payload(n).len() as u32);
                file.extend(
                    [order.u32(time(n).secs() as u32), order.u32(fraction), len.clone(), len].concat(),
                );
                file.extend(vec![0xee; extra]);
                file.extend(payload(n));
            }
            let outcome = read(&file);
            assert_eq!(numbers(&outcome), [0, 1, 2], "{magic:x} {order:?}");
            assert!(outcome.packets.iter().all(|packet| packet.link == LinkType::RAW));
        }
    }
}

#[test]
fn old_versions_have_their_lengths_swapped() {
    let (good, at) = pcap(2);
    for (minor, swapped) in [(1_u8, true), (3, true), (3, false)] {
        let mut file = good.clone();
        file[6] = minor;
        let mut file = patched(&file, at[1] + 12, 100);
        if swapped {
            let (captured, original) = file[at[1] + 8..at[1] + 16].split_at_mut(4);
            captured.swap_with_slice(original);
        }
        let outcome = read(&file);
        assert_eq!((numbers(&outcome), outcome.packets[1].wire_len), (vec![0, 1], 100), "2.{minor}");
    }
}

#[test]
fn pcapng_damage_costs_the_damaged_block() {
    for order in ORDERS {
        let set = |mut bytes: Vec<u8>, at: usize, number: u32| {
            bytes[at..at + 4].copy_from_slice(&order.u32(number));
            bytes
        };
        let head = [order.section(), order.interface(1, &[])].concat();
        let file = |bad: Vec<u8>| [&head[..], &order.packet(0, 0), &bad, &order.packet(0, 2)].concat();
        let p = order.packet(0, 1);
        let bad_at = (head.len() + order.packet(0, 0).len()) as u64;
        let trailer = p.len() - 4;
        let no_interface = [order.section(), order.packet(0, 0)].concat();
        let option_too_long =
            [order.section(), order.interface(1, &order.u32(0x0002_0002)), order.packet(0, 0)];
        let clock = order.interface(1, &order.option(9, &[127]));
        check(vec![
            case("whole", file(p.clone()), 0..3, []),
            case("block length 0", file(set(p.clone(), 4, 0)), [0], [(bad_at, "0 bytes long")]),
            case("block length 8", file(set(p.clone(), 4, 8)), [0], [(bad_at, "8 bytes long")]),
            case("block length 33", file(set(p.clone(), 4, 33)), [0], [(bad_at, "33 bytes long")]),
            case("block length 4 GiB", file(set(p.clone(), 4, u32::MAX)), [0], [(bad_at, "4294967295")]),
            case(
                "block longer than the file",
                file(set(p.clone(), 4, 65_536)),
                [0],
                [(bad_at, "65536 bytes needed")],
            ),
            case("trailer mismatch", file(set(p.clone(), trailer, 64)), [0, 2], [(bad_at, "and 64 behind")]),
            case(
                "caplen beyond the block",
                file(set(p.clone(), 20, 5_000)),
                [0, 2],
                [(bad_at, "5000 captured")],
            ),
            case("unknown interface", file(set(p.clone(), 8, 1)), [0, 2], [(bad_at, "interface 1;")]),
            case("no interface", no_interface, [], [(28, "interface 0; the section has described 0")]),
            case(
                "packet block without fields",
                file(order.block(6, &[0; 8])),
                [0, 2],
                [(bad_at, "body of 8")],
            ),
            case("option too long", option_too_long.concat(), [0], [(28, "where 0 are left")]),
            case(
                "if_tsresol 127",
                [order.section(), clock, order.packet(0, 0)].concat(),
                [0],
                [(28, "if_tsresol 127")],
            ),
            case("unknown block", file(order.block(0x0bad, &vec![7; 999_999])), [0, 2], []),
            case(
                "unknown block, trailer mismatch",
                file(set(order.block(0xbad, &[7; 8]), 16, 24)),
                [0, 2],
                [(bad_at, "and 24 behind")],
            ),
            case("empty unknown block", file(order.block(0x0bad, &[])), [0, 2], []),
            case("interface too short", file(order.block(1, &[0; 4])), [0, 2], [(bad_at, "body of 4 bytes")]),
            case(
                "packet block of 1 MiB",
                file(order.block(6, &vec![0; 1 << 20])),
                [0, 2],
                [(bad_at, "too long")],
            ),
            case("version 2", file(set(order.section(), 12, 0x0002_0002)), [0], [(bad_at, "version 2")]),
        ]);
    }
}

#[test]
fn sections_interfaces_and_clocks_are_kept_apart() {
    let [little, big] = ORDERS;
    let nanos = little.option(9, &[9]);
    let name = |order: Order, name: &[u8]| order.option(2, name);
    let file = [
        little.section(),
        little.interface(1, &[name(little, b"eth0"), little.option(1, b"comment")].concat()),
        little.interface(101, &[name(little, b"wg0\0"), nanos].concat()),
        little.packet(1, 0),
        little.packet(0, 1),
        big.section(),
        big.interface(113, &name(big, b"eth0")),
        big.packet(0, 2),
    ]
    .concat();
    let outcome = read(&file);
    let links: Vec<u16> = outcome.packets.iter().map(|packet| packet.link.0).collect();
    assert_eq!(links, [101, 1, 113]);
    assert_eq!(outcome.packets[0].at.0, time(0).0 / 1_000, "nanoseconds");
    assert_eq!(outcome.packets[2].at, time(2));
    let origins: Vec<u16> = outcome.packets.iter().map(|packet| packet.origin).collect();
    assert_eq!(origins, [0, 1, 1]);
    let names: Vec<_> = outcome.status.origins.iter().map(|origin| origin.interface.as_deref()).collect();
    assert_eq!(names, [Some("wg0"), Some("eth0")]);
    assert_eq!(outcome.status.origins[0].file.as_deref(), Some("t.pcap"));
    assert!(outcome.damage().is_empty());
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    for order in ORDERS {
        let stamped = order.packet(0, 0);
        let body = &stamped[8 + 4..stamped.len() - 4];
        let obsolete = order.block(2, &[&order.u16(0)[..], &order.u16(9), body].concat());
        let simple = order.block(3, &[order.u32(400), payload(3)].concat());
        let outcome = read(&[order.section(), order.interface(1, &[]), obsolete, simple].concat());
        let [first, second] = &outcome.packets[..] else { panic!("{outcome:?}") };
        assert_eq!((first.at, &first.data), (time(0), &payload(0)));
        assert_eq!((second.at, second.wire_len), (time(0), 400), "a simple packet has no time of its own");
        assert_eq!(&second.data[..payload(3).len()], payload(3));
    }
}

#[test]
fn interfaces_and_damage_without_end_are_bounded() {
    let order = Order::Little;
    let one = order.interface(1, &[]);
    let mut file = order.section();
    for _ in 0..65_600 {
        file.extend(&one);
    }
    file.extend(order.packet(65_535, 0));
    file.extend(order.packet(65_536, 1));
    let outcome = read(&file);
    assert_eq!(numbers(&outcome), [0]);
    assert_eq!(outcome.damage().len(), 16);
    assert!(outcome.damage()[15].reason.contains("not listed"));
}

fn small_pcapng(order: Order) -> (Vec<u8>, Vec<usize>) {
    let mut file = [order.section(), order.interface(1, &order.option(2, b"eth0"))].concat();
    let mut ends = vec![file.len()];
    for n in 0..5 {
        file.extend(order.packet(0, n));
        ends.push(file.len());
    }
    (file, ends)
}

#[test]
fn every_prefix_gives_exactly_the_whole_packets_before_the_cut() {
    for (file, ends) in [pcap(5), small_pcapng(Order::Little), small_pcapng(Order::Big)] {
        for cut in 0..=file.len() {
            let outcome = read(&file[..cut]);
            let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
            assert_eq!(numbers(&outcome), (0..whole as u8).collect::<Vec<_>>(), "cut at {cut}");
            // A pcapng file may also end behind its section header.
            let clean = ends.contains(&cut) || cut == 28 && file[0] == b'\n';
            assert_eq!(outcome.damage().len(), usize::from(!clean), "cut at {cut}: {:?}", outcome.damage());
        }
    }
}

proptest! {
    #[test]
    fn mutated_files_never_panic(
        format in 0..3,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = match format {
            0 => pcap(6).0,
            1 => small_pcapng(Order::Little).0,
            _ => small_pcapng(Order::Big).0,
        };
        for (at, byte) in edits {
            let len = file.len();
            file[at.index(len)] = byte;
        }
        file.truncate(cut.index(file.len() + 1));
        let outcome = read(&file);
        let taken: usize = outcome.packets.iter().map(|packet| packet.data.len()).sum();
        prop_assert!(taken <= file.len());
    }

    #[test]
    fn random_bytes_behind_a_magic_number_never_panic(
        magic in prop::sample::select(vec![
            &b"\xd4\xc3\xb2\xa1"[..], b"\xa1\xb2\x3c\x4d", b"\x34\xcd\xb2\xa1", b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"",
        ]),
        noise in proptest::collection::vec(any::<u8>(), 0..4_000),
    ) {
        read(&[magic, &noise].concat());
    }
}
