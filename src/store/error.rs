//! What can go wrong with the disk, named by what must be done.

use std::path::PathBuf;

use crate::customer::Corrupt;
use crate::partition::codec::Unusable;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be opened: stop, and let a person look.
    #[error("cannot open the state in {path}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// RocksDB's reason.
        #[source]
        source: rocksdb::Error,
    },
    /// Reading or writing failed: stop; what is on disk is the last commit.
    #[error("the state on disk cannot be {action}")]
    Io {
        /// `read` or `written`.
        action: &'static str,
        /// RocksDB's reason.
        #[source]
        source: rocksdb::Error,
    },
    /// What is on disk cannot be gone on from.
    #[error("the state in {path} cannot be used")]
    Progress {
        /// The folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: Unusable,
    },
    /// A value on disk is not what was written: rebuild.
    #[error("the state on disk is damaged ({what})")]
    Corrupt {
        /// Which value; never a customer's id.
        what: &'static str,
        /// The reason.
        #[source]
        source: Corrupt,
    },
}
