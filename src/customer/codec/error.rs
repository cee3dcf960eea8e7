//! Format versions, and why bytes are not a state.

/// The format that is written.
pub(super) const VERSION: u8 = 5;

/// The bytes are not a state of the loaded models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateDecodeError {
    /// They are truncated, have trailing bytes, or contain an impossible value.
    #[error("a customer's state is damaged, or was written with other models")]
    Damaged,
    /// A later version of Tenure wrote them.
    #[error(
        "a customer's state has format {found}, and this version reads up to {VERSION}; run the version that wrote it"
    )]
    NewerFormat { found: u8 },
    /// They were written with models that are not stored any more.
    #[error(
        "a customer's state has models of generation {generation}, which is neither the current generation nor the one before"
    )]
    UnknownGeneration { generation: u32 },
}
