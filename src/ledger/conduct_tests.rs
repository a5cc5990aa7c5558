//! Each rule of the table from both sides of its threshold, and its look-alike.

use super::*;
use crate::base::NodeId;
use crate::ledger::dht_rules::DHT_RULES;

const START: i64 = 1_772_366_400;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

fn node(bits: u64) -> NodeId {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&bits.to_be_bytes());
    NodeId(id)
}

fn remote(n: u64) -> Address {
    Address::v4((0xcb00_7100u32 + n as u32).to_be_bytes())
}

fn hash(n: u64) -> InfoHash {
    InfoHash(node(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).0)
}

fn message(
    role: DhtRole,
    id: u64,
    purpose: Option<DhtPurpose>,
    target: Option<InfoHash>,
) -> DhtMessage<'static> {
    DhtMessage {
        role,
        method: None,
        purpose,
        node: Some(node(id)),
        target,
        transaction: b"aa",
        round_trip: None,
        read_only: false,
        error: None,
        listed: [0; 3],
        botnet: false,
    }
}

fn home(port: u16) -> Endpoint {
    Endpoint::new(Address::v4([10, 0, 0, 5]), port)
}

fn ask(c: &mut Conduct, to: u64, purpose: DhtPurpose, target: Option<InfoHash>) {
    c.sent(at(5), home(6_881), remote(to), &message(DhtRole::Query, 1, Some(purpose), target));
}

/// A host that does `n` of what the rule counts.
fn doing(behaviour: Behaviour, n: u64) -> Conduct {
    let mut c = Conduct::default();
    for i in 0..n {
        match behaviour {
            Behaviour::Crawler => ask(&mut c, i, DhtPurpose::Maintenance, None),
            Behaviour::Indexer => ask(&mut c, 1, DhtPurpose::Sampling, None),
            Behaviour::Lookups => ask(&mut c, 1, DhtPurpose::Lookup, Some(hash(i))),
            Behaviour::Sybil => {
                let message = message(DhtRole::Response, i, None, None);
                c.sent(at(5), home(6_881 + i as u16), remote(1), &message);
            }
            Behaviour::SybilPort => {
                c.sent(at(5), home(6_881), remote(1), &message(DhtRole::Response, i, None, None));
            }
            Behaviour::Poisoner => c.announced(at(5), &hash(i), Some(6_881)),
            Behaviour::PoisonerPorts => c.announced(at(5), &hash(i % 9), Some(20_000 + i as u16)),
            Behaviour::PoisonerAnswers => c.listed(at(5), &[home(1); 10]),
            Behaviour::Reflector => c.flooded(at(5), n as u32),
            Behaviour::ReflectionVictim => c.unasked(at(5)),
            Behaviour::Mozi => {
                let marked = DhtMessage { botnet: true, ..message(DhtRole::Query, 1, None, None) };
                c.sent(at(5), home(6_881), remote(1), &marked);
            }
        }
    }
    c
}

fn found(c: &Conduct, peers: u64) -> Vec<Behaviour> {
    c.findings(peers).iter().map(|f| f.behaviour).collect()
}

#[test]
fn every_rule_holds_from_its_threshold_on_and_not_below() {
    for rule in &DHT_RULES {
        let is = |n| found(&doing(rule.behaviour, n), 0).contains(&rule.behaviour);
        assert!(is(rule.threshold), "{} at {}", rule.word, rule.threshold);
        assert!(!is(rule.threshold - 1), "{} below {}", rule.word, rule.threshold);
    }
}

#[test]
fn every_behaviour_has_one_row_with_its_look_alike() {
    let mut words: Vec<&str> = DHT_RULES.iter().map(|r| r.word).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), DHT_RULES.len());
    assert!(DHT_RULES.iter().all(|r| r.behaviour.rule().word == r.word && !r.look_alike.is_empty()));
}

#[test]
fn a_client_that_just_started_with_many_torrents_is_no_crawler() {
    let mut c = doing(Behaviour::Crawler, 3_000);
    for n in 0..600 {
        ask(&mut c, n, DhtPurpose::Lookup, Some(hash(n)));
        if n % 5 == 0 {
            c.announced(at(6), &hash(n), Some(6_881));
        }
    }
    assert_eq!(found(&c, 0), []);
    // The same without announcing is what crawlers do.
    assert!(found(&doing(Behaviour::Crawler, 3_000), 0).contains(&Behaviour::Crawler));
}

#[test]
fn a_busy_seeder_is_no_poisoner_and_neither_is_a_restarted_client() {
    let c = doing(Behaviour::Poisoner, 1_000);
    assert_eq!((found(&c, 49), found(&c, 50)), (vec![Behaviour::Poisoner], vec![]));
    let mut restarted = doing(Behaviour::SybilPort, 3);
    restarted.add(doing(Behaviour::SybilPort, 3), 0);
    assert_eq!(found(&restarted, 0), []);
}

#[test]
fn peers_announced_at_ports_of_servers_are_poison() {
    let mut c = Conduct::default();
    (0..31).for_each(|n| c.announced(at(1), &hash(n), Some(80)));
    assert_eq!(found(&c, 0), []);
    c.announced(at(1), &hash(31), Some(80));
    assert_eq!(found(&c, 0), [Behaviour::PoisonerPorts]);
}

#[test]
fn a_client_that_asks_much_gets_late_answers_and_is_no_victim() {
    let mut c = doing(Behaviour::ReflectionVictim, 150);
    assert_eq!(found(&c, 0), [Behaviour::ReflectionVictim]);
    (0..31).for_each(|n| ask(&mut c, n, DhtPurpose::Maintenance, None));
    assert_eq!(found(&c, 0), []);
}

#[test]
fn days_of_little_do_not_add_up() {
    let mut c = Conduct::default();
    for stretch in 0..200 {
        let mut batch = Conduct::default();
        for n in 0..60 {
            let to = remote(stretch * 60 + n);
            let asked = message(DhtRole::Query, stretch, Some(DhtPurpose::Maintenance), None);
            batch.sent(at(stretch.cast_signed() * 600), home(6_881), to, &asked);
        }
        c.add(batch, 0);
    }
    assert_eq!(found(&c, 0), []);
    assert!(c.stretches.len() <= 2);
}

#[test]
fn what_was_found_is_remembered_and_the_order_of_batches_changes_nothing() {
    let batches = || {
        (0..30).map(|n| {
            let mut batch = Conduct::default();
            (0..60).for_each(|i| batch.announced(at(n * 60), &hash(i + n as u64 * 60), Some(6_881)));
            batch
        })
    };
    let (mut forward, mut swapped) = (Conduct::default(), Conduct::default());
    batches().for_each(|b| forward.add(b, 0));
    let mut pairs: Vec<Conduct> = batches().collect();
    pairs.chunks_mut(2).for_each(<[Conduct]>::reverse);
    pairs.into_iter().for_each(|b| swapped.add(b, 0));
    assert_eq!(forward.findings(0), swapped.findings(0));
    let [finding] = forward.findings(0)[..] else { panic!("{:?}", forward.findings(0)) };
    assert_eq!((finding.count, finding.first, finding.last), (600, at(0), at(1_800)));
}

#[test]
fn one_remote_that_asks_fifty_times_in_ten_seconds_and_is_answered_is_a_flood() {
    let (us, them) = (home(1).address, remote(1));
    let flood = |queries: u32, answered: u32| {
        let mut paces = Paces::default();
        let mut most = None;
        for n in 0..queries {
            most = most.max(paces.count(at(1), us, them, false));
            if n >= queries - answered {
                most = most.max(paces.count(at(1), us, them, true));
            }
        }
        most
    };
    assert_eq!((flood(50, 25), flood(49, 49), flood(50, 24)), (Some(50), None, None));
    let mut slow = Paces::default();
    let slowly = (0..200).filter_map(|n| {
        slow.count(at(n), us, them, false);
        slow.count(at(n), us, them, true)
    });
    assert_eq!(slowly.count(), 0);
}
