//! Where in a record the fields of an event stand, so that existing topics can be read as they are.

use super::{Field, FieldId, FieldKind, Vocabulary};

/// Keys from the outermost object inwards; written with dots. Without any it is nowhere, or, for the object of
/// the properties, the record itself.
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

/// What a number in the time field counts.
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

/// The place of each field. The default is the native form of `contract.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The customer.
    pub customer_id: Path,
    /// The event type.
    pub event_type: Path,
    /// The event time.
    pub time: Path,
    /// What a number there counts.
    pub time_unit: TimeUnit,
    /// The event's own id.
    pub id: Path,
    /// The order it belongs to.
    pub order_id: Path,
    /// The channel it came through.
    pub channel: Path,
    /// An amount of money.
    pub value: Path,
    /// The currency of that amount.
    pub currency: Path,
    /// The object that holds all other properties.
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
    /// The fields that have a place, by the names that users write.
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

    /// Puts one of [`Mapping::FIELDS`] at a place.
    pub fn set_path(&mut self, field: &str, place: Path) {
        let known = match field {
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
        *known = place;
    }

    /// Where one of [`Mapping::FIELDS`] is.
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

    /// Whether an event can not do without one of [`Mapping::FIELDS`].
    pub fn is_required(field: &str) -> bool {
        matches!(field, "customer_id" | "type" | "time")
    }
}

/// What a place in a record is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldTarget {
    Customer,
    EventType,
    Time,
    Value,
    Currency,
    Field(FieldId, FieldKind),
}

/// The places as a tree, so that one pass over a record finds them all.
#[derive(Clone, Debug, Default)]
pub(super) struct MappingNode {
    pub(super) targets: Vec<FieldTarget>,
    pub(super) children: Vec<(String, MappingNode)>,
}

impl MappingNode {
    /// The tree of everything that the vocabulary and the daemon itself need.
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
                    let own = name.split('.').map(str::to_owned);
                    let path: Vec<String> =
                        mapping.properties.0.iter().cloned().chain(own).collect();
                    root.add(&path, target);
                }
                Field::Value => {} // Read always, since its currency may reject the event.
            }
        }
        root
    }

    /// The targets at a path, if anything is read there.
    pub(super) fn find(&self, path: &[String]) -> Option<&MappingNode> {
        path.iter().try_fold(self, |node, key| {
            node.child_index(key).map(|at| &node.children[at].1)
        })
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
