//! Adds up the files of an info dictionary: `length` or `files` (BEP 3), or `file tree` (BEP 52).

use crate::wire::bencode::{Dict, List, Token};

/// Sum over the files, padding files (BEP 47) left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    /// Bytes; `None` where a length is missing, negative, or the sum does not fit.
    pub(super) bytes: Option<u64>,
    /// How many.
    pub(super) files: u32,
    /// Pieces of files that begin a piece each, as in BEP 52.
    pub(super) pieces: Option<u32>,
}

impl Total {
    const NONE: Self = Self { bytes: Some(0), files: 0, pieces: Some(0) };

    fn add(&mut self, length: Option<i64>, piece_length: u64) {
        let length = length.and_then(|n| u64::try_from(n).ok());
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.zip(length).and_then(|(sum, n)| sum.checked_add(n));
        let pieces = length.and_then(|n| u32::try_from(n.div_ceil(piece_length)).ok());
        self.pieces = self.pieces.zip(pieces).and_then(|(sum, n)| sum.checked_add(n));
    }
}

/// Of BEP 3: one file of `length`, or the list `files`.
pub(super) fn of_files(length: Option<i64>, files: Option<List<'_>>) -> Total {
    let mut total = Total::NONE;
    let Some(files) = files else {
        total.add(length, 1);
        return total;
    };
    for file in files.items().filter_map(|f| f.as_dict()) {
        let attributes = file.get(b"attr").and_then(|v| v.as_bytes()).unwrap_or_default();
        if !attributes.contains(&b'p') {
            total.add(file.get(b"length").and_then(|v| v.as_int()), 1);
        }
    }
    total
}

/// Of BEP 52: nested dictionaries named by path; the key "" holds a file's `length`, `attr` and `pieces root`.
///
/// One flat walk over the tokens, whatever the nesting: a tree of 100 levels is cheap to send.
pub(super) fn of_tree(tree: Dict<'_>, piece_length: u64) -> Total {
    let mut total = Total::NONE;
    let mut depth = 0u32;
    // The file whose dictionary is open: at which depth, and what it told so far.
    let mut file: Option<(u32, Option<i64>, bool)> = None;
    let mut tokens = tree.tokens();
    // In every dictionary of the tree keys and values take turns; lists, which do not belong here, are passed over.
    while let Some(token) = tokens.next() {
        match token {
            Token::End => {
                if let Some((_, length, padding)) = file.take_if(|(at, ..)| *at == depth)
                    && !padding
                {
                    total.add(length, piece_length);
                }
                // The tree's own end closes the walk.
                let Some(outer) = depth.checked_sub(1) else { break };
                depth = outer;
            }
            Token::Bytes(key) => match tokens.next() {
                Some(Token::Dict) => {
                    depth = depth.saturating_add(1);
                    if key.is_empty() && file.is_none() {
                        file = Some((depth, None, false));
                    }
                }
                Some(Token::List) => pass_over(&mut tokens),
                Some(value) => {
                    if let Some((at, length, padding)) = &mut file
                        && *at == depth
                    {
                        match (key, value) {
                            (b"length", Token::Integer(n)) => *length = length.or(Some(n)),
                            (b"attr", Token::Bytes(flags)) => *padding |= flags.contains(&b'p'),
                            _ => {}
                        }
                    }
                }
                None => break,
            },
            _ => break,
        }
    }
    total
}

/// Up to the end of a list just opened.
fn pass_over<'a>(tokens: &mut impl Iterator<Item = Token<'a>>) {
    let mut depth = 1u32;
    for token in tokens {
        match token {
            Token::List | Token::Dict => depth = depth.saturating_add(1),
            Token::End => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}
