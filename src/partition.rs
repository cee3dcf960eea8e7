//! One partition, many customers in one ordered input. Input: a batch and its prefetched state.
//! Output: a [`Commit`] with everything that must become visible atomically.
//!
//! [`apply()`] is the whole behaviour of the daemon as a pure function. `run`, `replay`, the models' own
//! tests, the simulation and the benchmarks all call it.

#![deny(clippy::disallowed_types)]

mod apply;
mod batch;
pub mod codec;
mod commit;
mod decoding;
mod format;
mod generation;
mod rekey;
mod short_hash;
mod view;

pub use apply::apply;
pub(crate) use batch::LostRange;
pub use batch::{Batch, Record};
pub use commit::{Commit, MinDelay, Output, Population, Progress};
pub use decoding::DecodingSettings;
pub(crate) use generation::GENERATION_BYTES_MAX;
pub use generation::{Generation, ModelGenerations, VersionOrdering, hash_models};
pub(crate) use view::{LoadedCustomer, Sweep};
pub use view::{StateView, TimerKey};
