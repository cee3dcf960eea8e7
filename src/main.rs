//! The binary: parse arguments, run, print what went wrong, exit code. Nothing else.

use std::process::ExitCode;

use clap::Parser;

/// One allocator for Rust, RocksDB and librdkafka: a long-lived process must give memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tenure::cli::run(tenure::cli::Arguments::parse())
}
