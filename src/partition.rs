//! Layer 4: one partition, many customers in one ordered input. Input: a batch and its prefetched state.
//! Output: a [`Commit`] with everything that must become visible atomically.
//!
//! [`apply`] is the whole behaviour of the daemon as a pure function. `run`, `replay`, the models' own
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
pub use batch::{Batch, LostRange, Record};
pub use commit::{Commit, MinDelay, Output, Population, Progress};
pub use decoding::DecodingSettings;
pub use generation::{
    GENERATION_BYTES_MAX, Generation, ModelGenerations, VersionOrdering, hash_models,
};
pub use view::{LoadedCustomer, StateView, Sweep, TimerKey};
