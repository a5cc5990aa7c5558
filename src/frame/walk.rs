//! The bounded loop over the headers of any packet, down to a transport header or a fragment.

use super::ip::{self, Header, Ip, Slot};
use super::path::{Route, Tunnel};
use super::transport::{self, Parcel};
use super::view::View;
use super::{Skip, l2tp, link, shim, tunnel};

/// Most headers that are taken off before the transport header; IPv6 extension headers have their own limit.
const LAYERS_MAX: u8 = 16;

/// What the next header is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer {
    Ethernet,
    EtherType(u16),
    /// IEEE 802.2.
    Llc,
    /// PPP framing.
    Ppp,
    /// An MPLS label stack entry.
    Mpls,
    /// IPv4 or IPv6, told by its first four bits.
    Ip,
    /// What an IP header carries.
    Payload(Header),
}

/// Where the walk ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival<'a> {
    /// A TCP segment or UDP datagram.
    Parcel(Parcel<'a>),
    /// A part of an IP datagram.
    Fragment(Header, Slot, View<'a>),
    /// An ICMP or ICMPv6 message.
    Icmp(Ip, View<'a>),
}

enum Step<'a> {
    Down(Layer),
    Arrived(Arrival<'a>),
}

/// An outer UDP datagram, to be returned to when what looked like a tunnel holds no packet.
#[derive(Clone, Copy, Debug)]
struct Outer<'a> {
    parcel: Parcel<'a>,
    route: Route,
    variation: u64,
}

/// A packet on its way down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    /// What is still to be parsed.
    pub(super) view: View<'a>,
    /// What was passed through.
    pub(super) route: Route,
    /// Digest of what differs between two copies of one packet: MAC addresses, VLAN tags, labels, TTL.
    pub(super) variation: u64,
    /// Some IP header declared more bytes than were on the wire.
    pub(super) longer_than_wire: bool,
    layers: u8,
    extensions: u8,
    outer: Option<Outer<'a>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(view: View<'a>, origin: u16) -> Self {
        Self {
            view,
            route: Route::new(origin),
            variation: 0,
            longer_than_wire: false,
            layers: 0,
            extensions: 0,
            outer: None,
        }
    }

    /// Takes headers off, from `layer` down.
    pub(super) fn run(&mut self, mut layer: Layer) -> Result<Arrival<'a>, Skip> {
        loop {
            match self.step(layer) {
                Ok(Step::Down(next)) => layer = next,
                Ok(Step::Arrived(arrival)) => return Ok(arrival),
                Err(Skip::TooManyLayers) => return Err(Skip::TooManyLayers),
                Err(skip) => {
                    let outer = self.outer.take().ok_or(skip)?;
                    (self.route, self.variation) = (outer.route, outer.variation);
                    return Ok(Arrival::Parcel(outer.parcel));
                }
            }
        }
    }

    fn step(&mut self, layer: Layer) -> Result<Step<'a>, Skip> {
        let next = match layer {
            Layer::Ethernet => {
                self.enter()?;
                link::ethernet(&mut self.view, &mut self.variation)?
            }
            Layer::EtherType(ethertype) => self.ethertype(ethertype)?,
            Layer::Llc => link::llc(&mut self.view)?,
            Layer::Ppp => link::ppp(&mut self.view)?,
            Layer::Mpls => {
                self.enter()?;
                tunnel::mpls(&mut self.view, &mut self.route, &mut self.variation)?
            }
            Layer::Ip => return self.ip(),
            Layer::Payload(header) => return self.payload(header),
        };
        Ok(Step::Down(next))
    }

    fn enter(&mut self) -> Result<(), Skip> {
        if self.layers >= LAYERS_MAX {
            return Err(Skip::TooManyLayers);
        }
        self.layers += 1;
        Ok(())
    }

    fn ethertype(&mut self, ethertype: u16) -> Result<Layer, Skip> {
        match (ethertype, self.view.nibble()) {
            (0x0800, Some(4) | None) | (0x86dd, Some(6) | None) => Ok(Layer::Ip),
            (0x0800 | 0x86dd, _) => Err(Skip::BadHeader),
            (0x8100 | 0x88a8 | 0x9100 | 0x9200, _) => {
                self.enter()?;
                link::vlan(&mut self.view, &mut self.route, &mut self.variation)
            }
            (0x8847 | 0x8848, _) => Ok(Layer::Mpls),
            (link::PPPOE_SESSION, _) => {
                self.enter()?;
                link::pppoe(&mut self.view, &mut self.route)
            }
            (shim::NSH, _) => {
                self.enter()?;
                shim::nsh(&mut self.view, &mut self.route)
            }
            (shim::MACSEC, _) => {
                self.enter()?;
                shim::macsec(&mut self.view, &mut self.route)
            }
            _ => Err(Skip::NotIp),
        }
    }

    fn ip(&mut self) -> Result<Step<'a>, Skip> {
        self.enter()?;
        let mut header = ip::take(&mut self.view)?;
        self.extensions = ip::extensions(&mut self.view, &mut header, 0)?;
        if header.longer_than_wire && self.outer.is_some() {
            return Err(Skip::BadHeader);
        }
        // What the tunnel held is a packet: the outer datagram is only its wrapping.
        self.outer = None;
        self.longer_than_wire |= header.longer_than_wire;
        self.variation = self.variation.rotate_left(7) ^ u64::from(header.ip.ttl) << 48;
        match header.fragment {
            Some(slot) => Ok(Step::Arrived(Arrival::Fragment(header, slot, self.view))),
            None => Ok(Step::Down(Layer::Payload(header))),
        }
    }

    fn payload(&mut self, mut header: Header) -> Result<Step<'a>, Skip> {
        // In a joined datagram, extension headers may go on after the fragment header.
        self.extensions = ip::extensions(&mut self.view, &mut header, self.extensions)?;
        let arrival = match header.number {
            6 => Arrival::Parcel(transport::tcp(header.ip, self.view)?),
            17 => return self.udp(header.ip),
            1 if !header.ip.six => Arrival::Icmp(header.ip, self.view),
            58 if header.ip.six => Arrival::Icmp(header.ip, self.view),
            number => return self.encapsulated(number).map(Step::Down),
        };
        Ok(Step::Arrived(arrival))
    }

    fn encapsulated(&mut self, number: u8) -> Result<Layer, Skip> {
        match (number, self.view.nibble()) {
            (4, Some(4) | None) => {
                self.route.tunnel(Tunnel::Ipip);
                Ok(Layer::Ip)
            }
            (41, Some(6) | None) => {
                self.route.tunnel(Tunnel::SixInIp);
                Ok(Layer::Ip)
            }
            (4 | 41, _) => Err(Skip::BadHeader),
            (47, _) => {
                self.enter()?;
                tunnel::gre(&mut self.view, &mut self.route)
            }
            (97, _) => {
                self.enter()?;
                tunnel::etherip(&mut self.view, &mut self.route)
            }
            (115, _) => {
                self.enter()?;
                l2tp::in_ip(&mut self.view, &mut self.route)
            }
            (137, _) => Ok(Layer::Mpls),
            (50, _) => Err(Skip::Encrypted),
            _ => Err(Skip::NotTcpOrUdp),
        }
    }

    fn udp(&mut self, ip: Ip) -> Result<Step<'a>, Skip> {
        let parcel = transport::udp(ip, self.view)?;
        let (src, dst) = (parcel.src_port, parcel.dst_port);
        if tunnel::may_be_tunnel(src, dst)
            && let Some((tunnel, layer, view)) = tunnel::in_udp(src, dst, parcel.payload)
        {
            self.enter()?;
            self.outer = Some(Outer { parcel, route: self.route, variation: self.variation });
            self.route.tunnel(tunnel);
            self.view = view;
            return Ok(Step::Down(layer));
        }
        Ok(Step::Arrived(Arrival::Parcel(parcel)))
    }
}
