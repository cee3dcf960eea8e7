//! The `tests:` of a model file.

use super::{Fields, Reader};
use crate::event::{EventTime, parse_instant, parse_until};
use crate::model::example::{Example, Expectation, ONLY_CUSTOMER};
use crate::model::problem::Place;
use crate::model::yaml::{Node, Value};

/// The keys of a test.
pub(in crate::model) const TEST_KEYS: [&str; 4] = ["name", "events", "expect", "until"];
/// The keys of an expected transition.
pub(in crate::model) const EXPECT_KEYS: [&str; 6] =
    ["at", "customer", "from", "to", "cause", "transition"];
/// What can make a transition happen.
pub(in crate::model) const CAUSES: [&str; 3] = ["event", "timer", "correction"];

impl Reader<'_> {
    pub(super) fn examples(&mut self, fields: &Fields<'_>, stages: &[&str]) -> Vec<Example> {
        let Some(node) = fields.get("tests") else {
            return Vec::new();
        };
        let items = self.list(node, "`tests`");
        items
            .iter()
            .filter_map(|item| self.example(item, stages))
            .collect()
    }

    fn example(&mut self, item: &Node, stages: &[&str]) -> Option<Example> {
        let fields = self.fields(item, "a test", &TEST_KEYS, &[])?;
        let name = self
            .required(&fields, "name", item.place)
            .and_then(|node| self.text(node));
        let mut end = None;
        let mut events = Vec::new();
        if let Some(node) = self.required(&fields, "events", item.place) {
            for event in self.list(node, "`events`") {
                if let Some((at, occurrence)) = self.event(event) {
                    end = end.max(Some(at)).max(occurrence.arrives);
                    events.push(occurrence);
                }
            }
        }
        let mut expect = Vec::new();
        if let Some(node) = self.required(&fields, "expect", item.place) {
            for expectation in self.list(node, "`expect`") {
                if let Some(expectation) = self.expectation(expectation, stages) {
                    end = end.max(Some(expectation.at));
                    expect.push(expectation);
                }
            }
        }
        let until = fields
            .get("until")
            .and_then(|node| self.instant(node, parse_until));
        Some(Example {
            name: name?.to_owned(),
            place: item.place,
            events,
            expect,
            until: until.or(end).unwrap_or_default(),
            until_stated: until.is_some(),
        })
    }

    fn expectation(&mut self, node: &Node, stages: &[&str]) -> Option<Expectation> {
        let fields = self.fields(node, "an expected transition", &EXPECT_KEYS, &[])?;
        let at = self
            .required(&fields, "at", node.place)
            .and_then(|node| self.instant(node, parse_instant));
        let to = self
            .required(&fields, "to", node.place)
            .and_then(|node| self.stage(node, stages));
        let from = fields.get("from").and_then(|node| self.stage(node, stages));
        let customer = fields
            .get("customer")
            .and_then(|node| self.text(node))
            .unwrap_or(ONLY_CUSTOMER);
        let cause = fields.get("cause").and_then(|node| self.cause(node));
        let transition = fields.get("transition").and_then(|node| self.text(node));
        Some(Expectation {
            place: Place {
                width: 1,
                ..node.place
            },
            at: at?,
            customer: customer.to_owned(),
            from: from.map(|stage| stages[stage].to_owned()),
            to: stages[to?].to_owned(),
            cause,
            transition: transition.map(str::to_owned),
        })
    }

    fn cause(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if !CAUSES.contains(&text) {
            let help = format!("the causes are {}", CAUSES.join(", "));
            self.error(node.place, format!("`{text}` is no cause"), Some(&help));
        }
        Some(text.to_owned())
    }

    pub(super) fn instant(
        &mut self,
        node: &Node,
        parse: fn(&str) -> Option<EventTime>,
    ) -> Option<EventTime> {
        let text = self.text(node)?;
        let instant = parse(text);
        if instant.is_none() {
            self.error(
                node.place,
                format!("`{text}` is no instant"),
                Some("write 2026-01-31, or 2026-01-31T08:30:00Z"),
            );
        }
        instant
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.error(
                    node.place,
                    format!("{what} is a list, not {}", node.what()),
                    None,
                );
                &[]
            }
        }
    }
}
