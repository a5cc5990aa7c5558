//! Message Stream Encryption from inside: key agreement, RC4 and both handshakes, computed with the vectors' secrets.
//!
//! A monitor can do none of this. It proves that the lengths and offsets in `wire::mse` are those of real exchanges.

use crate::load::{Flow, flows, function, hex};
use sha1::{Digest, Sha1};
use swarmscope::base::hex as to_hex;
use swarmscope::wire::{handshake, mse};

fn bytes(v: &serde_json::Value) -> Vec<u8> {
    hex(v.as_str().unwrap_or_else(|| panic!("not a text: {v}")))
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    Sha1::digest(parts.concat()).to_vec()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// RC4 with the first 1,024 bytes of its stream thrown away.
struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    fn new(key: &[u8]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|i| i as u8);
        let mut j = 0u8;
        for i in 0..256 {
            j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
            state.swap(i, usize::from(j));
        }
        let mut cipher = Self { state, i: 0, j: 0 };
        cipher.apply(&[0; 1024]);
        cipher
    }

    fn apply(&mut self, data: &[u8]) -> Vec<u8> {
        data.iter()
            .map(|byte| {
                self.i = self.i.wrapping_add(1);
                let a = self.state[usize::from(self.i)];
                self.j = self.j.wrapping_add(a);
                let b = self.state[usize::from(self.j)];
                self.state.swap(usize::from(self.i), usize::from(self.j));
                byte ^ self.state[usize::from(a.wrapping_add(b))]
            })
            .collect()
    }
}

/// A number of 768 bits, least significant word first.
type Number = [u64; 12];

fn number(big_endian: &[u8]) -> Number {
    let mut padded = vec![0; 96 - big_endian.len()];
    padded.extend(big_endian);
    let mut words = padded.chunks(8).rev().map(|w| u64::from_be_bytes(w.try_into().unwrap()));
    std::array::from_fn(|_| words.next().unwrap())
}

fn less(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn add_mod(a: &Number, b: &Number, p: &Number) -> Number {
    let mut carry = 0u128;
    let sum: Number = std::array::from_fn(|i| {
        carry += u128::from(a[i]) + u128::from(b[i]);
        let word = carry as u64;
        carry >>= 64;
        word
    });
    if carry == 0 && less(&sum, p) {
        return sum;
    }
    let mut borrow = false;
    std::array::from_fn(|i| {
        let (word, one) = sum[i].overflowing_sub(p[i]);
        let (word, two) = word.overflowing_sub(u64::from(borrow));
        borrow = one || two;
        word
    })
}

/// Double and add: slow, and obviously right.
fn times(a: &Number, b: &Number, p: &Number) -> Number {
    bits(b).fold([0; 12], |sum, bit| {
        let sum = add_mod(&sum, &sum, p);
        if bit { add_mod(&sum, a, p) } else { sum }
    })
}

fn power(base: &Number, exponent: &Number, p: &Number) -> Number {
    let mut one = [0; 12];
    one[0] = 1;
    bits(exponent).skip_while(|bit| !bit).fold(one, |product, bit| {
        let product = times(&product, &product, p);
        if bit { times(&product, base, p) } else { product }
    })
}

fn bits(n: &Number) -> impl Iterator<Item = bool> + '_ {
    n.iter().rev().flat_map(|word| (0..64).rev().map(move |bit| word >> bit & 1 == 1))
}

#[test]
fn both_sides_agree_on_the_secret() {
    let v = function("mse");
    let get = |name: &str| number(&bytes(&v[name]));
    let (p, two) = (get("P"), number(&[2]));
    assert_eq!(v["G"], 2);
    assert_eq!(bytes(&v["Ya"]).len(), mse::KEY);
    assert_eq!(power(&two, &get("xa"), &p), get("Ya"));
    assert_eq!(power(&two, &get("xb"), &p), get("Yb"));
    assert_eq!(power(&get("Yb"), &get("xa"), &p), get("S"));
    assert_eq!(power(&get("Ya"), &get("xb"), &p), get("S"));
}

#[test]
fn hashes_and_keys_are_derived_from_it() {
    let v = function("mse");
    let (s, skey) = (bytes(&v["S"]), bytes(&v["skey"]));
    assert_eq!(sha1(&[b"req1", &s]), bytes(&v["hash_req1"]));
    assert_eq!(sha1(&[b"req2", &skey]), bytes(&v["hash_req2"]));
    assert_eq!(sha1(&[b"req3", &s]), bytes(&v["hash_req3"]));
    for (label, key, start) in
        [("keyA", "keyA", "rc4A_after_drop_first16"), ("keyB", "keyB", "rc4B_after_drop_first16")]
    {
        let derived = sha1(&[label.as_bytes(), &s, &skey]);
        assert_eq!(derived, bytes(&v[key]));
        assert_eq!(Rc4::new(&derived).apply(&[0; 16]), bytes(&v[start]));
    }
}

#[test]
fn exchanges_are_laid_out_as_the_lengths_say() {
    let mut seen = 0;
    for flow in flows().filter(|f| f.l4 == "tcp" && f.secrets["S"].is_string() && f.secrets["ia"].is_string())
    {
        decrypt(&flow);
        seen += 1;
    }
    assert!(seen > 0);
}

fn decrypt(flow: &Flow) {
    let of = |direction: &str| -> Vec<&[u8]> {
        flow.packets.iter().filter(|p| p.0 == direction).map(|p| &p.1[..]).collect()
    };
    let (initiator, responder) = (of("a2b"), of("b2a"));
    let secret = |name: &str| bytes(&flow.secrets[name]);
    let (s, skey, ia) = (secret("S"), secret("skey"), secret("ia"));

    let third = initiator[1];
    let (req1, rest) = third.split_at(20);
    let (req23, encrypted) = rest.split_at(20);
    assert_eq!(req1, sha1(&[b"req1", &s]), "{}", flow.id);
    assert_eq!(req23, xor(&sha1(&[b"req2", &skey]), &sha1(&[b"req3", &s])), "{}", flow.id);
    let clear = Rc4::new(&sha1(&[b"keyA", &s, &skey])).apply(encrypted);
    assert_eq!(clear[..8], [0; 8], "verification constant of {}", flow.id);
    assert_eq!(u64::from(clear[11]), flow.secrets["crypto_provide"].as_u64().unwrap_or(u64::from(clear[11])));
    let pad = usize::from(u16::from_be_bytes([clear[12], clear[13]]));
    let ia_len = usize::from(u16::from_be_bytes([clear[14 + pad], clear[15 + pad]]));
    assert_eq!(clear[16 + pad..16 + pad + ia_len], ia);
    assert_eq!(third.len(), mse::BURST3 + pad + ia_len, "{}", flow.id);
    assert!(pad <= mse::MAX_PAD && ia.starts_with(handshake::MAGIC));

    let fourth = responder[1];
    let mut cipher = Rc4::new(&sha1(&[b"keyB", &s, &skey]));
    let clear = cipher.apply(&fourth[..mse::BURST4]);
    assert_eq!(clear[..8], [0; 8], "verification constant of {}", flow.id);
    let pad = usize::from(u16::from_be_bytes([clear[12], clear[13]]));
    cipher.apply(&fourth[mse::BURST4..mse::BURST4 + pad]);
    let rest = &fourth[mse::BURST4 + pad..];
    match clear[11] {
        1 => {
            assert!(rest.starts_with(handshake::MAGIC), "{}", flow.id);
            let stream = responder.concat();
            assert_eq!(mse::find_clear_handshake(&stream), Some(responder[0].len() + mse::BURST4 + pad));
        }
        2 => {
            let plain = cipher.apply(rest);
            assert!(plain.starts_with(handshake::MAGIC), "{}: {}", flow.id, to_hex(&plain));
            if let Some(wanted) = flow.secrets["b_follow_plain"].as_str() {
                assert_eq!(plain, hex(wanted), "{}", flow.id);
            }
        }
        other => panic!("{} selects {other}", flow.id),
    }
}
