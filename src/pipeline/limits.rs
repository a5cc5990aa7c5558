//! How much an analysis may remember, by one number: the caps of every table that packets can fill.

use crate::flow::FlowLimits;
use crate::ledger::LedgerLimits;
use std::time::Duration;

/// Memory that the default caps are meant for, in bytes.
pub const MEMORY: u64 = 512 << 20;

/// What is there in any case: the program itself, batches, unanswered requests, what the allocator keeps of all that was given
/// back.
const BASE: u64 = 36 << 20;

/// Packet time between two ticks: flows that end wait for the next one.
const TICK: Duration = Duration::from_secs(10);
/// The same with little memory.
const SHORT_TICK: Duration = Duration::from_secs(1);

/// The caps of what is remembered. The default suits a large network.
#[derive(Clone, Copy, Debug)]
pub struct AnalyzeLimits {
    /// Caps and idle times of the flows.
    pub flows: FlowLimits,
    /// Caps on hosts, torrents and endpoints.
    pub ledger: LedgerLimits,
    /// Caps on flows whose verdict is open.
    pub keeper: KeeperLimits,
    /// Packet time between two ticks of an analysis of files.
    pub tick: Duration,
}

impl Default for AnalyzeLimits {
    fn default() -> Self {
        Self {
            flows: FlowLimits::default(),
            ledger: LedgerLimits::default(),
            keeper: KeeperLimits::default(),
            tick: TICK,
        }
    }
}

/// Caps on flows whose verdict is open.
#[derive(Clone, Copy, Debug)]
pub struct KeeperLimits {
    /// Ended flows that wait for evidence.
    pub waiting: usize,
    /// Flows that go on and were told of; more are possible only while stale ones wait to be forgotten.
    pub running: usize,
}

impl Default for KeeperLimits {
    fn default() -> Self {
        Self { waiting: 65_536, running: 131_072 }
    }
}

impl AnalyzeLimits {
    /// The caps for this much memory, in bytes: the default caps scaled, those of rare things down to a floor at which a
    /// small network is still seen whole.
    #[must_use]
    pub fn within(memory: u64) -> Self {
        let scaled = |cap: usize, floor: usize| {
            let (free, whole) = (memory.saturating_sub(BASE), MEMORY - BASE);
            let cap = (cap as u128 * u128::from(free) / u128::from(whole)).max(floor as u128);
            usize::try_from(cap).unwrap_or(usize::MAX).min(1 << 30)
        };
        let Self { flows, ledger, keeper, tick } = Self::default();
        Self {
            flows: FlowLimits {
                flows: scaled(flows.flows, 16_384),
                states: scaled(flows.states, 1_024),
                ..flows
            },
            ledger: LedgerLimits {
                hosts: scaled(ledger.hosts, 1_024),
                swarms: scaled(ledger.swarms, 1_024),
                endpoints: scaled(ledger.endpoints, 4_096),
                ports: scaled(ledger.ports, 2_048),
                tried: scaled(ledger.tried, 1_024),
                scanners: scaled(ledger.scanners, 1_024),
                ..ledger
            },
            keeper: KeeperLimits {
                waiting: scaled(keeper.waiting, 1_024),
                running: scaled(keeper.running, 2_048),
            },
            tick: if memory < MEMORY / 2 { SHORT_TICK } else { tick },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caps_follow_the_memory() {
        let caps = |memory| {
            let AnalyzeLimits { flows, ledger, keeper, .. } = AnalyzeLimits::within(memory);
            [flows.flows, flows.states, ledger.hosts, ledger.endpoints, keeper.waiting, keeper.running]
        };
        let default = AnalyzeLimits::default();
        assert_eq!(caps(MEMORY)[..2], [default.flows.flows, default.flows.states]);
        let part = |n| (MEMORY - BASE) / 8 * n + BASE;
        assert_eq!(caps(part(1)), caps(MEMORY).map(|cap| cap / 8));
        assert_eq!(caps(part(16)), caps(MEMORY).map(|cap| cap * 2));
        assert_eq!(caps(0), [16_384, 1_024, 1_024, 4_096, 1_024, 2_048]);
    }
}
