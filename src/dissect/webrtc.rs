//! WebRTC (RFC 8835): STUN and DTLS on one flow. What is inside cannot be seen; who offered it can (see `websocket`).

use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::wire::stun;

/// Which of the two protocols were seen on a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    stun: bool,
    dtls: bool,
}

impl Seen {
    /// Whether both were: a data channel or a call.
    pub const fn both(self) -> bool {
        self.stun && self.dtls
    }
}

/// Whether a datagram begins as STUN (RFC 8489) or DTLS 1.0 to 1.3 (RFC 6347, RFC 9147) does.
pub const fn may_be(bytes: &[u8]) -> bool {
    matches!(bytes, [0 | 1, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..]) || is_dtls(bytes)
}

const fn is_dtls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=25, 0xfe, 0xfd..=0xff, ..])
}

/// A datagram that passed [`may_be`].
pub fn datagram(
    _: &mut Dissector,
    _: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    _: &mut dyn Sink,
) -> bool {
    if is_dtls(datagram.bytes) {
        // DTLS alone is a VPN or CoAP: only a flow that spoke STUN is followed.
        if let Some(seen) = &mut conversation.webrtc {
            seen.dtls = true;
        }
        return true;
    }
    let whole = datagram.bytes.len() == datagram.wire_len as usize;
    if whole && stun::parse(datagram.bytes).is_err() {
        return false;
    }
    conversation.webrtc.get_or_insert_default().stun = true;
    true
}
