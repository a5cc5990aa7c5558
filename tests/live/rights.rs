//! Rights given up, seen from outside: `/proc/PID/status` of a process that did.
//!
//! The process is this test again, started by the test: rights are given up by a whole process, for good.

use crate::network::{Network, SENSOR};
use std::fs;
use std::process::Command;
use std::time::Duration;
use swarmscope::capture::{CaptureError, Live, LiveOptions, PacketSource, Read};
use swarmscope::system::{Identity, KeepNetRaw, give_up_privileges};

/// Says to the process started what to do.
const ROLE: &str = "SWARMSCOPE_TEST_ROLE";

/// Runs the test of that name in a process of its own; what it says on stdout.
fn child(test: &str, role: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(ROLE, role)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// The fields of `/proc/self/task/*/status` that name rights, of the calling thread and those it starts.
fn rights() -> String {
    let status =
        std::thread::spawn(|| fs::read_to_string("/proc/thread-self/status").unwrap()).join().unwrap();
    let wanted = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];
    let line = |name: &&str| {
        let line = status.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    wanted.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn capture() -> Result<Live, CaptureError> {
    Live::open(&LiveOptions { interfaces: vec![SENSOR.to_owned()], ..LiveOptions::default() })
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_user_without_rights_goes_on_capturing() {
    match std::env::var(ROLE).as_deref() {
        Ok(role) => {
            let network = Network::new();
            let mut live = capture().unwrap();
            let mut sender = network.sender();
            let keep = if role == "keep" { KeepNetRaw::Yes } else { KeepNetRaw::No };
            give_up_privileges(Some(&Identity::named("nobody").unwrap()), keep).unwrap();
            println!("\n{}", rights());
            sender.send(3);
            let mut packets = 0;
            while packets < 3 {
                packets += u32::from(matches!(live.next_packet().unwrap(), Read::Packet(_)));
            }
            let again = capture().map(drop).map_err(|error| error.to_string());
            println!("again: {again:?}");
            println!("root again: {}", nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).is_ok());
            println!(
                "core: {:?}",
                nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap()
            );
        }
        Err(_) => {
            for (role, capabilities) in [("keep", "0000000000002000"), ("drop", "0000000000000000")] {
                let told = child("rights::a_user_without_rights_goes_on_capturing", role);
                let none = "0000000000000000";
                for line in [
                    "Uid: 65534 65534 65534 65534",
                    "Gid: 65534 65534 65534 65534",
                    "Groups: 65534",
                    &format!(
                        "CapInh: {none}\nCapPrm: {capabilities}\nCapEff: {capabilities}\nCapBnd: {none}\nCapAmb: {none}"
                    ),
                    "NoNewPrivs: 1",
                    "root again: false",
                    "core: (0, 0)",
                ] {
                    assert!(told.contains(&format!("\n{line}\n")), "{role}: {line}\n{told}");
                }
                let again = if role == "keep" {
                    "again: Ok(())"
                } else {
                    "again: Err(\"cable1: no permission to capture; "
                };
                assert!(told.contains(again), "{role}: {told}");
                assert!(role == "keep" || told.contains("setcap cap_net_raw+ep /"), "{told}");
            }
        }
    }
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn root_without_a_user_keeps_only_the_right_to_capture() {
    match std::env::var(ROLE) {
        Ok(_) => {
            let _network = Network::new();
            give_up_privileges(None, KeepNetRaw::Yes).unwrap();
            println!("\n{}", rights());
            let mut live = capture().unwrap();
            assert!(matches!(live.next_packet().unwrap(), Read::Idle(_)));
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(_) => {
            let told = child("rights::root_without_a_user_keeps_only_the_right_to_capture", "");
            assert!(
                told.contains(
                    "\nCapPrm: 0000000000002000\nCapEff: 0000000000002000\nCapBnd: 0000000000000000\n"
                ),
                "{told}"
            );
        }
    }
}
