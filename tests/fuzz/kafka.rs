//! As `src/kafka.rs`, with only the names of properties, which the settings are checked with.

#[path = "../../src/kafka/properties.rs"]
mod properties;

pub use properties::{
    REFUSED_PROPERTIES, SASL_PREFIX, SECURITY_PROTOCOL, SSL_PREFIX, secret_name_end,
};
