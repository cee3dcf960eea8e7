//! Builds an event from the values of a record.

use std::borrow::Cow;

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization as _;

use super::Decoder;
use super::raw_fields::{RawFields, RawScalar};
use super::values::{plain_text, read_scalar, whole_id};
use crate::event::limits::CUSTOMER_ID_BYTES_MAX;
use crate::event::mapping::FieldTarget;
use crate::event::{
    CustomerId, Event, EventTime, EventType, Field, FieldId, Observations, Quantity, RejectReason,
    Scalar,
};

impl Decoder {
    pub(super) fn build_event(
        &self,
        draft: &mut RawFields<'_, '_>,
        observed: &mut Observations,
    ) -> Result<Event, RejectReason> {
        let type_token = draft.take(FieldTarget::EventType);
        let type_text = self.type_field.and(type_token.as_ref()).map(RawScalar::text);
        let event_type = self.read_type(type_token, observed);
        if event_type == Err(RejectReason::LeftOut) {
            return Err(RejectReason::LeftOut);
        }
        let customer = self.read_customer(draft.take(FieldTarget::Customer), observed)?;
        let event_type = event_type?;
        let time = self.read_time(draft.take(FieldTarget::Time), observed)?;
        let mut fields = SmallVec::new();
        if let Some(id) = self.value_field {
            let (value, currency) =
                (draft.take(FieldTarget::Value), draft.take(FieldTarget::Currency));
            if let Some(amount) = self.read_value(value, currency, observed)? {
                observed.found_field(id);
                fields.push((id, Scalar::Number(amount)));
            }
        }
        for (id, kind, token) in draft.fields() {
            match read_scalar(token, kind, self.mapping.number_format)? {
                Some(scalar) => {
                    observed.found_field(id);
                    fields.push((id, scalar));
                }
                None => observed.misread(id, || token.form()),
            }
        }
        if let (Some(id), Some(text)) = (self.type_field, type_text)
            && !fields.iter().any(|(known, _)| *known == id)
        {
            observed.found_field(id);
            let name = self.vocabulary.type_name(event_type).unwrap_or(&text);
            fields.push((id, Scalar::Text(name.into())));
        }
        self.add_constants(&mut fields);
        Ok(Event { customer, event_type, time, fields })
    }

    /// The declared constants of fields that the record does not have.
    fn add_constants(&self, fields: &mut SmallVec<[(FieldId, Scalar); 2]>) {
        let mapping = &self.mapping;
        let sources = [&mapping.id, &mapping.order_id, &mapping.channel, &mapping.currency];
        if sources.iter().all(|source| source.constant.is_none()) {
            return;
        }
        for (id, field, _) in self.vocabulary.fields() {
            // An amount has no constant.
            let Some(source) = mapping.source_of(field).filter(|_| *field != Field::Value) else {
                continue;
            };
            if let Some(constant) = &source.constant
                && !fields.iter().any(|(known, _)| *known == id)
            {
                fields.push((id, Scalar::Text(constant.as_str().into())));
            }
        }
    }

    /// Numbers and truths are types too, as text. A constant stands for a missing type.
    fn read_type(
        &self,
        token: Option<RawScalar<'_>>,
        observed: &mut Observations,
    ) -> Result<EventType, RejectReason> {
        let name = match token {
            Some(RawScalar::Text(text) | RawScalar::Number(text)) => text,
            Some(RawScalar::Bool(flag)) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Some(token @ (RawScalar::Container | RawScalar::Many(_))) => {
                observed.detail(RejectReason::MissingType, || token.form());
                return Err(RejectReason::MissingType);
            }
            None => match &self.mapping.event_type.constant {
                Some(name) => Cow::Borrowed(name.as_str()),
                None => return Err(RejectReason::MissingType),
            },
        };
        let found = self.mapping.types.find(&name, &self.vocabulary);
        let event_type = found.ok_or(RejectReason::LeftOut)?;
        if event_type == EventType::UNNAMED {
            observed.unnamed_type(&name);
        }
        Ok(event_type)
    }

    fn read_customer(
        &self,
        token: Option<RawScalar<'_>>,
        observed: &mut Observations,
    ) -> Result<CustomerId, RejectReason> {
        let id = match &token {
            None => return Err(RejectReason::MissingCustomerId),
            Some(RawScalar::Text(text)) => whole_id(text),
            Some(RawScalar::Number(text)) if is_whole(whole_id(text)) => whole_id(text),
            Some(other) => {
                observed.detail(RejectReason::BadCustomerId, || other.form());
                return Err(RejectReason::BadCustomerId);
            }
        };
        let ids = &self.mapping.ids;
        if ids.is_placeholder(id) {
            observed.detail(RejectReason::PlaceholderCustomerId, || id.to_owned());
            return Err(RejectReason::PlaceholderCustomerId);
        }
        let folded: Cow<'_, str> = if ids.ignores_case {
            Cow::Owned(id.nfc().flat_map(char::to_lowercase).collect())
        } else {
            Cow::Borrowed(id)
        };
        match folded.len() {
            _ if folded.chars().any(char::is_control) => Err(RejectReason::BadCustomerId),
            // The length of a text was checked before; that of a number was not.
            length if length > self.limits.text_bytes => Err(RejectReason::TooLong),
            1..=CUSTOMER_ID_BYTES_MAX => {
                observed.suspect_id(&folded);
                Ok(CustomerId(folded.into()))
            }
            _ => Err(RejectReason::BadCustomerId),
        }
    }

    fn read_time(
        &self,
        token: Option<RawScalar<'_>>,
        observed: &mut Observations,
    ) -> Result<EventTime, RejectReason> {
        let token = token.ok_or(RejectReason::MissingTime)?;
        let format = &self.mapping.time_format;
        let time = match &token {
            RawScalar::Text(text) => format.read_text(text),
            RawScalar::Number(text) => format.read_number(text),
            RawScalar::Bool(_) | RawScalar::Container | RawScalar::Many(_) => {
                Err(RejectReason::BadTime)
            }
        };
        let time = time.and_then(|time| {
            if time < self.limits.time_floor || time > EventTime::MAX {
                Err(RejectReason::TimeOutOfRange)
            } else if time > self.limits.time_ceiling {
                Err(RejectReason::TimeInFuture)
            } else {
                Ok(time)
            }
        });
        if let Err(reason @ (RejectReason::BadTime | RejectReason::TimeOutOfRange)) = time {
            // A time is not personal, and its digits show the unit.
            observed.detail(reason, || token.text());
        }
        time
    }

    fn read_value(
        &self,
        value: Option<RawScalar<'_>>,
        currency: Option<RawScalar<'_>>,
        observed: &mut Observations,
    ) -> Result<Option<Quantity>, RejectReason> {
        let Some(value) = value else {
            return Ok(None);
        };
        let currency = match currency {
            None => self.mapping.currency.constant.clone().map(Cow::Owned),
            Some(RawScalar::Text(code)) => Some(code),
            Some(_) => return Err(RejectReason::UnknownCurrency),
        };
        let parts = match &value {
            RawScalar::Many(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut total = Quantity::ZERO;
        for part in parts {
            let read = self.read_amount(part, currency.as_deref());
            match read {
                Ok(amount) => {
                    total = total.checked_add(amount).ok_or(RejectReason::ValueOutOfRange)?;
                }
                Err(reason) => {
                    match (reason, &currency) {
                        (RejectReason::UnknownCurrency, Some(code)) => {
                            observed.detail(reason, || code.to_string())
                        }
                        _ => observed.detail(reason, || part.form()),
                    }
                    return Err(reason);
                }
            }
        }
        Ok(Some(total))
    }

    fn read_amount(
        &self,
        token: &RawScalar<'_>,
        currency: Option<&str>,
    ) -> Result<Quantity, RejectReason> {
        let (text, written) =
            plain_text(token, self.mapping.number_format).ok_or(RejectReason::BadValue)?;
        let currency = match (currency, written.as_deref()) {
            (Some(field), Some(written)) if !field.eq_ignore_ascii_case(written) => {
                return Err(RejectReason::BadValue);
            }
            (field, written) => field.or(written),
        };
        self.currency_rates.parse_amount(&text, currency, self.mapping.has_minor_units)
    }
}

fn is_whole(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
