//! The page's files, with tags by which a browser knows that it has them.

use super::answer::{self, Answer};
use crate::output::page;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use sha1::{Digest, Sha1};

/// The file of a path.
pub fn answer(path: &str, headers: &HeaderMap) -> Option<Answer> {
    let (content_type, body) = match path {
        "/" => ("text/html; charset=utf-8", page::DOCUMENT),
        "/assets/app.js" => ("text/javascript; charset=utf-8", page::SCRIPT),
        "/assets/app.css" => ("text/css; charset=utf-8", page::STYLE),
        "/assets/icon.svg" => ("image/svg+xml", page::ICON),
        _ => return None,
    };
    let tag = format!("\"{}\"", crate::base::hex(Sha1::digest(body.as_bytes()).get(..8).unwrap_or_default()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let known = known.is_some_and(|list| list.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let (status, body) = if known { (StatusCode::NOT_MODIFIED, "") } else { (StatusCode::OK, body) };
    let mut answer = answer::whole(status, content_type, body.as_bytes().to_vec());
    // A new version may bring a new page at any time: ask, and be told that nothing changed.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Some(answer)
}
