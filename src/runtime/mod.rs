//! Layer 6: the effect shell. Moves values between the core and the world, and decides nothing
//! about customers.

mod assignment;
pub mod clock;
pub mod daemon;
pub mod example;
mod mailbox;
mod merge;
pub mod replay;
mod report;
mod restore;
mod settings;
mod worker;

pub use restore::Error as PartitionError;
pub use settings::Settings;
