//! What is committed beside each offset: which batch, and by which process.
//!
//! The number alone is not enough. A process that got no answer, and whose partition has moved
//! without its knowing, would take the new owner's batch of the same number for its own, write its
//! own version of it to disk, and later go on from that: transitions that nobody was told.

/// The mark of one committed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark<'m> {
    pub(super) batch: u64,
    /// The process, by a name that no other one has ever had.
    pub(super) writer: &'m str,
}

impl Mark<'_> {
    /// What was committed with an offset; `None` where it was not written here.
    pub(super) fn read(metadata: &str) -> Option<Mark<'_>> {
        let (batch, writer) = metadata.split_once(' ')?;
        let batch = batch.parse().ok()?;
        Some(Mark { batch, writer })
    }

    pub(super) fn write(&self) -> String {
        format!("{} {}", self.batch, self.writer)
    }
}

/// The batch that each of a partition's committed offsets names; `None` where there is none, or it was not written here.
pub(super) fn batches(committed: &[Option<(i64, String)>]) -> impl Iterator<Item = Option<u64>> {
    committed.iter().map(|found| {
        let (_, metadata) = found.as_ref()?;
        Mark::read(metadata).map(|mark| mark.batch)
    })
}

/// A name for a process.
pub(super) fn writer() -> String {
    format!("{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let mark = Mark {
            batch: 12,
            writer: "a",
        };
        assert_eq!(Mark::read(&mark.write()), Some(mark));
        for other in ["", "12", "x a", "-1 a"] {
            assert_eq!(Mark::read(other), None, "{other}");
        }
        assert_ne!(writer(), writer());
    }
}
