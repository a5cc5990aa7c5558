//! Interface description blocks of pcapng (draft-ietf-opsawg-pcapng, section 4.2) and what their options (section 3.5)
//! say of the interface's clock.

use super::pcapng::Order;
use super::reader::Interface;
use crate::base::{Timestamp, printable};

const OPT_ENDOFOPT: u16 = 0;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// Most options of a block looked at.
const OPTIONS_MAX: usize = 1_024;
/// Most bytes of an interface's name kept.
const NAME_LEN_MAX: usize = 64;

/// An interface, its clock and its link type.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) link: u16,
    /// Most bytes captured of a packet; `u32::MAX` for no limit.
    pub(super) snap_len: u32,
    pub(super) clock: Clock,
    pub(super) interface: Interface,
}

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Seconds to add (`if_tsoffset`).
    offset_secs: i64,
}

/// The unit of an interface's time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// This many nanoseconds.
    Nanos(u64),
    /// One of this many parts of a nanosecond.
    PartsOfNano(u64),
    /// 2^-n seconds.
    PowerOfTwo(u8),
}

impl Default for Clock {
    /// Microseconds since the epoch, where no option says otherwise.
    fn default() -> Self {
        Self { unit: Unit::Nanos(1_000), offset_secs: 0 }
    }
}

impl Clock {
    /// The time of a stamp; the ends of the range of [`Timestamp`] for times outside it.
    #[inline]
    pub(super) fn at(self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(unit) => ticks.saturating_mul(unit),
            Unit::PartsOfNano(parts) => ticks / parts.max(1),
            Unit::PowerOfTwo(n) => {
                let nanos = (u128::from(ticks) * 1_000_000_000).checked_shr(u32::from(n)).unwrap_or(0);
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Timestamp(nanos.saturating_add(self.offset_secs.saturating_mul(1_000_000_000)))
    }
}

impl Unit {
    /// `if_tsresol`: a negative power of two when the top bit is set, else of ten. `None` for units in which 64 bits do
    /// not hold a second.
    fn from_option(value: u8) -> Option<Self> {
        let exponent = value & 0x7f;
        if value & 0x80 != 0 {
            return (exponent < 64).then_some(Self::PowerOfTwo(exponent));
        }
        match exponent {
            0..=9 => 10_u64.checked_pow(9 - u32::from(exponent)).map(Self::Nanos),
            10..=19 => 10_u64.checked_pow(u32::from(exponent) - 9).map(Self::PartsOfNano),
            _ => None,
        }
    }
}

/// Reads the body of an interface description: link type, reserved, snap length, options. What cannot be read keeps its
/// default, and the text says why.
pub(super) fn read(body: &[u8], order: Order) -> (Description, Option<String>) {
    let mut description = Description {
        link: u16::MAX,
        snap_len: u32::MAX,
        clock: Clock::default(),
        interface: Interface::default(),
    };
    let fixed = || {
        let (link, rest) = body.split_first_chunk::<2>()?;
        let (_reserved, rest) = rest.split_first_chunk::<2>()?;
        let (snap_len, options) = rest.split_first_chunk::<4>()?;
        Some((order.u16(*link), order.u32(*snap_len), options))
    };
    let Some((link, snap_len, options)) = fixed() else {
        return (description, Some(format!("interface description with a body of {} bytes", body.len())));
    };
    description.link = link;
    description.snap_len = if snap_len == 0 { u32::MAX } else { snap_len };
    let fault = read_options(options, order, &mut description).err();
    (description, fault)
}

fn read_options(mut options: &[u8], order: Order, into: &mut Description) -> Result<(), String> {
    for _ in 0..OPTIONS_MAX {
        let Some(([a, b, c, d], rest)) = options.split_first_chunk::<4>() else {
            return Ok(());
        };
        let (code, len) = (order.u16([*a, *b]), usize::from(order.u16([*c, *d])));
        if code == OPT_ENDOFOPT {
            return Ok(());
        }
        let Some(value) = rest.get(..len) else {
            return Err(format!("interface option {code} of {len} bytes where {} are left", rest.len()));
        };
        match code {
            IF_NAME => {
                let name = value.get(..len.min(NAME_LEN_MAX)).unwrap_or_default();
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                into.interface.name = (!name.is_empty()).then(|| printable(name, NAME_LEN_MAX));
            }
            IF_TSRESOL => {
                let exponent = value.first().copied().unwrap_or_default();
                let Some(unit) = Unit::from_option(exponent) else {
                    return Err(format!("if_tsresol {exponent} is impossible; microseconds are assumed"));
                };
                into.clock.unit = unit;
            }
            IF_TSOFFSET => {
                if let Some((high, low)) = value.split_first_chunk::<4>()
                    && let Some(low) = low.first_chunk::<4>()
                {
                    let (high, low) = (u64::from(order.u32(*high)), u64::from(order.u32(*low)));
                    let (first, second) = if order == Order::Big { (high, low) } else { (low, high) };
                    into.clock.offset_secs = (first << 32 | second).cast_signed();
                }
            }
            _ => {}
        }
        options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(resolution: u8) -> Clock {
        Clock { unit: Unit::from_option(resolution).unwrap(), offset_secs: 0 }
    }

    #[test]
    fn every_resolution_gives_the_same_moment() {
        let secs = 3_u64;
        for n in 0..=18 {
            assert_eq!(clock(n).at(secs * 10_u64.pow(u32::from(n))), Timestamp::from_secs(3), "10^-{n}");
        }
        for n in 0..=61 {
            assert_eq!(clock(0x80 | n).at(secs << n), Timestamp::from_secs(3), "2^-{n}");
        }
        for n in [20, 64, 127, 0x80 | 64, 0xff] {
            assert_eq!(Unit::from_option(n), None, "{n}");
        }
    }

    #[test]
    fn offsets_are_read_in_either_order_and_saturate() {
        for (order, bytes) in [(Order::Little, (-5_i64).to_le_bytes()), (Order::Big, (-5_i64).to_be_bytes())]
        {
            let number = |n: u16| if order == Order::Big { n.to_be_bytes() } else { n.to_le_bytes() };
            let body = [&number(1)[..], &[0; 6], &number(IF_TSOFFSET), &number(8), &bytes].concat();
            let (description, fault) = read(&body, order);
            assert_eq!((description.link, fault), (1, None));
            assert_eq!(description.clock.at(7_000_000), Timestamp::from_secs(2));
        }
        let far = Clock { unit: Unit::Nanos(1_000_000_000), offset_secs: i64::MAX };
        assert_eq!(far.at(u64::MAX), Timestamp::MAX);
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..200), big: bool, ticks: u64) {
            let (description, _) = read(&body, if big { Order::Big } else { Order::Little });
            let _ = description.clock.at(ticks);
        }
    }
}
