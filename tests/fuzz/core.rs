//! The core of Tenure and its settings, compiled from the same files without the shell around them.
#![allow(dead_code, reason = "the shell uses what seems unused here")]

#[path = "config.rs"]
pub mod config;
#[path = "../../src/customer/mod.rs"]
pub mod customer;
#[path = "../../src/event/mod.rs"]
pub mod event;
#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/partition/mod.rs"]
pub mod partition;
