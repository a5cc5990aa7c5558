//! What an ICMP message says of an attempt to reach a port.

use crate::event::{Answer, Knock};
use crate::frame::{Reason, Unreachable};

/// The attempt that failed; nothing where the message is about something else, or was not sent to who tried.
pub fn knock(message: &Unreachable) -> Option<Knock> {
    let quote = message.quote.filter(|quote| quote.src.address == message.told)?;
    let answer = match message.reason {
        Reason::Port if message.reporter == quote.dst.address => Answer::Refused,
        Reason::Port | Reason::Network | Reason::Host | Reason::Prohibited => Answer::Filtered,
        Reason::Protocol | Reason::TooLarge | Reason::Other => return None,
    };
    Some(Knock {
        target: quote.dst,
        transport: quote.transport,
        source: quote.src.address,
        answer,
        // The attempt itself is counted by its own flow.
        attempts: 0,
        first: message.at,
        last: message.at,
    })
}
