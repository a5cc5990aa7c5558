//! A network namespace with a virtual cable: what is sent into `cable0` comes out of `cable1`.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pcap::{Active, Capture};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// The end of the cable that is listened on.
pub const SENSOR: &str = "cable1";

/// The calling thread's own network. Gone when the thread ends.
pub struct Network;

impl Network {
    /// Moves the calling thread into a new network with a cable whose ends are up.
    pub fn new() -> Self {
        assert_eq!(
            std::env::var("SWARMSCOPE_NETNS").as_deref(),
            Ok("1"),
            "set SWARMSCOPE_NETNS=1 to allow namespaces to be made"
        );
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let nothing = None::<&str>;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
        // A sysfs shows the interfaces of the namespace it was mounted in.
        mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), nothing).unwrap();
        // Otherwise the kernel sends packets of its own, and counts are not exact.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        let network = Self;
        network.lay_cable();
        network
    }

    /// Makes the cable, sets its ends up, and waits until both say so.
    pub fn lay_cable(&self) {
        self.ip("link add cable0 type veth peer name cable1");
        for end in ["cable0", SENSOR] {
            self.ip(&format!("link set {end} arp off multicast off up"));
        }
        // The kernel tells of a carrier a moment after it is there, on a busy machine up to seconds after.
        let state = |end: &str| fs::read_to_string(format!("/sys/class/net/{end}/operstate")).unwrap();
        for _ in 0..1_000 {
            if ["cable0", SENSOR].iter().all(|end| state(end).trim() == "up") {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("cable0 is {}, {SENSOR} is {}", state("cable0").trim(), state(SENSOR).trim());
    }

    /// Runs `ip`.
    pub fn ip(&self, arguments: &str) {
        let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The other end of the cable, to send from.
    pub fn sender(&self) -> Sender {
        Sender(Capture::from_device("cable0").unwrap().open().unwrap())
    }
}

/// Sends frames into the cable.
pub struct Sender(Capture<Active>);

impl Sender {
    /// Sends a frame.
    pub fn frame(&mut self, frame: &[u8]) {
        self.0.sendpacket(frame).unwrap();
    }

    /// Sends this many Ethernet frames of 100 bytes, of a type that nobody answers.
    pub fn send(&mut self, frames: usize) {
        let mut frame = vec![0x02; 100];
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        for number in 0..frames {
            frame[14..22].copy_from_slice(&(number as u64).to_be_bytes());
            self.0.sendpacket(frame.as_slice()).unwrap();
        }
    }
}
