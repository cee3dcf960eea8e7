//! Free ports.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ephemeral ports: a client that keeps trying to reach a stopped broker could get the
/// broker's own port, and the broker would never get it back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of loopback without a listener, returned only once. Another process may still take it
/// first.
pub(super) fn free() -> u16 {
    static ALLOCATED: AtomicU16 = AtomicU16::new(0);
    // Test processes that run in parallel start at different ports.
    let start = (process::id().wrapping_mul(101) % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| FIRST + (start + ALLOCATED.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
