//! How large a swarm is by scrapes of the DHT (BEP 33).
//!
//! Each node knows the peers that announced themselves to it, and answers with a Bloom filter of their addresses. The filters
//! of several answers are joined bit by bit, as the BEP has it: the same whatever their order, and no peer counts twice.

use crate::base::{ScrapeFilter, scrape_estimate};

/// The filters of all answers, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrape {
    seeds: Option<ScrapeFilter>,
    peers: Option<ScrapeFilter>,
    answers: u64,
}

/// How large a swarm is, as nodes of the DHT said. Addresses are counted, not ports; and as nobody can check a filter, one node
/// that lies makes a swarm large, and none makes it small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeReport {
    /// Peers with the whole torrent, about; at most 7,806.
    pub seeders: Option<u32>,
    /// Peers without; the same.
    pub leechers: Option<u32>,
    /// Answers with filters.
    pub answers: u64,
}

impl Scrape {
    /// Takes note of an answer.
    pub fn answer(&mut self, seeds: Option<&ScrapeFilter>, peers: Option<&ScrapeFilter>) {
        join(&mut self.seeds, seeds);
        join(&mut self.peers, peers);
        self.answers += 1;
    }

    /// Adds other answers.
    pub fn add(&mut self, other: &Self) {
        join(&mut self.seeds, other.seeds.as_ref());
        join(&mut self.peers, other.peers.as_ref());
        self.answers += other.answers;
    }

    /// What they say together.
    pub fn report(&self) -> ScrapeReport {
        let estimate = |filter: &ScrapeFilter| scrape_estimate(filter).round() as u32;
        ScrapeReport {
            seeders: self.seeds.as_ref().map(estimate),
            leechers: self.peers.as_ref().map(estimate),
            answers: self.answers,
        }
    }
}

fn join(to: &mut Option<ScrapeFilter>, more: Option<&ScrapeFilter>) {
    match (to.as_mut(), more) {
        (Some(known), Some(more)) => known.iter_mut().zip(more).for_each(|(k, m)| *k |= m),
        (None, Some(more)) => *to = Some(*more),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_joined_in_any_order() {
        let filter = |at: usize| {
            let mut filter = [0; 256];
            filter[at] = 0b11;
            filter
        };
        let answers = [(Some(filter(3)), None), (Some(filter(9)), Some(filter(4))), (Some(filter(3)), None)];
        let told = |order: [usize; 3]| {
            let mut all = Scrape::default();
            for at in order {
                let mut one = Scrape::default();
                one.answer(answers[at].0.as_ref(), answers[at].1.as_ref());
                all.add(&one);
            }
            all
        };
        let all = told([0, 1, 2]);
        assert_eq!(all.report(), ScrapeReport { seeders: Some(2), leechers: Some(1), answers: 3 });
        assert!([[2, 1, 0], [1, 0, 2], [1, 2, 0]].into_iter().all(|order| told(order) == all));
        assert_eq!(told([0, 0, 2]).report().leechers, None, "no filter is no empty one");
    }
}
