//! The binary: parses the arguments, runs the command, returns its exit code.

use std::process::ExitCode;

use clap::Parser;

/// One allocator for Rust, RocksDB and librdkafka, because a long-lived process must return memory to the system.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tenure::cli::run(tenure::cli::Arguments::parse())
}
