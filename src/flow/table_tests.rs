//! Tests of the flow table against a plain map, at its caps, and of its clock.

use super::*;
use crate::base::{Address, Direction, Timestamp};
use crate::frame::PathId;
use proptest::prelude::*;
use std::collections::HashMap;

fn frame(src: (u8, u16), dst: (u8, u16), at: i64, segment: Segment, payload: &[u8]) -> Frame<'_> {
    let endpoint = |(host, port): (u8, u16)| Endpoint::new(Address::v4([10, 0, 0, host]), port);
    Frame {
        at: Timestamp::from_secs(at),
        number: 1,
        src: endpoint(src),
        dst: endpoint(dst),
        segment,
        payload,
        payload_len: payload.len() as u32,
        wire_len: 54 + payload.len() as u32,
        path: PathId(0),
    }
}

fn touch(t: &mut FlowTable<u32>, frame: &Frame<'_>) -> Touch {
    let mut sought = [t.seek(frame)];
    t.sweep_for(1, frame.at);
    t.look_ahead(&mut sought);
    t.touch(frame, &sought[0])
}

fn ended(t: &mut FlowTable<u32>) -> Vec<Ended<u32>> {
    std::iter::from_fn(|| t.take_ended()).collect()
}

fn tcp(flags: u8, seq: u32) -> Segment {
    Segment::Tcp(Tcp { seq, flags, ..Tcp::default() })
}

fn table(limits: FlowLimits) -> FlowTable<u32> {
    FlowTable::new(limits, HashKey::random())
}

#[test]
fn both_directions_are_one_flow_and_the_syn_names_the_originator() {
    let mut t = table(FlowLimits::default());
    let syn_ack = touch(&mut t, &frame((1, 80), (2, 999), 0, tcp(Tcp::SYN | Tcp::ACK, 7), b""));
    assert_eq!(syn_ack.direction, Direction::FromResponder);
    let data = touch(&mut t, &frame((2, 999), (1, 80), 1, tcp(Tcp::ACK, 1), b"hello"));
    assert_eq!((data.direction, data.new), (Direction::FromOriginator, false));
    let flow = t.flow(data.id);
    assert_eq!(
        (flow.originator.port, flow.packets, flow.payload, flow.midstream),
        (999, [1, 1], [5, 0], false)
    );
}

#[test]
fn the_sweep_ends_idle_flows_without_another_packet() {
    let mut t = table(FlowLimits::default());
    touch(&mut t, &frame((1, 5), (2, 6), 0, Segment::Udp, b"a"));
    touch(&mut t, &frame((1, 5), (2, 7), 200, Segment::Udp, b"b"));
    t.sweep(CHUNK, Timestamp::from_secs(301));
    let ports: Vec<_> = ended(&mut t).iter().map(|e| (e.flow.responder.port, e.cause)).collect();
    assert_eq!((ports, t.len()), (vec![(6, EndCause::Idle)], 1));
}

#[test]
fn a_slot_that_changed_since_it_was_looked_up_is_not_taken_for_the_flow() {
    let mut t = table(FlowLimits { flows: 1, ..FlowLimits::default() });
    let [one, other] =
        [(1, 0), (3, 1)].map(|(host, at)| frame((host, 5), (2, 6), at, tcp(Tcp::ACK, 1), b"a"));
    touch(&mut t, &one);
    let mut sought = [t.seek(&other), t.seek(&one)];
    t.look_ahead(&mut sought);
    assert!(t.touch(&other, &sought[0]).new, "and has the slot of the first now");
    assert!(t.touch(&one, &sought[1]).new, "pushed out in between");
    assert_eq!(ended(&mut t).iter().map(|e| e.flow.packets).collect::<Vec<_>>(), [[1, 0]; 2]);

    let mut sought = [t.seek(&one)];
    t.look_ahead(&mut sought);
    t.sweep(CHUNK, Timestamp::from_secs(86_400));
    assert!(t.touch(&one, &sought[0]).new, "its slot is free, though the endpoints still stand in it");
}

#[test]
fn a_silent_flow_ends_and_its_next_packet_opens_another() {
    let mut t = table(FlowLimits::default());
    touch(&mut t, &frame((1, 5), (2, 6), 0, Segment::Udp, b"a"));
    assert!(touch(&mut t, &frame((1, 5), (2, 6), 301, Segment::Udp, b"b")).new);
    let gone = ended(&mut t);
    assert_eq!((gone.len(), gone[0].cause, gone[0].flow.payload), (1, EndCause::Idle, [1, 0]));
}

#[test]
fn a_syn_after_fin_is_a_new_flow() {
    let mut t = table(FlowLimits::default());
    touch(&mut t, &frame((1, 5), (2, 6), 0, tcp(Tcp::SYN, 1), b""));
    touch(&mut t, &frame((2, 6), (1, 5), 0, tcp(Tcp::RST | Tcp::ACK, 0), b""));
    assert!(touch(&mut t, &frame((1, 5), (2, 6), 3, tcp(Tcp::SYN, 9), b"")).new);
}

#[test]
fn a_flood_of_single_packets_never_pushes_out_a_flow_with_more() {
    let mut t = table(FlowLimits { flows: 1_000, ..FlowLimits::default() });
    touch(&mut t, &frame((9, 1), (8, 2), 0, Segment::Udp, b"x"));
    touch(&mut t, &frame((8, 2), (9, 1), 0, Segment::Udp, b"y"));
    for n in 0..100_000u32 {
        touch(&mut t, &frame((1, n as u16), ((n >> 16) as u8 + 20, 7), 1, Segment::Udp, b""));
        assert!(t.len() <= 1_000);
    }
    assert!(!touch(&mut t, &frame((9, 1), (8, 2), 2, Segment::Udp, b"z")).new);
    assert!(t.counters().evicted_probation >= 65_000);
}

#[test]
fn a_flood_of_answered_flows_takes_those_without_state_first() {
    let mut t = table(FlowLimits { flows: 500, ..FlowLimits::default() });
    let id = touch(&mut t, &frame((9, 1), (8, 2), 0, Segment::Udp, b"x")).id;
    t.attach(id, 42);
    for n in 0..5_000u16 {
        touch(&mut t, &frame((1, n), (3, 7), 1, Segment::Udp, b""));
        touch(&mut t, &frame((3, 7), (1, n), 1, Segment::Udp, b""));
    }
    let again = touch(&mut t, &frame((9, 1), (8, 2), 2, Segment::Udp, b"z"));
    assert!(!again.new);
    assert_eq!(t.state(again.id), Some(&mut 42));
    assert!(t.len() <= 500 && t.counters().evicted_protected > 4_000);
}

#[test]
fn a_tick_ends_a_flow_with_state_as_soon_as_it_is_idle() {
    let mut t = table(FlowLimits::default());
    let id = touch(&mut t, &frame((1, 5), (2, 6), 0, tcp(Tcp::SYN, 1), b"")).id;
    t.attach(id, 7);
    touch(&mut t, &frame((2, 6), (1, 5), 10, tcp(Tcp::RST | Tcp::ACK, 0), b""));
    for now in [59, 65, 70] {
        t.expire(Timestamp::from_secs(now), false);
        assert_eq!(t.len(), 1, "{now}");
    }
    t.expire(Timestamp::from_secs(71), false);
    let gone = ended(&mut t);
    assert_eq!((gone.len(), gone[0].state, gone[0].cause), (1, Some(7), EndCause::Idle));
}

#[test]
fn a_new_state_pushes_out_the_one_not_touched_lately() {
    let mut t = table(FlowLimits { states: 2, ..FlowLimits::default() });
    let packet = |n: u16| frame((1, n), (3, 7), 1, Segment::Udp, b"");
    for n in 0..2 {
        let id = touch(&mut t, &packet(n)).id;
        assert!(t.attach(id, u32::from(n)).is_some());
    }
    touch(&mut t, &packet(1));
    let id = touch(&mut t, &packet(2)).id;
    assert!(t.attach(id, 2).is_some());
    let gone = ended(&mut t);
    assert_eq!((gone.len(), gone[0].state, gone[0].cause), (1, Some(0), EndCause::Evicted));
    assert_eq!((t.states_len(), t.counters().evicted_states, t.counters().states_refused), (2, 1, 0));
    assert_eq!((t.retire(id), t.states_len()), (Some(2), 1));
    assert!(t.is_retired(id));
}

#[test]
fn an_unlabelled_flow_costs_at_most_128_bytes() {
    let flows = 1_000_000;
    let mut t = table(FlowLimits { flows: 2 << 20, ..FlowLimits::default() });
    for n in 0..flows as u32 {
        touch(&mut t, &frame(((n >> 16) as u8, n as u16), (200, 7), 1, Segment::Udp, b""));
    }
    let bytes = t.index.bytes() + t.slots.bytes() + t.probation.capacity() * 4;
    assert_eq!(t.len(), flows);
    assert!(bytes / flows <= 128, "{} bytes a flow", bytes / flows);
}

proptest! {
    #[test]
    fn counts_agree_with_a_plain_map(packets in prop::collection::vec((0u8..6, 0u16..4, 0u8..6, 0u16..4, any::<bool>(), 0usize..9), 1..600)) {
        let mut t = table(FlowLimits::default());
        let mut model: HashMap<_, (u64, u64)> = HashMap::new();
        for (a, ap, b, bp, udp, len) in packets {
            let payload = vec![0; len];
            let segment = if udp { Segment::Udp } else { tcp(Tcp::ACK, 0) };
            touch(&mut t, &frame((a, ap), (b, bp), 1, segment, &payload));
            let key = (udp, (a, ap).min((b, bp)), (a, ap).max((b, bp)));
            let entry = model.entry(key).or_default();
            *entry = (entry.0 + 1, entry.1 + len as u64);
        }
        prop_assert_eq!(t.len(), model.len());
        while t.finish_some(Timestamp::from_secs(1)) {}
        let gone = ended(&mut t);
        prop_assert!(t.is_empty());
        prop_assert_eq!(gone.len(), model.len());
        for e in gone {
            let ends = [e.flow.originator, e.flow.responder].map(|x| (x.address.as_v4().unwrap()[3], x.port));
            let key = (e.flow.transport == Transport::Udp, ends[0].min(ends[1]), ends[0].max(ends[1]));
            let (packets, payload) = model[&key];
            prop_assert_eq!(u64::from(e.flow.packets[0] + e.flow.packets[1]), packets);
            prop_assert_eq!(e.flow.payload[0] + e.flow.payload[1], payload);
        }
    }
}
