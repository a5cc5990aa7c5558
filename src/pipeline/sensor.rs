//! The interfaces of a live capture in the words of the outputs, which know no capture.

use crate::capture::{InterfaceState, SourceStatus};
use crate::frame::link_name;
use crate::output::{InterfaceStatus, SensorStatus};

/// How the interfaces fare.
pub fn interfaces(status: &SourceStatus) -> Vec<InterfaceStatus> {
    status.interfaces.iter().map(interface).collect()
}

fn interface(interface: &crate::capture::InterfaceStatus) -> InterfaceStatus {
    let renamed = interface.renamed_to.as_ref().map(|name| format!("it is called {name} now"));
    let problem = match &interface.state {
        InterfaceState::Up => renamed,
        InterfaceState::Down => Some("it is down or has no carrier".to_owned()),
        InterfaceState::Closed(reason) => Some(reason.clone()),
    };
    let link_type = match interface.link_type {
        None => "unknown".to_owned(),
        Some(link) => link_name(link).map_or_else(|| link.0.to_string(), str::to_owned),
    };
    InterfaceStatus {
        name: interface.name.clone(),
        link_type,
        up: interface.up(),
        problem,
        mode: interface.mode.name().to_owned(),
        packets: interface.packets,
        kernel_received: interface.kernel_received,
        kernel_dropped: interface.kernel_dropped,
        interface_dropped: interface.interface_dropped,
        retries: interface.retries,
        gaps: interface.gaps,
        gap: interface.gap,
    }
}

/// Adds what another reader of the same interfaces sees. All look at the same carrier, so gaps are not added up; and one
/// that cannot capture is a problem, whatever the others can.
pub fn join(into: &mut SensorStatus, other: &SensorStatus) {
    for (into, other) in into.interfaces.iter_mut().zip(&other.interfaces) {
        into.up &= other.up;
        if let Some(problem) = &other.problem {
            into.problem.get_or_insert_with(|| problem.clone());
        }
        into.packets += other.packets;
        into.kernel_received += other.kernel_received;
        into.kernel_dropped += other.kernel_dropped;
        into.interface_dropped = into.interface_dropped.max(other.interface_dropped);
        into.retries += other.retries;
        into.gaps = into.gaps.max(other.gaps);
        into.gap = into.gap.max(other.gap);
    }
    into.queues.extend_from_slice(&other.queues);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureMode, LinkType};
    use std::time::Duration;

    #[test]
    fn every_state_is_told_with_its_reason() {
        let up = crate::capture::InterfaceStatus {
            name: "eth1".to_owned(),
            renamed_to: None,
            link_type: Some(LinkType::ETHERNET),
            state: InterfaceState::Up,
            mode: CaptureMode::Promiscuous,
            packets: 90,
            kernel_received: 100,
            kernel_dropped: 10,
            interface_dropped: 1,
            retries: 2,
            gaps: 3,
            gap: Duration::from_secs(4),
        };
        let told = interface(&up);
        assert_eq!((told.up, told.problem, told.mode.as_str()), (true, None, "promiscuous"));
        assert_eq!((told.packets, told.kernel_received, told.kernel_dropped), (90, 100, 10));
        assert_eq!(
            (told.interface_dropped, told.retries, told.gaps, told.gap),
            (1, 2, 3, Duration::from_secs(4))
        );
        assert_ne!(told.link_type, "unknown");
        let problem = |status| {
            let told = interface(&status);
            (told.up, told.problem.unwrap_or_default())
        };
        let down = crate::capture::InterfaceStatus { state: InterfaceState::Down, ..up.clone() };
        assert_eq!(problem(down), (false, "it is down or has no carrier".to_owned()));
        let state = InterfaceState::Closed("gone".to_owned());
        assert_eq!(
            problem(crate::capture::InterfaceStatus { state, ..up.clone() }),
            (false, "gone".to_owned())
        );
        let mut both =
            SensorStatus { interfaces: vec![interface(&up)], queues: vec![0.5], ..SensorStatus::default() };
        let other = crate::capture::InterfaceStatus { state: InterfaceState::Down, gaps: 5, ..up.clone() };
        join(
            &mut both,
            &SensorStatus {
                interfaces: vec![interface(&other)],
                queues: vec![0.25],
                ..SensorStatus::default()
            },
        );
        let told = &both.interfaces[0];
        assert_eq!((told.up, told.problem.as_deref()), (false, Some("it is down or has no carrier")));
        assert_eq!(
            (told.packets, told.kernel_received, told.kernel_dropped, told.retries),
            (180, 200, 20, 4)
        );
        assert_eq!((told.interface_dropped, told.gaps, told.gap), (1, 5, Duration::from_secs(4)));
        assert_eq!(both.queues, [0.5, 0.25]);
        let renamed = crate::capture::InterfaceStatus { renamed_to: Some("lan0".to_owned()), ..up };
        assert_eq!(problem(renamed), (true, "it is called lan0 now".to_owned()));
    }
}
