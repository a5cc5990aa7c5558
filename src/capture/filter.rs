//! Capture filters in libpcap's language (`pcap-filter(7)`), one compiled program per link type.
//!
//! The program sees the captured bytes only: `greater` and `less` compare with the captured length.

use super::{CaptureError, LinkType};
use pcap::{BpfProgram, Capture, Linktype};

/// Most link types a filter is compiled for; a hostile pcapng file can name 65,536.
const LINK_TYPES_MAX: usize = 64;

/// A filter and its programs so far.
pub(super) struct Filter {
    text: String,
    programs: Vec<(i32, Option<BpfProgram>)>,
}

/// What a filter says of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    Unwanted,
    /// The filter does not compile for this link type; told once per link type, then [`Verdict::Unwanted`].
    Inapplicable(String),
}

impl Filter {
    /// Compiles for Ethernet, so that a mistake is known before a file is read.
    pub(super) fn new(text: &str) -> Result<Self, CaptureError> {
        let data_link = data_link(LinkType::ETHERNET, &[]);
        let program = compile(text, data_link).map_err(CaptureError::Filter)?;
        Ok(Self { text: text.to_owned(), programs: vec![(data_link, Some(program))] })
    }

    /// Runs the program of this link type, compiling it when it is the first such packet.
    pub(super) fn judge(&mut self, link: LinkType, data: &[u8]) -> Verdict {
        let data_link = data_link(link, data);
        if let Some((_, program)) = self.programs.iter().find(|(known, _)| *known == data_link) {
            return verdict(program.as_ref(), data);
        }
        if self.programs.len() >= LINK_TYPES_MAX {
            return Verdict::Unwanted;
        }
        let (program, fault) = match compile(&self.text, data_link) {
            Ok(program) => (Some(program), None),
            Err(reason) => (None, Some(reason)),
        };
        let verdict = verdict(program.as_ref(), data);
        self.programs.push((data_link, program));
        match fault {
            Some(reason) => Verdict::Inapplicable(format!(
                "packets of link type {} left out, the filter does not apply: {reason}",
                link.0
            )),
            None => verdict,
        }
    }
}

fn verdict(program: Option<&BpfProgram>, data: &[u8]) -> Verdict {
    if program.is_some_and(|program| program.filter(data)) { Verdict::Wanted } else { Verdict::Unwanted }
}

fn compile(text: &str, data_link: i32) -> Result<BpfProgram, String> {
    Capture::dead(Linktype(data_link)).and_then(|capture| capture.compile(text, true)).map_err(|error| {
        match error {
            pcap::Error::PcapError(text) => text,
            other => other.to_string(),
        }
    })
}

/// libpcap's compiler counts link types by `DLT_*` numbers, which differ from the file format's for a few.
fn data_link(link: LinkType, data: &[u8]) -> i32 {
    /// `DLT_RAW` everywhere but on OpenBSD.
    const RAW: i32 = if cfg!(target_os = "openbsd") { 14 } else { 12 };
    match link {
        LinkType::RAW | LinkType(12 | 14) => RAW,
        // The compiler takes the family for one in this machine's byte order. One of another machine is too large a
        // number; it reads right in network order, as in LINKTYPE_LOOP.
        LinkType::NULL => match data.first_chunk::<4>() {
            Some(family) if u32::from_ne_bytes(*family) > 0xffff => i32::from(LinkType::LOOP.0),
            _ => i32::from(LinkType::NULL.0),
        },
        LinkType(other) => i32::from(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 UDP header to port 53, and nothing else.
    fn dns() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend([0x30, 0x39, 0, 53, 0, 8, 0, 0]);
        packet
    }

    #[test]
    fn each_link_type_gets_its_own_program() {
        let framed = |header: &[u8]| [header, &dns()].concat();
        let ethernet = framed(&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 8, 0]);
        let cooked = framed(&[0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 8, 0]);
        let packets = [
            (LinkType::ETHERNET, ethernet),
            (LinkType::RAW, dns()),
            (LinkType(12), dns()),
            (LinkType::LINUX_SLL, cooked),
            (LinkType::NULL, framed(&2_u32.to_le_bytes())),
            (LinkType::NULL, framed(&2_u32.to_be_bytes())),
            (LinkType::LOOP, framed(&2_u32.to_be_bytes())),
            (LinkType::IPV4, dns()),
        ];
        let mut wanted = Filter::new("udp port 53").unwrap();
        let mut unwanted = Filter::new("tcp port 53").unwrap();
        for (link, data) in packets {
            assert_eq!(wanted.judge(link, &data), Verdict::Wanted, "{link:?}");
            assert_eq!(unwanted.judge(link, &data), Verdict::Unwanted, "{link:?}");
        }
    }

    #[test]
    fn a_filter_that_does_not_compile_is_refused_at_once() {
        assert!(matches!(Filter::new("udp prt 53"), Err(CaptureError::Filter(_))));
        assert!(matches!(Filter::new("udp\0"), Err(CaptureError::Filter(_))));
    }

    #[test]
    fn a_filter_that_a_link_type_cannot_have_is_told_once() {
        let mut filter = Filter::new("ether host 02:00:00:00:00:01").unwrap();
        assert!(matches!(filter.judge(LinkType::RAW, &dns()), Verdict::Inapplicable(_)));
        assert_eq!(filter.judge(LinkType::RAW, &dns()), Verdict::Unwanted);
    }

    #[test]
    fn link_types_without_end_are_bounded() {
        let mut filter = Filter::new("udp").unwrap();
        for link in 0..2_000 {
            filter.judge(LinkType(link), &dns());
        }
        assert!(filter.programs.len() <= LINK_TYPES_MAX);
    }
}
