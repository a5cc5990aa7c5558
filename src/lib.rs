//! swarmscope: a passive monitor for BitTorrent-family traffic.
//!
//! The rooms and who may import whom are described in `ARCHITECTURE.md` and enforced by `tests/layers.rs`.

pub mod base;
pub mod capture;
pub mod config;
pub mod dissect;
pub mod event;
pub mod flow;
pub mod frame;
pub mod ledger;
pub mod output;
pub mod pipeline;
pub mod policy;
pub mod store;
pub mod system;
pub mod wire;
