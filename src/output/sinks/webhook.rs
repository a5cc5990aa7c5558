//! Alerts to any web service: one POST each, with a body of the operator's making, and signed.

use super::{Courier, HttpTarget, Secret, Undelivered, event_of};
use crate::base::hex;
use crate::policy::AlertChange;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io;

/// The header with the signature of the body: `sha256=` and HMAC-SHA256 (RFC 2104) in hexadecimal.
const SIGNATURE: &str = "X-Swarmscope-Signature";
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The courier.
pub struct Webhook {
    target: HttpTarget,
    template: Option<Value>,
    key: Option<String>,
    token: Option<String>,
}

impl Webhook {
    /// Posts to `target`. The body is the `alert` event, or `template`: JSON in whose strings `{{summary}}`, `{{rule}}`,
    /// `{{severity}}`, `{{action}}`, `{{host}}`, `{{value}}`, `{{at}}` and `{{link}}` and `{{link}}` are filled in. `key` signs the body, `token` goes into
    /// `Authorization: Bearer`.
    ///
    /// # Errors
    /// When a secret cannot be read, or the template is not JSON.
    pub fn new(
        target: HttpTarget,
        template: Option<&str>,
        key: Option<&Secret>,
        token: Option<&Secret>,
    ) -> io::Result<Self> {
        let template = template.map(serde_json::from_str).transpose()?;
        let key = key.map(Secret::read).transpose()?;
        Ok(Self { target, template, key, token: token.map(Secret::read).transpose()? })
    }

    fn body(&self, change: &AlertChange) -> String {
        match &self.template {
            Some(template) => {
                let mut body = template.clone();
                fill(&mut body, change);
                body.to_string()
            }
            None => event_of(change),
        }
    }
}

impl Courier for Webhook {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let body = self.body(change);
        let signature =
            self.key.as_ref().map(|key| format!("sha256={}", hex(&hmac(key.as_bytes(), body.as_bytes()))));
        let token = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = [(SIGNATURE, &signature), ("Authorization", &token)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        self.target.post(&body, &headers)
    }
}

/// Fills in the strings of a template. It is the operator's, and parsed: its depth is what the parser allows.
fn fill(value: &mut Value, change: &AlertChange) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains("{{") => *text = filled(text, change),
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
}

fn filled(text: &str, change: &AlertChange) -> String {
    let alert = &change.alert;
    // Values are put in from left to right and never looked at again: a name from the network fills in nothing.
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            rest = after;
            continue;
        };
        match name.trim() {
            "summary" => out.push_str(alert.summary()),
            "rule" => out.push_str(&alert.rule.name),
            "severity" => out.push_str(alert.severity().label()),
            "action" => out.push_str(change.action.label()),
            "host" => out.push_str(&alert.host().map_or_else(|| "-".to_owned(), |h| h.to_string())),
            "value" => out.push_str(&alert.unit().show(alert.value)),
            "at" => out.push_str(&alert.at.to_string()),
            "link" => out.push_str(alert.link.as_deref().unwrap_or("-")),
            _ => {}
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let hashed: [u8; 32];
    let key = if key.len() > BLOCK {
        hashed = Sha256::digest(key).into();
        &hashed[..]
    } else {
        key
    };
    let padded = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, k)| *byte ^= k);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn signatures_are_those_of_the_rfc() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
