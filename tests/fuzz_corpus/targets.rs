//! The bodies of the fuzz targets: each takes any bytes and panics when a rule is broken.
//!
//! The crate in `fuzz/` drives them by coverage; `tests/fuzz_corpus.rs` drives them with the protocol vectors and fixed
//! mutations of these, so that no fuzzer is needed to notice a rule that broke. To add a target, add a function and a
//! line to [`ALL`], and a file in `fuzz/fuzz_targets`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken rule is told by a panic"
)]
#![allow(missing_docs, reason = "no crate depends on this module")]

mod capture;
mod frame;
mod messages;
mod pipeline;
mod reassembly;
pub mod script;
mod settings;
mod trackers;

pub use capture::capture;
pub use frame::frame;
pub use messages::{around, bencode, extension, krpc, lsd, mse, peer_wire, utp};
pub use pipeline::pipeline;
pub use reassembly::reassembly;
pub use settings::{config, rules};
pub use trackers::trackers;

use std::fmt::Debug;
use swarmscope::wire::Parsed;

/// A target's name, as the fuzzer knows it, and its body.
pub type Target = (&'static str, fn(&[u8]));

pub const ALL: [Target; 15] = [
    ("bencode", bencode),
    ("krpc", krpc),
    ("peer_wire", peer_wire),
    ("extension", extension),
    ("utp", utp),
    ("trackers", trackers),
    ("lsd", lsd),
    ("mse", mse),
    ("around", around),
    ("frame", frame),
    ("reassembly", reassembly),
    ("capture", capture),
    ("pipeline", pipeline),
    ("rules", rules),
    ("config", config),
];

/// Asserts that a stream parser says the same however the stream arrives: of every prefix either that it needs more
/// than it has, or exactly what it says of the whole.
fn same_for_every_prefix<'a, T: PartialEq + Debug>(
    bytes: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Parsed<T>,
) -> Parsed<T> {
    /// Prefixes looked at on a long input: the shortest, where headers end, and the longest.
    const MOST: usize = 96;
    let whole = parse(bytes);
    let len = bytes.len();
    for cut in (0..len.min(MOST)).chain(len.saturating_sub(8).max(MOST)..len) {
        match parse(&bytes[..cut]) {
            Parsed::NeedMore { at_least } => {
                assert!(at_least > cut, "{cut} bytes are said to be enough and are not");
                if let Parsed::Done { used, .. } = whole {
                    assert!(at_least <= used, "{at_least} of a message of {used} asked for");
                }
            }
            early => assert_eq!(early, whole, "after {cut} of {len} bytes"),
        }
    }
    if let Parsed::NeedMore { at_least } = whole {
        assert!(at_least > len);
    }
    whole
}
