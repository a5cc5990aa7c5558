//! Where the facts of a flow go.

use crate::base::{Direction, Endpoint, HomeNets, Timestamp};
use crate::dissect::Sink;
use crate::event::{Clients, DhtMessage, Draft, Fact, Trace};
use crate::ledger::{Deltas, Scene};

/// A DHT message kept for the event log.
#[derive(Clone, Debug)]
pub struct LoggedDht {
    pub at: Timestamp,
    pub number: u64,
    pub sender: Endpoint,
    pub receiver: Endpoint,
    pub path: u16,
    pub message: DhtMessage<'static>,
    pub method: Option<String>,
    pub transaction: Vec<u8>,
}

/// Writes facts down where they count: on the flow's label, in the worker's deltas, in the DHT log.
pub struct Recorder<'a> {
    pub scene: Scene,
    pub home: &'a HomeNets,
    pub label: &'a mut Draft,
    pub clients: &'a mut Clients,
    pub trace: Option<&'a mut Trace>,
    pub deltas: &'a mut Deltas,
    pub dht: Option<&'a mut Vec<LoggedDht>>,
    pub path: u16,
}

impl Sink for Recorder<'_> {
    fn fact(&mut self, sender: Direction, fact: Fact<'_>) {
        self.scene.sender = sender;
        self.label.learn(self.clients, sender, &fact);
        if let (Some(trace), Fact::Identified { reason, .. }) = (self.trace.as_mut(), &fact) {
            // What waited for a gap is told at the end, which is no packet's doing.
            let number = Some(self.scene.number).filter(|&n| n != u64::MAX);
            trace.note(*reason, self.scene.at, number);
        }
        self.deltas.fact(self.home, &self.scene, &fact);
        if let (Some(log), Fact::Dht(message)) = (self.dht.as_mut(), &fact) {
            let [a, b] = self.scene.ends;
            let (from, to) = if sender == Direction::FromOriginator { (a, b) } else { (b, a) };
            log.push(LoggedDht {
                at: self.scene.at,
                number: self.scene.number,
                sender: from,
                receiver: to,
                path: self.path,
                message: DhtMessage { method: None, transaction: &[], ..*message },
                method: message.method.map(str::to_owned),
                transaction: message.transaction.to_vec(),
            });
        }
    }
}
