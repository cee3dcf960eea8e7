//! The format number of stored progress and generations, and why stored data cannot be used.

use serde::Deserialize;

/// Common to all formats.
#[derive(Deserialize)]
struct FormatHeader {
    format: u32,
}

/// The format of progress that this version writes.
pub(super) const PROGRESS_FORMAT: u32 = 4;

/// Why encoded progress cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableState {
    #[error("the progress of a partition is damaged")]
    Damaged,
    /// A later version of Tenure wrote it.
    #[error(
        "the progress of a partition has format {0}, but this version reads formats up to {PROGRESS_FORMAT}; run the version that wrote it"
    )]
    NewerFormat(u32),
    /// A version that did not store the decoding settings wrote it, with other ones.
    #[error(
        "the state was written with other inputs, mappings, limits or money settings, by a version of Tenure that did not store \
        them; start once with the original settings, then change them"
    )]
    OtherSettings,
    /// A version that did not store the models wrote it, with other ones.
    #[error(
        "the state was written with other models, by a version of Tenure that did not store them; start once with the \
        original models"
    )]
    OtherModels,
    /// This version does not compile the stored models.
    #[error(
        "this version does not accept the models that the state was written with ({0}); change them with the version that wrote it"
    )]
    RejectedModels(String),
    /// The inputs had fewer partitions.
    #[error(
        "the state was written when the inputs had {before} partitions, but they have {now} now: the events of most customers \
        are in another partition than their states. Move the states with `tenure rekey`, to another kafka.app and an empty \
        changelog"
    )]
    MorePartitions { before: i32, now: i32 },
    /// The inputs are other topics with the same names, or have another order.
    #[error(
        "the state was written from other inputs: a topic was deleted and created again, removed from the list, or moved \
        within it; add new inputs at the end of the list. To start over, use another kafka.app and an empty changelog"
    )]
    OtherInputs,
    #[error(
        "the state was written from topics of the cluster {before}, but the configured cluster is {now}. Correct kafka.brokers; \
        to start over, use another kafka.app and an empty changelog"
    )]
    OtherCluster { before: String, now: String },
    #[error(
        "the state was written with {before} inputs, but {now} are configured: another process has added inputs, or inputs were \
        removed from the list, which is not possible"
    )]
    FewerInputs { before: usize, now: usize },
}

/// Reads the format number and checks that it is between 1 and `newest`.
pub(super) fn read_format(bytes: &[u8], newest: u32) -> Result<u32, UnusableState> {
    let FormatHeader { format } =
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)?;
    match format {
        0 => Err(UnusableState::Damaged), // The first format is 1.
        newer if newer > newest => Err(UnusableState::NewerFormat(newer)),
        known => Ok(known),
    }
}
