//! The paths of an event's fields in a record, so that existing topics can be read unchanged.

use super::{Field, FieldId, FieldKind, Vocabulary};

/// Keys from the outermost object inwards; written with dots. An empty path means that the field is not read;
/// for `properties` it means the record itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<String>);

impl From<&str> for Path {
    fn from(text: &str) -> Self {
        match text {
            "" => Path(Vec::new()),
            _ => Path(text.split('.').map(str::to_owned).collect()),
        }
    }
}

/// The unit of a number in the time field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    #[default]
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
}

/// The path of each field. The default is the native format (`README.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub customer_id: Path,
    pub event_type: Path,
    pub time: Path,
    /// The unit of a numeric event time.
    pub time_unit: TimeUnit,
    /// The event's id.
    pub id: Path,
    /// The order it belongs to.
    pub order_id: Path,
    pub channel: Path,
    /// An amount of money.
    pub value: Path,
    /// The currency of that amount.
    pub currency: Path,
    /// The object with all other properties.
    pub properties: Path,
}

impl Default for Mapping {
    fn default() -> Self {
        Mapping {
            customer_id: "customer_id".into(),
            event_type: "type".into(),
            time: "time".into(),
            time_unit: TimeUnit::default(),
            id: "id".into(),
            order_id: "order_id".into(),
            channel: "channel".into(),
            value: "value".into(),
            currency: "currency".into(),
            properties: "properties".into(),
        }
    }
}

impl Mapping {
    /// The fields that have a path, by the names that users write.
    pub const FIELDS: [&str; 9] = [
        "customer_id",
        "type",
        "time",
        "id",
        "order_id",
        "channel",
        "value",
        "currency",
        "properties",
    ];

    /// Sets the path of one of [`Mapping::FIELDS`]; any other name is ignored.
    pub fn set_path(&mut self, field: &str, path: Path) {
        let target = match field {
            "customer_id" => &mut self.customer_id,
            "type" => &mut self.event_type,
            "time" => &mut self.time,
            "id" => &mut self.id,
            "order_id" => &mut self.order_id,
            "channel" => &mut self.channel,
            "value" => &mut self.value,
            "currency" => &mut self.currency,
            "properties" => &mut self.properties,
            _ => return,
        };
        *target = path;
    }

    /// The path of one of [`Mapping::FIELDS`].
    pub fn path(&self, field: &str) -> &Path {
        match field {
            "customer_id" => &self.customer_id,
            "type" => &self.event_type,
            "time" => &self.time,
            "id" => &self.id,
            "order_id" => &self.order_id,
            "channel" => &self.channel,
            "value" => &self.value,
            "currency" => &self.currency,
            _ => &self.properties,
        }
    }

    /// Whether every event must have this one of [`Mapping::FIELDS`].
    pub fn is_required(field: &str) -> bool {
        matches!(field, "customer_id" | "type" | "time")
    }
}

/// What a value at a path is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldTarget {
    Customer,
    EventType,
    Time,
    Value,
    Currency,
    Field(FieldId, FieldKind),
}

/// The paths as a tree, so that one pass over a record finds all mapped values.
#[derive(Clone, Debug, Default)]
pub(super) struct MappingNode {
    pub(super) targets: Vec<FieldTarget>,
    pub(super) children: Vec<(String, MappingNode)>,
}

impl MappingNode {
    /// The tree of the fields that the vocabulary names and of those that every event needs.
    pub(super) fn build(mapping: &Mapping, vocabulary: &Vocabulary) -> MappingNode {
        let mut root = MappingNode::default();
        root.add(&mapping.customer_id.0, FieldTarget::Customer);
        root.add(&mapping.event_type.0, FieldTarget::EventType);
        root.add(&mapping.time.0, FieldTarget::Time);
        root.add(&mapping.value.0, FieldTarget::Value);
        root.add(&mapping.currency.0, FieldTarget::Currency);
        for (id, field, kind) in vocabulary.fields() {
            let target = FieldTarget::Field(id, kind);
            match field {
                Field::Id => root.add(&mapping.id.0, target),
                Field::OrderId => root.add(&mapping.order_id.0, target),
                Field::Channel => root.add(&mapping.channel.0, target),
                Field::Currency => root.add(&mapping.currency.0, target),
                Field::Property(name) => {
                    let keys = name.split('.').map(str::to_owned);
                    let path: Vec<String> =
                        mapping.properties.0.iter().cloned().chain(keys).collect();
                    root.add(&path, target);
                }
                Field::Value => {} // Added above: an unknown currency rejects the event in any case.
            }
        }
        root
    }

    /// The node at a path, if anything is read there.
    pub(super) fn find(&self, path: &[String]) -> Option<&MappingNode> {
        path.iter().try_fold(self, |node, key| node.child_index(key).map(|at| &node.children[at].1))
    }

    pub(super) fn child_index(&self, key: &str) -> Option<usize> {
        self.children.iter().position(|(known, _)| known == key)
    }

    fn add(&mut self, path: &[String], target: FieldTarget) {
        if path.is_empty() {
            return;
        }
        let mut node = self;
        for key in path {
            let at = node.child_index(key).unwrap_or_else(|| {
                node.children.push((key.clone(), MappingNode::default()));
                node.children.len() - 1
            });
            node = &mut node.children[at].1;
        }
        node.targets.push(target);
    }
}
