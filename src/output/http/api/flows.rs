//! Flows: `flows`. Their objects are the lines of the event files.

use super::{Asked, Written, object};
use crate::event::{Encryption, Grade, Kind};
use crate::output::live::FlowEntry;
use crate::output::{JsonWriter, events};
use std::sync::Arc;

impl Asked<'_> {
    pub fn flows(&self) -> Written {
        let (page, host) = (self.query.page()?, self.address("host")?);
        let kinds: Vec<(&str, Kind)> = Kind::ALL.iter().map(|&k| (k.label(), k)).collect();
        let kind = self.query.word("kind", &kinds)?;
        let grade = self.query.word("grade", &Grade::ALL.map(|g| (g.label(), g)))?;
        let encryption = self.query.word("encryption", &Encryption::ALL.map(|e| (e.label(), e)))?;
        let running = self.query.word("running", &[("true", true), ("false", false)])?;
        let mut flows = self.live.flows();
        flows.retain(|flow| {
            let (record, label) = (&flow.record, &flow.record.label);
            host.is_none_or(|h| record.originator.address == h || record.responder.address == h)
                && kind.is_none_or(|k| label.kinds.contains(k))
                && grade.is_none_or(|g| label.grade == Some(g))
                && encryption.is_none_or(|e| label.encryption == e)
                && running.is_none_or(|r| flow.running == r)
        });
        Ok(object(|w| page.write(w, &flows, |w, flow: &Arc<FlowEntry>| w.object(|w| members(w, flow)))))
    }
}

/// The members of a flow's object.
pub fn members(w: &mut JsonWriter, flow: &FlowEntry) {
    flow.with_context(|context| events::flow_members(w, &flow.record, context));
}
