//! Logging and metrics. The core does not use this module: it returns what happened, and the runtime reports it
//! here. A method that logs an occurrence also counts it.

mod build;
pub mod catalogue;
mod commits;
mod delays;
mod inputs;
mod lag;
mod local_state;
mod log_lines;
mod logging;
mod metrics;
mod restores;
mod start;

pub use build::{REVISION, VERSION, VERSION_AND_REVISION};
pub use lag::Lag;
pub use local_state::LocalState;
pub use logging::{LineFormat, error_chain, init_logging};
pub use metrics::{ClientMetrics, ClientStatistics, Metrics};
pub use start::KnownLabels;
