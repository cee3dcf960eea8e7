//! Reads the settings of a model about events: currency, duplicates, orders and corrections. The first three
//! apply to all loaded models, because all of them read the same events.

use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::event::{CurrencyRates, EventType, Field, FieldKind, Millis};
use crate::model::yaml::YamlNode;
use crate::model::{Dedupe, Orders};

/// Longest horizon: the events within it take space in every state.
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
            let message = format!("`{text}` is not a currency");
            let help = "write its ISO 4217 code, three letters such as EUR";
            self.add_error(node.location, message, Some(help));
            return;
        }
        let currency = text.to_ascii_uppercase();
        match self.models.currency.replace(currency.clone()) {
            Some(other) if other != currency => {
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
        let Some(horizon) = self.read_horizon(node, "dedupe") else {
            return;
        };
        let vocabulary = &mut self.models.vocabulary;
        let id = vocabulary.intern_field(Field::Id, FieldKind::Id);
        let dedupe = Dedupe { horizon, id };
        match self.models.dedupe.replace(dedupe) {
            Some(other) if other != dedupe => {
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
        let Some(order_fields) = self.read_fields(node, "`orders`", &ORDER_KEYS, &[]) else {
            return;
        };
        let placed = self
            .required_field(&order_fields, "placed", node.location)
            .and_then(|node| self.read_order_type(node));
        let [refunded, cancelled] = ["refunded", "cancelled"]
            .map(|key| order_fields.get(key).map(|node| (node, self.read_order_type(node))));
        let within = self
            .required_field(&order_fields, "within", node.location)
            .and_then(|node| self.read_horizon(node, "within"));
        let (Some(placed), Some(within)) = (placed, within) else {
            return;
        };
        for (node, event_type) in [refunded, cancelled].into_iter().flatten() {
            if event_type == Some(placed) {
                let message = "this is the event type of `placed`; it must be another".to_owned();
                self.add_error(node.location, message, None);
            }
        }
        let vocabulary = &mut self.models.vocabulary;
        let orders = Orders {
            placed,
            refunded: refunded.and_then(|(_, event_type)| event_type),
            cancelled: cancelled.and_then(|(_, event_type)| event_type),
            within,
            id: vocabulary.intern_field(Field::OrderId, FieldKind::Id),
            value: vocabulary.intern_field(Field::Value, FieldKind::Number),
        };
        match self.models.orders.replace(orders) {
            Some(other) if other != orders => self.add_conflict(node, "other `orders`"),
            Some(_) | None => {}
        }
    }

    /// `corrections: 30d`
    pub(super) fn read_corrections(&mut self, fields: &Fields<'_>) -> Option<Millis> {
        let node = fields.get("corrections")?;
        self.read_horizon(node, "corrections")
    }

    fn read_order_type(&mut self, node: &YamlNode) -> Option<EventType> {
        let name = self.read_text(node)?;
        if name.is_empty() {
            self.add_error(node.location, "an event type cannot be empty".to_owned(), None);
            return None;
        }
        Some(self.models.vocabulary.intern_type(name))
    }

    fn read_horizon(&mut self, node: &YamlNode, key: &str) -> Option<Millis> {
        let horizon = self.read_duration(node)?;
        if horizon.0 == 0 || horizon > HORIZON_MAX {
            let message = format!("`{key}` must be longer than 0 and at most {HORIZON_MAX}");
            self.add_error(node.location, message, Some("write another duration, or leave it out"));
            return None;
        }
        Some(horizon)
    }

    fn add_conflict(&mut self, node: &YamlNode, other: &str) {
        let message = format!("another loaded model has {other}");
        let help = "all loaded models read the same events: make them agree, or leave it out here";
        self.add_error(node.location, message, Some(help));
    }
}
