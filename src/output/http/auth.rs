//! HTTP basic authentication (RFC 7617) against bcrypt hashes.
//!
//! bcrypt is slow on purpose: it runs beside the HTTP thread, and who was once found right is remembered by a digest.

use super::web_config::WebConfig;
use hyper::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashSet;

/// Right answers remembered.
const REMEMBERED: usize = 64;
/// A hash that no password has, of the usual cost: an unknown user takes as long as a known one.
const NOBODY: &str = "$2b$10$C6UzMDM.H6dfI/f/IKcEeO7ZbSo9b8o1JHHqJjTgJrPpJw2mJ4b0S";

/// Who was found right.
#[derive(Default)]
pub struct Known(RefCell<HashSet<[u8; 32]>>);

impl Known {
    /// Forgets everybody: the users have changed.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Whether the request names a user and the user's password.
    pub async fn is_right(&self, web: &WebConfig, headers: &HeaderMap) -> bool {
        let Some((user, password)) = credentials(headers) else { return false };
        let hash = web.users.get(&user).map_or(NOBODY, String::as_str).to_owned();
        let mut digest = Sha256::new();
        for part in [user.as_bytes(), hash.as_bytes(), password.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        if self.0.borrow().contains(&digest) {
            return true;
        }
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        let right = verified.await.unwrap_or(false) && web.users.contains_key(&user);
        if right {
            let mut known = self.0.borrow_mut();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(digest);
        }
        right
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(base64(token.trim())?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Base64 (RFC 4648 section 4), with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0u32);
    for c in text.trim_end_matches('=').bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        std::iter::once((header::AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn credentials_are_read_as_the_rfc_writes_them() {
        // The example of RFC 7617 section 2.
        let want = Some(("Aladdin".to_owned(), "open sesame".to_owned()));
        assert_eq!(credentials(&headers("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")), want);
        assert_eq!(credentials(&headers("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ")), want);
        for bad in ["Bearer QQ==", "Basic", "Basic !", "Basic /w==", "Basic QQ=="] {
            assert_eq!(credentials(&headers(bad)), None, "{bad}");
        }
    }

    #[test]
    fn base64_of_the_rfc() {
        for (text, want) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(base64(text).unwrap(), want.as_bytes());
        }
    }

    #[test]
    fn only_the_right_password_of_a_known_user_is_right() {
        let mut web = WebConfig::default();
        web.users.insert("anna".into(), bcrypt::hash("secret", 4).unwrap());
        let known = Known::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asks = |value: &str| runtime.block_on(known.is_right(&web, &headers(value)));
        assert!(asks("Basic YW5uYTpzZWNyZXQ=") && asks("Basic YW5uYTpzZWNyZXQ="));
        assert!(!asks("Basic YW5uYTp3cm9uZw==") && !asks("Basic Ym9iOnNlY3JldA=="));
        assert_eq!(known.0.borrow().len(), 1);
        assert!(bcrypt::verify("x", NOBODY).is_ok_and(|right| !right), "takes its time, and is wrong");
    }
}
