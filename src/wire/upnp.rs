//! UPnP Internet Gateway Device: SSDP searches and the few SOAP actions that map ports (UPnP IGD 1.0, WANIPConnection).
//!
//! SOAP bodies are scanned for the elements wanted, by local name: no namespaces, no entities, no nesting. That is all
//! that clients and routers write there, and nothing an attacker can make expensive.

use super::http::{self, Lines, RequestHead};
use super::{Malformed, client};
use crate::base::{Address, Transport};

/// SSDP's UDP port.
pub const SSDP_PORT: u16 = 1900;

/// Longest SOAP body scanned, in bytes.
pub const BODY_MAX: usize = 16 * 1024;

/// An SSDP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ssdp<'a> {
    /// `M-SEARCH`.
    Search {
        /// `ST`: what is looked for.
        target: &'a [u8],
        /// No space after `ST:`, `MAN:` and `MX:`, as libtorrent writes it. A weak hint.
        libtorrent_spelling: bool,
    },
    /// An answer or a `NOTIFY`: a device says where its description is.
    Device {
        /// `LOCATION`.
        location: Option<&'a [u8]>,
        /// `ST` or `NT`.
        target: Option<&'a [u8]>,
    },
}

/// R-NAT-2: reads a datagram of port 1900.
///
/// # Errors
/// When the first line or a required header is missing.
pub fn parse_ssdp(datagram: &[u8]) -> Result<Ssdp<'_>, Malformed> {
    let Some(lines) = first_line(datagram, b"M-SEARCH * HTTP/1.1") else {
        let lines = first_line(datagram, b"NOTIFY * HTTP/1.1");
        let lines = lines.or_else(|| first_line(datagram, b"HTTP/1.1 200 OK")).ok_or(Malformed::Magic)?;
        let target = lines.get("ST").or_else(|| lines.get("NT"));
        return Ok(Ssdp::Device { location: lines.get("LOCATION"), target });
    };
    if lines.get("MAN") != Some(b"\"ssdp:discover\"") {
        return Err(Malformed::Key);
    }
    // libtorrent asks for this one target, and writes a space after none of the three names.
    let tight = [&b"\nST:upnp:rootdevice"[..], b"\nMAN:\"", b"\nMX:3"];
    Ok(Ssdp::Search {
        target: lines.get("ST").ok_or(Malformed::Key)?,
        libtorrent_spelling: tight.iter().all(|line| contains(datagram, line)),
    })
}

fn first_line<'a>(datagram: &'a [u8], line: &[u8]) -> Option<Lines<'a>> {
    let rest = datagram.strip_prefix(line)?;
    rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).map(Lines::new)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|w| w == wanted)
}

/// The actions of WANIPConnection and WANPPPConnection that concern mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Asks for a mapping.
    AddPortMapping,
    /// The same, where the router may choose another port (version 2).
    AddAnyPortMapping,
    /// Drops a mapping.
    DeletePortMapping,
    /// Asks for the public address.
    GetExternalIpAddress,
    /// Asks who has a mapping.
    GetSpecificPortMappingEntry,
}

const ACTIONS: [(&[u8], Action); 5] = [
    (b"AddPortMapping", Action::AddPortMapping),
    (b"AddAnyPortMapping", Action::AddAnyPortMapping),
    (b"DeletePortMapping", Action::DeletePortMapping),
    (b"GetExternalIPAddress", Action::GetExternalIpAddress),
    (b"GetSpecificPortMappingEntry", Action::GetSpecificPortMappingEntry),
];

/// The action that a request's `SOAPAction` header names, when it concerns mappings (in any case: libtorrent writes
/// `Soapaction`).
#[must_use]
pub fn action(head: &RequestHead<'_>) -> Option<Action> {
    if head.method != b"POST" {
        return None;
    }
    let value = head.header("SOAPAction")?.trim_ascii();
    let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
    let (service, name) = value.split_at_checked(value.iter().rposition(|&b| b == b'#')?)?;
    if !contains(service, b":WANIPConnection:") && !contains(service, b":WANPPPConnection:") {
        return None;
    }
    ACTIONS.iter().find(|(n, _)| Some(*n) == name.get(1..)).map(|(_, action)| *action)
}

/// The arguments of a request, as far as they are there and parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments<'a> {
    /// `NewProtocol`.
    pub transport: Option<Transport>,
    /// `NewExternalPort`; 0 = any.
    pub external_port: Option<u16>,
    /// `NewInternalPort`.
    pub internal_port: Option<u16>,
    /// `NewInternalClient`.
    pub internal_client: Option<Address>,
    /// `NewPortMappingDescription`, with entities left as they are; hostile bytes.
    pub description: Option<&'a [u8]>,
    /// `NewLeaseDuration`, seconds; 0 = permanent.
    pub lease: Option<u32>,
}

impl Arguments<'_> {
    /// R-NAT-3: the BitTorrent client that the description names.
    #[must_use]
    pub fn client(&self) -> Option<client::ClientName> {
        client::from_upnp_description(self.description?)
    }
}

/// Reads the body of a request.
///
/// # Errors
/// When it is no SOAP body, or longer than [`BODY_MAX`].
pub fn parse_request(body: &[u8]) -> Result<Arguments<'_>, Malformed> {
    soap(body)?;
    let number = |name: &[u8]| element(body, name).and_then(|v| http::decimal(v.trim_ascii()));
    let port = |name: &[u8]| number(name).and_then(|n| u16::try_from(n).ok());
    Ok(Arguments {
        transport: match element(body, b"NewProtocol").map(<[u8]>::trim_ascii) {
            Some(p) if p.eq_ignore_ascii_case(b"TCP") => Some(Transport::Tcp),
            Some(p) if p.eq_ignore_ascii_case(b"UDP") => Some(Transport::Udp),
            _ => None,
        },
        external_port: port(b"NewExternalPort"),
        internal_port: port(b"NewInternalPort"),
        internal_client: element(body, b"NewInternalClient").and_then(address),
        description: element(body, b"NewPortMappingDescription"),
        lease: number(b"NewLeaseDuration").and_then(|n| u32::try_from(n).ok()),
    })
}

/// A router's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done(Action),
    /// The public address.
    ExternalAddress(Address),
    /// The port that [`Action::AddAnyPortMapping`] reserved.
    ReservedPort(u16),
    /// Refused, with the UPnP error code (718 = conflict, 725 = only permanent leases).
    Refused(u16),
}

/// Reads the body of an answer.
///
/// # Errors
/// When it is no SOAP body, or answers none of [`Action`].
pub fn parse_answer(body: &[u8]) -> Result<Answer, Malformed> {
    soap(body)?;
    if let Some(code) = element(body, b"errorCode") {
        let code = http::decimal(code.trim_ascii()).and_then(|n| u16::try_from(n).ok());
        return code.map(Answer::Refused).ok_or(Malformed::Number);
    }
    if let Some(text) = element(body, b"NewExternalIPAddress") {
        return address(text).map(Answer::ExternalAddress).ok_or(Malformed::Value);
    }
    if let Some(text) = element(body, b"NewReservedPort") {
        let port = http::decimal(text.trim_ascii()).and_then(|n| u16::try_from(n).ok());
        return port.map(Answer::ReservedPort).ok_or(Malformed::Number);
    }
    let answered = |name: &[u8]| has_tag(body, &[name, b"Response"].concat());
    let done = ACTIONS.iter().find(|(name, _)| answered(name));
    done.map(|(_, action)| Answer::Done(*action)).ok_or(Malformed::Key)
}

fn soap(body: &[u8]) -> Result<(), Malformed> {
    if body.len() > BODY_MAX {
        Err(Malformed::Length)
    } else if !body.trim_ascii_start().starts_with(b"<") || !has_tag(body, b"Envelope") {
        Err(Malformed::Magic)
    } else {
        Ok(())
    }
}

fn address(text: &[u8]) -> Option<Address> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// The tags of a body: local name, whether it closes, and the bytes after the tag.
fn tags(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        loop {
            let open = rest.iter().position(|&b| b == b'<')?;
            let inside = rest.get(open + 1..)?;
            let close = inside.iter().position(|&b| b == b'>')?;
            let (tag, after) = inside.split_at_checked(close)?;
            let after = after.get(1..)?;
            rest = after;
            if !tag.starts_with(b"/") {
                let name = tag.split(|b| b.is_ascii_whitespace() || *b == b'/').next().unwrap_or_default();
                return Some((name.rsplit(|&b| b == b':').next().unwrap_or(name), after));
            }
        }
    })
}

fn has_tag(body: &[u8], name: &[u8]) -> bool {
    tags(body).any(|(tag, _)| tag == name)
}

/// The text of the first element with this local name, up to the next tag.
fn element<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, after) = tags(body).find(|(tag, _)| *tag == name)?;
    after.split(|&b| b == b'<').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Parsed;
    use proptest::prelude::*;

    const ADD: &[u8] =
        b"<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"x\"><s:Body><u:AddPortMapping xmlns:u=\"y\">\
        <NewRemoteHost></NewRemoteHost><NewExternalPort>6881</NewExternalPort><NewProtocol>TCP</NewProtocol>\
        <NewInternalPort> 6882 </NewInternalPort><NewInternalClient>192.0.2.20</NewInternalClient>\
        <NewPortMappingDescription>qBittorrent/5.1.1</NewPortMappingDescription>\
        <NewLeaseDuration>3600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>";

    #[test]
    fn a_mapping_names_port_host_and_client() {
        let a = parse_request(ADD).unwrap();
        assert_eq!(
            (a.transport, a.external_port, a.internal_port),
            (Some(Transport::Tcp), Some(6881), Some(6882))
        );
        assert_eq!((a.internal_client.unwrap().to_string().as_str(), a.lease), ("192.0.2.20", Some(3600)));
        assert_eq!(a.client().unwrap().to_string(), "qBittorrent 5.1.1");
    }

    #[test]
    fn the_action_is_in_the_header() {
        for (line, want) in [
            (
                "Soapaction: \"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"",
                Some(Action::AddPortMapping),
            ),
            (
                "SOAPACTION: urn:schemas-upnp-org:service:WANPPPConnection:1#GetExternalIPAddress",
                Some(Action::GetExternalIpAddress),
            ),
            ("SOAPAction: \"urn:schemas-upnp-org:service:AVTransport:1#Play\"", None),
            ("X: y", None),
        ] {
            let text = format!("POST /ctl HTTP/1.1\r\n{line}\r\n\r\n");
            let Parsed::Done { message, .. } = http::parse_request(text.as_bytes()) else { panic!() };
            assert_eq!(action(&message), want, "{line}");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let wrap = |inner: &str| {
            format!("<SOAP-ENV:Envelope><SOAP-ENV:Body>{inner}</SOAP-ENV:Body></SOAP-ENV:Envelope>")
        };
        for (inner, want) in [
            ("<u:AddPortMappingResponse xmlns:u=\"x\"/>", Ok(Answer::Done(Action::AddPortMapping))),
            (
                "<m:GetExternalIPAddressResponse><NewExternalIPAddress>203.0.113.5</NewExternalIPAddress></m:GetExternalIPAddressResponse>",
                Ok(Answer::ExternalAddress(Address::v4([203, 0, 113, 5]))),
            ),
            ("<Fault><UPnPError><errorCode>718</errorCode></UPnPError></Fault>", Ok(Answer::Refused(718))),
            ("<NewReservedPort>7</NewReservedPort>", Ok(Answer::ReservedPort(7))),
            ("<errorCode>x</errorCode>", Err(Malformed::Number)),
            ("<Other/>", Err(Malformed::Key)),
        ] {
            assert_eq!(parse_answer(wrap(inner).as_bytes()), want, "{inner}");
        }
        assert_eq!(parse_answer(b"{}"), Err(Malformed::Magic));
        assert_eq!(parse_answer(&vec![b'<'; BODY_MAX + 1]), Err(Malformed::Length));
    }

    #[test]
    fn searches_show_who_wrote_them() {
        let lt = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST:upnp:rootdevice\r\nMAN:\"ssdp:discover\"\r\nMX:3\r\n\r\n";
        let other = b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n\r\n";
        assert_eq!(
            parse_ssdp(lt),
            Ok(Ssdp::Search { target: b"upnp:rootdevice", libtorrent_spelling: true })
        );
        assert_eq!(parse_ssdp(other), Ok(Ssdp::Search { target: b"ssdp:all", libtorrent_spelling: false }));
        let answer =
            b"HTTP/1.1 200 OK\r\nLocation: http://192.0.2.1:5000/d.xml\r\nST: upnp:rootdevice\r\n\r\n";
        let Ok(Ssdp::Device { location, .. }) = parse_ssdp(answer) else { panic!() };
        assert_eq!(location, Some(&b"http://192.0.2.1:5000/d.xml"[..]));
        assert_eq!(parse_ssdp(b"BT-SEARCH * HTTP/1.1\r\n"), Err(Malformed::Magic));
    }

    proptest! {
        #[test]
        fn broken_bodies_never_panic(cut in 0usize..ADD.len(), at in 0usize..ADD.len(), byte: u8, text: Vec<u8>) {
            let mut d = ADD.to_vec();
            d[at] = byte;
            let _ = (parse_request(&d), parse_answer(&d), parse_request(&ADD[..cut]));
            let _ = (parse_request(&text), parse_answer(&text), parse_ssdp(&text));
        }
    }
}
