//! `tenure check --replacing`: the effects of a change before it is loaded.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Exit code, standard output and standard error of `tenure check` in a folder.
fn run(folder: &Path, arguments: &[&str], more: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .current_dir(folder)
        .arg("check")
        .args(arguments)
        .args(more)
        .output()
        .unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.code(), stdout, stderr)
}

fn check(new: &str, old: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("new.yaml"), new).unwrap();
    fs::write(folder.path().join("old.yaml"), old).unwrap();
    run(folder.path(), &["new.yaml", "--replacing", "old.yaml"], more)
}

const OLD: &str = "
model: shop
initial: new
facts: { orders: count(order_completed) }
stages: { new: {}, buyer: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
";

#[test]
fn check_reports_the_change_and_whether_it_would_be_accepted() {
    let (code, _, stderr) = check(&OLD.replace(">= 1", ">= 2"), OLD, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("shop: new->buyer now when orders >= 2"), "{stderr}");
    let (code, _, stderr) = check(&format!("# Words.\n{OLD}"), OLD, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("only texts change"), "{stderr}");
    let lost = OLD.replace("buyer", "customer");
    let (code, _, stderr) = check(&lost, OLD, &[]);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("error: the change would be refused"), "{stderr}");
    assert!(stderr.contains("write `was: buyer` in another stage"), "{stderr}");
    let (code, stdout, _) = check(&lost, OLD, &["--format", "json"]);
    assert_eq!(code, Some(78), "{stdout}");
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["change"]["lost_stages"][0], "`buyer` of shop");
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_changed_transition_is_listed_for_each_stage_with_its_durations() {
    let old = "
model: shop
initial: new
facts: { last_order: last(order_completed) }
stages: { new: {}, buyer: { min_dwell: 1d }, lost: {} }
transitions:
  - { from: new, to: buyer, when: order_completed }
  - { from: [new, buyer], to: lost, when: since(last_order) >= days(45), hold: 3d, cooldown: 7d }
";
    let new = old.replace("days(45)", "days(60)");
    let (code, _, stderr) = check(&new, old, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let expected = "shop: new->lost, buyer->lost now when since(last_order) >= days(60)";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(stderr.ends_with("the change would be accepted\n"), "{stderr}");
    let new = old.replace("3d", "5d").replace("1d", "0s").replace("7d", "9d");
    let (_, _, stderr) = check(&new, old, &[]);
    for expected in [
        "shop: the hold of new->lost, buyer->lost is 5d, was 3d",
        "shop: the cooldown of new->lost, buyer->lost is 9d, was 7d",
        "shop: the min_dwell of `buyer` is 0s, was 1d",
    ] {
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn changed_settings_are_reported_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("shop.yaml", OLD);
    let inputs = "[[input]]\ntopic = \"clicks\"\n[input.mapping]\ncustomer_id = \"user\"\n";
    write("old.toml", inputs);
    let check = |text: &str, more: &[&str]| {
        write("new.toml", text);
        let own = ["shop.yaml", "--config", "new.toml", "--replacing-config", "old.toml"];
        run(folder.path(), &own, more)
    };
    let (code, _, stderr) = check(inputs, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("records are decoded as before"), "{stderr}");
    let more =
        format!("{}[[input]]\ntopic = \"orders\"\n", inputs.replace("\"user\"", "\"user.id\""));
    let (code, _, stderr) = check(&more, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    for expected in [
        r#"input.0.customer_id: "user.id" instead of "user""#,
        r#"input.1.topic: "orders" is new"#,
        "the change would be accepted",
    ] {
        assert!(stderr.contains(expected), "{stderr}");
    }
    let euros = format!("{inputs}[money]\ncurrency = \"EUR\"\n");
    let (code, stdout, stderr) = check(&euros, &["--format", "json"]);
    assert_eq!(code, Some(78), "{stderr}");
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let refused = json["settings"]["refused"].as_str().unwrap();
    assert!(refused.contains("was USD and is EUR now"), "{refused}");
    assert_eq!(json["settings"]["changes"][0], r#"money.currency: "EUR" instead of "USD""#);
    write("old.toml", &format!("settings_version = 1\n{inputs}"));
    let (code, _, stderr) = check(inputs, &[]);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("`settings_version` is lower"), "{stderr}");
    let (code, _, stderr) = check(&inputs.replace("clicks", "orders"), &[]);
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("the inputs were clicks"), "{stderr}");
}
