//! Azureus messaging (BEP 4, reserved bit 0): what two Azureus or BiglyBT clients speak after the handshake.

use super::{Malformed, Parsed};

/// The longest message accepted, as for peer messages.
const MAX_LENGTH: u32 = super::MAX_LENGTH;

/// One Azureus message; fields in wire order after the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amp<'a> {
    /// `AZ_HANDSHAKE`, `BT_PIECE` and the like.
    pub name: &'a str,
    /// Flags, or the version of the message.
    pub flags: u8,
    /// Often one bencoded dictionary.
    pub payload: &'a [u8],
}

/// Reads one Azureus message (R-PW-9). The name is judged as soon as it has arrived.
///
/// # Errors
/// `Bad(Length)` when the lengths contradict each other, `Bad(Magic)` when the name is not one of this protocol.
#[must_use]
pub fn amp(bytes: &[u8]) -> Parsed<Amp<'_>> {
    let Some((&length, rest)) = bytes.split_first_chunk::<4>() else {
        return Parsed::NeedMore { at_least: 8 };
    };
    let length = u32::from_be_bytes(length);
    let Some((&name_length, rest)) = rest.split_first_chunk::<4>() else {
        return Parsed::NeedMore { at_least: 8 };
    };
    let name_length = u32::from_be_bytes(name_length);
    // The name's length, the name and the flags must fit.
    if length > MAX_LENGTH || !(4..=40).contains(&name_length) || length < name_length.saturating_add(5) {
        return Parsed::Bad(Malformed::Length);
    }
    let Some((name, _)) = rest.split_at_checked(name_length as usize) else {
        return Parsed::NeedMore { at_least: 8 + name_length as usize };
    };
    let Some(name) = std::str::from_utf8(name).ok().filter(|name| is_name(name)) else {
        return Parsed::Bad(Malformed::Magic);
    };
    let used = 4 + length as usize;
    match bytes.get(8 + name.len()..used).and_then(<[u8]>::split_first) {
        Some((&flags, payload)) => Parsed::Done { message: Amp { name, flags, payload }, used },
        None => Parsed::NeedMore { at_least: used },
    }
}

fn is_name(name: &str) -> bool {
    ["AZ_", "BT_", "JPC_"].iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b == b'_' || b.is_ascii_uppercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &[u8] = b"\0\0\0\x13\0\0\0\x0cAZ_HANDSHAKE\x01de";

    #[test]
    fn every_prefix_waits_and_the_whole_is_read() {
        for n in 0..SAMPLE.len() {
            assert!(matches!(amp(&SAMPLE[..n]), Parsed::NeedMore { at_least } if at_least > n), "{n}");
        }
        let message = Amp { name: "AZ_HANDSHAKE", flags: 1, payload: b"de" };
        assert_eq!(amp(SAMPLE), Parsed::Done { message, used: SAMPLE.len() });
    }

    #[test]
    fn other_names_and_lengths_are_refused() {
        assert_eq!(amp(b"\0\0\0\x13\0\0\0\x0cXZ_HANDSHAKE\x01de"), Parsed::Bad(Malformed::Magic));
        assert_eq!(amp(b"\0\0\0\x10\0\0\0\x0cAZ_HANDSHAKE\x01de"), Parsed::Bad(Malformed::Length));
        assert_eq!(amp(b"\xff\xff\xff\xff\0\0\0\x0cAZ_HAND"), Parsed::Bad(Malformed::Length));
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(at in 0..SAMPLE.len(), byte: u8, cut in 0..=SAMPLE.len()) {
            let mut bytes = SAMPLE.to_vec();
            bytes[at] = byte;
            let _ = amp(&bytes[..cut]);
        }
    }
}
