//! What a request must be before anybody looks at what it asks for.

use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode, Uri};
use std::net::IpAddr;

/// Whether a `Host` is one by which this sensor may be called: an address, `localhost`, or a name the operator gave. Any
/// other name may be a stranger's that was made to point here (DNS rebinding).
pub fn host_is_ours(host: &str, allowed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            return port && address.parse::<std::net::Ipv6Addr>().is_ok();
        }
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed.iter().any(|a| name.eq_ignore_ascii_case(a))
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// Checks method, body and host; on refusal the status and a word why.
pub fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    allowed: &[String],
) -> Result<(), (StatusCode, &'static str)> {
    let body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if body {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "requests have no body here"));
    }
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here"));
    }
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return Err((StatusCode::BAD_REQUEST, "a request names one host"));
    };
    let ours = |host: &str| host_is_ours(host, allowed);
    if !host.to_str().is_ok_and(ours) || !uri.authority().is_none_or(|a| ours(a.as_str())) {
        let why = "this sensor is not known by that name: call it by its address, or allow the name";
        return Err((StatusCode::MISDIRECTED_REQUEST, why));
    }
    Ok(())
}

/// Whether a request that changes something comes from the sensor's own page or from no page at all (CSRF).
pub fn is_own_request(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let from_us = text(header::ORIGIN).is_none_or(|origin| {
        let host = text(header::HOST).unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, o)| !host.is_empty() && o == host)
    });
    from_us && site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_given_names_are_ours() {
        let allowed = ["sensor.example".to_owned()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:9790",
            "10.1.2.3:80",
            "[::1]",
            "[2001:db8::1]:9790",
            "localhost:1",
            "LOCALHOST",
            "localhost.",
            "sensor.example",
            "Sensor.Example:9790",
        ] {
            assert!(host_is_ours(host, &allowed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "sensor.example.evil.example",
            "[::1",
            "[evil]",
            "[::1]x",
            "localhost:evil",
            "localhost:99999",
            "2130706433",
            "user@localhost",
            "::1",
            "[127.0.0.1]",
            "localhost:80:80",
        ] {
            assert!(!host_is_ours(host, &allowed), "{host}");
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    fn status(method: &Method, uri: &'static str, pairs: &[(&'static str, &'static str)]) -> u16 {
        let verdict = check(method, &Uri::from_static(uri), &headers(pairs), &[]);
        verdict.err().map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn a_request_is_small_and_calls_us_by_name() {
        let host = ("host", "localhost");
        assert_eq!(status(&Method::GET, "/", &[host]), 200);
        assert_eq!(status(&Method::GET, "/", &[host, ("content-length", "0")]), 200);
        assert_eq!(status(&Method::GET, "/", &[host, ("content-length", "1")]), 413);
        assert_eq!(status(&Method::POST, "/", &[host, ("transfer-encoding", "chunked")]), 413);
        assert_eq!(status(&Method::DELETE, "/", &[host]), 405);
        assert_eq!(status(&Method::GET, "/", &[]), 400);
        assert_eq!(status(&Method::GET, "/", &[("host", "evil.example")]), 421);
        assert_eq!(status(&Method::GET, "http://evil.example/", &[host]), 421);
    }

    #[test]
    fn other_sites_cannot_make_a_browser_change_anything() {
        let host = ("host", "localhost:9790");
        assert!(is_own_request(&headers(&[host])));
        assert!(is_own_request(&headers(&[host, ("origin", "http://localhost:9790")])));
        assert!(!is_own_request(&headers(&[host, ("origin", "http://evil.example")])));
        assert!(!is_own_request(&headers(&[host, ("origin", "null")])));
        assert!(!is_own_request(&headers(&[host, ("sec-fetch-site", "cross-site")])));
    }
}
