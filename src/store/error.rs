//! Errors of the store, one variant per required reaction.

use std::path::PathBuf;

use crate::customer::StateDecodeError;
use crate::partition::codec::UnusableState;

/// The cause that an engine reports.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The failed operation; displayed as a participle ("cannot be read").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoOperation {
    Read,
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

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be opened: stop; an operator must check it.
    #[error("cannot open the state in {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: BoxError,
    },
    /// Reading or writing failed: stop; the disk contains the last commit.
    #[error(
        "the state in {path} cannot be {operation}; the next start resumes from the last commit"
    )]
    Io {
        operation: IoOperation,
        path: PathBuf,
        #[source]
        source: BoxError,
    },
    /// The files are corrupt: rebuild them from the changelog.
    #[error("the state in {path} is damaged; the next start rebuilds it from the changelog")]
    Damaged {
        path: PathBuf,
        #[source]
        source: BoxError,
    },
    /// The changelog has lost records: stop; an operator must check it.
    #[error(
        "the changelog contains {found} customers of a partition, but must contain {expected}: records were \
        deleted from it. Its cleanup.policy must be compact only. To start over, use another kafka.app and an \
        empty changelog"
    )]
    Incomplete { found: u64, expected: u64 },
    /// The state on disk was written with incompatible models, settings or inputs.
    #[error("the state in {path} cannot be used")]
    Unusable {
        path: PathBuf,
        #[source]
        source: UnusableState,
    },
    /// A value cannot be decoded: a bug, or a value of another writer.
    #[error("a value of the state is damaged ({value})")]
    Corrupt {
        /// The kind of value; never a customer's id.
        value: &'static str,
        #[source]
        source: StateDecodeError,
    },
}
