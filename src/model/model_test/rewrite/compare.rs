//! Whether nothing but expectations has changed.

use std::collections::BTreeSet;

use super::ModelFileEditor;
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};

impl ModelFileEditor {
    /// Whether the other file says the same but for the expectations of these tests.
    pub fn differs_only_in_expectations(
        &self,
        other: &ModelFileEditor,
        tests: &BTreeSet<usize>,
    ) -> bool {
        let but_for_tests = |node: &YamlNode, other: &YamlNode| match (&node.value, &other.value) {
            (YamlValue::List(all), YamlValue::List(others)) => {
                let mut each = all.iter().zip(others).enumerate();
                all.len() == others.len()
                    && each.all(|(test, (a, b))| match tests.contains(&test) {
                        true => nodes_equal_except(a, b, |key, _, _| key == "expect"),
                        false => nodes_equal_except(a, b, |_, _, _| false),
                    })
            }
            _ => false,
        };
        nodes_equal_except(&self.root, &other.root, |key, a, b| {
            key == "tests" && but_for_tests(a, b)
        })
    }
}

/// Whether two nodes say the same; keys for which `excused` says so may differ.
fn nodes_equal_except(
    a: &YamlNode,
    b: &YamlNode,
    excused: impl Fn(&str, &YamlNode, &YamlNode) -> bool + Copy,
) -> bool {
    fn all_alike(a: &YamlNode, b: &YamlNode) -> bool {
        nodes_equal_except(a, b, |_, _, _| false)
    }
    match (&a.value, &b.value) {
        (YamlValue::Scalar { text, quoted }, YamlValue::Scalar { text: t, quoted: q }) => {
            text == t && quoted == q
        }
        (YamlValue::List(a), YamlValue::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| all_alike(a, b))
        }
        (YamlValue::Map(a), YamlValue::Map(b)) => {
            let alike = |((key, a), (k, b)): (&(YamlKey, YamlNode), &(YamlKey, YamlNode))| {
                key.text == k.text && (excused(&key.text, a, b) || all_alike(a, b))
            };
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        _ => false,
    }
}
