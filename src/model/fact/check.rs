//! Checks that a declaration's aggregate, field and window fit together, with help on what to write instead.

use super::declaration::{Aggregate, FactDeclaration};
use super::fault::Fault;
use crate::event::FieldKind;
use crate::model::syntax::Expr;
use crate::model::value_type::ValueType;

impl FactDeclaration {
    pub(super) fn check(&self, expr: &Expr) -> Result<(), Fault> {
        match self.field_fault().or_else(|| self.window_fault()) {
            Some((message, help)) => Err(Fault::at(expr, &message, Some(&help))),
            None => Ok(()),
        }
    }

    fn field_fault(&self) -> Option<(String, String)> {
        let name = self.aggregate.name();
        let fault = |message: &str, help: &str| Some((message.to_owned(), help.to_owned()));
        match (self.aggregate, &self.field) {
            (Aggregate::Count, Some(_)) => fault(
                "`count` counts events, not a field",
                "write count(event_type), or count_distinct(event_type.field) for how many different values there were",
            ),
            (Aggregate::MeanGap | Aggregate::MaxGap, Some(_)) => fault(
                &format!("`{name}` is about the time between events, not about a field"),
                &format!("write {name}(event_type)"),
            ),
            (Aggregate::CountDistinct(_), None) => {
                fault("`count_distinct` needs a field", "write count_distinct(event_type.field)")
            }
            (Aggregate::Sum | Aggregate::Min | Aggregate::Max | Aggregate::Avg, None) => fault(
                &format!("`{name}` needs a field"),
                &format!("write {name}(event_type.value)"),
            ),
            (Aggregate::Sum | Aggregate::Min | Aggregate::Max | Aggregate::Avg, Some(field))
                if field
                    .kind()
                    .is_some_and(|kind| ValueType::from_field_kind(kind) != ValueType::Number) =>
            {
                fault(
                    &format!("`{name}` needs a field that is a number"),
                    &format!("write {name}(event_type.value)"),
                )
            }
            (Aggregate::Last, Some(_)) => fault(
                "`last` is an instant",
                "for the value of a field write latest(event_type.field)",
            ),
            (Aggregate::Latest, None) => {
                fault("`latest` needs a field", "for an instant write last(event_type)")
            }
            _ => None,
        }
    }

    fn window_fault(&self) -> Option<(String, String)> {
        let window = self.window?;
        match self.aggregate {
            Aggregate::MeanGap | Aggregate::MaxGap => {
                Some(("a rhythm is taken over all time".to_owned(), "leave out `over`".to_owned()))
            }
            Aggregate::CountDistinct(_)
            | Aggregate::First
            | Aggregate::Last
            | Aggregate::Latest
                if window.buckets_ago > 0 =>
            {
                Some((
                    format!(
                        "`{}` cannot be taken over a window that has ended",
                        self.aggregate.name()
                    ),
                    "`before` goes with count, sum, min, max and avg".to_owned(),
                ))
            }
            _ => None,
        }
    }

    /// The kind of value that the fact reads from its field. `value_type` is that of the fact.
    pub(crate) fn field_kind(&self, value_type: Option<ValueType>) -> FieldKind {
        match (self.aggregate, value_type) {
            // `count_distinct` counts values of all kinds.
            (Aggregate::CountDistinct(_), _) | (_, None) => FieldKind::Any,
            (_, Some(ValueType::Number | ValueType::Duration | ValueType::Instant)) => {
                FieldKind::Number
            }
            (_, Some(ValueType::Text)) => FieldKind::Text,
            (_, Some(ValueType::Bool)) => FieldKind::Bool,
        }
    }
}
