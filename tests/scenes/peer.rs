//! Bytes of the peer wire (BEP 3, 6, 10) and a whole small conversation.

use super::scene::{alice, bob};
use super::tcp_talk::{A, B, Talk};

/// The torrent of the scenes.
pub const HASH: [u8; 20] = *b"\x0ca\x8d^\x89!x\xf1\xc74\x03\xc2F\x0c\xf5\x96\xf3*A?";
pub const ALICE: [u8; 20] = *b"-qB4520-aB3.dEE_fGh1";
pub const BOB: [u8; 20] = *b"-TR4110-0a1b2c3d4e5f";

/// The 68 bytes of BEP 3.
pub fn handshake(peer_id: &[u8; 20]) -> Vec<u8> {
    [&b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05"[..], &HASH, peer_id].concat()
}

/// A message with its length.
pub fn message(id: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 1).to_be_bytes()[..], &[id], body].concat()
}

pub fn keep_alive() -> Vec<u8> {
    vec![0; 4]
}
pub fn interested() -> Vec<u8> {
    message(2, &[])
}
pub fn unchoke() -> Vec<u8> {
    message(1, &[])
}
pub fn bitfield(pieces: usize) -> Vec<u8> {
    message(5, &vec![0xff; pieces / 8])
}
pub fn request(index: u32, begin: u32) -> Vec<u8> {
    message(6, &[index, begin, 16_384].map(u32::to_be_bytes).concat())
}
pub fn piece(index: u32, begin: u32) -> Vec<u8> {
    let block: Vec<u8> = (0..16_384u32).map(|i| (i * 7 + index) as u8).collect();
    message(7, &[&index.to_be_bytes()[..], &begin.to_be_bytes(), &block].concat())
}

/// Handshakes, bitfields, a request and its block.
pub fn plain() -> Talk {
    let mut talk = Talk::opened(alice(), bob());
    converse(&mut talk);
    talk.close();
    talk
}

/// What is said on a connection, without its opening and close.
pub fn converse(talk: &mut Talk) {
    talk.say(A, &handshake(&ALICE)).say(B, &handshake(&BOB));
    chat(talk);
}

/// What follows the handshakes.
pub fn chat(talk: &mut Talk) {
    talk.say(A, &[bitfield(64), interested()].concat()).say(B, &[bitfield(64), unchoke()].concat());
    for index in 0..4 {
        talk.say(A, &request(index, 0)).say(B, &piece(index, 0));
    }
}
