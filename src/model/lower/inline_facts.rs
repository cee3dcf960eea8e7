//! Facts that are written in a condition instead of declared: aggregates of events, and stage facts.

use super::fact_symbol::{FactSymbol, STAGE_FACT_NAMES};
use super::lowering::Lowering;
use crate::model::FACTS_MAX;
use crate::model::condition::Condition;
use crate::model::fact::{Aggregate, FactDeclaration, Fault};
use crate::model::ids::{FactId, StageId};
use crate::model::problem::did_you_mean;
use crate::model::slots::StageFact;
use crate::model::syntax::{Expr, ExprKind};
use crate::model::value_type::ValueType;

impl Lowering<'_> {
    /// A declared or inline fact; `None` after a fault was added.
    pub(super) fn resolve_fact(&mut self, expr: &Expr) -> Option<FactId> {
        match (self.resolve_inline_fact(expr), &expr.kind) {
            (Some(fact), _) => fact,
            (None, ExprKind::Name(name)) => self.resolve_named_fact(expr, name),
            (None, _) => self.reject_computed(expr),
        }
    }

    /// `since(x) == 'text'`: a computed value where a fact is needed.
    fn reject_computed<T>(&mut self, expr: &Expr) -> Option<T> {
        let computed = self.lower_term(expr)?;
        let text = self.source_text(expr);
        let message = format!("`{text}` is {}, not a fact", computed.value_type.description());
        self.add_fault_once(Fault::at(expr, &message, None))
    }

    /// An inline fact, added to the facts of the model. `None` if `expr` is not an inline fact, `Some(None)` after
    /// a fault was added.
    pub(super) fn resolve_inline_fact(&mut self, expr: &Expr) -> Option<Option<FactId>> {
        let text = self.source_text(expr);
        let symbol = match &expr.kind {
            ExprKind::Name(name) if name == STAGE_FACT_NAMES[0] => {
                FactSymbol::from_stage_fact(&text, StageFact::Previous)
            }
            ExprKind::Name(name) if name == STAGE_FACT_NAMES[1] => {
                FactSymbol::from_stage_fact(&text, StageFact::DaysIn)
            }
            ExprKind::Call(name, arguments) => {
                let stage_fact: fn(StageId) -> StageFact = match name.as_str() {
                    "visits" => StageFact::Visits,
                    "time_in" => StageFact::TimeIn,
                    "entered" => StageFact::Entered,
                    _ => return self.resolve_inline_aggregate(expr, name, &text),
                };
                match self.resolve_stage_argument(expr, name, arguments) {
                    Some(stage) => FactSymbol::from_stage_fact(&text, stage_fact(stage)),
                    None => return Some(None),
                }
            }
            _ => return None,
        };
        Some(self.add_fact(expr, symbol))
    }

    fn resolve_inline_aggregate(
        &mut self,
        expr: &Expr,
        name: &str,
        text: &str,
    ) -> Option<Option<FactId>> {
        Aggregate::from_name(name)?;
        Some(match FactDeclaration::from_expr(expr) {
            Ok(declaration) => self.add_fact(expr, FactSymbol::from_declaration(text, declaration)),
            Err(fault) => self.add_fault_once(fault),
        })
    }

    /// Adds an inline fact; the same text in several conditions is one fact.
    fn add_fact(&mut self, expr: &Expr, symbol: FactSymbol) -> Option<FactId> {
        if let Some(at) = self.fact_index(&symbol.name) {
            return Some(at);
        }
        if self.facts.len() >= FACTS_MAX {
            let message = format!("more than {FACTS_MAX} facts, those in conditions included");
            return self.add_fault_once(Fault::at(expr, &message, None));
        }
        Some(self.facts.push_and_get_key(symbol))
    }

    fn resolve_stage_argument(
        &mut self,
        expr: &Expr,
        function: &str,
        arguments: &[Expr],
    ) -> Option<StageId> {
        let [argument] = arguments else {
            let message = format!("`{function}` takes the name of a stage");
            return self.add_fault_once(Fault::at(expr, &message, None));
        };
        let (ExprKind::Name(name) | ExprKind::Text(name)) = &argument.kind else {
            let message = format!("`{function}` takes the name of a stage");
            let help = "a name with `-` in it is put in quotes";
            return self.add_fault_once(Fault::at(argument, &message, Some(help)));
        };
        self.resolve_stage(argument, name)
    }

    fn resolve_stage(&mut self, expr: &Expr, name: &str) -> Option<StageId> {
        if self.stages.is_empty() {
            return None; // The stages themselves are wrong, which is reported elsewhere.
        }
        let stage = self.stages.position(|stage| *stage == name);
        if stage.is_none() {
            let help = did_you_mean(name, self.stages.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", self.stages.join(", ")));
            self.add_fault_once::<StageId>(Fault::at(
                expr,
                &format!("unknown stage `{name}`"),
                Some(&help),
            ));
        }
        stage
    }

    /// A stage that `previous_stage` is compared with must be one of the model's.
    pub(super) fn check_previous_stage(&mut self, left: &Expr, right: &Expr) {
        for (side, other) in [(left, right), (right, left)] {
            if let (ExprKind::Name(name), ExprKind::Text(stage)) = (&side.kind, &other.kind)
                && name == STAGE_FACT_NAMES[0]
            {
                self.resolve_stage(other, stage);
            }
        }
    }

    /// A fact that is used as a condition.
    pub(super) fn lower_fact(&mut self, expr: &Expr, fact: FactId) -> Option<Condition> {
        let text = self.source_text(expr);
        match self.bind_type(fact, ValueType::Bool) {
            ValueType::Bool => Some(Condition::Bool { fact, is: true, text }),
            other => self.add_fault(
                expr,
                &format!("`{text}` is {}, not a condition", other.description()),
                Some("compare it with something"),
            ),
        }
    }
}
