//! What a frame came through: origin, VLAN tags, tunnels; each combination is kept once.

use super::PathId;
use crate::base::KeyedState;
use std::collections::HashMap;

/// A header that carries whole packets of others. Fields are the ids that tell customers apart; per-subscriber ids
/// (GTP TEID, PPPoE session) are left out, since they would fill the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tunnel {
    /// RFC 3032 label stack; the innermost label.
    Mpls {
        /// The 20-bit label.
        label: u32,
    },
    /// RFC 2516.
    Pppoe,
    /// RFC 2784, RFC 2890, and RFC 2637 (PPTP).
    Gre,
    /// RFC 7637: GRE that carries Ethernet and has a key. Linux `gretap` with a key looks the same.
    Nvgre {
        /// Virtual subnet id, 24 bits.
        vsid: u32,
    },
    /// Cisco ERSPAN type I, II or III in GRE.
    Erspan {
        /// Mirror session, 10 bits; 0 for type I, which has none.
        session: u16,
    },
    /// RFC 2003: IPv4 in IP.
    Ipip,
    /// RFC 4213 and RFC 2473: IPv6 in IP.
    SixInIp,
    /// RFC 3378.
    EtherIp,
    /// RFC 7348, and VXLAN-GPE.
    Vxlan {
        /// VXLAN network identifier, 24 bits.
        vni: u32,
    },
    /// RFC 8926.
    Geneve {
        /// Virtual network identifier, 24 bits.
        vni: u32,
    },
    /// 3GPP TS 29.281, T-PDU.
    GtpU,
    /// RFC 4380.
    Teredo,
    /// RFC 2661 and RFC 3931.
    L2tp,
    /// RFC 8300.
    Nsh {
        /// Service path identifier, 24 bits.
        path: u32,
    },
    /// IEEE 802.1AE without encryption.
    Macsec,
}

impl Tunnel {
    /// The kind of tunnel, for labels and reports.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Mpls { .. } => "mpls",
            Self::Pppoe => "pppoe",
            Self::Gre => "gre",
            Self::Nvgre { .. } => "nvgre",
            Self::Erspan { .. } => "erspan",
            Self::Ipip => "ipip",
            Self::SixInIp => "6in4",
            Self::EtherIp => "etherip",
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::GtpU => "gtp-u",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
            Self::Nsh { .. } => "nsh",
            Self::Macsec => "macsec",
        }
    }
}

/// Where a frame was seen and what it was wrapped in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Path {
    /// Index of the capture source's origin.
    pub origin: u16,
    /// VLAN ids, outermost first, at most 4; priority tags (id 0) are left out.
    pub vlans: Vec<u16>,
    /// Tunnels, outermost first, at most 4.
    pub tunnels: Vec<Tunnel>,
}

/// The fixed-size form of a [`Path`] while headers come off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Route {
    origin: u16,
    vlans: [Option<u16>; 4],
    tunnels: [Option<Tunnel>; 4],
}

impl Route {
    pub(super) fn new(origin: u16) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Notes a VLAN; a fifth one and beyond is forgotten.
    pub(super) fn vlan(&mut self, id: u16) {
        if id != 0
            && let Some(free) = self.vlans.iter_mut().find(|v| v.is_none())
        {
            *free = Some(id);
        }
    }

    /// Notes a tunnel; a fifth one and beyond is forgotten.
    pub(super) fn tunnel(&mut self, tunnel: Tunnel) {
        if let Some(free) = self.tunnels.iter_mut().find(|t| t.is_none()) {
            *free = Some(tunnel);
        }
    }

    fn path(&self) -> Path {
        Path {
            origin: self.origin,
            vlans: self.vlans.iter().flatten().copied().collect(),
            tunnels: self.tunnels.iter().flatten().copied().collect(),
        }
    }
}

/// Every path that frames came through. [`PathId`]s are given in order from 0 and never change their meaning.
///
/// Id 0 is origin 0 without VLAN and tunnel. It also stands for every path beyond the cap of 4,096, which are counted.
#[derive(Debug)]
pub struct Paths {
    list: Vec<Path>,
    index: HashMap<Route, PathId, KeyedState>,
    last: (Route, PathId),
    /// The last path without tunnels and with at most one VLAN: origin and VLAN id in one word.
    last_plain: (u32, PathId),
    refused: u64,
}

impl Paths {
    /// The most paths that are told apart.
    pub const MAX: usize = 4096;

    pub(super) fn new() -> Self {
        let mut index = HashMap::default();
        index.insert(Route::default(), PathId(0));
        Self {
            list: vec![Path::default()],
            index,
            last: (Route::default(), PathId(0)),
            last_plain: (0, PathId(0)),
            refused: 0,
        }
    }

    /// The path of an id that a [`Frame`](crate::frame::Frame) of the same decoder had.
    #[must_use]
    pub fn get(&self, id: PathId) -> Option<&Path> {
        self.list.get(usize::from(id.0))
    }

    /// All paths in the order of their ids. It only grows, so a copy elsewhere is brought up to date by its tail.
    #[must_use]
    pub fn as_slice(&self) -> &[Path] {
        &self.list
    }

    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// The id of an origin with one VLAN (0: none). One comparison when it is the same as for the packet before.
    #[inline]
    pub(super) fn plain(&mut self, origin: u16, vlan: u16) -> PathId {
        let word = u32::from(origin) << 16 | u32::from(vlan);
        if self.last_plain.0 == word {
            return self.last_plain.1;
        }
        self.find_plain(origin, vlan, word)
    }

    #[cold]
    #[inline(never)]
    fn find_plain(&mut self, origin: u16, vlan: u16, word: u32) -> PathId {
        let mut route = Route::new(origin);
        route.vlan(vlan);
        let before = self.refused;
        let id = self.id(&route);
        if self.refused == before {
            self.last_plain = (word, id);
        }
        id
    }

    /// The id of a route.
    pub(super) fn id(&mut self, route: &Route) -> PathId {
        if self.last.0 == *route {
            return self.last.1;
        }
        let id = match self.index.get(route) {
            Some(&id) => id,
            None => {
                let Some(id) = u16::try_from(self.list.len()).ok().filter(|&n| usize::from(n) < Self::MAX)
                else {
                    self.refused = self.refused.saturating_add(1);
                    return PathId(0);
                };
                self.list.push(route.path());
                self.index.insert(*route, PathId(id));
                PathId(id)
            }
        };
        self.last = (*route, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_capped() {
        let mut paths = Paths::new();
        assert_eq!(paths.plain(0, 0), PathId(0));
        let first = paths.plain(3, 20);
        assert_eq!(paths.get(first), Some(&Path { origin: 3, vlans: vec![20], tunnels: vec![] }));
        for vni in 0..5000 {
            let mut route = Route::new(0);
            route.tunnel(Tunnel::Vxlan { vni });
            let id = paths.id(&route);
            assert_eq!(id.0 == 0, vni >= 4094, "{vni}");
        }
        assert_eq!(paths.refused(), 5000 - 4094);
        assert_eq!((paths.plain(3, 20), paths.as_slice().len()), (first, Paths::MAX));
        assert_eq!((paths.plain(9, 9), paths.plain(9, 9), paths.refused()), (PathId(0), PathId(0), 908));
    }

    #[test]
    fn four_vlans_and_four_tunnels_are_kept() {
        let mut route = Route::new(1);
        (0..7).for_each(|n| route.vlan(n));
        (0..7).for_each(|_| route.tunnel(Tunnel::Gre));
        assert_eq!((route.path().vlans, route.path().tunnels.len()), (vec![1, 2, 3, 4], 4));
    }
}
