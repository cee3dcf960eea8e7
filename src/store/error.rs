//! What can go wrong with the disk, named by what must be done.

use std::path::PathBuf;

use crate::customer::StateDecodeError;
use crate::partition::codec::UnusableState;

/// The reason that an engine gives.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoOperation {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

impl std::fmt::Display for IoOperation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            IoOperation::Read => "read",
            IoOperation::Write => "written",
        })
    }
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be opened: stop, and let a person look.
    #[error("cannot open the state in {path}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// The engine's reason.
        #[source]
        source: BoxError,
    },
    /// Reading or writing failed: stop; what is on disk is the last commit.
    #[error(
        "the state in {path} cannot be {operation}; the next start goes on from the last commit"
    )]
    Io {
        /// What was being done.
        operation: IoOperation,
        /// The folder.
        path: PathBuf,
        /// The engine's reason.
        #[source]
        source: BoxError,
    },
    /// The files are not what was written: rebuild them from the changelog.
    #[error("the state in {path} is damaged; the next start rebuilds it from the changelog")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// The engine's reason.
        #[source]
        source: BoxError,
    },
    /// The changelog has lost records: stop, and let a person look.
    #[error(
        "the changelog holds the state of {found} customers of a partition, where it had {expected}: records were \
        deleted from it. Its cleanup.policy must be compact alone. To begin anew, use another kafka.app and an \
        empty changelog"
    )]
    Incomplete {
        /// Customers found.
        found: u64,
        /// Customers that there were.
        expected: u64,
    },
    /// What is on disk cannot be gone on from.
    #[error("the state in {path} cannot be used")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: UnusableState,
    },
    /// A value is not one that was written: a bug, or somebody else's value.
    #[error("a value of the state is damaged ({value})")]
    Corrupt {
        /// Which value; never a customer's id.
        value: &'static str,
        /// The reason.
        #[source]
        source: StateDecodeError,
    },
}
