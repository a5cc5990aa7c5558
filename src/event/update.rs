//! News of a flow while it runs: what policy, exposure and the counters of a live sensor add up.

use super::{Counters, FlowRecord, Grade};

/// What became known of one flow since it was last told.
///
/// The record holds totals since the flow's start; [`FlowUpdate::added`] is what is new. A flow is told at every tick in
/// which packets or evidence came, and once more when it ends. A flow is told for the first time when something is claimed
/// of it, and then with all it moved before.
#[derive(Clone, Copy, Debug)]
pub struct FlowUpdate<'a> {
    /// The flow as it is known and judged now.
    pub record: &'a FlowRecord,
    /// What was told before.
    pub told: Told,
    /// Whether this is the last word on the flow.
    pub ended: bool,
}

/// What was told of a flow before; the default for a flow not told of yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The counters told, by [`Direction::index`](crate::base::Direction::index).
    pub sent: [Counters; 2],
    /// The grade told.
    pub grade: Option<Grade>,
}

impl FlowUpdate<'_> {
    /// What each side sent since the flow was last told.
    #[must_use]
    pub fn added(&self) -> [Counters; 2] {
        let [a, b] = self.record.sent;
        let [was_a, was_b] = self.told.sent;
        [a.minus(was_a), b.minus(was_b)]
    }

    /// Whether the flow is told for the first time.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.told.grade.is_none()
    }
}
