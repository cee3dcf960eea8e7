//! Why a partition cannot be restored or processed.

use crate::runtime::quarantine::QuarantineCause;
use crate::{kafka, store};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The disk, or a state of other models.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The loaded models or settings cannot continue the state; `what`: why, and what to do.
    #[error(
        "the loaded models or settings cannot continue the state of partition {partition}: {what}"
    )]
    Models { partition: i32, what: String },
    /// Kafka and the state disagree, so that an operator has to act; `what`: how, and what to do.
    #[error("partition {partition}: {what}")]
    Unprocessable { partition: i32, cause: QuarantineCause, what: String },
}
