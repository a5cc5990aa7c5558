//! Interfaces without a network: a folder stands for sysfs, a queue for libpcap, and time is a number.

use super::batch::Batch;
use super::interface::Interface;
use super::network::Network;
use super::tap::{Counters, OpenFault, Opener, Tap};
use super::*;
use crate::capture::LinkType;
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

/// A sysfs, and what each interface would give.
struct Lab {
    folder: PathBuf,
    wires: Arc<Mutex<HashMap<String, Wire>>>,
}

#[derive(Default)]
struct Wire {
    packets: VecDeque<(i64, &'static [u8])>,
    broken: Option<&'static str>,
    refuses: Option<OpenFault>,
    counters: Counters,
    opened: u32,
    /// Reads that still find nothing.
    late: u32,
}

impl Lab {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("swarmscope-live-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { folder, wires: Arc::default() }
    }

    fn with(interfaces: &[(&str, u32)]) -> Self {
        let lab = Self::new();
        for (name, index) in interfaces {
            lab.set(name, *index, "up", 1);
        }
        lab
    }

    fn set(&self, name: &str, index: u32, operstate: &str, changes: u32) {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, value) in [
            ("ifindex", &index.to_string()),
            ("operstate", &operstate.to_owned()),
            ("carrier_changes", &changes.to_string()),
        ] {
            fs::write(folder.join(file), format!("{value}\n")).unwrap();
        }
    }

    fn remove(&self, name: &str) {
        fs::remove_dir_all(self.folder.join(name)).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.join(from), self.folder.join(to)).unwrap();
    }

    fn wire<R>(&self, name: &str, change: impl FnOnce(&mut Wire) -> R) -> R {
        change(self.wires.lock().unwrap().entry(name.to_owned()).or_default())
    }

    fn network(&self) -> Network {
        Network::at(self.folder.clone())
    }

    fn opener(&self) -> Opener {
        let wires = Arc::clone(&self.wires);
        Box::new(move |name| {
            let mut all = wires.lock().unwrap();
            let wire = all.entry(name.to_owned()).or_default();
            if let Some(fault) = &wire.refuses {
                return Err(fault.clone());
            }
            wire.opened += 1;
            wire.counters = Counters::default();
            Ok(Box::new(FakeTap { name: name.to_owned(), wires: Arc::clone(&wires) }))
        })
    }

    fn live(&self, interfaces: &[&str]) -> Result<Live, CaptureError> {
        let interfaces = interfaces.iter().map(ToString::to_string).collect();
        Live::with(&LiveOptions { interfaces, ..LiveOptions::default() }, self.network(), self.opener())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

struct FakeTap {
    name: String,
    wires: Arc<Mutex<HashMap<String, Wire>>>,
}

impl Tap for FakeTap {
    fn read(&mut self, batch: &mut Batch) -> Result<(), String> {
        let mut wires = self.wires.lock().unwrap();
        let wire = wires.get_mut(&self.name).unwrap();
        if let Some(reason) = wire.broken.take() {
            return Err(reason.to_owned());
        }
        if wire.late > 0 {
            wire.late -= 1;
            return Ok(());
        }
        for _ in 0..batch::PACKETS_MAX {
            let Some((at, data)) = wire.packets.pop_front() else { break };
            batch.push(Timestamp(at), 1_500, data);
        }
        Ok(())
    }

    fn counters(&mut self) -> Option<Counters> {
        Some(self.wires.lock().unwrap().get(&self.name)?.counters)
    }

    fn link(&self) -> LinkType {
        LinkType::ETHERNET
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// One interface, looked at by hand.
struct One {
    lab: Lab,
    interface: Interface,
    opener: Opener,
}

impl One {
    fn open(lab: Lab) -> Self {
        let mut opener = lab.opener();
        let mut interface = Interface::new("eth1", CaptureMode::Promiscuous);
        interface.open_first(&lab.network(), &mut opener).unwrap();
        Self { lab, interface, opener }
    }

    /// Looks every half second from the first moment to the last; what is told then.
    fn until(&mut self, from: f64, to: f64) -> InterfaceStatus {
        let mut at = from;
        while at <= to {
            self.interface.check(Duration::from_secs_f64(at), &self.lab.network(), &mut self.opener);
            at += 0.5;
        }
        self.interface.tell(Duration::from_secs_f64(to))
    }

    fn opened(&self) -> u32 {
        self.lab.wire("eth1", |wire| wire.opened)
    }
}

#[test]
fn a_link_that_goes_down_is_a_gap_until_it_comes_up() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    let status = one.until(0.5, 10.0);
    assert!(status.up());
    assert_eq!((status.gaps, status.gap, status.retries), (0, Duration::ZERO, 0));

    one.lab.set("eth1", 3, "down", 2);
    let status = one.until(10.5, 20.0);
    assert_eq!((status.state, status.gaps), (InterfaceState::Down, 1));
    // It may have gone down right after it was last seen up.
    assert_eq!(status.gap, Duration::from_secs(10));

    one.lab.set("eth1", 3, "up", 3);
    let status = one.until(20.5, 30.0);
    assert!(status.up());
    assert_eq!((status.gaps, status.gap), (1, Duration::from_millis(10_500)));
    assert_eq!(one.opened(), 1, "the handle is kept");
}

#[test]
fn a_carrier_that_flickers_between_two_looks_is_a_gap_too() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    one.until(0.5, 5.0);
    one.lab.set("eth1", 3, "up", 3);
    let status = one.until(5.5, 10.0);
    assert_eq!((status.gaps, status.gap), (1, Duration::from_millis(500)));
    assert!(status.up());
}

#[test]
fn a_deleted_interface_is_tried_again_with_growing_pauses() {
    let mut one = One::open(Lab::with(&[("eth1", 3), ("lo", 1)]));
    one.lab.remove("eth1");
    one.lab.wire("eth1", |wire| wire.refuses = Some(OpenFault::Other("no such device".to_owned())));
    // Closed at 0.5; tried at 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 62.5, 92.5.
    let status = one.until(0.5, 100.0);
    assert_eq!(status.retries, 8);
    assert_eq!(status.state, InterfaceState::Closed("no such device".to_owned()));
    assert_eq!((status.gaps, status.gap), (1, Duration::from_secs(100)));

    // Made anew under another number: opened at the next look, not after the pause.
    one.lab.wire("eth1", |wire| wire.refuses = None);
    one.lab.set("eth1", 9, "up", 0);
    let status = one.until(100.5, 101.0);
    assert!(status.up());
    assert_eq!((one.opened(), status.retries, status.gaps), (2, 9, 1));
    assert_eq!(status.gap, Duration::from_millis(100_500));
}

#[test]
fn an_interface_made_anew_between_two_looks_is_opened_anew() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    one.lab.set("eth1", 4, "up", 0);
    let status = one.until(0.5, 2.0);
    assert!(status.up());
    assert_eq!((one.opened(), status.retries, status.gaps), (2, 1, 1));
}

#[test]
fn a_handle_follows_its_interface_when_that_is_renamed() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    one.lab.rename("eth1", "lan0");
    let status = one.until(0.5, 5.0);
    assert!(status.up());
    assert_eq!((status.name.as_str(), status.renamed_to.as_deref()), ("eth1", Some("lan0")));
    assert_eq!((one.opened(), status.gaps), (1, 0));
    // Its state is that of the new name.
    one.lab.set("lan0", 3, "down", 1);
    assert_eq!(one.until(5.5, 6.0).state, InterfaceState::Down);
}

#[test]
fn an_interface_that_fails_while_read_is_closed_and_opened_again() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    one.lab.wire("eth1", |wire| wire.broken = Some("The interface disappeared"));
    assert!(!one.interface.read(Duration::from_millis(200)));
    assert!(one.interface.fd().is_none());
    let status = one.until(0.5, 1.0);
    assert_eq!(status.state, InterfaceState::Closed("The interface disappeared".to_owned()));
    let status = one.until(1.5, 1.5);
    assert!(status.up());
    assert_eq!((one.opened(), status.gaps), (2, 1));
}

#[test]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    let lab = Lab::with(&[("lo", 1)]);
    lab.set("eth1", 3, "down", 1);
    lab.wire("eth1", |wire| wire.refuses = Some(OpenFault::Other("that device is not up".to_owned())));
    let mut one = One::open(lab);
    assert_eq!(one.until(0.5, 0.5).state, InterfaceState::Closed("that device is not up".to_owned()));
    one.lab.wire("eth1", |wire| wire.refuses = None);
    one.lab.set("eth1", 3, "up", 2);
    assert!(one.until(1.0, 1.0).up());
}

#[test]
fn the_kernels_counters_wrap_and_begin_anew_and_ours_do_not() {
    let mut one = One::open(Lab::with(&[("eth1", 3)]));
    let set = |one: &One, received, dropped| {
        let counters = Counters { received, dropped, interface_dropped: 7 };
        one.lab.wire("eth1", |wire| wire.counters = counters);
    };
    set(&one, u32::MAX, 10);
    assert_eq!(one.until(0.5, 0.5).kernel_received, u64::from(u32::MAX));
    set(&one, 4, 11);
    let status = one.until(1.0, 1.0);
    assert_eq!((status.kernel_received, status.kernel_dropped), (u64::from(u32::MAX) + 5, 11));
    // A new handle counts from zero.
    one.lab.set("eth1", 4, "up", 0);
    one.until(1.5, 2.0);
    set(&one, 100, 1);
    let status = one.until(2.5, 2.5);
    assert_eq!((status.kernel_received, status.kernel_dropped), (u64::from(u32::MAX) + 105, 12));
    assert_eq!(status.interface_dropped, 14);
}

#[test]
fn packets_of_several_interfaces_come_in_the_order_of_their_times() {
    let lab = Lab::with(&[("rx", 2), ("tx", 3)]);
    lab.wire("rx", |wire| wire.packets.extend([(10, b"a".as_slice()), (30, b"c"), (50, b"e")]));
    lab.wire("tx", |wire| wire.packets.extend([(20, b"b".as_slice()), (40, b"d")]));
    let mut live = lab.live(&["rx", "tx"]).unwrap();
    let mut seen = Vec::new();
    while let Read::Packet(packet) = live.next_packet().unwrap() {
        seen.push((packet.at.0, packet.data.to_vec(), packet.origin, packet.wire_len));
    }
    let expected: Vec<_> = (1_u16..=5)
        .zip(b'a'..)
        .map(|(n, letter)| (i64::from(n) * 10, vec![letter], (n + 1) % 2, 1_500))
        .collect();
    assert_eq!(seen, expected);
    let origins: Vec<_> = live.status().origins.iter().map(|origin| origin.interface.as_deref()).collect();
    assert_eq!(origins, [Some("rx"), Some("tx")]);
}

#[test]
fn an_answer_waits_for_its_question() {
    let lab = Lab::with(&[("rx", 2), ("tx", 3)]);
    let mut live = lab.live(&["rx", "tx"]).unwrap();
    // A thread that the machine puts aside for longer than packets are held sees them out of order: not ten times.
    let in_order = (0..10).any(|_| {
        let now = wall_clock().0;
        lab.wire("rx", |wire| wire.packets.push_back((now - 1_000, b"answer")));
        lab.wire("tx", |wire| {
            wire.late = 1;
            wire.packets.push_back((now - 2_000, b"question"));
        });
        let mut next = || match live.next_packet() {
            Ok(Read::Packet(packet)) => packet.data.to_vec(),
            other => panic!("{other:?}"),
        };
        [next(), next()] == [b"question".to_vec(), b"answer".to_vec()]
    });
    assert!(in_order);
    let now = wall_clock().0;
    // A silent interface, or a clock that was set back, holds nobody up for long.
    lab.wire("rx", |wire| {
        wire.packets.extend((0..1_000).map(|n| (now + 3_600_000_000_000 + n, b"x".as_slice())))
    });
    let start = monotonic();
    for _ in 0..1_000 {
        assert!(matches!(live.next_packet(), Ok(Read::Packet(_))));
    }
    // Forty if each were held.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_flood_on_one_interface_does_not_silence_another() {
    let lab = Lab::with(&[("busy", 2), ("calm", 3)]);
    lab.wire("busy", |wire| wire.packets.extend((0..100_000).map(|n| (n, b"x".as_slice()))));
    lab.wire("calm", |wire| wire.packets.push_back((1_000_000, b"y")));
    let mut live = lab.live(&["busy", "calm"]).unwrap();
    let before =
        (0..).take_while(|_| matches!(live.next_packet(), Ok(Read::Packet(p)) if p.origin == 0)).count();
    assert!(before <= batch::PACKETS_MAX, "{before} packets came first");
}

#[test]
fn the_end_comes_when_asked_for_and_after_what_was_waiting() {
    let lab = Lab::with(&[("eth1", 3)]);
    lab.wire("eth1", |wire| wire.packets.extend((0..200).map(|n| (n, b"x".as_slice()))));
    let mut live = lab.live(&["eth1"]).unwrap();
    live.stop.store(true, Ordering::Relaxed);
    let packets = (0..).take_while(|_| matches!(live.next_packet(), Ok(Read::Packet(_)))).count();
    assert_eq!(packets, 200);
    assert!(matches!(live.next_packet(), Ok(Read::End)));
    assert_eq!(live.status().interfaces[0].packets, 200);
}

#[test]
fn a_silent_link_is_idle_and_an_endless_one_still_stops() {
    let lab = Lab::with(&[("eth1", 3)]);
    let mut live = lab.live(&["eth1"]).unwrap();
    let before = wall_clock();
    assert!(matches!(live.next_packet(), Ok(Read::Idle(at)) if at + 3 * WAIT > before));
    lab.wire("eth1", |wire| wire.packets.extend((0..10_000_000).map(|n| (n, b"x".as_slice()))));
    live.stop.store(true, Ordering::Relaxed);
    let packets = (0..).take_while(|_| matches!(live.next_packet(), Ok(Read::Packet(_)))).count();
    assert!((1..10_000_000).contains(&packets), "{packets} packets");
}

#[test]
fn what_was_asked_for_wrongly_is_refused() {
    let lab = Lab::with(&[("eth0", 2), ("lo", 1)]);
    fs::write(lab.folder.join("bonding_masters"), "bond0\n").unwrap();
    let refusal = |interfaces: &[&str]| lab.live(interfaces).unwrap_err().to_string();
    assert_eq!(refusal(&["eth7"]), "eth7: there is no such interface; there are eth0, lo and any");
    assert_eq!(refusal(&["../../etc"]), "../../etc: there is no such interface; there are eth0, lo and any");
    assert_eq!(refusal(&["eth0", "eth0"]), "eth0: the interface was named twice");
    assert!(refusal(&["any", "eth0"]).contains("name it alone"));
    assert_eq!(refusal(&[]), "capture: no interface was named");
    lab.wire("lo", |wire| wire.refuses = Some(OpenFault::Permission));
    let text = refusal(&["eth0", "lo"]);
    assert!(
        text.starts_with("lo: no permission to capture; ") && text.contains("setcap cap_net_raw+ep /"),
        "{text}"
    );
    lab.wire("lo", |wire| wire.refuses = Some(OpenFault::Other("out of memory".to_owned())));
    assert_eq!(refusal(&["lo"]), "lo: out of memory");
    let options = LiveOptions {
        interfaces: vec!["lo".to_owned()],
        filter: Some("udp prt 1".to_owned()),
        ..LiveOptions::default()
    };
    assert!(matches!(Live::open(&options), Err(CaptureError::Filter(_))));
}
