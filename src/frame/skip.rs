//! Why a packet becomes no frame.

/// Why a packet became no [`Frame`](crate::frame::Frame). A closed set: the labels are metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// The capture ends inside the link, VLAN or tunnel headers.
    TruncatedLink,
    /// The capture ends inside an IP header or its extensions.
    TruncatedIp,
    /// The capture ends inside the TCP, UDP or ICMP header.
    TruncatedTransport,
    /// Another network protocol: ARP, LLDP, spanning tree, IS-IS, a control message of a tunnel.
    NotIp,
    /// Another transport: SCTP, OSPF, IGMP; or IPComp (RFC 3173), which compresses what it carries.
    NotTcpOrUdp,
    /// ICMP or ICMPv6 that reports no unreachable destination.
    Icmp,
    /// ESP (RFC 4303) or encrypted MACsec (IEEE 802.1AE): what is inside cannot be read.
    Encrypted,
    /// A header contradicts itself or its packet.
    BadHeader,
    /// More than 16 headers below the transport, or more than 8 IPv6 extension headers.
    TooManyLayers,
    /// A link type that is not supported, see [`Decoder::unsupported`](crate::frame::Decoder::unsupported).
    UnsupportedLinktype,
    /// A fragment that no longer fits: its datagram has too many, or would be nested too deep.
    FragmentLimit,
    /// A fragment whose every byte was seen before, some of them with another value or another total length.
    FragmentOverlap,
}

impl Skip {
    /// Every reason there is, in the order of the declaration.
    pub const ALL: [Self; 12] = [
        Self::TruncatedLink,
        Self::TruncatedIp,
        Self::TruncatedTransport,
        Self::NotIp,
        Self::NotTcpOrUdp,
        Self::Icmp,
        Self::Encrypted,
        Self::BadHeader,
        Self::TooManyLayers,
        Self::UnsupportedLinktype,
        Self::FragmentLimit,
        Self::FragmentOverlap,
    ];

    /// The reason as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TruncatedLink => "truncated_link",
            Self::TruncatedIp => "truncated_ip",
            Self::TruncatedTransport => "truncated_transport",
            Self::NotIp => "not_ip",
            Self::NotTcpOrUdp => "not_tcp_or_udp",
            Self::Icmp => "icmp",
            Self::Encrypted => "encrypted",
            Self::BadHeader => "bad_header",
            Self::TooManyLayers => "too_many_layers",
            Self::UnsupportedLinktype => "unsupported_linktype",
            Self::FragmentLimit => "fragment_limit",
            Self::FragmentOverlap => "fragment_overlap",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_all_are_listed_in_order() {
        let labels: std::collections::BTreeSet<_> = Skip::ALL.iter().map(|s| s.label()).collect();
        assert_eq!(labels.len(), Skip::ALL.len());
        assert!(Skip::ALL.iter().enumerate().all(|(i, s)| *s as usize == i));
    }
}
