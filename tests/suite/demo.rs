//! `tenure demo`: the whole daemon with synthetic customers.

use std::process::Command;

#[test]
fn the_demo_shows_moving_customers_and_stops_cleanly() {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["demo", "--duration", "8s", "--speed", "60"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("reach → acquisition   signed_up"), "{printed}");
    assert!(printed.contains(" events, "), "{printed}");
    assert!(!printed.contains("\n0 events"), "{printed}");
}
