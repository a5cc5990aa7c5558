//! Marks of the Mozi botnet, which lives inside the Mainline DHT (R-BOT-1, public reports since 2019).

use crate::base::NodeId;

/// With this its configuration records are XOR-ed.
pub const MOZI_KEY: [u8; 16] =
    [0x4e, 0x66, 0x5a, 0x8f, 0x80, 0xc8, 0xac, 0x23, 0x8d, 0xac, 0x47, 0x06, 0xd5, 0x4f, 0x6f, 0x7e];

/// Every configuration begins with this text, so every enciphered one with the same four bytes.
const OPENING: [u8; 4] = *b"[ss]";

/// Configuration 428, signature 96, version 4, signature 96 bytes; the same as 24 compact nodes.
const RECORD: usize = 624;

/// Whether a node id has the prefix that the bots' configuration sets, eight ASCII `8`. Can be configured away and be
/// imitated: a suspicion.
#[must_use]
pub fn is_mozi_id(id: &NodeId) -> bool {
    id.0.starts_with(b"88888888")
}

/// Whether a `nodes` value is a Mozi configuration record. Confirms a bot.
#[must_use]
pub fn is_mozi_config(nodes: &[u8]) -> bool {
    nodes.len() == RECORD && mozi_decode(nodes).take(OPENING.len()).eq(OPENING)
}

/// XORs with [`MOZI_KEY`], in either direction.
pub fn mozi_decode(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().zip(MOZI_KEY.iter().cycle()).map(|(byte, key)| byte ^ key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_length_and_opening() {
        let plain = [b"[ss]botv2[/ss]".as_slice(), &[0; 610]].concat();
        let record: Vec<u8> = mozi_decode(&plain).collect();
        assert_eq!(record[..4], [0x15, 0x15, 0x29, 0xd2]);
        assert!(is_mozi_config(&record));
        assert!(!is_mozi_config(&record[..598]) && !is_mozi_config(&plain));
    }
}
