//! Which files are written, and how.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value as Json, json};

use super::{Run, SHOP, run, shop};

/// Two tests that fail, one that can be updated and one that cannot, and one that passes.
const THREE: &str = "
  - name: silence comes after nine days
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-11, to: silent }   # ten days
  - name: nobody can read this
    events:
      - { at: 2026-01-01, type: bought, value: much }
    expect:
      - { at: 2026-01-01, to: buyer }
  - name: one order
    events: [{ at: 2026-01-01, type: bought }]
    expect: [{ at: 2026-01-01, to: buyer }]
";

#[test]
fn an_update_writes_the_file_and_reports_the_changes() {
    let folder = shop(THREE);
    let Run { code, out, .. } = run(folder.path(), "test shop.yaml --update --only silence");
    assert_eq!(code, 0, "{out}");
    let printed = "\
UPDATED shop: silence comes after nine days
        shop.yaml:12
        changed  line 17: silent, at 2026-01-11 -> 2026-01-10
        dropped  former line 17: # ten days
0 passed, 1 updated, 0 failed
";
    assert_eq!(out, printed);
    let file = fs::read_to_string(folder.path().join("shop.yaml")).unwrap();
    let tests = THREE.replace("11, to: silent }   # ten days", "10, to: silent }");
    assert_eq!(file, format!("{SHOP}{tests}"));
    let again = run(folder.path(), "test shop.yaml --update --only SILENCE");
    assert_eq!((again.code, again.said.trim()), (0, "nothing to update"));
}

#[test]
fn dropped_comments_are_in_the_json_too() {
    let folder = shop(THREE);
    let run = run(folder.path(), "test shop.yaml --update --only silence --format json");
    let json: Json = serde_json::from_str(&run.out).unwrap();
    let dropped = json!([{ "former_line": 17, "text": "# ten days" }]);
    assert_eq!((run.code, &json[0]["dropped_comments"]), (0, &dropped));
}

#[test]
fn several_files_and_several_tests_of_a_file_are_updated_at_once() {
    let two = "
  - name: nothing yet
    events: [{ at: 2026-01-01, type: bought }]
    expect: []
  - name: one too many
    events: []
    expect:
      - { at: 2026-01-01, to: buyer }   # why?
";
    let folder = shop(two);
    let shop_file = folder.path().join("shop.yaml");
    let other = fs::read_to_string(&shop_file).unwrap();
    let other = other.replace("model: shop", "model: other");
    fs::write(folder.path().join("other.yaml"), other).unwrap();
    let run = run(folder.path(), "test shop.yaml other.yaml --update");
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.ends_with("0 passed, 4 updated, 0 failed\n"));
    let tests = "
  - name: nothing yet
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      - { at: 2026-01-01, to: buyer }
  - name: one too many
    events: []
    expect: []
";
    for model in ["shop", "other"] {
        let file = fs::read_to_string(folder.path().join(format!("{model}.yaml"))).unwrap();
        let start = SHOP.replace("model: shop", &format!("model: {model}"));
        assert_eq!(file, format!("{start}{tests}"));
    }
}

#[test]
fn a_test_that_cannot_be_updated_stays_with_a_reason_and_the_rest_is_updated() {
    let folder = shop(THREE);
    let Run { code, out, .. } = run(folder.path(), "test shop.yaml --update");
    assert_eq!(code, 4, "{out}");
    let printed = "
  not updated: put this event right first, which is rejected
  --> shop.yaml:20:9

ok      shop: one order
1 passed, 1 updated, 1 failed
";
    assert!(out.ends_with(printed), "{out}");
    let file = fs::read_to_string(folder.path().join("shop.yaml")).unwrap();
    let tests = THREE.replace("11, to: silent }   # ten days", "10, to: silent }");
    assert_eq!(file, format!("{SHOP}{tests}"));
}

#[test]
fn without_update_no_file_is_written() {
    let folder = shop(THREE);
    let file = folder.path().join("shop.yaml");
    let before = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
    assert_eq!(run(folder.path(), "test shop.yaml").code, 4);
    assert_eq!(
        (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap()),
        before
    );
}

#[test]
fn a_link_stays_a_link_and_permissions_are_kept() {
    let folder = shop(THREE);
    let own = folder.path().join("own.yaml");
    fs::rename(folder.path().join("shop.yaml"), &own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("shop.yaml");
    symlink("own.yaml", &link).unwrap();
    assert_eq!(run(folder.path(), "test shop.yaml --update --only silence").code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&own).unwrap().contains("2026-01-10, to: silent"));
    let mode = fs::metadata(&own).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    // No temporary file is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_read_only_file_is_not_written() {
    let folder = shop(THREE);
    let file = folder.path().join("shop.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let Run { code, said, .. } = run(folder.path(), "test shop.yaml --update");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cannot update shop.yaml: it is read-only"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{SHOP}{THREE}"));
}

#[test]
fn only_regular_files_are_updated() {
    let folder = shop(THREE);
    let command = "cat shop.yaml | \"$0\" test /dev/stdin --update";
    let output = std::process::Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_tenure")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("/dev/stdin is not a file that can be updated"), "{said}");
}

#[test]
fn a_name_that_no_test_has_is_an_error() {
    let folder = shop(THREE);
    let Run { code, said, .. } = run(folder.path(), "test shop.yaml --only silance");
    assert_eq!(code, 2);
    assert!(said.contains("no test has `silance` in its name"), "{said}");
}
