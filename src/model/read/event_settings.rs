//! What a model says of events as such: what their money is, how those that come twice are recognised, and
//! which of them are orders. It holds for all loaded models, because something either happened or did not.

use super::{Fields, ModelReader};
use crate::event::{CurrencyRates, EventType, Field, FieldKind, Millis};
use crate::model::yaml::YamlNode;
use crate::model::{Dedupe, Orders};

/// Longest horizon: what is within it is kept.
const HORIZON_MAX: Millis = Millis(366 * Millis::DAY.0);
/// The keys of `orders`.
pub(crate) const ORDER_KEYS: [&str; 4] = ["placed", "refunded", "cancelled", "within"];

impl ModelReader<'_> {
    /// `currency: EUR`
    pub(super) fn read_currency(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("currency") else {
            return;
        };
        let Some(text) = self.read_text(node) else {
            return;
        };
        if !CurrencyRates::is_currency_code(text) {
            let message = format!("`{text}` is no currency");
            let help = "write its ISO 4217 code, three letters such as EUR";
            self.add_error(node.location, message, Some(help));
            return;
        }
        let wanted = text.to_ascii_uppercase();
        match self.models.currency.replace(wanted.clone()) {
            Some(other) if other != wanted => {
                self.add_conflict(node, &format!("`currency: {other}`"));
            }
            Some(_) | None => {}
        }
    }

    /// `dedupe: 7d`
    pub(super) fn read_dedupe(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("dedupe") else {
            return;
        };
        let Some(horizon) = self.read_horizon(node, "ids are remembered") else {
            return;
        };
        let vocabulary = &mut self.models.vocabulary;
        let id = vocabulary.intern_field(Field::Id, FieldKind::Id);
        let wanted = Dedupe { horizon, id };
        match self.models.dedupe.replace(wanted) {
            Some(other) if other != wanted => {
                self.add_conflict(node, &format!("`dedupe: {}`", other.horizon));
            }
            Some(_) | None => {}
        }
    }

    /// `orders: { placed: order_completed, refunded: order_refunded, within: 90d }`
    pub(super) fn read_orders(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("orders") else {
            return;
        };
        let Some(own) = self.read_fields(node, "`orders`", &ORDER_KEYS, &[]) else {
            return;
        };
        let placed = self
            .required_field(&own, "placed", node.location)
            .and_then(|node| self.read_order_type(node));
        let [refunded, cancelled] = ["refunded", "cancelled"]
            .map(|key| own.get(key).map(|node| (node, self.read_order_type(node))));
        let within = self
            .required_field(&own, "within", node.location)
            .and_then(|node| self.read_horizon(node, "an order can be taken back"));
        let (Some(placed), Some(within)) = (placed, within) else {
            return;
        };
        for (node, kind) in [refunded, cancelled].into_iter().flatten() {
            if kind == Some(placed) {
                let message = "orders cannot be taken back by events of their own type".to_owned();
                self.add_error(node.location, message, None);
            }
        }
        let vocabulary = &mut self.models.vocabulary;
        let wanted = Orders {
            placed,
            refunded: refunded.and_then(|(_, kind)| kind),
            cancelled: cancelled.and_then(|(_, kind)| kind),
            within,
            id: vocabulary.intern_field(Field::OrderId, FieldKind::Id),
            value: vocabulary.intern_field(Field::Value, FieldKind::Number),
        };
        match self.models.orders.replace(wanted) {
            Some(other) if other != wanted => self.add_conflict(node, "other `orders`"),
            Some(_) | None => {}
        }
    }

    /// `corrections: 30d`
    pub(super) fn read_corrections(&mut self, fields: &Fields<'_>) -> Option<Millis> {
        let node = fields.get("corrections")?;
        self.read_horizon(node, "a transition can be corrected")
    }

    fn read_order_type(&mut self, node: &YamlNode) -> Option<EventType> {
        let name = self.read_text(node)?;
        if name.is_empty() {
            self.add_error(node.location, "this is no event type".to_owned(), None);
            return None;
        }
        Some(self.models.vocabulary.intern_type(name))
    }

    fn read_horizon(&mut self, node: &YamlNode, what: &str) -> Option<Millis> {
        let horizon = self.read_duration(node)?;
        if horizon.0 == 0 || horizon > HORIZON_MAX {
            let help = format!("write a duration up to {HORIZON_MAX}, or leave it out");
            let message = format!("{what} for some time and not for ever");
            self.add_error(node.location, message, Some(&help));
            return None;
        }
        Some(horizon)
    }

    fn add_conflict(&mut self, node: &YamlNode, other: &str) {
        let message = format!("another loaded model has {other}");
        let help = "models side by side see the same events: let them agree, or leave it out here";
        self.add_error(node.location, message, Some(help));
    }
}
