//! Free ports.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports of outgoing connections: a client that keeps trying to reach a broker that is
/// down could get the broker's own port, and the broker it back never.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of loopback that nothing listens to, given out once. Another process may still be faster
/// to take it.
pub(super) fn free() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Test processes side by side look in different places.
    let start = (process::id().wrapping_mul(101) % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| FIRST + (start + GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
