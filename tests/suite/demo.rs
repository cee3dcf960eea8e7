//! The first thing that anybody sees of Tenure: the whole daemon at work on made-up customers.

use std::process::Command;

#[test]
fn the_demo_shows_customers_who_move_and_ends_in_good_order() {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["demo", "--duration", "8s", "--speed", "60"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("reach → acquisition   signed_up"), "{said}");
    assert!(said.contains(" events, "), "{said}");
    assert!(!said.contains("\n0 events"), "{said}");
}
