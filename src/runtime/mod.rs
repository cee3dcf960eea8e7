//! Layer 6: the effect shell. Moves values between the core and the world, and decides nothing
//! about customers.

mod assignment;
pub mod backtest;
pub mod clock;
mod customers;
pub mod daemon;
mod doubt;
pub mod example;
mod fuse;
mod live;
mod mailbox;
mod mark;
mod merge;
mod partitions;
mod polling;
mod refused;
pub mod rekey;
pub mod replay;
mod report;
mod restore;
mod restoring;
mod settings;
#[cfg(test)]
#[path = "../../tests/simulation/mod.rs"]
mod simulation;
pub mod story;
mod topic_watch;
mod worker;
mod world;

pub use customers::{Customers, Unexplained, about};
pub use fuse::{Blown, Burst, Fuse};
pub use partitions::{Action, Cause, Partitions, Quarantine, Refusal, State};
pub use restore::Error as PartitionError;
pub use restoring::{Restoring, Seen};
pub use settings::{Recovery, Settings};
