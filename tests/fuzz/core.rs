//! The core of Tenure and its settings, compiled from the same files without the shell around them.
#![allow(dead_code, reason = "the shell uses the rest")]

#[path = "config.rs"]
pub mod config;
#[path = "../../src"]
mod source {
    pub mod customer;
    pub mod event;
    pub mod model;
    pub mod partition;
}

pub use source::{customer, event, model, partition};
