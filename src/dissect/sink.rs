//! Where facts go, and what a dissector knows of the packet at hand.

use crate::base::{Direction, Endpoint, Timestamp};
use crate::event::{Client, ClientSource, Fact};
use crate::wire::client::ClientName;

/// The packet at hand, as far as dissectors may know it.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Packet time.
    pub at: Timestamp,
    /// Originator and responder of the flow.
    pub ends: [Endpoint; 2],
    /// Which side sent the packet.
    pub direction: Direction,
}

impl Packet {
    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> Endpoint {
        self.direction.of(self.ends)
    }

    /// Who gets it.
    #[must_use]
    pub fn receiver(&self) -> Endpoint {
        self.direction.reverse().of(self.ends)
    }
}

/// A client's name in the vocabulary of facts.
pub fn named(name: &ClientName, source: ClientSource) -> Client {
    Client { name: name.to_string(), source, engine: name.engine() }
}

/// Takes facts. The sender's direction is told, since a packet can release bytes of an earlier one.
pub trait Sink {
    /// A fact was learnt.
    fn fact(&mut self, sender: Direction, fact: Fact<'_>);
}
