//! Tests that need a real broker, in one binary: each binary links RocksDB and librdkafka again.
//! `tests/run.sh` downloads the broker and runs them.

#![expect(clippy::print_stdout, reason = "seeds and logs belong to the report of a failure")]
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod app;
mod change;
mod changelog;
mod clients;
mod cluster;
mod disk;
mod exactly_once;
mod faults;
mod fleet;
mod harness;
mod harness_tests;
mod instance;
mod operation;
mod outages;
mod poison;
mod proxy;
mod quarantine;
mod quiet;
mod random_kills;
mod rebalance;
#[path = "../suite/reference.rs"]
mod reference;
mod rekey;
mod restore;
#[path = "../suite/retail.rs"]
mod retail;
mod security;
mod settings;
mod stall;
mod start;
mod time;
mod whole;
#[path = "../suite/histories/yaml.rs"]
#[expect(dead_code, reason = "for random models, which these tests do not use")]
mod yaml;
