//! Lowers the syntax tree of a condition to its typed form: resolves names and checks types.

mod fact_symbol;
mod inline_facts;
mod lowering;
mod names;
mod term;

use super::condition::{
    Comparison, Condition, Operator, Term, TextComparison, TextTerm, TimeDependentSides, Unit,
};
use super::ids::FactId;
use super::syntax::{Expr, ExprKind};
use super::value_type::ValueType;
pub use fact_symbol::STAGE_FACT_NAMES;
pub(super) use fact_symbol::{FactOrigin, FactSymbol, FactSymbols};
pub(super) use lowering::{EventReference, Lowering, StageNames};
pub use term::FUNCTIONS;

impl Lowering<'_> {
    /// `None` after a fault was added.
    pub(super) fn lower_condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.kind {
            ExprKind::Bool(truth) => Some(Condition::Constant(*truth)),
            ExprKind::Unary("!", inner) => {
                Some(Condition::Not(Box::new(self.lower_condition(inner)?)))
            }
            ExprKind::Binary(operator @ ("&&" | "||"), ..) => {
                let mut parts = Vec::new();
                self.flatten_parts(expr, operator, &mut parts);
                let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
                Some(if *operator == "&&" { Condition::All(parts) } else { Condition::Any(parts) })
            }
            ExprKind::Binary(operator, left, right) => match Operator::from_symbol(operator) {
                Some(operator) => self.lower_comparison(expr, operator, left, right),
                None => self.reject_number(expr),
            },
            ExprKind::Call(name, arguments) if name == "has" => {
                Some(Condition::Has(self.resolve_fact_argument(expr, "has", arguments)?))
            }
            ExprKind::Name(name) => match self.resolve_inline_fact(expr) {
                Some(fact) => self.lower_fact(expr, fact?),
                None => self.lower_name(expr, name),
            },
            ExprKind::Text(text) if !text.is_empty() => self.lower_event(expr, Some(text), true),
            _ => match self.resolve_inline_fact(expr) {
                Some(fact) => self.lower_fact(expr, fact?),
                None => self.add_fault(
                    expr,
                    "this is a value, not a condition",
                    Some("compare it with something"),
                ),
            },
        }
    }

    /// Flattens a chain of one operator. Both sides are lowered even if one is wrong, to report every fault.
    fn flatten_parts(&mut self, expr: &Expr, operator: &str, parts: &mut Vec<Option<Condition>>) {
        match &expr.kind {
            ExprKind::Binary(symbol, left, right) if *symbol == operator => {
                self.flatten_parts(left, operator, parts);
                self.flatten_parts(right, operator, parts);
            }
            _ => parts.push(self.lower_condition(expr)),
        }
    }

    fn lower_comparison(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        for (null, other) in [(left, right), (right, left)] {
            if null.is_null() {
                return self.reject_null_comparison(expr, operator, other);
            }
        }
        let (left_type, right_type) = (self.type_hint(left), self.type_hint(right));
        let wanted = match (left_type, right_type) {
            (Some(ValueType::Text), _) | (_, Some(ValueType::Text)) => ValueType::Text,
            (Some(ValueType::Bool), _) | (_, Some(ValueType::Bool)) => ValueType::Bool,
            (None, None) => {
                return self.add_fault(
                    expr,
                    "the types of both sides are unknown",
                    Some("compare each with a number, a text in quotes or true"),
                );
            }
            _ => return self.lower_quantity_comparison(expr, operator, left, right),
        };
        let equal = match operator {
            Operator::Equal => true,
            Operator::Unequal => false,
            _ => {
                return self.add_fault(
                    expr,
                    &format!("{} can only be compared with `==` and `!=`", wanted.description()),
                    None,
                );
            }
        };
        if wanted == ValueType::Bool {
            return self.lower_bool_comparison(expr, equal, left, right);
        }
        self.check_previous_stage(left, right);
        let (left, right) = (self.lower_text_term(left), self.lower_text_term(right));
        Some(Condition::CompareText(TextComparison {
            left: left?,
            right: right?,
            equal,
            text: self.source_text(expr),
        }))
    }

    fn lower_bool_comparison(
        &mut self,
        expr: &Expr,
        equal: bool,
        left: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        let (ExprKind::Name(_) | ExprKind::Call(..), ExprKind::Bool(truth)) =
            (&left.kind, &right.kind)
        else {
            return self.add_fault(expr, "a truth value is compared as `fact == true`", None);
        };
        let fact = self.resolve_fact(left)?;
        match self.bind_type(fact, ValueType::Bool) {
            ValueType::Bool => {
                Some(Condition::Bool { fact, is: *truth == equal, text: self.source_text(expr) })
            }
            other => {
                let message = format!(
                    "`{}` is {}, not true or false",
                    self.source_text(left),
                    other.description()
                );
                self.add_fault(left, &message, None)
            }
        }
    }

    fn lower_text_term(&mut self, expr: &Expr) -> Option<TextTerm> {
        match &expr.kind {
            ExprKind::Text(text) => Some(TextTerm::Constant(text.clone())),
            ExprKind::Name(_) | ExprKind::Call(..) => {
                let fact = self.resolve_fact(expr)?;
                match self.bind_type(fact, ValueType::Text) {
                    ValueType::Text => Some(TextTerm::Fact(fact)),
                    other => {
                        let message = format!(
                            "`{}` is {}, not a text",
                            self.source_text(expr),
                            other.description()
                        );
                        self.add_fault(expr, &message, None)
                    }
                }
            }
            _ => self.add_fault(expr, "this is not a text", None),
        }
    }

    fn lower_quantity_comparison(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left_expr: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        let (left, right) = (self.lower_term(left_expr), self.lower_term(right));
        let (left, right) = (left?, right?);
        if left.value_type != right.value_type {
            let message = format!(
                "{} is compared with {}",
                left.value_type.description(),
                right.value_type.description()
            );
            let days = self.source_text(left_expr) == STAGE_FACT_NAMES[1];
            let help = match (left.value_type, right.value_type) {
                (ValueType::Number, ValueType::Duration) if days => {
                    Some("it counts days already: write days_in_stage >= 3")
                }
                (ValueType::Duration, ValueType::Number)
                | (ValueType::Number, ValueType::Duration) => {
                    Some("write the unit: days(45), hours(12), minutes(30)")
                }
                (ValueType::Instant, _) | (_, ValueType::Instant) => {
                    Some("the time since an instant is since(fact)")
                }
                _ => None,
            };
            return self.add_fault(expr, &message, help);
        }
        let time_dependent =
            TimeDependentSides::from_sides(left.is_time_dependent, right.is_time_dependent);
        if time_dependent != TimeDependentSides::Neither
            && matches!(operator, Operator::Equal | Operator::Unequal)
        {
            return self.add_fault(
                expr,
                "a value that changes with time cannot be compared with `==` or `!=`: it is equal for one millisecond only",
                Some("use `>=` or `<`"),
            );
        }
        let unit = match left.value_type {
            ValueType::Duration => Unit::Duration,
            ValueType::Instant => Unit::Instant,
            ValueType::Number | ValueType::Text | ValueType::Bool => Unit::Number,
        };
        let mut facts = Vec::new();
        collect_facts(&left.term, &mut facts);
        collect_facts(&right.term, &mut facts);
        let windowed_facts =
            facts.iter().copied().filter(|fact| self.facts[*fact].is_windowed()).collect();
        let text = self.source_text(expr);
        Some(Condition::Compare(Comparison {
            operator,
            left: left.term,
            right: right.term,
            unit,
            time_dependent,
            windowed_facts,
            facts,
            text,
        }))
    }
}

fn collect_facts(term: &Term, facts: &mut Vec<FactId>) {
    match term {
        Term::Constant(_) => {}
        Term::Fact(fact) | Term::Since(fact) => {
            if !facts.contains(fact) {
                facts.push(*fact);
            }
        }
        Term::Negate(inner) => collect_facts(inner, facts),
        Term::Binary(_, left, right) => {
            collect_facts(left, facts);
            collect_facts(right, facts);
        }
    }
}
