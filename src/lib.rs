//! Tenure watches what customers do and keeps, for each of them and each lifecycle model, the one
//! stage they are in. It says so whenever a customer moves: by what they do, or by what they stop
//! doing.
//!
//! # The one idea
//!
//! The whole behaviour is a pure, synchronous function of values. Everything that can fail, wait or
//! differ between runs (Kafka, disks, clocks, threads, HTTP) sits in a thin shell around it.
//!
//! ```text
//!                 pure: no clock, no I/O, no logging; data cannot make it fail
//!            ┌───────────────────────────────────────────────────────────────────────┐
//!  bytes ──► │ event/      bytes -> Event, or the reason why not                     │
//!  YAML  ──► │ model/      text -> Model, or every problem at once, with its place   │
//!            │ customer/   one customer: facts, conditions, timers, transitions      │
//!            │ partition/  apply(models, progress, view, batch) -> Commit            │
//!            │ cloudevent  a transition as the record that others read               │
//!            │ explanation/  why a customer is where they are, as text and as JSON   │
//!            │ backtest/   histories of customers under two versions -> what differs │
//!            └───────────────────────────────────────────────────────────────────────┘
//!      store/ (RocksDB)     kafka/ (rdkafka)     files/ (NDJSON, CSV)     blind to one another
//!      runtime/   worker: batches → prefetch, apply → Kafka transaction → RocksDB write,
//!                 over a World of effects: the live one, or a simulated one that fails
//!                 replay: the same without Kafka; rekey: states for more partitions
//!      telemetry/  api/  config/  app  cli/
//! ```
//!
//! # The life of an event
//!
//! 1. The polling thread ([`runtime::daemon`]) takes a record from the feed of its topic and
//!    partition and posts it to the worker that owns the partition.
//! 2. The worker decodes it ([`event::Decoder`]): an [`event::Event`], reduced to what the loaded
//!    models name, or a [`event::Rejection`], a value and never an error. The inputs of a partition
//!    are merged by event time, which for others than the event's own customer is never later than the
//!    timestamp of its record ([`partition::Record::time`]).
//! 3. A batch is due. [`store::Store::prefetch`] fetches the states of its customers and every timer
//!    that it can make due, in two sorted reads.
//! 4. [`partition::apply`] walks through the batch: a customer's own timers first, then the event
//!    ([`customer::CustomerState::receive`]), then the watermark moves and other customers' timers
//!    fire. Silence is nothing special: it is a timer.
//! 5. The [`partition::Commit`] becomes one Kafka transaction: outputs, dead letters, states,
//!    progress, offsets. Only after it is committed does RocksDB take the same, atomically.
//!
//! # The life of a model
//!
//! The models that the states of a partition are of are kept beside them, in the changelog and on disk
//! ([`partition::Generation`]); each state says which generation of them it is. When others are loaded,
//! [`model::Change`] says what becomes of everything, and `runtime::worker::adopt` whether they may take
//! over. From then on [`store::Store::prefetch`] reads older states by the models before and brings them
//! over ([`customer::Migration`]), `apply` has each looked at anew when it is met, and a sweep whose cursor
//! is part of the progress brings all others. The next change waits until the sweep is done, so there are
//! never more than two generations.
//!
//! # Invariants
//!
//! - A module uses only earlier ones: `crash < event < model < customer < {partition, backtest} < cloudevent
//!   < explanation < telemetry < {store, kafka, files} < runtime < api < config < app < cli`. A test enforces it.
//! - The core reads no clock: time is in the events and in the watermark. It can neither log nor
//!   count: it returns what happened, and the shell reports it.
//! - However a history is cut into batches, and however often a customer is looked at, the outputs are the same.
//! - No record moves the time of others beyond its own timestamp, and none ends a process. A partition that cannot be
//!   processed is quarantined alone (`runtime::worker::quarantine`); a panic of the core is caught there and nowhere else.
//! - One timer per customer: the earliest instant at which anything can change if nothing happens.
//!   Nothing is ever scanned for.
//! - No binary floating point: numbers, money, durations and instants are [`event::Quantity`].
//! - A state's models never go back: a process with older ones leaves a partition alone.
//! - What is on disk was committed in Kafka before. A crash never wipes it, and no state is removed before one that is
//!   complete and no older has taken its place ([`store`], `runtime::restore`).
//! - Only `runtime::worker` orders effects; only `kafka::client` spells librdkafka's properties for
//!   the daemon; only `kafka::native` is unsafe; only `runtime::clock` reads the wall clock; only
//!   `telemetry::Metrics` declares a metric.
//! - Every queue, batch, cache, wait and nesting has a bound, written down once, where it is enforced.
//!
//! # Departures from the first design
//!
//! The condition language is parsed here and not by the `cel` crate (`model::syntax` says why). The
//! fired cursor and the timer index are per customer, not per customer and model: at one instant the
//! models are looked at in their order, which gives the same sequence with one entry instead of many.
//! Beside a committed offset stands the batch and the process that committed it: the number alone is
//! not enough to know one's own (`runtime::mark`). What can be taken back is kept apart from all before it
//! and put together anew (`customer::Ledger`), instead of subtracted: so every aggregate can be the ground of
//! a transition that is corrected, `max` and distinct counts too. At least once is an outbox in the changelog, not a
//! second commit protocol: states stay exact, and only what readers see differs (`kafka::outbox`).

pub mod api;
pub mod app;
pub mod backtest;
pub mod cli;
pub mod cloudevent;
pub mod config;
pub mod crash;
pub mod customer;
pub mod event;
pub mod explanation;
pub mod files;
pub mod kafka;
pub mod model;
pub mod partition;
pub mod runtime;
pub mod store;
pub mod telemetry;
