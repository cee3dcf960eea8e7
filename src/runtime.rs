//! The daemon. Moves values between the pure core and Kafka, RocksDB and clocks; makes no decision about
//! customers.

mod assignment;
mod backoff;
pub mod clock;
mod clock_check;
mod context;
mod customers;
pub mod daemon;
mod daemon_state;
mod departure;
mod error;
mod fuse;
mod handle;
mod input_ends;
mod input_watch;
mod live_io;
mod login_watch;
mod mailbox;
mod memory_limit;
mod merge;
mod offset_metadata;
mod partition_registry;
mod periodic_thread;
mod poll_loop;
mod quarantine;
mod refused;
pub mod rekey;
mod restore;
mod restore_progress;
mod settings;
pub mod shutdown;
#[cfg(test)]
#[path = "../tests/simulation/mod.rs"]
mod simulation;
pub mod start_retry;
mod thread_heartbeats;
mod topic_watch;
mod uncommitted;
mod worker;
mod worker_io;

pub(crate) use customers::ExplainError;
pub use customers::{Customers, explain_found};
pub use daemon_state::DaemonState;
pub(crate) use departure::Departure;
pub(crate) use fuse::{BurstSettings, Fuse};
pub(crate) use partition_registry::{PartitionRegistry, PartitionState};
pub(crate) use quarantine::RecoveryAction;
pub(crate) use restore::Error as PartitionError;
pub(crate) use restore_progress::RestoreSnapshot;
pub(crate) use settings::Recovery;
pub use settings::Settings;
