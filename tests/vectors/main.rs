//! The protocol vectors against the parsers of the room `wire`: one file a group of protocols.

mod dht;
mod load;
