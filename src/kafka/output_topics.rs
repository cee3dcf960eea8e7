//! The topics that outputs go to, and how outputs are encoded and delivered.

use std::collections::BTreeMap;

/// How stage changes are encoded as CloudEvents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Attributes are headers, the data is the value.
    #[default]
    Binary,
    /// One JSON object.
    Structured,
}

/// When outputs are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryGuarantee {
    /// In the transaction that commits the states: exactly once, for readers of committed records.
    #[default]
    ExactlyOnce,
    /// After that transaction, outside of any: every reader sees them, and after a crash the same
    /// outputs may be published again. States are still exact.
    AtLeastOnce,
}

/// The topics that outputs go to, and the origin that outputs name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTopics {
    /// One record per transition that is published.
    pub stage_changes: String,
    /// One flagged record per transition that is quiet; `None`: quiet transitions are not written.
    pub quiet: Option<String>,
    /// Compacted: the current stages of each customer.
    pub customer_stages: String,
    /// Records that were rejected, and outputs that the broker refused.
    pub dead_letters: String,
    /// Compacted: the state of each customer, the outbox, generations and progress.
    pub changelog: String,
    pub encoding: Encoding,
    pub delivery: DeliveryGuarantee,
    /// `ce_source`.
    pub source: String,
    /// The deployment that the changelog belongs to.
    pub app: String,
    /// Topic by stage name: stages whose changes also go to a separate topic.
    pub stages: BTreeMap<String, String>,
    /// The input topics; their indices are the input numbers of positions.
    pub inputs: Vec<String>,
}

impl OutputTopics {
    /// Every output topic except the changelog.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        let always = [&self.stage_changes, &self.customer_stages, &self.dead_letters];
        always.into_iter().chain(&self.quiet).chain(self.stages.values())
    }
}
