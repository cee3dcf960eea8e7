//! Layer 4: what may be observed. The core never comes here: it returns what happened, and the
//! shell reports it.

mod logging;
mod metrics;

pub use logging::{LineFormat, init_logging};
pub use metrics::Metrics;
