//! What is committed beside each offset: which batch, and by which process.
//!
//! The number alone is not enough. A process that got no answer, and whose partition has moved
//! without its knowing, would take the new owner's batch of the same number for its own, write its
//! own version of it to disk, and later go on from that: transitions that nobody was told.

/// The mark of one committed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetMetadata<'m> {
    pub(super) batch: u64,
    /// The process, by a name that no other one has ever had.
    pub(super) writer_id: &'m str,
}

impl OffsetMetadata<'_> {
    /// What was committed with an offset; `None` where it was not written here.
    pub(super) fn parse(metadata: &str) -> Option<OffsetMetadata<'_>> {
        let (batch, writer) = metadata.split_once(' ')?;
        let batch = batch.parse().ok()?;
        Some(OffsetMetadata {
            batch,
            writer_id: writer,
        })
    }

    pub(super) fn encode(&self) -> String {
        format!("{} {}", self.batch, self.writer_id)
    }
}

/// The batch that each of a partition's committed offsets names; `None` where there is none, or it was not written here.
pub(super) fn committed_batches(
    committed: &[Option<(i64, String)>],
) -> impl Iterator<Item = Option<u64>> {
    committed.iter().map(|found| {
        let (_, metadata) = found.as_ref()?;
        OffsetMetadata::parse(metadata).map(|mark| mark.batch)
    })
}

/// A name for a process.
pub(super) fn new_writer_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let mark = OffsetMetadata {
            batch: 12,
            writer_id: "a",
        };
        assert_eq!(OffsetMetadata::parse(&mark.encode()), Some(mark));
        for other in ["", "12", "x a", "-1 a"] {
            assert_eq!(OffsetMetadata::parse(other), None, "{other}");
        }
        assert_ne!(new_writer_id(), new_writer_id());
    }
}
