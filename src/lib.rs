//! Tenure watches what customers do and keeps, for each of them and each lifecycle model, the one
//! stage they are in. It says so whenever a customer moves: by what they do, or by what they stop
//! doing.
//!
//! # The one idea
//!
//! The whole behaviour is a pure, synchronous function of values. Everything that can fail, wait or
//! differ between runs (disks, files, clocks, terminals) sits in a thin shell around it.
//!
//! ```text
//!                 pure: no clock, no I/O, no logging; data cannot make it fail
//!            ┌───────────────────────────────────────────────────────────────────────┐
//!  bytes ──► │ event/      bytes -> Event, or the reason why not                     │
//!  YAML  ──► │ model/      text -> Model, or every problem at once, with its place   │
//!            │ customer/   one customer: facts, conditions, timers, transitions      │
//!            │ partition/  apply(models, progress, view, batch) -> Commit            │
//!            │ cloudevent  a transition as the record that others read               │
//!            └───────────────────────────────────────────────────────────────────────┘
//!      store/ (RocksDB)        files/ (NDJSON, CSV)        adapters, blind to one another
//!      runtime/   next batch → prefetch → apply → tell → write
//!      cli/       commands, progress, exit codes
//! ```
//!
//! # The life of an event
//!
//! 1. `files` reads a row and `event::Decoder` makes an [`event::Event`] of it, reduced to what the
//!    loaded models name; what cannot be read is a [`event::Rejection`], a value and never an error.
//! 2. `runtime::replay` collects a batch in merge order; [`store::Store::prefetch`] fetches the
//!    state of its customers and every timer that the batch can make due, in two sorted reads.
//! 3. [`partition::apply`] walks through the batch: a customer's own timers first, then the event
//!    ([`customer::CustomerState::receive`]), then the watermark moves and other customers' timers
//!    fire. Silence is nothing special: it is a timer.
//! 4. The [`partition::Commit`] is told to the world and written, atomically.
//!
//! # Invariants
//!
//! - A module uses only earlier ones: `event < model < customer < partition < cloudevent <
//!   {store, files} < runtime < cli`. A test enforces it.
//! - The core reads no clock: time is in the events and in the watermark.
//! - However a history is cut into batches, the outputs are the same.
//! - One timer per customer: the earliest instant at which anything can change if nothing happens.
//!   Nothing is ever scanned for.
//! - No binary floating point: numbers, money, durations and instants are [`event::Quantity`].
//! - Every queue, batch, cache and nesting has a bound, written down once, where it is enforced.

pub mod api;
pub mod app;
pub mod cli;
pub mod cloudevent;
pub mod customer;
pub mod event;
pub mod files;
pub mod kafka;
pub mod model;
pub mod partition;
pub mod runtime;
pub mod store;
pub mod telemetry;
