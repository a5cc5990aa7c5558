//! Message Stream Encryption (MSE/PE, the public text of Azureus and µTorrent): what shows of it from outside.
//!
//! Both sides open with a 96-byte Diffie-Hellman key and 0 to 512 random bytes, in strict turns. The group has no
//! structure that a test could find, so that one burst is never more than `Maybe`, and the torrent stays hidden unless
//! the responder selects clear text.

mod magic;
#[cfg(test)]
mod tests;

pub use magic::known_magic;

use super::{Guess, handshake};
use memchr::memmem;

/// Bytes of a public key.
pub const KEY: usize = 96;
/// The longest padding.
pub const MAX_PAD: usize = 512;
/// The longest first burst of a side.
pub const MAX_BURST: usize = KEY + MAX_PAD;
/// What the initiator sends third, without padding and initial payload: two hashes, verification constant, methods and
/// two lengths.
pub const BURST3: usize = 20 + 20 + 8 + 4 + 2 + 2;
/// What the responder sends second, without padding: verification constant, method, a length.
pub const BURST4: usize = 8 + 4 + 2;

/// Judges the first burst of a direction whose SYN was seen (R-MSE-1): `Maybe` at best.
#[must_use]
pub fn first_burst(burst: &[u8]) -> Guess {
    let fits = (KEY..=MAX_BURST).contains(&burst.len()) && !known_magic(burst) && looks_random(burst);
    if fits { Guess::Maybe } else { Guess::No }
}

/// Whether bytes look like a key or cipher text: entropy, ones per byte, share of printable bytes, no text inside.
///
/// `false` below 96 bytes, where these tests say nothing. Of 21,000 random bursts of 96 to 608 bytes two fail.
#[must_use]
pub fn looks_random(burst: &[u8]) -> bool {
    entropy_floor(burst.len()).is_some_and(|floor| is_flat(burst, floor))
}

/// The same for the 48 to 95 bytes that the snap length left of a longer burst. Weaker: three more random bursts in a
/// thousand fail, and more that is not random passes.
#[must_use]
pub fn cut_looks_random(captured: &[u8]) -> bool {
    match captured.len() {
        48..64 => is_flat(captured, 5.15),
        64..96 => is_flat(captured, 5.45),
        _ => looks_random(captured),
    }
}

fn is_flat(burst: &[u8], floor: f32) -> bool {
    let n = burst.len() as f32;
    let (mut counts, mut ones, mut printable, mut run) = ([0u16; 256], 0u32, 0u32, 0u32);
    for &byte in burst {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
        ones = ones.saturating_add(byte.count_ones());
        if matches!(byte, b' '..=b'~') {
            printable = printable.saturating_add(1);
            run += 1;
            if run > 20 {
                return false;
            }
        } else {
            run = 0;
        }
    }
    // 4.5 standard deviations of uniform bytes.
    (ones as f32 / n - 4.0).abs() <= 4.5 * (2.0 / n).sqrt()
        && (printable as f32 / n - 0.371).abs() <= 4.5 * (0.233 / n).sqrt()
        && entropy(&counts, n) >= floor
}

/// The least entropy of random bytes, in bits per byte: a fixed one would be wrong, for 96 bytes can have 6.585 at most.
const fn entropy_floor(len: usize) -> Option<f32> {
    Some(match len {
        0..96 => return None,
        96..128 => 5.85,
        128..192 => 6.20,
        192..256 => 6.68,
        256..384 => 6.93,
        384..512 => 7.26,
        512..608 => 7.45,
        608..1024 => 7.52,
        _ => 7.72,
    })
}

/// Plug-in entropy of a histogram of `n` bytes.
fn entropy(counts: &[u16; 256], n: f32) -> f32 {
    let weighted: f32 = counts.iter().filter(|&&c| c > 1).map(|&c| f32::from(c) * f32::from(c).log2()).sum();
    n.log2() - weighted / n
}

/// What the lengths of the first four bursts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// They cannot be those of an exchange.
    No,
    /// Only the keys fit: burst 3 carries no handshake, which nobody does on purpose.
    Unusual,
    /// The keys fit; the rest is not seen yet, or says nothing.
    Turns,
    /// Burst 3 has room for a handshake and any padding, burst 4 for an answer (R-MSE-3).
    Exchange,
    /// Bursts 3 and 4 are as Transmission sends them, which pads neither.
    Transmission,
}

/// Judges the lengths of the first two bursts of each side, in turns beginning with the initiator (R-MSE-2, R-MSE-3);
/// `None` for bursts that have not come.
#[must_use]
pub fn exchange_shape(burst1: usize, burst2: usize, burst3: Option<usize>, burst4: Option<usize>) -> Shape {
    let keys = KEY..=MAX_BURST;
    if !keys.contains(&burst1) || !keys.contains(&burst2) || burst4.is_some_and(|n| n < BURST4) {
        return Shape::No;
    }
    const WITH_HANDSHAKE: usize = BURST3 + handshake::LEN;
    const PADDED: usize = WITH_HANDSHAKE + MAX_PAD;
    const ANSWER: usize = BURST4 + handshake::LEN;
    match (burst3, burst4) {
        (None, _) => Shape::Turns,
        (Some(..BURST3), _) => Shape::No,
        (Some(..WITH_HANDSHAKE), _) => Shape::Unusual,
        (Some(WITH_HANDSHAKE), Some(BURST4 | ANSWER)) => Shape::Transmission,
        (Some(..=PADDED), _) => Shape::Exchange,
        // A larger initial payload is allowed.
        (Some(_), _) => Shape::Turns,
    }
}

/// The offset of the clear handshake in what the responder sends, when it selected clear text (R-MSE-4).
///
/// It follows key, padding and method: 110 to 1,134 bytes from the start. Nowhere else may it be searched for.
#[must_use]
pub fn find_clear_handshake(responder_stream: &[u8]) -> Option<usize> {
    const FIRST: usize = KEY + BURST4;
    const LAST: usize = FIRST + 2 * MAX_PAD;
    let end = responder_stream.len().min(LAST + handshake::MAGIC.len());
    let window = responder_stream.get(FIRST..end)?;
    memmem::find(window, handshake::MAGIC).map(|at| at + FIRST)
}
