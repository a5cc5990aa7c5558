//! The capture itself: silence, faults of the link, and exact accounts.

use crate::network::{Network, SENSOR};
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use swarmscope::base::Timestamp;
use swarmscope::capture::{
    CaptureError, CaptureMode, InterfaceState, InterfaceStatus, LinkType, Live, LiveOptions, PacketSource,
    RawPacket, Read,
};

fn options(interfaces: &[&str]) -> LiveOptions {
    LiveOptions { interfaces: interfaces.iter().map(ToString::to_string).collect(), ..LiveOptions::default() }
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
fn wall_clock() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64)
}

/// An interface is looked at twice a second; the rest is left to the machine, which may be busy, and to the kernel, which
/// tells of a carrier late then.
const NOTICED_MAX: Duration = Duration::from_secs(6);

/// Reads until the status is as wanted, and says after how long; at most ten seconds.
fn read_until(live: &mut Live, wanted: impl Fn(&InterfaceStatus) -> bool) -> Duration {
    let start = now();
    while !wanted(&live.status().interfaces[0]) {
        assert!(start.elapsed() < Duration::from_secs(10), "still {:?}", live.status().interfaces[0]);
        assert!(!matches!(live.next_packet().unwrap(), Read::End));
    }
    start.elapsed()
}

/// Reads for that long; the number of packets.
fn read_for(live: &mut Live, time: Duration) -> u64 {
    let start = now();
    let mut packets = 0;
    while start.elapsed() < time {
        packets += u64::from(matches!(live.next_packet().unwrap(), Read::Packet(_)));
    }
    packets
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_silent_link_is_idle_ten_times_a_second_and_stops_at_once() {
    let _network = Network::new();
    let options = options(&[SENSOR]);
    let mut live = Live::open(&options).unwrap();
    let start = now();
    let idle = (0..10).filter(|_| matches!(live.next_packet(), Ok(Read::Idle(_)))).count();
    assert_eq!(idle, 10);
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());

    let stop = options.stop.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(550));
        stop.store(true, Ordering::Relaxed);
        now()
    });
    while !matches!(live.next_packet().unwrap(), Read::End) {}
    let stopped = now();
    assert!(stopped.duration_since(stopper.join().unwrap()) < Duration::from_secs(2));
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn packets_arrive_whole_with_the_time_and_the_interface() {
    let network = Network::new();
    let mut live = Live::open(&options(&[SENSOR])).unwrap();
    let before = wall_clock();
    network.sender().send(3);
    let (mut seen, mut fine) = (0_u64, 0);
    while seen < 3 {
        let Read::Packet(packet) = live.next_packet().unwrap() else { continue };
        assert_eq!((packet.link, packet.data.len(), packet.wire_len), (LinkType::ETHERNET, 100, 100));
        assert_eq!(packet.data[14..22], seen.to_be_bytes());
        assert!(packet.at >= before && packet.at <= wall_clock(), "{}", packet.at);
        // Whole microseconds three times in a row would be nanoseconds that were not asked for.
        fine += packet.at.0 % 1_000;
        seen += 1;
        let origin = &live.status().origins[0];
        assert_eq!((origin.interface.as_deref(), origin.file.as_deref()), (Some(SENSOR), None));
    }
    assert_ne!(fine, 0);
    let status = &live.status().interfaces[0];
    assert_eq!(
        (status.mode, &status.state, status.link_type),
        (CaptureMode::Promiscuous, &InterfaceState::Up, Some(LinkType::ETHERNET))
    );
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_link_that_goes_down_is_noticed_and_its_gap_is_measured() {
    let network = Network::new();
    let mut live = Live::open(&options(&[SENSOR])).unwrap();
    let mut sender = network.sender();
    sender.send(5);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 5);

    for end in [SENSOR, "cable0"] {
        let gaps = live.status().interfaces[0].gaps;
        let gap = live.status().interfaces[0].gap;
        network.ip(&format!("link set {end} down"));
        let noticed = read_until(&mut live, |status| status.state == InterfaceState::Down);
        assert!(noticed < NOTICED_MAX, "{noticed:?}");
        read_for(&mut live, Duration::from_secs(2));
        network.ip(&format!("link set {end} up"));
        let noticed = read_until(&mut live, InterfaceStatus::up);
        assert!(noticed < NOTICED_MAX, "{noticed:?}");
        let status = &live.status().interfaces[0];
        assert_eq!((status.gaps, status.retries), (gaps + 1, 0));
        let seconds = (status.gap - gap).as_secs_f64();
        assert!((1.9..10.0).contains(&seconds), "{seconds}");
    }
    // The same handle goes on.
    let mut sender = network.sender();
    sender.send(7);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 7);
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn an_interface_that_was_deleted_and_made_anew_is_opened_anew() {
    let network = Network::new();
    let mut live = Live::open(&options(&[SENSOR])).unwrap();
    network.sender().send(5);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 5);

    network.ip("link del cable0");
    let noticed = read_until(&mut live, |status| matches!(status.state, InterfaceState::Closed(_)));
    assert!(noticed < NOTICED_MAX, "{noticed:?}");
    let cpu = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let micros = |t: nix::sys::time::TimeVal| t.tv_sec() * 1_000_000 + t.tv_usec();
        micros(usage.user_time()) + micros(usage.system_time())
    };
    let before = cpu();
    read_for(&mut live, Duration::from_secs(4));
    let used = cpu() - before;
    assert!(used < 40_000, "{used} µs of 4 s: it spins");
    assert!((1..=3).contains(&live.status().interfaces[0].retries));

    network.lay_cable();
    let noticed = read_until(&mut live, InterfaceStatus::up);
    assert!(noticed < NOTICED_MAX, "{noticed:?}");
    network.sender().send(7);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 7);
    let status = &live.status().interfaces[0];
    assert_eq!((status.gaps, status.packets), (1, 12));
    assert!(status.gap > Duration::from_secs(3));
    assert_eq!((status.kernel_received, status.kernel_dropped), (12, 0), "counters go on over both handles");
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_renamed_interface_is_followed() {
    let network = Network::new();
    let mut live = Live::open(&options(&[SENSOR])).unwrap();
    network.ip("link set cable1 name mirror");
    let noticed = read_until(&mut live, |status| status.renamed_to.as_deref() == Some("mirror"));
    assert!(noticed < NOTICED_MAX, "{noticed:?}");
    network.sender().send(4);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 4);
    assert_eq!(live.status().interfaces[0].retries, 0);
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    let network = Network::new();
    network.ip("link set cable1 down");
    let mut live = Live::open(&options(&[SENSOR])).unwrap();
    assert!(!live.status().interfaces[0].up());
    network.ip("link set cable1 up");
    let noticed = read_until(&mut live, InterfaceStatus::up);
    assert!(noticed < NOTICED_MAX, "{noticed:?}");
    network.sender().send(2);
    assert_eq!(read_for(&mut live, Duration::from_secs(1)), 2);
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn what_was_sent_is_read_or_counted_as_dropped() {
    let network = Network::new();
    let mut live = Live::open(&LiveOptions { buffer_bytes: 512 << 10, ..options(&[SENSOR]) }).unwrap();
    const SENT: u64 = 60_000;
    // Nobody reads meanwhile, and the ring is small.
    network.sender().send(SENT as usize);
    let read = read_for(&mut live, Duration::from_secs(2));
    let status = &live.status().interfaces[0];
    assert!(read > 0 && status.kernel_dropped > 0, "read {read}, dropped {}", status.kernel_dropped);
    assert_eq!(status.kernel_received, SENT);
    assert_eq!(read + status.kernel_dropped, SENT);
    assert_eq!((status.packets, live.status().kernel_dropped), (read, status.kernel_dropped));
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn several_interfaces_and_any_are_read_to_the_last_packet() {
    let network = Network::new();
    let mut live = Live::open(&options(&[SENSOR, "lo"])).unwrap();
    network.ip("link set lo up");
    let mut sender = network.sender();
    for _ in 0..20 {
        sender.send(1_000);
    }
    let (mut read, start) = ([0_u64; 2], now());
    while start.elapsed() < Duration::from_secs(2) {
        if let Read::Packet(packet) = live.next_packet().unwrap() {
            read[usize::from(packet.origin)] += 1;
        }
    }
    assert_eq!(read, [20_000, 0]);

    let mut any =
        Live::open(&LiveOptions { filter: Some("ether proto 0x88b5".to_owned()), ..options(&["any"]) })
            .unwrap();
    sender.send(10);
    // Each is seen twice: where it left and where it arrived.
    assert_eq!(read_for(&mut any, Duration::from_secs(1)), 20);
    let status = &any.status().interfaces[0];
    assert_eq!((status.mode, status.up()), (CaptureMode::Ordinary, true));
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn packets_of_two_interfaces_come_in_the_order_of_their_times() {
    let network = Network::new();
    // Each frame leaves one end and arrives at the other.
    let mut live = Live::open(&options(&["cable0", SENSOR])).unwrap();
    let mut sender = network.sender();
    let sending = std::thread::spawn(move || {
        for _ in 0..200 {
            sender.send(10);
            std::thread::sleep(Duration::from_millis(7));
        }
    });
    let (mut seen, mut last) = ([0_u64; 2], Timestamp::MIN);
    let start = now();
    while start.elapsed() < Duration::from_secs(4) {
        let Read::Packet(packet) = live.next_packet().unwrap() else { continue };
        assert!(packet.at >= last, "{} after {last}", packet.at);
        last = packet.at;
        seen[usize::from(packet.origin)] += 1;
    }
    sending.join().unwrap();
    assert_eq!(seen, [2_000, 2_000]);
}

/// A UDP datagram between these hosts, behind this many VLAN tags.
fn datagram(from: [u8; 16], to: [u8; 16], port: u8, v6: bool, tags: usize) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    (0..tags).for_each(|_| frame.extend([0x81, 0x00, 0x00, port]));
    let udp = [1, port, 2, port, 0, 9, 0, 0, b'x'];
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 9, 17, 64]);
        frame.extend([from, to].concat());
    } else {
        frame.extend([0x08, 0x00, 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend([&from[12..], &to[12..]].concat());
    }
    frame.extend(udp);
    frame
}

/// Reads this many packets, in turns; how many of each kind each capture gave. At most ten seconds.
fn read_shares(
    shares: &mut [Live],
    packets: usize,
    kind: impl Fn(&RawPacket<'_>) -> u8,
) -> Vec<HashMap<u8, u32>> {
    let mut seen = vec![HashMap::new(); shares.len()];
    let (mut left, start) = (packets, now());
    while left > 0 && start.elapsed() < Duration::from_secs(10) {
        for (live, seen) in shares.iter_mut().zip(&mut seen) {
            while let Read::Packet(packet) = live.next_packet().unwrap() {
                *seen.entry(kind(&packet)).or_default() += 1;
                left = left.saturating_sub(1);
            }
        }
    }
    seen
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn the_kernel_shares_packets_out_by_address_pair() {
    let network = Network::new();
    // Another capture on the same interface shares nothing.
    let mut other = Live::open(&options(&[SENSOR])).unwrap();
    let mut shares = Live::open_shares(&options(&[SENSOR]), 3).unwrap();
    let mut sender = network.sender();
    const HOSTS: u8 = 40;
    let host = |n: u8| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, n, 10, 0, 7, n];
    for (v6, tags) in [(false, 0), (true, 0), (false, 1), (true, 1), (false, 2), (true, 2)] {
        for n in 0..HOSTS {
            // A host and its server say something to each other on three ports.
            for port in [3, 5, 7] {
                sender.frame(&datagram(host(n), host(200), port, v6, tags));
                sender.frame(&datagram(host(200), host(n), port, v6, tags));
            }
        }
        let addresses = 14 + 4 * tags + if v6 { 8 } else { 12 };
        let seen = read_shares(&mut shares, 6 * usize::from(HOSTS), |packet| {
            let ends = &packet.data[addresses..][..if v6 { 32 } else { 8 }];
            let (from, to) = ends.split_at(ends.len() / 2);
            *from.last().min(to.last()).unwrap()
        });
        let what = format!("v6 {v6}, {tags} tags: {seen:?}");
        assert_eq!(seen.iter().map(HashMap::len).sum::<usize>(), usize::from(HOSTS), "{what}");
        assert!(seen.iter().flat_map(HashMap::values).all(|&packets| packets == 6), "{what}");
        // A third of them is expected, and none by chance once in 10⁷ times.
        assert!(!seen.iter().any(HashMap::is_empty), "{what}");
    }
    assert_eq!(read_for(&mut other, Duration::from_secs(1)), 6 * 6 * u64::from(HOSTS));

    // Made anew, the interface is shared out again.
    network.ip("link del cable0");
    for live in &mut shares {
        read_until(live, |status| matches!(status.state, InterfaceState::Closed(_)));
    }
    network.lay_cable();
    for live in &mut shares {
        read_until(live, InterfaceStatus::up);
    }
    let mut sender = network.sender();
    (0..HOSTS).for_each(|n| sender.frame(&datagram(host(n), host(200), 1, false, 0)));
    let read = read_shares(&mut shares, HOSTS.into(), |_| 0);
    assert_eq!(read.iter().flat_map(HashMap::values).sum::<u32>(), u32::from(HOSTS));
    assert!(!read.iter().any(HashMap::is_empty), "{read:?}");
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_filter_and_a_snapshot_length_hold() {
    let network = Network::new();
    let filtered = LiveOptions { filter: Some("ether proto 0x88b6".to_owned()), ..options(&[SENSOR]) };
    let mut live = Live::open(&filtered).unwrap();
    let mut cut = Live::open(&LiveOptions { snaplen: 64, ..options(&[SENSOR]) }).unwrap();
    network.sender().send(3);
    assert_eq!(read_for(&mut live, Duration::from_millis(500)), 0);
    let Read::Packet(packet) = cut.next_packet().unwrap() else { panic!("no packet") };
    assert_eq!((packet.data.len(), packet.wire_len), (64, 100));
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn mistakes_are_told_in_a_line() {
    let _network = Network::new();
    let refusal = |options: &LiveOptions| Live::open(options).unwrap_err();
    assert_eq!(
        refusal(&options(&["eth9"])).to_string(),
        "eth9: there is no such interface; there are cable0, cable1, lo and any"
    );
    let bad = LiveOptions { filter: Some("udp prt 53".to_owned()), ..options(&[SENSOR]) };
    assert!(matches!(refusal(&bad), CaptureError::Filter(text) if text.contains("syntax error")));
}
