//! What only a real broker can prove, in one binary: each one links RocksDB and librdkafka again.
//! `tests/run.sh` fetches the broker and runs it.

#![expect(
    clippy::print_stdout,
    reason = "seeds and logs belong to the report of a failure"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod change;
mod changelog;
mod clients;
mod daemon;
mod disk;
mod exactly_once;
mod faults;
mod fleet;
mod frozen;
mod harness;
mod instance;
mod operation;
mod poison;
mod promises;
mod proxy;
mod quarantine;
mod quiet;
mod rebalance;
#[path = "../suite/reference.rs"]
mod reference;
mod rekey;
mod relay;
mod restore;
#[path = "../suite/retail.rs"]
mod retail;
mod settings;
mod time;
mod whole;
#[path = "../suite/histories/yaml.rs"]
#[expect(
    dead_code,
    reason = "made for random models, of which there are none here"
)]
mod yaml;
