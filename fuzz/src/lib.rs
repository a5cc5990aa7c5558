//! The targets, compiled once for all fuzzers. They stand with the tests, which run them too.

#[path = "../../tests/fuzz_corpus/targets.rs"]
pub mod targets;
