//! Checks that an edit changed nothing but expectations.

use std::collections::BTreeSet;

use super::ModelFileEditor;
use crate::model::yaml::{YamlKey, YamlNode, YamlValue};

impl ModelFileEditor {
    /// Whether the files differ at most in the expectations of these tests.
    pub(crate) fn differs_only_in_expectations(
        &self,
        other: &ModelFileEditor,
        tests: &BTreeSet<usize>,
    ) -> bool {
        let but_for_tests = |node: &YamlNode, other: &YamlNode| match (&node.value, &other.value) {
            (YamlValue::List(all), YamlValue::List(others)) => {
                let mut each = all.iter().zip(others).enumerate();
                all.len() == others.len()
                    && each.all(|(test, (a, b))| {
                        let edited = tests.contains(&test);
                        nodes_equal_except(a, b, |key, _, _| edited && key == "expect")
                    })
            }
            _ => false,
        };
        nodes_equal_except(&self.root, &other.root, |key, a, b| {
            key == "tests" && but_for_tests(a, b)
        })
    }
}

/// Whether two nodes are equal, except for top-level keys with their values for which `is_excused` is true.
fn nodes_equal_except(
    a: &YamlNode,
    b: &YamlNode,
    is_excused: impl Fn(&str, &YamlNode, &YamlNode) -> bool + Copy,
) -> bool {
    fn nodes_equal(a: &YamlNode, b: &YamlNode) -> bool {
        nodes_equal_except(a, b, |_, _, _| false)
    }
    match (&a.value, &b.value) {
        (YamlValue::Scalar { text, quoted }, YamlValue::Scalar { text: t, quoted: q }) => {
            text == t && quoted == q
        }
        (YamlValue::List(a), YamlValue::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nodes_equal(a, b))
        }
        (YamlValue::Map(a), YamlValue::Map(b)) => {
            let entries_equal =
                |((key, a), (k, b)): (&(YamlKey, YamlNode), &(YamlKey, YamlNode))| {
                    key.text == k.text && (is_excused(&key.text, a, b) || nodes_equal(a, b))
                };
            a.len() == b.len() && a.iter().zip(b).all(entries_equal)
        }
        _ => false,
    }
}
