//! Everything that needs no broker, in one binary: each one links RocksDB and librdkafka again.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod backtest;
mod batches;
mod bounds;
mod cdnow;
mod change;
mod clickstream;
mod config;
mod corrections;
mod damage;
mod demo;
mod deployment;
mod diagnostics;
mod documents;
mod endless;
mod explain;
mod fuzz;
mod graph;
mod guarantee;
mod histories;
mod http;
mod imports;
mod language;
mod mappings;
mod metrics;
mod model_tests;
mod models;
mod naming;
mod observability;
mod orders;
mod presets;
mod program;
mod progress;
mod properties;
mod readme;
mod reference;
mod replay;
mod retail;
mod rules;
mod sample;
mod starting;
mod store;
mod tidy;
mod upgrades;
#[path = "../broker/whole.rs"]
#[expect(dead_code, reason = "its history is for the broker")]
mod whole;
mod yaml_as_json;
