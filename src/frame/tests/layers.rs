//! Every link type and encapsulation, one by one and stacked.

use super::*;

const ETH: LinkType = LinkType::ETHERNET;

/// Every supported way to carry an IP packet: a name, its link type, the wrapped bytes, the tunnels it goes through.
pub(super) fn wraps(ip: &[u8]) -> Vec<(&'static str, LinkType, Vec<u8>, Vec<Tunnel>)> {
    let t = build::ethertype(ip).to_be_bytes();
    let six = t == [0x86, 0xdd];
    let eth = build::ethernet(ip);
    let outer = |number: u8, inner: &[u8]| {
        build::ethernet(&build::ip(
            "172.16.0.1".parse().unwrap(),
            "172.16.0.2".parse().unwrap(),
            number,
            inner,
        ))
    };
    let outer6 = |number: u8, inner: &[u8]| {
        build::ethernet(&build::ip("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap(), number, inner))
    };
    let port = |port: u16, inner: &[u8]| {
        let dst = Endpoint::new("172.16.0.2".parse().unwrap(), port);
        build::ethernet(&build::udp("172.16.0.1:50000".parse().unwrap(), dst, inner))
    };
    let cat = |parts: &[&[u8]]| parts.concat();
    let ppp: &[u8] = if six { &[0x00, 0x57] } else { &[0x00, 0x21] };
    let session = ((ip.len() + 2) as u16).to_be_bytes();
    let pppoe = cat(&[&[0x11, 0, 0, 7], &session, ppp, ip]);
    let snap = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0], &t, ip]);
    let gtp_len = |extra: usize| ((ip.len() + extra) as u16).to_be_bytes();
    let inner_number = if six { 41 } else { 4 };
    let ip_in_ip = if six { Tunnel::SixInIp } else { Tunnel::Ipip };
    let af6: &[u8] = if six { &[30, 0, 0, 0] } else { &[2, 0, 0, 0] };
    let af6_big: &[u8] = if six { &[0, 0, 0, 24] } else { &[0, 0, 0, 2] };
    let mut sll = vec![0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    sll.extend(t);
    let sll2 = cat(&[&t, &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]]);
    let mut all = vec![
        ("ethernet", ETH, eth.clone(), vec![]),
        ("802.3", ETH, cat(&[&build::MACS, &((snap.len()) as u16).to_be_bytes(), &snap, &[0; 9]]), vec![]),
        ("sll", LinkType::LINUX_SLL, cat(&[&sll, ip]), vec![]),
        ("sll2", LinkType::LINUX_SLL2, cat(&[&sll2, ip]), vec![]),
        ("raw", LinkType::RAW, ip.to_vec(), vec![]),
        ("raw 12", LinkType(12), ip.to_vec(), vec![]),
        ("raw 14", LinkType(14), ip.to_vec(), vec![]),
        ("null", LinkType::NULL, cat(&[af6, ip]), vec![]),
        ("null, other order", LinkType::NULL, cat(&[af6_big, ip]), vec![]),
        ("loop", LinkType::LOOP, cat(&[af6_big, ip]), vec![]),
        ("ppp", LinkType(9), cat(&[&[0xff, 3], ppp, ip]), vec![]),
        ("ppp, compressed", LinkType(9), cat(&[ppp.get(1..).unwrap(), ip]), vec![]),
        ("c-hdlc", LinkType(104), cat(&[&[0x0f, 0], &t, ip]), vec![]),
        ("pppoe", ETH, build::ether(0x8864, &pppoe), vec![Tunnel::Pppoe]),
        ("pppoe link", LinkType(51), pppoe.clone(), vec![Tunnel::Pppoe]),
        (
            "mpls",
            ETH,
            build::ether(0x8847, &cat(&[&[0, 1, 0, 64], &[0, 2, 1, 64], ip])),
            vec![Tunnel::Mpls { label: 32 }],
        ),
        (
            "mpls pseudowire",
            ETH,
            build::ether(0x8847, &cat(&[&[0, 2, 1, 64], &eth])),
            vec![Tunnel::Mpls { label: 32 }],
        ),
        (
            "mpls pseudowire with control word",
            ETH,
            build::ether(0x8847, &cat(&[&[0, 2, 1, 64], &[0; 4], &eth])),
            vec![Tunnel::Mpls { label: 32 }],
        ),
        ("ip in ip", ETH, outer(inner_number, ip), vec![ip_in_ip]),
        ("ip in ipv6", ETH, outer6(inner_number, ip), vec![ip_in_ip]),
        ("gre", ETH, outer(47, &build::gre(build::ethertype(ip), ip)), vec![Tunnel::Gre]),
        ("gre with all fields", ETH, outer(47, &cat(&[&[0xb0, 0], &t, &[9; 12], ip])), vec![Tunnel::Gre]),
        (
            "pptp",
            ETH,
            outer(47, &cat(&[&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1], &[0; 8], &[0xff, 3], ppp, ip])),
            vec![Tunnel::Gre],
        ),
        ("gre ethernet", ETH, outer(47, &build::gre(0x6558, &eth)), vec![Tunnel::Gre]),
        (
            "nvgre",
            ETH,
            outer(47, &cat(&[&[0x20, 0, 0x65, 0x58, 0, 0, 9, 1], &eth])),
            vec![Tunnel::Nvgre { vsid: 9 }],
        ),
        ("erspan 1", ETH, outer(47, &build::gre(0x88be, &eth)), vec![Tunnel::Erspan { session: 0 }]),
        (
            "erspan 2",
            ETH,
            outer(47, &cat(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 1, 0xfc, 77, 0, 0, 0, 0], &eth])),
            vec![Tunnel::Erspan { session: 77 }],
        ),
        (
            "erspan 3",
            ETH,
            outer(
                47,
                &cat(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20, 1, 0, 78, 0, 0, 0, 0, 0, 0, 0, 0], &eth]),
            ),
            vec![Tunnel::Erspan { session: 78 }],
        ),
        (
            "erspan 3 with subheader",
            ETH,
            outer(
                47,
                &cat(&[
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
                    &[0x20, 1, 0, 78, 0, 0, 0, 0, 0, 0, 0, 1],
                    &[5; 8],
                    &eth,
                ]),
            ),
            vec![Tunnel::Erspan { session: 78 }],
        ),
        ("etherip", ETH, outer(97, &cat(&[&[0x30, 0], &eth])), vec![Tunnel::EtherIp]),
        ("vxlan", ETH, port(4789, &build::vxlan(42, &eth)), vec![Tunnel::Vxlan { vni: 42 }]),
        (
            "vxlan-gpe",
            ETH,
            port(4790, &cat(&[&[0x0c, 0, 0, if six { 2 } else { 1 }, 0, 0, 42, 0], ip])),
            vec![Tunnel::Vxlan { vni: 42 }],
        ),
        (
            "geneve with options",
            ETH,
            port(6081, &cat(&[&[2, 0, 0x65, 0x58, 0, 0, 42, 0], &[1; 8], &eth])),
            vec![Tunnel::Geneve { vni: 42 }],
        ),
        ("gtp-u", ETH, port(2152, &cat(&[&[0x30, 255], &gtp_len(0), &[0, 0, 0, 5], ip])), vec![Tunnel::GtpU]),
        (
            "gtp-u with an extension",
            ETH,
            port(2152, &cat(&[&[0x34, 255], &gtp_len(8), &[0, 0, 0, 5, 0, 0, 0, 0x85], &[1, 0, 9, 0], ip])),
            vec![Tunnel::GtpU],
        ),
    ];
    let protected = |tag: &[u8]| build::ether(0x88e5, &cat(&[tag, &t, ip, &[0xcc; 16]]));
    let service = |next: u8, inner: &[u8]| cat(&[&[0x0f, 0xc3, 1, next, 0, 0, 42, 255, 9, 9, 9, 9], inner]);
    let ip_next = if six { 2 } else { 1 };
    let l2tp_len = ((ip.len() + 14) as u16).to_be_bytes();
    all.extend([
        (
            "l2tp with all fields",
            ETH,
            port(
                1701,
                &cat(&[
                    &[0x4a, 2],
                    &((ip.len() + 20) as u16).to_be_bytes(),
                    &[0, 7, 0, 9, 0, 1, 0, 0, 0, 2, 8, 8],
                    &[0xff, 3],
                    ppp,
                    ip,
                ]),
            ),
            vec![Tunnel::L2tp],
        ),
        (
            "l2tp",
            ETH,
            port(1701, &cat(&[&[0x40, 2], &l2tp_len, &[0, 7, 0, 9, 0xff, 3], ppp, ip, &[9; 4]])),
            vec![Tunnel::L2tp],
        ),
        ("l2tp 3", ETH, port(1701, &cat(&[&[0, 3, 0, 0, 0, 0, 0, 9], &eth])), vec![Tunnel::L2tp]),
        ("l2tp 3 in ip", ETH, outer(115, &cat(&[&[0, 0, 0, 9], &eth])), vec![Tunnel::L2tp]),
        (
            "l2tp 3 with cookie",
            ETH,
            outer(115, &cat(&[&[0, 0, 0, 9], &[0xee; 8], &[0; 4], &eth])),
            vec![Tunnel::L2tp],
        ),
        ("nsh", ETH, build::ether(0x894f, &service(ip_next, ip)), vec![Tunnel::Nsh { path: 42 }]),
        ("nsh ethernet", ETH, build::ether(0x894f, &service(3, &eth)), vec![Tunnel::Nsh { path: 42 }]),
        (
            "nsh in vxlan-gpe",
            ETH,
            port(4790, &cat(&[&[0x0c, 0, 0, 4, 0, 0, 42, 0], &service(3, &eth)])),
            vec![Tunnel::Vxlan { vni: 42 }, Tunnel::Nsh { path: 42 }],
        ),
        ("macsec", ETH, protected(&[0, 0, 0, 0, 0, 1]), vec![Tunnel::Macsec]),
        ("macsec with sci", ETH, protected(&cat(&[&[0x20, 0, 0, 0, 0, 1], &[7; 8]])), vec![Tunnel::Macsec]),
    ]);
    if six {
        let indications = cat(&[&[0, 1, 0, 0], &[7; 9], &[0, 0, 1, 2, 3, 4, 5, 6], ip]);
        all.push(("teredo", ETH, port(3544, ip), vec![Tunnel::Teredo]));
        all.push(("teredo with indications", ETH, port(3544, &indications), vec![Tunnel::Teredo]));
    }
    all
}

#[test]
fn every_encapsulation_comes_off_and_is_named() {
    for ip in [udp(false), tcp(false), udp(true), tcp(true)] {
        for (name, link, bytes, tunnels) in wraps(&ip) {
            println!("{name}");
            assert_eq!(path_of(link, &bytes), Path { origin: 0, vlans: vec![], tunnels }, "{name}");
        }
    }
}

#[test]
fn what_is_encrypted_compressed_or_control_is_skipped_by_its_name() {
    let ip = udp(false);
    let between = |number: u8, inner: &[u8]| {
        build::ethernet(&build::ip(
            "172.16.0.1".parse().unwrap(),
            "172.16.0.2".parse().unwrap(),
            number,
            inner,
        ))
    };
    for (name, bytes, skip) in [
        (
            "macsec",
            build::ether(0x88e5, &[&[0x0c, 0, 0, 0, 0, 1][..], &[0xdd; 60]].concat()),
            Skip::Encrypted,
        ),
        ("ipcomp", between(108, &[4, 0, 0, 2, 9, 9]), Skip::NotTcpOrUdp),
        ("l2tp 3 control", between(115, &[&[0; 4][..], &[0xc8; 30]].concat()), Skip::NotTcpOrUdp),
        (
            "nsh of another version",
            build::ether(0x894f, &[&[0x4f, 0xc2, 1, 1][..], &[0; 4], &ip].concat()),
            Skip::BadHeader,
        ),
        (
            "nsh without its words",
            build::ether(0x894f, &[&[0x0f, 0xc1, 1, 1][..], &[0; 4], &ip].concat()),
            Skip::BadHeader,
        ),
    ] {
        let packet = build::packet(millis(0), &bytes);
        assert!(matches!(decoder().decode(&packet, 1), Decoded::Skip(s) if s == skip), "{name}");
    }
}

#[test]
fn vlan_tags_are_listed_from_outside() {
    for ids in [&[20][..], &[0], &[7, 20], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6]] {
        let want: Vec<u16> = ids.iter().copied().filter(|&id| id != 0).take(4).collect();
        assert_eq!(path_of(ETH, &build::vlan(ids, &udp(false))).vlans, want);
        assert_eq!(path_of(ETH, &build::vlan(ids, &tcp(true))).vlans, want);
    }
    let inner = build::vlan(&[30], &udp(false));
    let vxlan = build::vxlan(5, &inner);
    let outer = build::udp("10.9.9.1:9".parse().unwrap(), "10.9.9.2:4789".parse().unwrap(), &vxlan);
    let path = path_of(ETH, &build::vlan(&[20], &outer));
    assert_eq!((path.vlans, path.tunnels), (vec![20, 30], vec![Tunnel::Vxlan { vni: 5 }]));
}

#[test]
fn both_roads_lead_to_the_same_frame() {
    for ids in [&[][..], &[0], &[20], &[20, 30]] {
        for ip in [udp(false), tcp(false), udp(true)] {
            for id in [0, 99] {
                let bytes = [build::vlan(ids, &build::with_id(ip.clone(), id)), vec![0; 5]].concat();
                let packet = build::packet(millis(0), &bytes);
                let mut general = decoder();
                let text = format!("{:?}", general.decode_any(&packet, 1));
                assert_eq!(text, format!("{:?}", decoder().decode(&packet, 1)));
                // One digest and, where no id tells copies, one reckoning of the way they took.
                let again = build::packet(millis(5), &bytes);
                let copy = matches!(see(&mut general, &again), Seen::Duplicate);
                assert_eq!(copy, id != 0 && build::ethertype(&ip) == 0x0800, "{ids:?} {id}");
            }
        }
    }
}

#[test]
fn what_a_tunnel_port_carries_without_a_tunnel_is_a_datagram() {
    let (src, _) = ends(false);
    let dht = PAYLOAD.to_vec();
    let arp = build::vxlan(1, &build::ether(0x0806, &[0; 28]));
    let long = build::vxlan(1, build::ethernet(&udp(false)).get(..60).unwrap());
    for port in [4789, 4790, 6081, 2152, 3544, 8472] {
        for payload in [&dht, &arp, &long, &vec![0x30, 255, 0, 1, 0, 0, 0, 0, 0x45], &vec![0; 30], &vec![]] {
            let dst = Endpoint::new("203.0.113.7".parse().unwrap(), port);
            let bytes = build::ethernet(&build::udp(src, dst, payload));
            match see_one(ETH, &bytes) {
                Seen::Frame { dst: got, payload: bytes, path, .. } => {
                    assert_eq!((got, &bytes, path), (dst, payload, Path::default()));
                }
                other => panic!("{port}: {other:?}"),
            }
        }
    }
}

#[test]
fn layer_bombs_stop_at_sixteen() {
    let is_frame = |bytes: &[u8]| match see_one(ETH, bytes) {
        Seen::Frame { .. } => true,
        Seen::Skip(Skip::TooManyLayers) => false,
        other => panic!("{other:?}"),
    };
    let (a, b) = ("10.1.1.1".parse().unwrap(), "10.1.1.2".parse().unwrap());
    let (mut ipip, mut gre, mut vxlan) = (udp(false), udp(false), udp(false));
    for n in 1..=100usize {
        let vlans: Vec<u16> = (1..=n as u16).collect();
        assert_eq!(is_frame(&build::vlan(&vlans, &udp(false))), n <= 14, "vlan {n}");
        let labels = [[0, 1, 0, 64].repeat(n - 1), vec![0, 1, 1, 64], udp(false)].concat();
        assert_eq!(is_frame(&build::ether(0x8847, &labels)), n <= 14, "mpls {n}");
        ipip = build::ip(a, b, 4, &ipip);
        assert_eq!(is_frame(&build::ethernet(&ipip)), n <= 14, "ipip {n}");
        gre = build::ip(a, b, 47, &build::gre(0x0800, &gre));
        assert_eq!(is_frame(&build::ethernet(&gre)), n <= 7, "gre {n}");
        vxlan = build::udp(
            "10.1.1.1:5".parse().unwrap(),
            "10.1.1.2:4789".parse().unwrap(),
            &build::vxlan(1, &build::ethernet(&vxlan)),
        );
        assert_eq!(is_frame(&build::ethernet(&vxlan)), n <= 4, "vxlan {n}");
        let (c, d) = ends(true);
        let mut chain: Vec<u8> = (1..n).flat_map(|_| [60, 0, 0, 0, 0, 0, 0, 0]).collect();
        chain.extend([17, 0, 0, 0, 0, 0, 0, 0]);
        let inner = udp(true);
        chain.extend(inner.get(40..).unwrap());
        assert_eq!(
            is_frame(&build::ethernet(&build::ip(c.address, d.address, 60, &chain))),
            n <= 8,
            "ipv6 {n}"
        );
    }
}

#[test]
fn extension_headers_of_every_kind_are_passed() {
    let (a, b) = ends(true);
    let inner = udp(true);
    let datagram = inner.get(40..).unwrap();
    for (number, header) in [
        (0, vec![17, 0, 1, 4, 0, 0, 0, 0]),
        (43, vec![17, 2].into_iter().chain([0; 22]).collect()),
        (60, vec![17, 0, 1, 4, 0, 0, 0, 0]),
        (135, vec![17, 0, 0, 0, 0, 0, 0, 0]),
        (139, vec![17, 4].into_iter().chain([0; 38]).collect()),
        (140, vec![17, 0, 0, 0, 0, 0, 0, 0]),
        (51, vec![17, 4].into_iter().chain([0; 22]).collect()),
        (44, vec![17, 0, 0, 0, 0, 0, 0, 9]),
    ] {
        let ip = build::ip(a.address, b.address, number, &[&header, datagram].concat());
        assert_eq!(path_of(ETH, &build::ethernet(&ip)), Path::default(), "{number}");
    }
    let (a, b) = ends(false);
    let ah: Vec<u8> = [17, 4].into_iter().chain([0; 22]).chain(datagram.iter().copied()).collect();
    path_of(ETH, &build::ethernet(&build::ip(a.address, b.address, 51, &ah)));
    let esp = build::ip(a.address, b.address, 50, &[1; 64]);
    assert_eq!(see_one(ETH, &build::ethernet(&esp)), Seen::Skip(Skip::Encrypted));
}
