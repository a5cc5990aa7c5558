//! What both ways of reading have in common: packets in, frames out, every packet counted, the clock told.

use super::analyze::AnalyzeError;
use super::clock::{Clock, Due};
use super::coverage::Tally;
use super::refusal;
use crate::base::Timestamp;
use crate::capture::{Packets, RUN, RawPacket};
use crate::frame::{Decoded, Decoder, DecoderOptions, Frame};
use crate::ledger::Ledger;
use arrayvec::ArrayVec;
use std::time::Duration;

/// Frames that are worked on together.
pub type Frames<'a> = ArrayVec<Frame<'a>, RUN>;

/// Decoder, counts and clock of one source.
pub struct Intake<'a> {
    pub decoder: Decoder,
    pub tally: Tally,
    pub clock: Clock,
    ledger: &'a Ledger,
}

impl<'a> Intake<'a> {
    /// For a source whose clock ticks at this interval. What ICMP messages say goes straight to the ledger.
    pub fn new(deduplicate: bool, tick: Duration, ledger: &'a Ledger) -> Self {
        let options = DecoderOptions { suppress_duplicates: deduplicate, ..DecoderOptions::default() };
        Self { decoder: Decoder::new(options), tally: Tally::default(), clock: Clock::new(tick), ledger }
    }

    /// The end of the next run of packets: the packet from which on something is due.
    pub const fn until(&self) -> Timestamp {
        self.clock.next_due()
    }

    /// Takes packets, and hands the frames among them on in their order. Tells what is due behind them.
    #[inline]
    pub fn take(&mut self, packets: Packets<'_>, mut hand_on: impl FnMut(&[Frame<'_>])) -> Due {
        let mut due = Due::default();
        let mut frames = Frames::new_const();
        for packet in packets {
            self.tally.packet(&packet);
            due = due.or(self.clock.advance(packet.at));
            match self.decoder.decode_ordinary(&packet, self.tally.packets) {
                Some(decoded) => {
                    self.tally.outcome(&decoded, packet.wire_len);
                    if let Decoded::Frame(frame) = decoded {
                        frames.push(frame);
                    }
                }
                None => {
                    hand_on(&frames);
                    frames.clear();
                    self.take_other(&packet, &mut hand_on);
                }
            }
        }
        hand_on(&frames);
        due
    }

    /// Takes a packet whose frame may borrow the decoder, behind all before it.
    fn take_other(&mut self, packet: &RawPacket<'_>, hand_on: &mut impl FnMut(&[Frame<'_>])) {
        let decoded = self.decoder.decode_any(packet, self.tally.packets);
        self.tally.outcome(&decoded, packet.wire_len);
        match &decoded {
            Decoded::Frame(frame) => hand_on(std::slice::from_ref(frame)),
            Decoded::Unreachable(message) => {
                refusal::knock(message).iter().for_each(|knock| self.ledger.knock(knock));
            }
            Decoded::Held | Decoded::Duplicate | Decoded::Skip(_) => {}
        }
    }

    /// Whether every packet became something.
    ///
    /// # Errors
    /// [`AnalyzeError::Failed`] otherwise.
    pub fn check(&self) -> Result<(), AnalyzeError> {
        if self.tally.adds_up() {
            return Ok(());
        }
        let packets = self.tally.packets;
        Err(AnalyzeError::Failed(format!(
            "the outcomes of {packets} packets do not add up: please report this as a bug"
        )))
    }
}
