//! Reads the `tests:` of a model file.

use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::event::{EventTime, parse_end_instant, parse_instant};
use crate::model::lower::StageNames;
use crate::model::model_test::{DEFAULT_CUSTOMER, ModelTest, TestTransition};
use crate::model::problem::Location;
use crate::model::yaml::{YamlNode, YamlValue};

pub(crate) const TEST_KEYS: [&str; 4] = ["name", "events", "expect", "until"];
pub(crate) const EXPECT_KEYS: [&str; 6] = ["at", "customer", "from", "to", "cause", "transition"];
/// The causes of a transition that a test can expect.
pub(crate) const CAUSES: [&str; 3] = ["event", "timer", "correction"];

impl ModelReader<'_> {
    pub(super) fn read_tests(
        &mut self,
        fields: &Fields<'_>,
        stages: &StageNames<'_>,
    ) -> Vec<ModelTest> {
        let Some(node) = fields.get("tests") else {
            return Vec::new();
        };
        let items = self.read_list(node, "`tests`");
        items.iter().filter_map(|item| self.read_test(item, stages)).collect()
    }

    fn read_test(&mut self, item: &YamlNode, stages: &StageNames<'_>) -> Option<ModelTest> {
        let fields = self.read_fields(item, "a test", &TEST_KEYS, &[])?;
        let name = self
            .required_field(&fields, "name", item.location)
            .and_then(|node| self.read_text(node));
        let mut end = None;
        let mut events = Vec::new();
        if let Some(node) = self.required_field(&fields, "events", item.location) {
            for node in self.read_list(node, "`events`") {
                if let Some((at, event)) = self.read_test_event(node) {
                    end = end.max(Some(at)).max(event.arrives);
                    events.push(event);
                }
            }
        }
        let mut expect = Vec::new();
        if let Some(node) = self.required_field(&fields, "expect", item.location) {
            for node in self.read_list(node, "`expect`") {
                if let Some(expectation) = self.read_expectation(node, stages) {
                    end = end.max(Some(expectation.at));
                    expect.push(expectation);
                }
            }
        }
        let until = fields.get("until").and_then(|node| self.read_instant(node, parse_end_instant));
        Some(ModelTest {
            name: name?.to_owned(),
            location: item.location,
            events,
            expect,
            until: until.or(end).unwrap_or_default(),
            until_stated: until.is_some(),
        })
    }

    fn read_expectation(
        &mut self,
        node: &YamlNode,
        stages: &StageNames<'_>,
    ) -> Option<TestTransition> {
        let fields = self.read_fields(node, "an expected transition", &EXPECT_KEYS, &[])?;
        let at = self
            .required_field(&fields, "at", node.location)
            .and_then(|node| self.read_instant(node, parse_instant));
        let to = self
            .required_field(&fields, "to", node.location)
            .and_then(|node| self.read_stage(node, stages));
        let from = fields.get("from").and_then(|node| self.read_stage(node, stages));
        let customer = fields
            .get("customer")
            .and_then(|node| self.read_text(node))
            .unwrap_or(DEFAULT_CUSTOMER);
        let cause = fields.get("cause").and_then(|node| self.read_cause(node));
        let transition = fields.get("transition").and_then(|node| self.read_text(node));
        Some(TestTransition {
            location: Location { width: 1, ..node.location },
            at: at?,
            customer: customer.to_owned(),
            from: from.map(|stage| stages[stage].to_owned()),
            to: stages[to?].to_owned(),
            cause,
            transition: transition.map(str::to_owned),
        })
    }

    fn read_cause(&mut self, node: &YamlNode) -> Option<String> {
        let text = self.read_text(node)?;
        if !CAUSES.contains(&text) {
            let help = format!("the causes are {}", CAUSES.join(", "));
            self.add_error(node.location, format!("`{text}` is not a cause"), Some(&help));
        }
        Some(text.to_owned())
    }

    pub(super) fn read_instant(
        &mut self,
        node: &YamlNode,
        parse: fn(&str) -> Option<EventTime>,
    ) -> Option<EventTime> {
        let text = self.read_text(node)?;
        let instant = parse(text);
        if instant.is_none() {
            self.add_error(
                node.location,
                format!("`{text}` is not an instant"),
                Some("write 2026-01-31, or 2026-01-31T08:30:00Z"),
            );
        }
        instant
    }

    fn read_list<'n>(&mut self, node: &'n YamlNode, name: &str) -> &'n [YamlNode] {
        match &node.value {
            YamlValue::List(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.add_error(
                    node.location,
                    format!("{name} is a list, not {}", node.kind_name()),
                    None,
                );
                &[]
            }
        }
    }
}
