//! Reports in sentences what of an input was not understood, and what to change.

use super::mapping::fold_spelling;
use super::time_format::likely_unit;
use super::{
    Counts, CurrencyRates, Field, FieldKind, Mapping, NumberFormat, Observations, RejectReason,
    Vocabulary,
};

/// What the records of an input were read with.
#[derive(Clone, Copy, Debug)]
pub struct InputReport<'r> {
    pub observed: &'r Observations,
    pub mapping: &'r Mapping,
    pub vocabulary: &'r Vocabulary,
    pub money: &'r CurrencyRates,
}

/// Examples in a sentence.
const EXAMPLES_MAX: usize = 3;

impl InputReport<'_> {
    /// One sentence for each thing that was not understood; rejections are explained by [`InputReport::rejection`].
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let accepted = self.observed.accepted();
        for (id, field, kind) in self.vocabulary.fields() {
            if let Some(forms) = self.observed.misread.get(&id) {
                lines.push(self.misread_line(field, kind, forms, accepted));
            }
        }
        lines.extend(self.near_misses());
        lines.extend(self.suspect_ids());
        lines
    }

    fn misread_line(
        &self,
        field: &Field,
        kind: FieldKind,
        forms: &Counts,
        accepted: u64,
    ) -> String {
        let wanted = match kind {
            FieldKind::Number => "a number",
            FieldKind::Bool => "true or false",
            FieldKind::Text | FieldKind::Any => "a text",
            FieldKind::Id => "an id",
        };
        let name = self.path_of(field);
        let count = forms.total();
        let advice = self.advice(kind, forms);
        format!(
            "not understood: {name} in {count} of {accepted} events is not {wanted}: {}{advice}",
            examples(forms)
        )
    }

    fn advice(&self, kind: FieldKind, forms: &Counts) -> String {
        let is_any = |what: &str| forms.by_frequency().iter().any(|(form, _)| form.contains(what));
        if is_any("a list") {
            return "; write the path of an element, such as items[0].price, or of all to add them up, items[].price"
                .to_owned();
        }
        let has_comma = NumberFormat { has_decimal_comma: true };
        let reads = |(form, _): &(&str, u64)| has_comma.read(form.trim_matches('"')).is_some();
        let is_comma = kind == FieldKind::Number
            && !self.mapping.number_format.has_decimal_comma
            && forms.by_frequency().iter().any(reads);
        if is_comma {
            "; with a decimal comma: number_format = \"1.234,56\"".to_owned()
        } else {
            String::new()
        }
    }

    fn path_of(&self, field: &Field) -> String {
        let Some(source) = self.mapping.source_of(field) else {
            let path = self.mapping.properties.paths.first();
            let name = field.name();
            return path.map_or_else(|| name.to_owned(), |path| path.property(name).to_string());
        };
        source.to_string()
    }

    /// Types that no model names, and that differ from a named one in their spelling alone.
    fn near_misses(&self) -> Vec<String> {
        let unnamed = self.observed.unnamed_types.by_frequency();
        let lines = unnamed.iter().filter_map(|(name, count)| {
            let folded = fold_spelling(name);
            let mut named = self.vocabulary.named_types();
            let (_, wanted) = named.find(|(_, named)| fold_spelling(named) == folded)?;
            Some(format!(
                "not understood: {count} events of the type `{name}`, which no model asks for; the models ask for `{wanted}`. If \
                they are the same: types = {{ \"{name}\" = \"{wanted}\" }}, or ignore_type_spelling = true"
            ))
        });
        lines.collect()
    }

    fn suspect_ids(&self) -> Option<String> {
        let suspects = &self.observed.suspect_ids;
        (!suspects.is_empty()).then(|| {
            format!(
                "customer ids that may be placeholders: {}; placeholder_ids = [...] rejects them",
                examples(suspects)
            )
        })
    }

    /// Fields that the models read and that no event had; `None` without events.
    pub(crate) fn never_found(&self) -> Option<String> {
        if self.observed.accepted() == 0 {
            return None;
        }
        let never = self.vocabulary.fields().filter(|(id, ..)| {
            self.observed.found.get(id.index()) == Some(&0)
                && !self.observed.misread.contains_key(id)
        });
        let mut names: Vec<String> = never.map(|(_, field, _)| self.path_of(field)).collect();
        names.sort();
        names.dedup();
        (!names.is_empty()).then(|| {
            format!("no event has these fields, which the models read: {}", names.join(", "))
        })
    }

    /// What explains the rejections for a reason, and what to change; empty for most reasons.
    pub(crate) fn rejection(&self, reason: RejectReason) -> String {
        let details = self.observed.details.get(&reason);
        match reason {
            RejectReason::UnknownCurrency => {
                let Some(currencies) = details else {
                    return String::new();
                };
                let first = currencies
                    .by_frequency()
                    .first()
                    .map_or("EUR", |(code, _)| code)
                    .to_uppercase();
                format!(
                    ": {} (amounts are in {}; the value of one {first} in {}: --rate {first}=…, in settings \
                    money.rates.{first} = \"…\")",
                    examples(currencies),
                    self.money.currency,
                    self.money.currency
                )
            }
            RejectReason::PlaceholderCustomerId => {
                let ids = details.map(examples).unwrap_or_default();
                format!(
                    ": {ids} (a placeholder for a missing id; placeholder_ids is the list of these)"
                )
            }
            RejectReason::BadTime | RejectReason::TimeOutOfRange => {
                details.map(|forms| self.time_advice(forms)).unwrap_or_default()
            }
            RejectReason::BadValue | RejectReason::ValueOutOfRange => {
                let Some(forms) = details else {
                    return reason.hint().to_owned();
                };
                format!(": {}{}", examples(forms), self.advice(FieldKind::Number, forms))
            }
            RejectReason::MissingType | RejectReason::BadCustomerId => {
                details.map(|forms| format!(": {}", examples(forms))).unwrap_or_default()
            }
            RejectReason::KeyDiffers => {
                " (the record's key is not the customer id; key = \"json\" if keys are JSON)"
                    .to_owned()
            }
            other => other.hint().to_owned(),
        }
    }

    fn time_advice(&self, forms: &Counts) -> String {
        let all = forms.by_frequency();
        let first = all.first().map(|(form, _)| *form).unwrap_or_default();
        let unit = likely_unit(first, self.mapping.time_format.unit);
        let advice = match unit {
            _ if is_compact_date(first) => "looks like a date: time_format = \"%Y%m%d\"".to_owned(),
            Some(unit) => {
                let name = unit.name();
                format!("looks like {}: time_unit = \"{name}\"", name.replace('_', " "))
            }
            None => {
                "write 1997-01-31 or 1997-01-31T08:30:00Z, or declare all forms that occur, since no other is read then: time_format = [\"%d.%m.%Y %H:%M\"]".to_owned()
            }
        };
        format!(": {} ({advice})", examples(forms))
    }
}

fn is_compact_date(text: &str) -> bool {
    text.len() == 8
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(text.get(4..6).map(str::parse::<u8>), Some(Ok(1..=12)))
        && matches!(text.get(..4).map(str::parse::<u16>), Some(Ok(1900..=2099)))
}

/// The most frequent texts, with their counts where there are several.
fn examples(counts: &Counts) -> String {
    let all = counts.by_frequency();
    let shown = all.iter().take(EXAMPLES_MAX).map(|(text, count)| format!("{text} ({count})"));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if all.len() > EXAMPLES_MAX || counts.others > 0 {
        text += ", …";
    }
    text
}
