//! The question of a DNS message (RFC 1035 section 4.1.2), as far as a name goes.

/// The longest name (RFC 1035 section 2.3.4), its dots included.
const NAME_MAX: usize = 253;
/// Labels without compression are at most this long.
const LABEL_MAX: u8 = 63;

/// The name that a DNS message asks for or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The labels of the name as on the wire, each behind its length, without the empty one of the root.
    pub labels: &'a [u8],
    /// Whether this is the answer to the question.
    pub is_answer: bool,
}

impl Question<'_> {
    /// The name with dots, without a final one, in the case it has on the wire.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.labels.len());
        let mut rest = self.labels;
        while let Some((label, after)) = label(rest) {
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(label);
            rest = after;
        }
        name
    }
}

/// Reads the name of a standard query with one question, or of its answer, from the payload of a datagram. `None` for
/// everything else, the root included.
#[must_use]
pub fn question(bytes: &[u8]) -> Option<Question<'_>> {
    let (&[_, _, flags, _, 0, 1, ..], whole) = bytes.split_first_chunk::<12>()? else { return None };
    if flags & 0x78 != 0 {
        return None; // an operation other than a query
    }
    let mut rest = whole;
    while *rest.first()? != 0 {
        rest = label(rest)?.1;
    }
    let labels = whole.get(..whole.len() - rest.len())?;
    // A name, then the empty label, type and class.
    let is_name = (1..=NAME_MAX + 1).contains(&labels.len());
    (is_name && rest.len() >= 5).then_some(Question { labels, is_answer: flags & 0x80 != 0 })
}

/// The first label and what follows it.
fn label(labels: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, after) = labels.split_first()?;
    if length > LABEL_MAX {
        return None;
    }
    after.split_at_checked(usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x06router\x0abittorrent\x03com\0\0\x01\0\x01";

    #[test]
    fn every_prefix_is_none_and_the_whole_is_read() {
        for n in 0..QUERY.len() {
            assert_eq!(question(&QUERY[..n]), None, "{n}");
        }
        let read = question(QUERY).unwrap();
        assert_eq!((read.name(), read.is_answer), (b"router.bittorrent.com".to_vec(), false));
        let mut answer = QUERY.to_vec();
        answer[2] = 0x81;
        assert!(question(&answer).unwrap().is_answer);
    }

    #[test]
    fn other_operations_counts_and_endless_names_are_none() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = QUERY.to_vec();
            bytes[at] = byte;
            question(&bytes).is_some()
        };
        assert_eq!((changed(2, 0x28), changed(5, 2), changed(12, 0xc0)), (false, false, false));
        let label = [&[63][..], &[b'a'; 63]].concat();
        assert_eq!(question(&[&QUERY[..12], &label.repeat(4), &[0; 5]].concat()), None);
        assert_eq!(question(&[&QUERY[..12], &[0; 5]].concat()), None, "the root");
    }

    proptest! {
        #[test]
        fn random_and_changed_bytes_never_panic(at in 0..QUERY.len(), byte: u8, random: Vec<u8>) {
            let mut bytes = QUERY.to_vec();
            bytes[at] = byte;
            let _ = (question(&bytes), question(&random), question(&[&QUERY[..12], &random].concat()));
        }
    }
}
