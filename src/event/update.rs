//! News of a flow while it runs: what policy, exposure and the counters of a live sensor add up.

use super::{Counters, Encryption, FlowRecord, Grade, Kinds, Label, Reasons};

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
    /// Its counters, by [`Direction::index`](crate::base::Direction::index).
    pub sent: [Counters; 2],
    /// Its grade.
    pub grade: Option<Grade>,
    /// Its kinds.
    pub kinds: Kinds,
    /// The reasons of its grade.
    pub reasons: Reasons,
    /// Its encryption.
    pub encryption: Encryption,
    /// Whether it was proven that neither address was forged.
    pub two_way: bool,
    /// Which sides sent payload by the other's account.
    pub heard: [bool; 2],
}

impl Told {
    /// What a record tells.
    #[must_use]
    pub fn of(record: &FlowRecord) -> Self {
        let Label { grade, kinds, reasons, encryption, two_way, heard, .. } = record.label;
        Self { sent: record.sent, grade, kinds, reasons, encryption, two_way, heard }
    }

    /// Keeps what was once found, though the evidence for it has expired since: a verdict on a flow never weakens.
    pub fn hold(&self, label: &mut Label) {
        if label.grade < self.grade {
            label.grade = self.grade;
            label.kinds = label.kinds.union(self.kinds);
            label.reasons = label.reasons.union(self.reasons);
            label.encryption = label.encryption.max(self.encryption);
        }
    }
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
