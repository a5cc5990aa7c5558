//! What tells one flow from another, in as few words as compare fast.

use crate::base::{Address, Endpoint, HashKey, Transport};
use crate::frame::{Frame, Segment};

/// The upper half of an IPv4-mapped address but for the IPv4 address itself, as a little-endian number.
const MAPPED: u64 = 0xffff_0000;
/// Where the IPv4 address is in that number.
const V4: u64 = 0xffff_ffff_0000_0000;

/// Both endpoints of a flow and its transport, the same for packets of either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// IPv4: the lower endpoint, the higher, each address and port. IPv6: the address of the lower endpoint.
    pub(super) front: [u64; 2],
    /// IPv6 only: the address of the higher endpoint.
    pub(super) back: [u64; 2],
    /// IPv6 only: both ports, the lower endpoint's first.
    pub(super) ports: [u16; 2],
    pub(super) is_v4: bool,
    pub(super) is_udp: bool,
}

impl Key {
    /// The key of a packet's flow, and whether the packet was sent by the lower of the two endpoints. The order is any: it
    /// is the same for all packets of a flow.
    #[inline(always)]
    pub(super) fn of(frame: &Frame<'_>) -> (Self, bool) {
        let is_udp = matches!(frame.segment, Segment::Udp);
        let (src, dst) = (halves(&frame.src.address), halves(&frame.dst.address));
        let mapped = |half: u64| half & !V4 == MAPPED;
        if src[0] | dst[0] == 0 && mapped(src[1]) && mapped(dst[1]) {
            let from = src[1] & V4 | u64::from(frame.src.port);
            let to = dst[1] & V4 | u64::from(frame.dst.port);
            let front = [from.min(to), from.max(to)];
            (Self { front, back: [0; 2], ports: [0; 2], is_v4: true, is_udp }, from <= to)
        } else {
            let from_lo = (src, frame.src.port) <= (dst, frame.dst.port);
            let (lo, hi) = if from_lo { (&frame.src, &frame.dst) } else { (&frame.dst, &frame.src) };
            let (front, back) = (halves(&lo.address), halves(&hi.address));
            (Self { front, back, ports: [lo.port, hi.port], is_v4: false, is_udp }, from_lo)
        }
    }

    /// Its hash under a secret.
    #[inline(always)]
    pub(super) fn hash(&self, secret: &HashKey) -> u64 {
        let [[a, b], [c, d]] = [self.front, self.back];
        if self.is_v4 {
            // Between port and address there is room.
            secret.mix(&[a, b | u64::from(self.is_udp) << 16])
        } else {
            let [lo, hi] = self.ports.map(u64::from);
            secret.mix(&[a, b, c, d, lo << 32 | hi << 16 | u64::from(self.is_udp)])
        }
    }

    /// The lower endpoint and the higher.
    #[inline]
    pub(super) fn ends(&self) -> [Endpoint; 2] {
        if self.is_v4 {
            self.front.map(|end| Endpoint::new(address([0, end & V4 | MAPPED]), end as u16))
        } else {
            let [lo, hi] = self.ports;
            [Endpoint::new(address(self.front), lo), Endpoint::new(address(self.back), hi)]
        }
    }

    #[inline]
    pub(super) const fn transport(&self) -> Transport {
        if self.is_udp { Transport::Udp } else { Transport::Tcp }
    }
}

#[inline(always)]
const fn halves(address: &Address) -> [u64; 2] {
    let wide = u128::from_le_bytes(address.0);
    [wide as u64, (wide >> 64) as u64]
}

#[inline]
fn address([low, high]: [u64; 2]) -> Address {
    Address((u128::from(high) << 64 | u128::from(low)).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::flow::slot::Slot;
    use crate::frame::PathId;
    use proptest::prelude::*;

    fn packet(src: Endpoint, dst: Endpoint, is_udp: bool) -> Frame<'static> {
        Frame {
            at: Timestamp::default(),
            number: 1,
            src,
            dst,
            segment: if is_udp { Segment::Udp } else { Segment::Tcp(crate::frame::Tcp::default()) },
            payload: b"",
            payload_len: 0,
            wire_len: 0,
            path: PathId(0),
        }
    }

    /// IPv4, IPv6, and addresses that look like the words of a key of the other kind; few enough to come twice.
    fn endpoint() -> impl Strategy<Value = Endpoint> {
        let address = prop_oneof![
            (0u8..3).prop_map(|n| Address::v4([10, 0, 0, n])),
            (0u8..3).prop_map(|n| Address([n; 16])),
            (0u8..2, 0u8..2).prop_map(|(a, b)| address([u64::from(a) << 32, u64::from(b) << 32 | 7])),
            (0u8..2).prop_map(|n| address([0, u64::from(n) << 32 | 0xfffe_0000])),
        ];
        (address, 5u16..8).prop_map(|(address, port)| Endpoint::new(address, port))
    }

    proptest! {
        #[test]
        fn a_key_is_what_the_endpoints_are(a in endpoint(), b in endpoint(), c in endpoint(), udp: [bool; 2]) {
            let (secret, frame) = (HashKey::fixed(3, 4), |src, dst, is_udp| Key::of(&packet(src, dst, is_udp)));
            let (key, from_lo) = frame(a, b, udp[0]);
            let (back, back_from_lo) = frame(b, a, udp[0]);
            prop_assert_eq!((key, key.hash(&secret)), (back, back.hash(&secret)));
            prop_assert!(a == b || from_lo != back_from_lo);
            prop_assert_eq!(key.ends(), if from_lo { [a, b] } else { [b, a] });
            let (other, _) = frame(a, c, udp[1]);
            prop_assert_eq!(key == other, b == c && udp[0] == udp[1]);
            prop_assert_eq!(Slot::new(&key, 0, &packet(a, b, udp[0])).is(&other), key == other);
        }
    }
}
