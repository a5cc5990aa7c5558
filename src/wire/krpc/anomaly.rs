//! How a KRPC message deviates from the BEPs and is read all the same.

use crate::wire::bencode::Notes;

macro_rules! anomalies {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One deviation. Counted by label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Anomaly { $($(#[$doc])* $name,)* }

        impl Anomaly {
            /// Every deviation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The fixed word for labels and JSON.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

anomalies! {
    /// Keys out of order.
    UnsortedKeys = "unsorted_keys";
    /// A key given twice.
    DuplicateKeys = "duplicate_keys";
    /// An integer with leading zeros.
    PaddedInteger = "padded_integer";
    /// A string length with leading zeros.
    PaddedLength = "padded_length";
    /// An integer beyond 64 bits.
    HugeInteger = "huge_integer";
    /// Bytes after the dictionary.
    TrailingBytes = "trailing_bytes";
    /// No `t`.
    NoTransaction = "no_t";
    /// `e` is no list.
    ErrorNotList = "error_not_list";
    /// `nodes` or `nodes6` is no multiple of 26 or 38 bytes; the list is dropped.
    NodesLength = "nodes_len";
    /// `samples` is no multiple of 20 bytes; the list is dropped.
    SamplesLength = "samples_len";
    /// `values` has a member that is no compact endpoint; the member is dropped.
    ValuesLength = "values_len";
    /// `BFsd` or `BFpe` has not 256 bytes; the filter is dropped.
    FilterLength = "filter_len";
}

/// A set of [`Anomaly`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies(u16);

impl Anomalies {
    pub(super) fn of(notes: Notes) -> Self {
        let mut set = Self::default();
        if notes == Notes::default() {
            return set;
        }
        for (told, anomaly) in [
            (notes.unsorted, Anomaly::UnsortedKeys),
            (notes.duplicate, Anomaly::DuplicateKeys),
            (notes.padded_integer, Anomaly::PaddedInteger),
            (notes.padded_length, Anomaly::PaddedLength),
            (notes.huge_integer, Anomaly::HugeInteger),
        ] {
            if told {
                set.insert(anomaly);
            }
        }
        set
    }

    pub(super) const fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u8;
    }

    /// Whether the message deviates in this way.
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u8) != 0
    }

    /// Whether the message is as the BEPs have it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The deviations, in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.iter().copied().filter(move |&a| self.contains(a))
    }
}
