//! How much of the news makes an alert: the `condition` part of a rule.

use super::observation::{Sample, What};
use super::problem::Problems;
use super::read::Fields;
use super::rule::Subject;
use super::units::{self, Unit};
use super::yaml::Node;
use std::time::Duration;

/// When a group of news is an alert. Every window is counted in sixty steps, and one step longer than asked at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Condition {
    /// Anything at all within the window.
    Present,
    /// A sum over the window.
    Sum(Measure, Limit),
    /// A sum by the length of the window, in bits a second.
    Rate(Measure, Limit),
    /// Different things within the window.
    Distinct(Distinct, Limit),
    /// One sum by another, where the first is `min` at least.
    Share { part: Measure, whole: Measure, min: f64, limit: Limit },
    /// Anything, where there was nothing for `memory` before (`None`: ever).
    First { memory: Option<Duration> },
}

/// A bound that a value has to pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    pub value: f64,
    /// The value itself counts.
    pub inclusive: bool,
}

impl Limit {
    pub(super) fn passed_by(self, value: f64) -> bool {
        value > self.value || (self.inclusive && value >= self.value)
    }
}

/// What a sample adds to a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Bytes,
    BytesIn,
    BytesOut,
    Packets,
    Flows,
    Uploaded,
    Downloaded,
    Messages,
    Events,
    Lost,
    Cut,
    Limits,
    Damage,
    Panics,
}

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distinct {
    Peers,
    Torrents,
    Lookups,
    Hosts,
    RemotePorts,
    Ports,
}

const DEFAULT_WINDOW: Duration = Duration::from_secs(900);
const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

impl Measure {
    pub(super) const ALL: [Self; 14] = [
        Self::Bytes,
        Self::BytesIn,
        Self::BytesOut,
        Self::Packets,
        Self::Flows,
        Self::Uploaded,
        Self::Downloaded,
        Self::Messages,
        Self::Events,
        Self::Lost,
        Self::Cut,
        Self::Limits,
        Self::Damage,
        Self::Panics,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesIn => "bytes_in",
            Self::BytesOut => "bytes_out",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::Uploaded => "uploaded",
            Self::Downloaded => "downloaded",
            Self::Messages => "messages",
            Self::Events => "events",
            Self::Lost => "lost",
            Self::Cut => "cut",
            Self::Limits => "limits",
            Self::Damage => "damage",
            Self::Panics => "panics",
        }
    }

    pub(super) const fn is_bytes(self) -> bool {
        matches!(self, Self::Bytes | Self::BytesIn | Self::BytesOut | Self::Uploaded | Self::Downloaded)
    }

    /// What there is to add up for a subject.
    fn of(subject: Subject) -> &'static [Self] {
        use Measure::{
            Bytes, BytesIn, BytesOut, Cut, Damage, Downloaded, Events, Flows, Limits, Lost, Messages,
            Packets, Panics, Uploaded,
        };
        match subject {
            Subject::Flow | Subject::Host => &[Bytes, BytesIn, BytesOut, Packets, Flows, Events],
            Subject::Torrent => &[Uploaded, Downloaded, Bytes, BytesIn, BytesOut, Events],
            Subject::Dht => &[Messages],
            Subject::Exposure => &[Events],
            Subject::Sensor => &[Packets, Lost, Cut, Limits, Damage, Panics],
        }
    }

    /// What a sample adds.
    pub(super) const fn amount(self, sample: &Sample<'_>) -> u64 {
        match (self, &sample.what) {
            (Self::Events, _) | (Self::Messages, What::Dht { .. }) => 1,
            (Self::Bytes, What::Flow(f)) => f.bytes_in.saturating_add(f.bytes_out),
            (Self::BytesIn, What::Flow(f)) => f.bytes_in,
            (Self::BytesOut, What::Flow(f)) => f.bytes_out,
            (Self::Packets, What::Flow(f)) => f.packets,
            (Self::Flows, What::Flow(f)) => f.new as u64,
            (Self::Uploaded, What::Torrent { uploaded, .. }) => *uploaded,
            (Self::Downloaded, What::Torrent { downloaded, .. }) => *downloaded,
            (Self::Packets, What::Sensor(s)) => s.packets,
            (Self::Lost, What::Sensor(s)) => s.lost,
            (Self::Cut, What::Sensor(s)) => s.cut,
            (Self::Limits, What::Sensor(s)) => s.limits,
            (Self::Damage, What::Sensor(s)) => s.damage,
            (Self::Panics, What::Sensor(s)) => s.panics,
            _ => 0,
        }
    }
}

impl Distinct {
    pub(super) const WORDS: [(&'static str, Self); 6] = [
        ("peers", Self::Peers),
        ("torrents", Self::Torrents),
        ("lookups", Self::Lookups),
        ("hosts", Self::Hosts),
        ("ports", Self::Ports),
        ("remote_ports", Self::RemotePorts),
    ];

    fn of(subject: Subject) -> Vec<(&'static str, Self)> {
        let fits = |(_, what): &&(&'static str, Self)| match (what, subject) {
            (_, Subject::Sensor) => false,
            (Self::Lookups, _) => subject == Subject::Dht,
            (Self::Torrents, _) => matches!(subject, Subject::Flow | Subject::Host | Subject::Torrent),
            _ => true,
        };
        Self::WORDS.iter().filter(fits).copied().collect()
    }
}

impl Condition {
    pub(super) const FIELDS: [&'static str; 11] =
        ["present", "sum", "count", "rate", "distinct", "share", "of", "first", "over", "gt", "ge"];

    /// Reads a condition and its window; without one, anything within a quarter of an hour.
    pub(super) fn read(
        node: Option<&Node>,
        subject: Subject,
        problems: &mut Problems,
    ) -> Option<(Self, Duration)> {
        let Some(node) = node else { return Some((Self::Present, DEFAULT_WINDOW)) };
        let allowed: Vec<&str> = Self::FIELDS.iter().copied().chain(["min", "memory"]).collect();
        let fields = Fields::of(node, "a condition", &allowed, problems)?;
        let over = fields.parse("over", units::DURATION, units::duration, problems);
        let over = over.unwrap_or(DEFAULT_WINDOW);
        if over.is_zero() || over > WINDOW_MAX {
            problems.say(fields.at, "over: a window lasts longer than 0 and at most 366d");
            return None;
        }
        let sorts = ["present", "sum", "count", "rate", "distinct", "share", "first"];
        let given: Vec<&str> = sorts.into_iter().filter(|s| fields.get(s).is_some()).collect();
        let [sort] = given.as_slice() else {
            let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
            problems.say(fields.at, format!("a condition has one of {}; here is {found}", sorts.join(", ")));
            return None;
        };
        let used: &[&str] = match *sort {
            "present" => &["over"],
            "first" => &["over", "memory"],
            "share" => &["over", "of", "min", "gt", "ge"],
            _ => &["over", "gt", "ge"],
        };
        for name in ["over", "of", "min", "memory", "gt", "ge"] {
            if let (Some(node), false) = (fields.get(name), used.contains(&name)) {
                problems.say(node.at, format!("'{name}' has no meaning beside '{sort}'"));
            }
        }
        let condition = Self::of_sort(sort, &fields, subject, problems)?;
        Some((condition, over))
    }

    fn of_sort(sort: &str, fields: &Fields<'_>, subject: Subject, problems: &mut Problems) -> Option<Self> {
        let measures = |bytes: Option<bool>| -> Vec<(&str, Measure)> {
            let fits = |m: &&Measure| bytes.is_none_or(|b| m.is_bytes() == b);
            Measure::of(subject).iter().filter(fits).map(|m| (m.word(), *m)).collect()
        };
        match sort {
            "sum" | "count" => {
                let measure = fields.word(sort, &measures(Some(sort == "sum")), problems)?;
                let unit = if measure.is_bytes() { Unit::Bytes } else { Unit::Count };
                Some(Self::Sum(measure, limit(fields, unit, problems)?))
            }
            "rate" => {
                let measure = fields.word(sort, &measures(Some(true)), problems)?;
                Some(Self::Rate(measure, limit(fields, Unit::Rate, problems)?))
            }
            "distinct" => {
                let what = fields.word(sort, &Distinct::of(subject), problems)?;
                Some(Self::Distinct(what, limit(fields, Unit::Count, problems)?))
            }
            "share" => {
                let part = fields.word(sort, &measures(None), problems)?;
                fields.require("of", problems)?;
                let whole = fields.word("of", &measures(None), problems)?;
                let unit = if part.is_bytes() { Unit::Bytes } else { Unit::Count };
                let min = fields.parse("min", unit.expected(), |t| unit.parse(t), problems);
                let limit = limit(fields, Unit::Share, problems)?;
                Some(Self::Share { part, whole, min: min.unwrap_or(1.0), limit })
            }
            "first" => {
                only_true(fields, sort, problems)?;
                let memory = fields.parse("memory", units::DURATION, units::duration, problems);
                Some(Self::First { memory })
            }
            _ => only_true(fields, sort, problems).map(|()| Self::Present),
        }
    }

    /// The unit of the condition's value.
    pub(super) const fn unit(&self) -> Unit {
        match self {
            Self::Sum(measure, _) if measure.is_bytes() => Unit::Bytes,
            Self::Rate(..) => Unit::Rate,
            Self::Share { .. } => Unit::Share,
            _ => Unit::Count,
        }
    }

    /// The bound, where there is one.
    pub(super) const fn limit(&self) -> Option<Limit> {
        match self {
            Self::Sum(_, limit)
            | Self::Rate(_, limit)
            | Self::Distinct(_, limit)
            | Self::Share { limit, .. } => Some(*limit),
            Self::Present | Self::First { .. } => None,
        }
    }
}

fn only_true(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<()> {
    fields.word(name, &[("true", ())], problems)
}

fn limit(fields: &Fields<'_>, unit: Unit, problems: &mut Problems) -> Option<Limit> {
    let mut read = |name| fields.parse(name, unit.expected(), |t| unit.parse(t), problems);
    match (read("gt"), read("ge")) {
        (Some(value), None) => Some(Limit { value, inclusive: false }),
        (None, Some(value)) => Some(Limit { value, inclusive: true }),
        (None, None) if fields.get("gt").is_some() || fields.get("ge").is_some() => None,
        _ => {
            problems.say(
                fields.at,
                "a condition with an amount has one bound, 'gt' (more than) or 'ge' (at least)",
            );
            None
        }
    }
}
