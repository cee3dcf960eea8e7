//! The core of Tenure and its settings, compiled from the same files without the shell around them.
#![allow(
    dead_code,
    unused_imports,
    reason = "the shell uses what seems unused here"
)]

#[path = "config.rs"]
pub mod config;
#[path = "kafka.rs"]
pub mod kafka;
#[path = "../../src"]
mod source {
    pub mod authoring;
    pub mod customer;
    pub mod event;
    pub mod model;
    pub mod partition;
}

pub use source::{authoring, customer, event, model, partition};
