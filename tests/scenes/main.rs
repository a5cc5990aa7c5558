//! Scenes: conversations made hard to recognise, and innocent ones made to look guilty, through the whole program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

#[path = "../vectors/load.rs"]
mod load;

mod alerts;
mod around;
mod dht;
mod dht_conduct;
mod encapsulation;
mod flood;
mod innocent;
mod metamorphic;
mod peer;
mod poisoning;
mod reshape;
mod scene;
mod tcp;
mod tcp_forged;
mod tcp_talk;
mod trackers;
mod utp;
mod visits;
