//! Every vector is replayed: what the file holds, and by which test. A vector that no test replays is named with a reason.

use crate::load;
use std::collections::BTreeSet;

/// Packets, by class.
const PACKETS: &[(&str, &str)] = &[
    ("bt.krpc", "krpc_packets_get_their_verdicts_and_fields"),
    ("bt.lsd", "local_service_discovery"),
    ("bt.metainfo", "metainfo_packets_give_name_and_info_hash"),
    ("bt.mse", "first_bursts"),
    ("bt.peer.amp", "azureus_messages"),
    ("bt.peer.ext", "extended_messages"),
    ("bt.peer.handshake", "handshakes"),
    ("bt.peer.message", "messages"),
    ("bt.peer.stream", "streams_joined_midway"),
    ("bt.ssl", "server_names"),
    ("bt.tracker.http", "http_tracker"),
    ("bt.tracker.udp", "udp_tracker"),
    ("bt.tracker.ws", "websocket_tracker"),
    ("bt.utp", "utp_packets"),
    ("bt.webseed", "web_seeds"),
    ("nat.natpmp", "port_mappings"),
    ("nat.pcp", "port_mappings"),
    ("nat.ssdp", "upnp_searches_and_mappings"),
    ("nat.stun", "stun_messages"),
    ("nat.upnp", "upnp_searches_and_mappings"),
    ("p2p", "other_networks"),
];

/// Flows, by id.
const FLOWS: &[(&str, &str)] = &[
    ("flow-dht", "krpc_flows_are_recognised_datagram_by_datagram"),
    ("flow-dht-n-t", "krpc_flows_are_recognised_datagram_by_datagram"),
    ("flow-dht-refresh", "krpc_flows_are_recognised_datagram_by_datagram"),
    ("flow-metadata", "flow_of_metadata"),
    ("flow-mse-plain", "flows_of_encrypted_streams"),
    ("flow-mse-rc4", "flows_of_encrypted_streams"),
    ("flow-mse-tr", "flows_of_encrypted_streams"),
    ("flow-mux", "flows_of_utp_with_something_else_inside"),
    ("flow-pw-oneway", "flow_of_a_seeder_joined_midway"),
    ("flow-pw-plain", "flow_of_a_whole_transfer"),
    ("flow-pw-upgrade", "flow_of_a_hybrid_torrent"),
    ("flow-random-like-ss", "flows_of_encrypted_streams"),
    ("flow-trk", "udp_tracker_flows"),
    ("flow-trk-n-tid", "udp_tracker_flows"),
    ("flow-trk-oneway", "udp_tracker_flows"),
    ("flow-utp", "flow_of_utp"),
    ("flow-utp-mse", "flows_of_utp_with_something_else_inside"),
    ("flow-utp-n-connid", "flows_of_utp_with_something_else_inside"),
];

/// Functions, by block.
const FUNCTIONS: &[(&str, &str)] = &[
    ("allowed_fast", "allowed_fast_sets_are_computed"),
    ("bencode", "bencode_is_read_leniently_and_judged_strictly"),
    ("bep33", "filters_estimate_the_swarm"),
    ("bep40", "peer_priorities_are_canonical"),
    ("bep42", "node_ids_are_checked_against_addresses"),
    ("bep44", "stored_items_are_found_under_their_targets"),
    ("bep46", "stored_items_are_found_under_their_targets"),
    ("dht_v", "krpc_versions_name_clients"),
    ("hash_message_len", "hash_message_lengths"),
    ("infohash", "info_hashes_cover_the_bytes_as_they_came"),
    ("infohash_query_decode", "info_hashes_in_queries"),
    ("magnet", "magnet_links_are_read"),
    ("mozi_xor", "mozi_records_are_deciphered"),
    ("mse", "hashes_and_keys_are_derived_from_it"),
    ("peer_id", "peer_ids_name_clients"),
];

/// Blocks that no test replays, and why.
const LEFT_OUT: &[(&str, &str)] = &[(
    "hajime_sketch",
    "a guess at what a botnet hashes, which its own source calls unverified: nothing to hold code to",
)];

/// The sources of the tests.
const TESTS: [&str; 5] = [
    include_str!("around.rs"),
    include_str!("dht.rs"),
    include_str!("peer.rs"),
    include_str!("peer/conversations.rs"),
    include_str!("peer/mse_keys.rs"),
];

#[test]
fn every_vector_is_replayed_or_left_out_for_a_reason() {
    // A larger file may hold more than these lists.
    if std::env::var_os("SWARMSCOPE_VECTORS").is_some() {
        return;
    }
    let classes =
        load::packets().map(|p| if p.expect.class.starts_with("p2p.") { "p2p" } else { p.expect.class });
    check("packets", classes.collect(), PACKETS, &[]);
    check("flows", load::flows().map(|f| f.id).collect(), FLOWS, &[]);
    check("functions", load::functions().collect(), FUNCTIONS, LEFT_OUT);
}

fn check(section: &str, file: BTreeSet<&str>, replayed: &[(&str, &str)], left_out: &[(&str, &str)]) {
    let named: BTreeSet<&str> = replayed.iter().chain(left_out).map(|(name, _)| *name).collect();
    assert_eq!(file, named, "{section}");
    for (name, test) in replayed {
        let definition = format!("#[test]\nfn {test}(");
        assert!(TESTS.iter().any(|source| source.contains(&definition)), "{name}: no test {test}");
    }
}
