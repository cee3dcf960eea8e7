//! Counts what decoding finds and what it cannot read, so that nothing is misread silently.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::{Event, FieldId, RejectReason};

/// Most different names, forms or details that are kept; further ones are counted together.
const DISTINCT_MAX: usize = 64;
/// Longest text that is kept, in characters.
const TEXT_CHARS_MAX: usize = 40;
/// Ids that some systems give to visitors whom they do not know. They are accepted, since others give them to customers.
const SUSPECT_IDS: [&str; 6] = ["0", "-1", "unknown", "anonymous", "guest", "test"];

/// What an input was like, as far as it was decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    is_on: bool,
    /// Records, without those that the mapping leaves out.
    pub records: u64,
    pub left_out: u64,
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Values that explain rejections, or their forms: the currency without a rate, the time that cannot be read.
    pub details: BTreeMap<RejectReason, Counts>,
    /// How many events had each field of the vocabulary, by its index.
    pub found: Vec<u64>,
    /// The forms of values that a field could not be read from, by field.
    pub misread: BTreeMap<FieldId, Counts>,
    /// Customer ids that may be placeholders for missing ids.
    pub suspect_ids: Counts,
    /// Event types that no model names.
    pub unnamed_types: Counts,
}

/// How often each of some texts occurred, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: BTreeMap<CompactString, u64>,
    /// Occurrences of texts beyond the bound.
    pub others: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, text: &str) {
        self.add_times(text.chars().take(TEXT_CHARS_MAX).collect(), 1);
    }

    fn add_times(&mut self, text: CompactString, times: u64) {
        let is_full = self.counts.len() >= DISTINCT_MAX;
        match self.counts.get_mut(&text) {
            Some(count) => *count += times,
            None if is_full => self.others += times,
            None => drop(self.counts.insert(text, times)),
        }
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.others
    }

    /// The texts with their counts, the most frequent first.
    pub(crate) fn by_frequency(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> =
            self.counts.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn merge(&mut self, other: &Counts) {
        self.others += other.others;
        for (text, count) in &other.counts {
            self.add_times(text.clone(), *count);
        }
    }
}

impl Observations {
    /// Counts nothing.
    pub(crate) const fn off() -> Observations {
        Observations {
            is_on: false,
            records: 0,
            left_out: 0,
            rejected: BTreeMap::new(),
            details: BTreeMap::new(),
            found: Vec::new(),
            misread: BTreeMap::new(),
            suspect_ids: Counts { counts: BTreeMap::new(), others: 0 },
            unnamed_types: Counts { counts: BTreeMap::new(), others: 0 },
        }
    }

    /// Counts from now on, for a vocabulary of this many fields.
    pub fn on(fields: usize) -> Observations {
        Observations { is_on: true, found: vec![0; fields], ..Observations::off() }
    }

    /// Records that became events.
    pub fn accepted(&self) -> u64 {
        self.records.saturating_sub(self.rejected_total())
    }

    pub(crate) fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    pub(crate) fn count(&mut self, decoded: &Result<Event, RejectReason>) {
        match decoded {
            _ if !self.is_on => {}
            Err(RejectReason::LeftOut) => self.left_out += 1,
            Ok(_) => self.records += 1,
            Err(reason) => {
                self.records += 1;
                *self.rejected.entry(*reason).or_default() += 1;
            }
        }
    }

    pub(super) fn found_field(&mut self, id: FieldId) {
        if let Some(count) = self.found.get_mut(id.index()) {
            *count += 1;
        }
    }

    pub(super) fn misread(&mut self, id: FieldId, form: impl FnOnce() -> String) {
        if self.is_on {
            self.misread.entry(id).or_default().add(&form());
        }
    }

    pub(super) fn detail(&mut self, reason: RejectReason, text: impl FnOnce() -> String) {
        if self.is_on {
            self.details.entry(reason).or_default().add(&text());
        }
    }

    pub(super) fn suspect_id(&mut self, id: &str) {
        if self.is_on && SUSPECT_IDS.iter().any(|suspect| suspect.eq_ignore_ascii_case(id)) {
            self.suspect_ids.add(id);
        }
    }

    pub(super) fn unnamed_type(&mut self, name: &str) {
        if self.is_on {
            self.unnamed_types.add(name);
        }
    }

    /// Adds what another part of the same input was like.
    pub fn merge(&mut self, other: &Observations) {
        self.records += other.records;
        self.left_out += other.left_out;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
        for (reason, counts) in &other.details {
            self.details.entry(*reason).or_default().merge(counts);
        }
        self.found.resize(self.found.len().max(other.found.len()), 0);
        self.found.iter_mut().zip(&other.found).for_each(|(sum, count)| *sum += count);
        for (id, counts) in &other.misread {
            self.misread.entry(*id).or_default().merge(counts);
        }
        self.suspect_ids.merge(&other.suspect_ids);
        self.unnamed_types.merge(&other.unnamed_types);
    }
}
