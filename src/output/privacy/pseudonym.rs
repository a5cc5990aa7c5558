//! Pseudonyms of addresses that keep prefixes: two addresses that share their first n bits have pseudonyms that do.
//!
//! Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-preserving IP address anonymization, ICNP 2002), for IPv4 on 32 bits as
//! published, for IPv6 the same on 128. The key is 32 bytes: an AES-128 key, and 16 bytes whose encryption is the padding.

use crate::base::{Address, KeyedState, hex};
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Pseudonyms remembered: one costs 32 or 128 encryptions.
const KNOWN_MAX: usize = 65_536;
/// Longest key file, in bytes.
const FILE_MAX: u64 = 4_096;
/// Length of a key, in bytes.
const KEY: usize = 32;

/// What turns addresses and ids into pseudonyms.
pub struct Pseudonyms {
    cipher: Aes128,
    pad: u128,
    /// For what is hashed: derived from the key, so that neither tells of the other.
    salt: [u8; 32],
    known: Mutex<HashMap<Address, Address, KeyedState>>,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    /// Of a key.
    #[must_use]
    pub fn new(key: &[u8; KEY]) -> Self {
        let (mut cipher_key, mut pad) = ([0; 16], [0; 16]);
        cipher_key.copy_from_slice(key.first_chunk::<16>().unwrap_or(&[0; 16]));
        pad.copy_from_slice(key.last_chunk::<16>().unwrap_or(&[0; 16]));
        let cipher = Aes128::new(&cipher_key.into());
        let mut block = pad.into();
        cipher.encrypt_block(&mut block);
        let salt = Sha256::new().chain_update(b"swarmscope names and ids").chain_update(key).finalize();
        let pad = u128::from_be_bytes(block.into());
        Self { cipher, pad, salt: salt.into(), known: Mutex::default() }
    }

    /// Of the key in a file: 32 bytes in hexadecimal or base64, and perhaps a line end.
    ///
    /// # Errors
    /// Where the file cannot be read, others may read it, or it holds no such key. The message names the file, not the key.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let wrong = |why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("key file {}: {why}", path.display()))
        };
        let file = File::open(path)
            .map_err(|e| io::Error::new(e.kind(), format!("key file {}: {e}", path.display())))?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(format!("others may read it (mode {mode:03o}): chmod 600")));
        }
        let mut text = String::new();
        file.take(FILE_MAX).read_to_string(&mut text).map_err(|_| wrong("is no text".to_owned()))?;
        let key = decode(text.trim())
            .ok_or_else(|| wrong("expected 32 bytes in hexadecimal or base64".to_owned()))?;
        Ok(Self::new(&key))
    }

    /// The pseudonym of an address, of its own family.
    #[must_use]
    pub fn address(&self, address: Address) -> Address {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pseudonym) = known.get(&address) {
            return *pseudonym;
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let pseudonym = match address.as_v4() {
            Some(bytes) => {
                let turned = self.turn(u128::from(u32::from_be_bytes(bytes)) << 96, 32) >> 96;
                Address::v4(u32::try_from(turned).unwrap_or_default().to_be_bytes())
            }
            None => Address::v6(self.turn(u128::from_be_bytes(address.0), 128).to_be_bytes()),
        };
        known.insert(address, pseudonym);
        pseudonym
    }

    /// Sixteen digits that stand for a text.
    #[must_use]
    pub fn digits(&self, text: &str) -> String {
        let digest =
            Sha256::new().chain_update(self.salt).chain_update(b"name").chain_update(text).finalize();
        hex(digest.get(..8).unwrap_or_default())
    }

    /// Twenty bytes that stand for a node id, which by BEP 42 tells of an address.
    #[must_use]
    pub fn id(&self, id: [u8; 20]) -> [u8; 20] {
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.salt).chain_update(b"node").chain_update(id).finalize().into();
        let mut out = [0; 20];
        out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        out
    }

    /// Flips each of the first bits as the bits before it say; they stand at the top.
    fn turn(&self, original: u128, bits: u32) -> u128 {
        let mut flips = 0;
        for place in 0..bits {
            let before = if place == 0 { 0 } else { u128::MAX << (128 - place) };
            let input = (original & before) | (self.pad & !before);
            let mut block = input.to_be_bytes().into();
            self.cipher.encrypt_block(&mut block);
            let output = u128::from_be_bytes(block.into());
            flips |= (output >> 127) << (127 - place);
        }
        original ^ flips
    }
}

fn decode(text: &str) -> Option<[u8; KEY]> {
    if text.len() == 2 * KEY {
        let mut key = [0; KEY];
        for (to, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            *to = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        return text.bytes().all(|b| b.is_ascii_hexdigit()).then_some(key);
    }
    decode_base64(text.strip_suffix('=').unwrap_or(text))
}

/// Base64 (RFC 4648 section 4) of exactly 32 bytes: 43 digits, of which the last has two bits to spare.
fn decode_base64(text: &str) -> Option<[u8; KEY]> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if text.len() != 43 {
        return None;
    }
    let (mut key, mut bits, mut held, mut place) = ([0; KEY], 0u32, 0u32, 0usize);
    for byte in text.bytes() {
        let digit = DIGITS.iter().position(|d| *d == byte)?;
        held = (held << 6 | u32::try_from(digit).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *key.get_mut(place)? = (held >> bits & 0xff) as u8;
            place += 1;
        }
    }
    (held & ((1 << bits) - 1) == 0).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The key and the first addresses of the sample trace that comes with the authors' implementation.
    const SAMPLE_KEY: [u8; 32] = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121,
        101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
    ];

    #[test]
    fn the_published_sample_comes_out() {
        let pseudonyms = Pseudonyms::new(&SAMPLE_KEY);
        for (real, pseudonym) in [
            ("128.11.68.132", "135.242.180.132"),
            ("129.118.74.4", "134.136.186.123"),
            ("130.132.252.244", "133.68.164.234"),
            ("141.223.7.43", "141.167.8.160"),
            ("141.233.145.108", "141.129.237.235"),
        ] {
            assert_eq!(pseudonyms.address(real.parse().unwrap()).to_string(), pseudonym, "{real}");
        }
    }

    #[test]
    fn a_key_is_read_in_hexadecimal_and_base64() {
        let digits = hex(&SAMPLE_KEY);
        assert_eq!(decode(&digits), Some(SAMPLE_KEY));
        assert_eq!(decode("FSIXjTOkz4ATClsWSZB9ENiYj4N5eWUnYldMLSqEIgI="), Some(SAMPLE_KEY));
        for wrong in
            ["", "00", "FSIXjTOkz4ATClsWSZB9ENiYj4N5eWUnYldMLSqEIgJ=", &"g".repeat(64), &"+".repeat(44)]
        {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn prefixes_are_kept_exactly(a: u128, differing in 0u32..128, rest: u128) {
            let pseudonyms = Pseudonyms::new(&SAMPLE_KEY);
            // Two addresses that share their first bits and differ in the next.
            let below = if differing == 127 { 0 } else { u128::MAX >> (differing + 1) };
            let b = (a ^ (1 << (127 - differing))) ^ (rest & below);
            let of = |n: u128| u128::from_be_bytes(pseudonyms.address(Address::v6(n.to_be_bytes())).0);
            // Addresses in the IPv4-mapped form are of the other family.
            if Address::v6(a.to_be_bytes()).is_v4() || Address::v6(b.to_be_bytes()).is_v4() {
                return Ok(());
            }
            prop_assert_eq!((of(a) ^ of(b)).leading_zeros(), differing);
        }

        #[test]
        fn ipv4_stays_ipv4(a: [u8; 4], b: [u8; 4]) {
            let pseudonyms = Pseudonyms::new(&SAMPLE_KEY);
            let of = |n| pseudonyms.address(Address::v4(n)).as_v4().map(u32::from_be_bytes);
            let (x, y) = (of(a).unwrap(), of(b).unwrap());
            let same = (u32::from_be_bytes(a) ^ u32::from_be_bytes(b)).leading_zeros();
            prop_assert_eq!((x ^ y).leading_zeros(), same);
        }
    }
}
