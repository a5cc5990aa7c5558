//! What somebody opened a conversation with, as far as its first bytes tell: for ports on which BitTorrent listens and others
//! knock, and for tunnels into which it may have gone.

/// What the first bytes of a flow's originator are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Opens {
    /// Connected, sent nothing, left: a plain scan.
    Nothing,
    /// HTTP (RFC 9112).
    Http,
    /// TLS (RFC 8446).
    Tls,
    /// SSH (RFC 4253).
    Ssh,
    /// SMB (MS-SMB2), Windows file sharing.
    Smb,
    /// Remote desktop (MS-RDPBCGR).
    Rdp,
    /// SOCKS (RFC 1928): looks for an open proxy.
    Socks,
    /// Another protocol of readable lines.
    Text,
    /// Another peer-to-peer network.
    OtherP2p,
    /// DNS (RFC 1035).
    Dns,
    /// STUN (RFC 8489).
    Stun,
    /// QUIC (RFC 9000).
    Quic,
    /// WireGuard.
    WireGuard,
    /// OpenVPN.
    OpenVpn,
    /// Key exchange of IPsec (RFC 7296).
    Ike,
    /// IPsec payload inside UDP (RFC 3948).
    EspInUdp,
    /// Bytes that no rule names: random ones, or a protocol not known here.
    Unknown,
}

impl Opens {
    /// All of them, in the order of the output.
    pub const ALL: [Self; 17] = [
        Self::Nothing,
        Self::Http,
        Self::Tls,
        Self::Ssh,
        Self::Smb,
        Self::Rdp,
        Self::Socks,
        Self::Text,
        Self::OtherP2p,
        Self::Dns,
        Self::Stun,
        Self::Quic,
        Self::WireGuard,
        Self::OpenVpn,
        Self::Ike,
        Self::EspInUdp,
        Self::Unknown,
    ];

    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nothing => "connect-only",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Ssh => "ssh",
            Self::Smb => "smb",
            Self::Rdp => "rdp",
            Self::Socks => "socks",
            Self::Text => "text",
            Self::OtherP2p => "other-p2p",
            Self::Dns => "dns",
            Self::Stun => "stun",
            Self::Quic => "quic",
            Self::WireGuard => "wireguard",
            Self::OpenVpn => "openvpn",
            Self::Ike => "ike",
            Self::EspInUdp => "esp-in-udp",
            Self::Unknown => "unknown",
        }
    }

    /// Whether other traffic can go inside without being seen.
    #[must_use]
    pub const fn is_tunnel(self) -> bool {
        matches!(self, Self::WireGuard | Self::OpenVpn | Self::Ike | Self::EspInUdp | Self::Ssh)
    }
}

/// A stranger's visit to a port of a home host that turned out not to be BitTorrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// What the stranger opened with.
    pub opens: Opens,
    /// Whether the host sent payload on the flow.
    pub answered: bool,
}
