//! Whether nothing but expectations has changed.

use std::collections::BTreeSet;

use super::Script;
use crate::model::yaml::{Key, Node, Value};

impl Script {
    /// Whether the other file says the same but for the expectations of these tests.
    pub fn agrees(&self, other: &Script, tests: &BTreeSet<usize>) -> bool {
        let but_for_tests = |node: &Node, other: &Node| match (&node.value, &other.value) {
            (Value::List(all), Value::List(others)) => {
                let mut each = all.iter().zip(others).enumerate();
                all.len() == others.len()
                    && each.all(|(test, (a, b))| match tests.contains(&test) {
                        true => agree(a, b, |key, _, _| key == "expect"),
                        false => agree(a, b, |_, _, _| false),
                    })
            }
            _ => false,
        };
        agree(&self.root, &other.root, |key, a, b| {
            key == "tests" && but_for_tests(a, b)
        })
    }
}

/// Whether two nodes say the same; keys for which `excused` says so may differ.
fn agree(a: &Node, b: &Node, excused: impl Fn(&str, &Node, &Node) -> bool + Copy) -> bool {
    fn all_alike(a: &Node, b: &Node) -> bool {
        agree(a, b, |_, _, _| false)
    }
    match (&a.value, &b.value) {
        (Value::Scalar { text, quoted }, Value::Scalar { text: t, quoted: q }) => {
            text == t && quoted == q
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| all_alike(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let alike = |((key, a), (k, b)): (&(Key, Node), &(Key, Node))| {
                key.text == k.text && (excused(&key.text, a, b) || all_alike(a, b))
            };
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        _ => false,
    }
}
