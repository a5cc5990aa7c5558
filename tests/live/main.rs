//! Real interfaces: virtual cables in a network namespace of each test's own, which vanishes with the test's thread.
//!
//! They need root, the program `ip`, and a kernel with veth, so they are ignored unless asked for:
//! `SWARMSCOPE_NETNS=1 cargo nextest run --run-ignored only -E 'binary(live)'`, which is what `.ci/run` does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod capture;
mod network;
mod rights;
mod service;
