//! The protocol vectors against the parsers of the room `wire`: one file a group of protocols.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a vector that does not parse must stop the test

mod around;
mod complete;
mod dht;
mod load;
mod peer;
