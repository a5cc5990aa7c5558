//! Each protocol end to end: what hosts say on the wire, and what the program makes of it.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails must stop the test

mod clients;
mod dht;
mod hints;
mod others;
mod peer_wire;
mod scene;
mod vectors;
mod web;
