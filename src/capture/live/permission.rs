//! Says what is missing when an interface may not be opened.

use std::fs;

/// `CAP_NET_RAW` of `linux/capability.h`: the right to open packet sockets.
const NET_RAW: u32 = 13;

/// Whether this thread may open packet sockets (a capability belongs to a thread); true where that cannot be known.
pub(super) fn may_capture() -> bool {
    fs::read_to_string("/proc/thread-self/status")
        .ok()
        .and_then(|status| effective(&status))
        .is_none_or(has_net_raw)
}

/// The effective capabilities that `/proc/PID/status` tells (`proc_pid_status(5)`).
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn has_net_raw(capabilities: u64) -> bool {
    (capabilities >> NET_RAW) & 1 == 1
}

/// The ways to get it, in one line.
pub(super) fn remedy() -> String {
    let program =
        std::env::current_exe().map_or_else(|_| "swarmscope".to_owned(), |path| path.display().to_string());
    format!(
        "it needs the capability CAP_NET_RAW: run it as root with --user, or once: setcap cap_net_raw+ep {program}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_to_capture_is_bit_13() {
        let status = |bits: &str| format!("Name:\tx\nCapPrm:\tffff\nCapEff:\t{bits}\nCapBnd:\tffff\n");
        for (bits, may) in [
            ("0000000000002000", true),
            ("000001ffffffffff", true),
            ("0000000000001000", false),
            ("0", false),
        ] {
            assert_eq!(effective(&status(bits)).map(has_net_raw), Some(may), "{bits}");
        }
        assert_eq!(effective("Name:\tx\n"), None);
        assert_eq!(effective("CapEff:\tno\n"), None);
    }
}
