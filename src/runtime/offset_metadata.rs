//! The metadata of each committed offset: the batch, and the process that committed it.
//!
//! The batch number alone is not enough. After an indefinite transaction, a process whose partition was moved without its
//! knowledge would take the new owner's batch of the same number for its own, write its own version of it to disk, and
//! later continue from a state whose transitions were never published.

/// Identifies one committed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetMetadata<'m> {
    pub(super) batch: u64,
    /// Identifies the process; never reused ([`new_writer_id`]).
    pub(super) writer_id: &'m str,
}

impl OffsetMetadata<'_> {
    /// `None` where Tenure did not write the metadata.
    pub(super) fn parse(metadata: &str) -> Option<OffsetMetadata<'_>> {
        let (batch, writer_id) = metadata.split_once(' ')?;
        let batch = batch.parse().ok()?;
        Some(OffsetMetadata { batch, writer_id })
    }

    pub(super) fn encode(&self) -> String {
        format!("{} {}", self.batch, self.writer_id)
    }
}

/// The batch that each committed offset of a partition names; `None` where there is no offset, or no metadata of Tenure.
pub(super) fn committed_batches(
    committed: &[Option<(i64, String)>],
) -> impl Iterator<Item = Option<u64>> {
    committed.iter().map(|offset| {
        let (_, metadata) = offset.as_ref()?;
        OffsetMetadata::parse(metadata).map(|metadata| metadata.batch)
    })
}

/// A random id for this process.
pub(super) fn new_writer_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_metadata_is_parsed_and_no_other_text_is() {
        let metadata = OffsetMetadata { batch: 12, writer_id: "a" };
        assert_eq!(OffsetMetadata::parse(&metadata.encode()), Some(metadata));
        for other in ["", "12", "x a", "-1 a"] {
            assert_eq!(OffsetMetadata::parse(other), None, "{other}");
        }
        assert_ne!(new_writer_id(), new_writer_id());
    }
}
