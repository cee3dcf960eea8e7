//! Logging and metrics. The core does not use this module: it returns what happened, and the runtime reports it
//! here. A method that logs an occurrence also counts it.

mod commits;
mod inputs;
mod logging;
mod metrics;
mod restores;

pub use logging::{LineFormat, error_chain, init_logging};
pub use metrics::Metrics;
pub use restores::LocalState;
