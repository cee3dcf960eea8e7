//! Reads the settings of a model about events: currency, duplicates, orders and corrections. The first three
//! apply to all loaded models, because all of them read the same events.

use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::event::{CurrencyRates, EventType, Field, FieldKind, Millis};
use crate::model::yaml::{YamlNode, YamlValue};
use crate::model::{Dedupe, Orders, Refunds, Repeated};

/// Longest horizon: the events within it take space in every state.
const HORIZON_MAX: Millis = Millis(366 * Millis::DAY.0);
/// The keys of `orders`.
pub(crate) const ORDER_KEYS: [&str; 6] =
    ["placed", "refunded", "cancelled", "within", "refunds", "repeated"];
/// The keys of `dedupe`, if it is a map.
pub(crate) const DEDUPE_KEYS: [&str; 2] = ["within", "by_type"];

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

    /// `dedupe: 7d` or `dedupe: { within: 7d, by_type: true }`
    pub(super) fn read_dedupe(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("dedupe") else {
            return;
        };
        let Some((horizon, by_type)) = self.read_dedupe_settings(node) else {
            return;
        };
        let vocabulary = &mut self.models.vocabulary;
        let id = vocabulary.intern_field(Field::Id, FieldKind::Id);
        let dedupe = Dedupe { horizon, by_type, id };
        match self.models.dedupe.replace(dedupe) {
            Some(Dedupe { horizon, by_type: false, .. })
                if by_type || horizon != dedupe.horizon =>
            {
                self.add_conflict(node, &format!("`dedupe: {horizon}`"));
            }
            Some(other) if other != dedupe => {
                let other = format!("`dedupe: {{ within: {}, by_type: true }}`", other.horizon);
                self.add_conflict(node, &other);
            }
            Some(_) | None => {}
        }
    }

    fn read_dedupe_settings(&mut self, node: &YamlNode) -> Option<(Millis, bool)> {
        if !matches!(node.value, YamlValue::Map(_)) {
            return Some((self.read_horizon(node, "dedupe")?, false));
        }
        let fields = self.read_fields(node, "`dedupe`", &DEDUPE_KEYS, &[])?;
        let within = self.required_field(&fields, "within", node.location);
        let within = within.and_then(|node| self.read_horizon(node, "within"));
        let by_type = fields.get("by_type").map_or(Some(false), |node| self.read_bool(node));
        Some((within?, by_type?))
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
        let refunds = self.read_choice(&order_fields, "refunds", &Refunds::NAMES);
        let repeated = self.read_choice(&order_fields, "repeated", &Repeated::NAMES);
        if let (Some(node), None) = (order_fields.get("refunds"), refunded) {
            let help = "name the event type of refunds in `refunded`, or leave `refunds` out";
            let message = "`refunds` has no meaning without `refunded`".to_owned();
            self.add_error(node.location, message, Some(help));
        }
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
            refunds,
            repeated,
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

    /// One of several words; the default without the key, and for a wrong word, which is reported.
    fn read_choice<T: Copy + Default>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> T {
        let Some(node) = fields.get(key) else {
            return T::default();
        };
        let Some(text) = self.read_text(node) else {
            return T::default();
        };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return *choice;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("`{key}` cannot be `{text}`");
        let help = format!("write one of {}", names.join(", "));
        self.add_error(node.location, message, Some(&help));
        T::default()
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
