//! The interfaces of a live capture in the words of the outputs, which know no capture.

use crate::capture::{InterfaceState, SourceStatus};
use crate::frame::link_name;
use crate::output::InterfaceStatus;

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
        let renamed = crate::capture::InterfaceStatus { renamed_to: Some("lan0".to_owned()), ..up };
        assert_eq!(problem(renamed), (true, "it is called lan0 now".to_owned()));
    }
}
