//! Tenure keeps, for each customer and each lifecycle model, the one stage that the customer is in. It reads events
//! from Kafka, stores state in RocksDB, and publishes a stage change, exactly once and with its evidence, when a
//! customer moves: because of an event, because time has passed, or because an earlier decision is corrected.
//!
//! # Architecture
//!
//! The behaviour is a pure, synchronous function of values. Everything that can fail, block or differ between runs
//! (Kafka, disks, clocks, threads, HTTP) is in a thin shell around it.
//!
//! ```text
//!                 pure core: no clock, no I/O, no logging; no input can make it fail
//!            ┌───────────────────────────────────────────────────────────────────────┐
//!  bytes ──► │ event/      decode: bytes -> Event, or Rejection                      │
//!  YAML  ──► │ model/      compile: text -> Models, or all problems with locations   │
//!            │ sample/     propose: the first records of a file -> a mapping         │
//!            │ customer/   one customer: facts, conditions, timers, transitions      │
//!            │ partition/  apply(models, progress, state view, batch) -> Commit      │
//!            │ cloudevent  a transition as the output record                         │
//!            │ explanation/  why a customer is in a stage, as text and as JSON       │
//!            │ backtest/   histories under two versions of a model -> differences    │
//!            │ authoring/  presets, JSON Schema, diagrams, the tests of model files  │
//!            │ report/     a backtest as text, as JSON, as an HTML page with charts  │
//!            └───────────────────────────────────────────────────────────────────────┘
//!      store/ (RocksDB)     kafka/ (rdkafka)     files/ (NDJSON, CSV)     independent adapters
//!      runtime/   worker: batch → prefetch → apply → Kafka transaction → RocksDB write, over WorkerIo:
//!                 the live one, or the simulated one that injects faults; restore; rebalances
//!      offline/   replay, timeline and backtest of files, without Kafka
//!      telemetry/  api/  config/  app  cli/
//! ```
//!
//! # Life of an event
//!
//! 1. The poll loop (`runtime::poll_loop`) takes a record from the feed of its topic and partition and sends it to the
//!    mailbox of the worker that owns the partition.
//! 2. The worker decodes it ([`event::Decoder`]) into an [`event::Event`] that has only the fields that the loaded
//!    models read, or into an [`event::Rejection`]: a value, never an error. The inputs of a partition are merged by
//!    event time. For every customer but the event's own that time is at most the record's timestamp
//!    ([`partition::Record::effective_time`]).
//! 3. When a batch is due, [`store::Store::prefetch`] loads the states of its customers and the timers that it can
//!    make due, in two sorted reads.
//! 4. [`partition::apply`] processes the batch. For each record: the customer's own due timers fire, the event is
//!    received ([`customer::CustomerState::receive`]), the watermark advances, timers of other customers fire.
//!    Inactivity needs no mechanism of its own: it is a timer.
//! 5. The [`partition::Commit`] is encoded into records (`kafka::output`) and becomes one Kafka transaction
//!    (`runtime::worker::transact`, `kafka::transaction`): published outputs, dead letters, states in the changelog,
//!    progress, offsets. RocksDB gets the same in one write, and only after the
//!    transaction is committed.
//!
//! # Threads
//!
//! One poll thread, which is the member of the consumer group, and `runtime.workers` worker threads, each
//! with a transactional producer of its own; a partition belongs to the worker with its number modulo that of the workers. What only observes has
//! threads of its own: the ends of the inputs (`runtime::input_watch`), the configs of topics (`runtime::topic_watch`).
//! HTTP and signals are served by tokio (`api`, `app`).
//!
//! # Time
//!
//! The watermark of a partition is the highest event time less `time.lateness` (Flink's bounded out-of-orderness). While
//! all inputs of a partition are idle, it follows the wall clock (`runtime::worker::idle`). An event before the watermark is
//! not dropped: it corrects, up to a horizon (Flink's allowed lateness, the grace period of Kafka Streams).
//!
//! # Rebalance and restore
//!
//! When the group revokes a partition, the poll loop ends its epoch (`runtime::assignment`) and sends
//! `WorkerMessage::Revoked`; the worker releases it (`release_partition`), and commits of the ended epoch are dropped.
//! When a partition is assigned, `runtime::restore` (`PartitionRestore::step`) compares the local state with the changelog and with the committed
//! offsets of the group, and then uses the local state, catches up from the changelog, or rebuilds. The batch number in
//! the offset's metadata (`runtime::offset_metadata`) identifies the batch and the process that committed it. There are no
//! standby replicas: a partition that moves is restored from the changelog, or continued from the local state of its former
//! owner, which stays on disk.
//!
//! # Settings
//!
//! `config::load` reads the layers, `config::check` validates them, `config::settings` converts them into the types of
//! the modules that use them.
//!
//! # Model changes
//!
//! The model files and decoding settings of a partition are stored with it, in the changelog and on disk, as a numbered
//! [`partition::Generation`]; each state has the number of its generation. When other models are loaded,
//! [`model::ModelsChange`] compares them and `runtime::worker::active_models` decides whether they may be used. From
//! then on states are migrated ([`customer::Migration`]) when they are read, and a sweep with a cursor in the progress
//! migrates all others. The next change waits for the end of the sweep, so there are at most two generations.
//!
//! # Invariants
//!
//! - `config/models/RULES.md` defines the semantics. Comments cite its rules by number.
//! - A module uses only modules of earlier layers: `crash < event < sample < model < customer < {partition, backtest} <
//!   authoring < cloudevent < explanation < report < telemetry < {store, kafka, files} < {runtime, offline} < api <
//!   config < app < cli`. No two files import each other. Tests enforce both.
//! - The core reads no clock: time comes from events and from the watermark. It neither logs nor counts: it returns
//!   what happened, and the shell reports it.
//! - How a history is cut into batches, and how often a customer is evaluated, does not change the outputs.
//! - A record advances the time of other customers at most to its own timestamp. No record ends a process. A partition
//!   that cannot be processed is quarantined alone (`runtime::worker::quarantine`); only `runtime::worker::panic_search`
//!   catches a panic of the core.
//! - Each customer has one timer, at the earliest instant at which anything can change without an event. Nothing scans
//!   customers.
//! - No binary floating point: numbers, money, durations and instants are [`event::Quantity`].
//! - States never go back to older models: a process with older models defers the partition.
//! - What is on disk was committed in Kafka before. A crash never deletes it, and no state is deleted before a complete
//!   state that is not older has replaced it ([`store`], `runtime::restore`).
//! - Only `runtime::worker` orders effects; only `kafka::client` and `kafka::properties` spell librdkafka's properties for
//!   the daemon; only `kafka::native` is unsafe; only `runtime::clock` reads the wall clock; only
//!   `telemetry::catalogue` declares metrics.
//! - Every queue, batch, cache, wait and nesting depth has a bound, written down once, where it is enforced.
//!
//! # Glossary
//!
//! One word per thing, in code, logs, metrics, settings and documentation. Where a field has a standard term, it is used.
//!
//! | term | meaning |
//! |---|---|
//! | customer | the key of all state; an id |
//! | record, event | bytes with a position, as read from an input; what is decoded from them |
//! | input, position | a topic or file that is read; an input and an offset (or line) in it |
//! | model, stage, transition | one lifecycle; a state of its machine; a declared edge, and the taking of it |
//! | fact, aggregate, window, slot | a named value of a customer; how events are combined; over which time; where it is stored |
//! | `StageId`, `FactId`, ... | the number of a stage, a fact, ... in the list of its model (`model::ids`); states store it |
//! | condition | an expression over facts that is true or false; it is *evaluated* |
//! | hold, dwell, cooldown | how long a condition must stay true; how long a customer must stay; how long an edge is blocked |
//! | timer | the earliest instant at which a customer can change without an event: *armed*, *due*, *fires* |
//! | event time, watermark, wall time | when it happened, by the event; the time up to which all events are taken to be here; the machine's clock |
//! | late, idle | an event earlier than its customer's latest one; an input or partition without new records |
//! | suspect | a record whose timestamp is ahead of the clocks, until they decide (`runtime::clock_check`) |
//! | evidence, cause | the values that made a condition true; event, timer, correction or model change |
//! | correction, retracted | a transition that replaces one whose basis is gone; the replaced one |
//! | batch, commit | records that are applied together; all changes of a batch |
//! | transaction: committed, aborted, indefinite | Kafka's; *indefinite* is a commit without an answer: its outcome is unknown until it is resolved (`runtime::worker::transact`) |
//! | fenced | a producer or member that has been replaced by another of its name |
//! | output, dead letter | a published record; a record that could not be decoded or was skipped, with its bytes, or what stands for lost records or a refused output |
//! | outbox | outputs stored with a commit and published after it (`output.delivery = "at_least_once"`) |
//! | changelog, progress | the compacted topic with all states; the record in it that says up to where |
//! | local state, restore, catch up, rebuild | RocksDB's copy; making it current on assignment, from its offset or from nothing |
//! | generation, migration, sweep | a numbered version of models and decoding settings; bringing a state to it; doing so for all |
//! | assigned, revoked, owned, released | what the group does to a partition; what a worker does |
//! | epoch | counts the assignments of a partition, so that a commit of an earlier one is dropped |
//! | deferred | a partition that newer models or a newer version of Tenure have taken over |
//! | quarantined | a partition that is not processed until an operator removes or accepts the cause |
//! | suspended | a worker whose commits wait for an operator after a burst: the circuit breaker (`burst.fuse`, `runtime::fuse`) is open |
//! | quiet | a transition that is recorded and not published to subscribers: history (`emit_from`) or shadow |
//! | timeline | one customer's history, event by event |
//!
//! # Design decisions
//!
//! - The condition language is parsed here and not by the `cel` crate (`model::syntax` says why).
//! - Fired cursor and timer index are per customer, not per customer and model: at one instant the models are evaluated
//!   in their order, which gives the same sequence with one entry.
//! - A committed offset carries the batch and the process that committed it: the offset alone does not show whether an
//!   indefinite transaction was committed (`runtime::offset_metadata`).
//! - Orders that can be returned are kept apart from the final ones and added on reading ([`customer::Ledger`]), instead
//!   of subtracted from totals: so every aggregate can be corrected, `max` and distinct counts too.
//! - At-least-once delivery is an outbox in the changelog and not a second commit protocol: states stay exact, and only
//!   the visibility for readers differs (`kafka::outbox`).

pub mod api;
pub(crate) mod app;
pub mod authoring;
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
pub(crate) mod offline;
pub mod partition;
pub(crate) mod report;
pub mod runtime;
pub(crate) mod sample;
pub mod store;
pub mod telemetry;
