//! RELIABILITY 4.2, encapsulation and link types: the same conversation in every wrapping, with the inner endpoints told.

use super::peer::{HASH, plain};
use super::scene::{Expect, Scene, Suite, alice, bob, confirmed, end};
use super::tcp_talk::Dice;
use super::utp::Utp;
use swarmscope::capture::LinkType;
use swarmscope::event::Kind;
use swarmscope::frame::build;

const ETH: LinkType = LinkType::ETHERNET;

/// A way to carry an IP packet.
struct Wrap {
    name: &'static str,
    link: LinkType,
    vlans: &'static [u16],
    tunnels: &'static [&'static str],
    wrap: fn(&[u8]) -> Vec<u8>,
}

const fn wrap(
    name: &'static str,
    link: LinkType,
    vlans: &'static [u16],
    tunnels: &'static [&'static str],
    wrap: fn(&[u8]) -> Vec<u8>,
) -> Wrap {
    Wrap { name, link, vlans, tunnels, wrap }
}

/// Those that take an Ethernet frame or an IP packet of any version.
const WRAPS: [Wrap; 25] = [
    wrap("VLAN", ETH, &[20], &[], |ip| build::vlan(&[20], ip)),
    wrap("priority tag", ETH, &[], &[], |ip| build::vlan(&[0], ip)),
    wrap("QinQ", ETH, &[7, 20], &[], |ip| build::ether(0x88a8, &tagged(&[7, 20], ip))),
    wrap("three tags", ETH, &[7, 8, 9], &[], |ip| build::vlan(&[7, 8, 9], ip)),
    wrap("MPLS, two labels", ETH, &[], &["mpls"], |ip| {
        build::ether(0x8847, &cat(&[&[0, 1, 0, 64], &[0, 2, 1, 64], ip]))
    }),
    wrap("MPLS pseudowire with control word", ETH, &[], &["mpls"], |ip| {
        build::ether(0x8847, &cat(&[&[0, 2, 1, 64], &[0; 4], &build::ethernet(ip)]))
    }),
    wrap("PPPoE", ETH, &[], &["pppoe"], |ip| {
        build::ether(0x8864, &cat(&[&[0x11, 0, 0, 7], &be(ip.len() + 2), ppp(ip), ip]))
    }),
    wrap("PPPoE in a VLAN", ETH, &[20], &["pppoe"], |ip| {
        let pppoe = cat(&[&[0x88, 0x64, 0x11, 0, 0, 7], &be(ip.len() + 2), ppp(ip), ip]);
        build::ether(0x8100, &cat(&[&[0, 20], &pppoe]))
    }),
    wrap("GRE", ETH, &[], &["gre"], |ip| outer(47, &build::gre(build::ethertype(ip), ip))),
    wrap("GRE, all fields", ETH, &[], &["gre"], |ip| {
        outer(47, &cat(&[&[0xb0, 0], &build::ethertype(ip).to_be_bytes(), &[9; 12], ip]))
    }),
    wrap("GRE Ethernet", ETH, &[], &["gre"], |ip| outer(47, &build::gre(0x6558, &build::ethernet(ip)))),
    wrap("ERSPAN I", ETH, &[], &["erspan"], |ip| outer(47, &build::gre(0x88be, &build::ethernet(ip)))),
    wrap("ERSPAN II", ETH, &[], &["erspan"], |ip| {
        outer(
            47,
            &cat(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0xfc, 77, 0, 0, 0, 0], &build::ethernet(ip)]),
        )
    }),
    wrap("ERSPAN III", ETH, &[], &["erspan"], |ip| {
        let header = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 78][..], &[0; 8]].concat();
        outer(47, &cat(&[&header, &build::ethernet(ip)]))
    }),
    wrap("VXLAN", ETH, &[], &["vxlan"], |ip| port(4789, &build::vxlan(42, &build::ethernet(ip)))),
    wrap("VLAN in VXLAN in VLAN", ETH, &[20, 30], &["vxlan"], |ip| {
        let inner = build::vxlan(42, &build::vlan(&[30], ip));
        build::vlan(&[20], &build::udp(end("172.16.0.1:50000"), end("172.16.0.2:4789"), &inner))
    }),
    wrap("GENEVE with options", ETH, &[], &["geneve"], |ip| {
        port(6081, &cat(&[&[2, 0, 0x65, 0x58, 0, 0, 42, 0], &[1; 8], &build::ethernet(ip)]))
    }),
    wrap("GTP-U", ETH, &[], &["gtp-u"], |ip| {
        port(2152, &cat(&[&[0x30, 255], &be(ip.len()), &[0, 0, 0, 5], ip]))
    }),
    wrap("GTP-U with an extension", ETH, &[], &["gtp-u"], |ip| {
        port(2152, &cat(&[&[0x34, 255], &be(ip.len() + 8), &[0, 0, 0, 5, 0, 0, 0, 0x85, 1, 0, 9, 0], ip]))
    }),
    wrap("SLL", LinkType::LINUX_SLL, &[], &[], |ip| {
        cat(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &build::ethertype(ip).to_be_bytes(), ip])
    }),
    wrap("SLL2", LinkType::LINUX_SLL2, &[], &[], |ip| {
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        cat(&[&build::ethertype(ip).to_be_bytes(), &rest, ip])
    }),
    wrap("raw", LinkType::RAW, &[], &[], <[u8]>::to_vec),
    wrap("NULL", LinkType::NULL, &[], &[], |ip| cat(&[&[if is_six(ip) { 30 } else { 2 }, 0, 0, 0], ip])),
    wrap("LOOP", LinkType::LOOP, &[], &[], |ip| cat(&[&[0, 0, 0, if is_six(ip) { 24 } else { 2 }], ip])),
    wrap("PPP", LinkType(9), &[], &[], |ip| cat(&[&[0xff, 3], ppp(ip), ip])),
];

/// Those that hold one version of IP: IPIP and 6in4, Teredo.
const FOUR: [Wrap; 2] = [
    wrap("IPIP", ETH, &[], &["ipip"], |ip| outer(4, ip)),
    wrap("IPv4 in IPv6", ETH, &[], &["ipip"], |ip| {
        build::ethernet(&build::ip(end("[fd00::1]:1").address, end("[fd00::2]:1").address, 4, ip))
    }),
];
const SIX: [Wrap; 3] = [
    wrap("6in4", ETH, &[], &["6in4"], |ip| outer(41, ip)),
    wrap("Teredo", ETH, &[], &["teredo"], |ip| port(3544, ip)),
    wrap("Teredo with indications", ETH, &[], &["teredo"], |ip| {
        port(3544, &cat(&[&[0, 1, 0, 0], &[7; 9], &[0, 0, 1, 2, 3, 4, 5, 6], ip]))
    }),
];

fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn be(n: usize) -> [u8; 2] {
    (n as u16).to_be_bytes()
}

fn is_six(ip: &[u8]) -> bool {
    ip[0] >> 4 == 6
}

fn ppp(ip: &[u8]) -> &'static [u8] {
    if is_six(ip) { &[0x00, 0x57] } else { &[0x00, 0x21] }
}

/// The rest of a frame behind the outer tag's EtherType.
fn tagged(ids: &[u16], ip: &[u8]) -> Vec<u8> {
    build::vlan(ids, ip)[14..].to_vec()
}

fn outer(number: u8, inner: &[u8]) -> Vec<u8> {
    build::ethernet(&build::ip(end("172.16.0.1:1").address, end("172.16.0.2:1").address, number, inner))
}

fn port(port: u16, inner: &[u8]) -> Vec<u8> {
    let to = swarmscope::base::Endpoint::new(end("172.16.0.2:1").address, port);
    build::ethernet(&build::udp(end("172.16.0.1:50000"), to, inner))
}

fn check(suite: &mut Suite, scene: &Scene, wraps: &[Wrap], expect: &Expect) {
    for w in wraps {
        let wrapped = scene.rewrapped(w.link, |ip| vec![(w.wrap)(ip)]);
        suite.check(
            w.name,
            "a tap may be anywhere",
            &wrapped,
            &expect.clone().vlans(w.vlans).tunnels(w.tunnels),
        );
    }
}

#[test]
fn peer_wire_dht_and_utp_in_every_wrapping() {
    let mut suite = Suite::default();
    let four = plain().in_pieces(400).scene();
    let tcp = confirmed(Kind::PeerWire).hash(HASH).two_way(true);
    check(&mut suite, &four, &WRAPS, &tcp);
    check(&mut suite, &four, &FOUR, &tcp);
    let mut six = plain();
    six.in_pieces(400).ends = [end("[fd00::5]:40754"), end("[2001:db8::7]:51413")];
    let tcp6 = tcp.between(six.ends[0], six.ends[1]);
    check(&mut suite, &six.scene(), &WRAPS, &tcp6);
    check(&mut suite, &six.scene(), &SIX, &tcp6);
    let mut utp = Utp::new();
    utp.open().say(0, &super::peer::handshake(&super::peer::ALICE), 1_400);
    let expect = confirmed(Kind::Utp).also(Kind::PeerWire).hash(HASH);
    check(&mut suite, &utp.scene, &WRAPS, &expect);
    check(&mut suite, &utp.scene, &FOUR, &expect);
    suite.finish();
}

/// RELIABILITY 3.1: at most 16 layers, then the packet is counted and nothing else.
#[test]
fn nesting_without_end_is_counted() {
    let mut suite = Suite::default();
    let deep = |layers: usize| {
        plain().scene().rewrapped(ETH, |ip| {
            let mut inner = ip.to_vec();
            for n in 0..layers {
                inner = build::ip(end("172.16.0.1:1").address, end("172.16.0.2:1").address, 4, &inner);
                inner = build::with_id(inner, n as u16);
            }
            vec![build::ethernet(&inner)]
        })
    };
    suite.check("8 times IPIP", "within the limit", &deep(8), &confirmed(Kind::PeerWire).hash(HASH));
    let seen = suite.check("60 times IPIP", "beyond it", &deep(60), &super::scene::nothing());
    let coverage = &seen.report.coverage;
    let skipped: u64 = coverage.skipped.values().sum();
    suite.require("60 times IPIP counted", "every packet has an outcome", skipped == coverage.packets);
    suite.finish();
}

/// RELIABILITY 4.2, IPv6 extension headers (RFC 8200 section 4): hop-by-hop and destination options, routing.
#[test]
fn extension_headers() {
    let mut suite = Suite::default();
    let mut six = plain();
    six.ends = [end("[fd00::5]:40754"), end("[2001:db8::7]:51413")];
    let expect = confirmed(Kind::PeerWire).hash(HASH).between(six.ends[0], six.ends[1]);
    for (name, chain) in [("hop-by-hop", &[0u8][..]), ("destination options", &[60]), ("three", &[0, 60, 43])]
    {
        let extended = six.scene().rewrapped(ETH, |ip| {
            let mut rest = ip[40..].to_vec();
            let mut next = ip[6];
            for &header in chain.iter().rev() {
                let body =
                    if header == 43 { [next, 0, 4, 0, 0, 0, 0, 0] } else { [next, 0, 1, 4, 0, 0, 0, 0] };
                rest = cat(&[&body, &rest]);
                next = header;
            }
            let mut ip = cat(&[&ip[..40], &rest]);
            ip[6] = next;
            ip[4..6].copy_from_slice(&be(rest.len()));
            vec![build::ethernet(&ip)]
        });
        suite.check(name, "they hide nothing", &extended, &expect);
    }
    suite.finish();
}

/// RELIABILITY 4.2, IP fragments: any size and order; of conflicting copies those that the checksum vouches for.
#[test]
fn fragmented() {
    let mut suite = Suite::default();
    let shaken = confirmed(Kind::PeerWire).hash(HASH);
    for (family, ends) in
        [("IPv4", [alice(), bob()]), ("IPv6", [end("[fd00::5]:40754"), end("[2001:db8::7]:51413")])]
    {
        for (size, reversed, doubled) in
            [(8, false, false), (8, true, false), (24, true, false), (24, false, true), (568, true, true)]
        {
            let mut talk = plain();
            talk.mss = 400;
            talk.in_pieces(400).ends = ends;
            let mut dice = Dice(size as u64);
            let cut = talk.scene().rewrapped(ETH, |ip| {
                let mut parts = build::fragments(ip, size, dice.next() as u32);
                if reversed {
                    parts.reverse();
                }
                if doubled {
                    parts = parts.into_iter().flat_map(|p| [p.clone(), p]).collect();
                }
                parts.iter().map(|p| build::ethernet(p)).collect()
            });
            let name = format!("{family}, {size} bytes, reversed {reversed}, doubled {doubled}");
            suite.check(&name, "hosts put it together", &cut, &shaken.clone().between(ends[0], ends[1]));
        }
    }
    for (name, first_good) in [("first copy good", true), ("second copy good", false)] {
        let mut id = 0;
        let cut = plain().scene().rewrapped(ETH, |ip| {
            id += 1;
            if ip.len() < 88 {
                return vec![build::ethernet(ip)];
            }
            let mut forged = ip.to_vec();
            forged[44..68.min(ip.len())].fill(b'Q');
            let (head, tail) = if first_good { (ip, &forged[..]) } else { (&forged[..], ip) };
            let (head, middle) = (build::fragments(head, 48, id), build::fragments(tail, 24, id));
            let rest = build::fragments(ip, 48, id);
            let parts = head.iter().take(1).chain(middle.get(1)).chain(rest.iter().skip(1));
            parts.map(|p| build::ethernet(p)).collect()
        });
        suite.check(
            &format!("conflicting fragments, {name}"),
            "receivers differ in which copy they take; the sender's has the right checksum",
            &cut,
            &shaken,
        );
    }
    suite.finish();
}
