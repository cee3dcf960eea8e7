//! The paths of a mapping as a tree, so that one pass over a record finds all mapped values.

use super::{Mapping, Path, Step};
use crate::event::{Field, FieldId, FieldKind, Vocabulary};

/// What a value at a path is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum FieldTarget {
    Customer,
    EventType,
    Time,
    Value,
    Currency,
    Field(FieldId, FieldKind),
}

/// A target, and the rank of this path among the field's paths: the first one with a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct RankedTarget {
    pub(in super::super) target: FieldTarget,
    pub(in super::super) rank: u8,
}

#[derive(Clone, Debug, Default)]
pub(in super::super) struct MappingNode {
    pub(in super::super) targets: Vec<RankedTarget>,
    pub(in super::super) children: Vec<(String, MappingNode)>,
    /// What is read from the elements, if the value is a list.
    pub(in super::super) elements: Vec<(ElementSelector, MappingNode)>,
    /// Whether an object with a single member that is not null counts as that member, as the typed values of BigQuery do.
    pub(in super::super) is_entry_value: bool,
}

/// Which elements of a list are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum ElementSelector {
    Index(usize),
    Each,
    Entry { member: String, name: String },
}

impl MappingNode {
    /// The tree of the fields that the vocabulary names and of those that every event needs.
    pub(in super::super) fn build(mapping: &Mapping, vocabulary: &Vocabulary) -> MappingNode {
        let mut root = MappingNode::default();
        let mut add = |paths: &[Path], target| {
            for (rank, path) in paths.iter().enumerate() {
                root.add(
                    path,
                    RankedTarget { target, rank: u8::try_from(rank).unwrap_or(u8::MAX) },
                );
            }
        };
        add(&mapping.customer_id.paths, FieldTarget::Customer);
        add(&mapping.event_type.paths, FieldTarget::EventType);
        add(&mapping.time.paths, FieldTarget::Time);
        for (id, field, kind) in vocabulary.fields() {
            let target = FieldTarget::Field(id, kind);
            match field {
                Field::Property(name) => {
                    let properties = mapping.properties.paths.iter();
                    let paths: Vec<Path> = properties.map(|path| path.property(name)).collect();
                    add(&paths, target);
                }
                // An amount is read with its currency, which no model needs to name.
                Field::Value => {
                    add(&mapping.value.paths, FieldTarget::Value);
                    add(&mapping.currency.paths, FieldTarget::Currency);
                }
                other => add(&mapping.source(other.name()).paths, target),
            }
        }
        root
    }

    /// The tree of a single path.
    pub(in super::super) fn of_path(path: &Path, target: FieldTarget) -> MappingNode {
        let mut root = MappingNode::default();
        root.add(path, RankedTarget { target, rank: 0 });
        root
    }

    /// The node at a path, if anything is read there.
    pub(in super::super) fn find(&self, path: &Path) -> Option<&MappingNode> {
        path.0.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.child_index(key).map(|at| &node.children[at].1),
            _ => None,
        })
    }

    pub(in super::super) fn child_index(&self, key: &str) -> Option<usize> {
        self.children.iter().position(|(known, _)| known == key)
    }

    /// Whether values inside of this one are read.
    pub(in super::super) fn is_inner(&self) -> bool {
        !self.children.is_empty() || !self.elements.is_empty()
    }

    fn add(&mut self, path: &Path, target: RankedTarget) {
        if path.is_empty() {
            return;
        }
        let mut node = self;
        for step in &path.0 {
            node = node.child_of(step);
        }
        node.targets.push(target);
        node.is_entry_value |= path.0.iter().any(|step| matches!(step, Step::Entry { .. }));
    }

    fn child_of(&mut self, step: &Step) -> &mut MappingNode {
        let selector = match step {
            Step::Key(key) => {
                let at = self.child_index(key).unwrap_or_else(|| {
                    self.children.push((key.clone(), MappingNode::default()));
                    self.children.len() - 1
                });
                return &mut self.children[at].1;
            }
            Step::Index(index) => ElementSelector::Index(*index),
            Step::Each | Step::Named { .. } => ElementSelector::Each,
            Step::Entry { member, name } => {
                ElementSelector::Entry { member: member.clone(), name: name.clone() }
            }
        };
        let known = self.elements.iter().position(|(other, _)| *other == selector);
        let at = known.unwrap_or_else(|| {
            self.elements.push((selector, MappingNode::default()));
            self.elements.len() - 1
        });
        &mut self.elements[at].1
    }
}
