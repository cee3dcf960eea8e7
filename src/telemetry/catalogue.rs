//! All metrics, in one table: names, types, labels and help texts. [`super::Metrics`] registers what is in the table, the
//! command `metrics` prints it, and tests compare both with what is rendered.

mod customers;
mod definition;
mod inputs;
mod kafka;
mod latency;
mod mismatch;
mod print;
mod process;
mod restore;
mod storage;
mod table;

pub use definition::{Definition, Kind, Label, Start, Values};
pub use mismatch::mismatches;
pub use print::{print_json, print_markdown};
pub(super) use storage::ROCKSDB;
pub use table::{GROUPS, Group, all, closed_values, find};
