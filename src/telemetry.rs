//! Layer 4: logging and metrics. The core does not use this module: it returns events, and the
//! runtime logs and counts them.

mod logging;
mod metrics;

pub use logging::{LineFormat, init_logging};
pub use metrics::Metrics;
