//! Why the daemon ended.

use super::restore;
use crate::{kafka, store};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A worker failed.
    #[error(transparent)]
    Partition(restore::Error),
    /// A thread panicked: a bug.
    #[error("a worker panicked")]
    Panicked,
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}
