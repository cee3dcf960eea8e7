//! Facts that are not declared but stand in the condition itself: aggregates of events, and where
//! the customer is and has been.

use super::Lowering;
use crate::model::FACTS_MAX;
use crate::model::condition::Condition;
use crate::model::fact::{Aggregate, Declaration, Fault};
use crate::model::lower::Known;
use crate::model::problem::did_you_mean;
use crate::model::slots::StageFact;
use crate::model::syntax::{Expr, Kind};
use crate::model::value_type::Type;

/// The stage facts that are written without parentheses.
pub const STAGE_NAMES: [&str; 2] = ["previous_stage", "days_in_stage"];

impl Lowering<'_> {
    /// The fact that stands here, by name or by itself; `None` after something was wrong with it.
    pub(super) fn fact(&mut self, expr: &Expr) -> Option<usize> {
        match (self.unnamed(expr), &expr.kind) {
            (Some(found), _) => found,
            (None, Kind::Name(name)) => self.named_fact(expr, name),
            (None, _) => self.computed(expr),
        }
    }

    /// `since(x) == 'text'`: what stands where a fact is needed is computed, or nothing at all.
    fn computed<T>(&mut self, expr: &Expr) -> Option<T> {
        let computed = self.term(expr)?;
        let text = self.text_of(expr);
        let message = format!("`{text}` is {}, not a fact", computed.value_type.name());
        self.tell(Fault::of(expr, &message, None))
    }

    /// The fact that stands here by itself, added to those of the model. `None` when what stands here is
    /// something else, `Some(None)` after something was wrong with it.
    pub(super) fn unnamed(&mut self, expr: &Expr) -> Option<Option<usize>> {
        let text = self.text_of(expr);
        let known = match &expr.kind {
            Kind::Name(name) if name == STAGE_NAMES[0] => {
                Known::of_stages(&text, StageFact::Previous)
            }
            Kind::Name(name) if name == STAGE_NAMES[1] => {
                Known::of_stages(&text, StageFact::DaysIn)
            }
            Kind::Call(name, arguments) => {
                let of_stage: fn(usize) -> StageFact = match name.as_str() {
                    "visits" => StageFact::Visits,
                    "time_in" => StageFact::TimeIn,
                    "entered" => StageFact::Entered,
                    _ => return self.aggregate(expr, name, &text),
                };
                match self.stage_argument(expr, name, arguments) {
                    Some(stage) => Known::of_stages(&text, of_stage(stage)),
                    None => return Some(None),
                }
            }
            _ => return None,
        };
        Some(self.add(expr, known))
    }

    fn aggregate(&mut self, expr: &Expr, name: &str, text: &str) -> Option<Option<usize>> {
        Aggregate::named(name)?;
        Some(match Declaration::inline(expr) {
            Ok(declaration) => self.add(expr, Known::of_events(text, declaration)),
            Err(fault) => self.tell(fault),
        })
    }

    /// Adds a fact to those of the model, unless it stands in another condition too.
    fn add(&mut self, expr: &Expr, known: Known) -> Option<usize> {
        if let Some(at) = self.position(&known.name) {
            return Some(at);
        }
        if self.facts.len() >= FACTS_MAX {
            let message = format!("more than {FACTS_MAX} facts, those in conditions included");
            return self.tell(Fault::of(expr, &message, None));
        }
        self.facts.push(known);
        Some(self.facts.len() - 1)
    }

    fn stage_argument(&mut self, expr: &Expr, function: &str, arguments: &[Expr]) -> Option<usize> {
        let [argument] = arguments else {
            let message = format!("`{function}` takes the name of a stage");
            return self.tell(Fault::of(expr, &message, None));
        };
        let (Kind::Name(name) | Kind::Text(name)) = &argument.kind else {
            let message = format!("`{function}` takes the name of a stage");
            let help = "a name with `-` in it is put in quotes";
            return self.tell(Fault::of(argument, &message, Some(help)));
        };
        self.stage_named(argument, name)
    }

    fn stage_named(&mut self, expr: &Expr, name: &str) -> Option<usize> {
        if self.stages.is_empty() {
            return None; // Why there are none is reported already.
        }
        let found = self.stages.iter().position(|stage| *stage == name);
        if found.is_none() {
            let help = did_you_mean(name, self.stages.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", self.stages.join(", ")));
            self.tell::<usize>(Fault::of(
                expr,
                &format!("unknown stage `{name}`"),
                Some(&help),
            ));
        }
        found
    }

    /// The previous stage is one of the model's.
    pub(super) fn check_previous(&mut self, left: &Expr, right: &Expr) {
        for (side, other) in [(left, right), (right, left)] {
            if let (Kind::Name(name), Kind::Text(stage)) = (&side.kind, &other.kind)
                && name == STAGE_NAMES[0]
            {
                self.stage_named(other, stage);
            }
        }
    }

    /// A fact where a condition is needed.
    pub(super) fn fact_as_condition(&mut self, expr: &Expr, fact: usize) -> Option<Condition> {
        let text = self.text_of(expr);
        match self.bind(fact, Type::Flag) {
            Type::Flag => Some(Condition::Flag {
                fact,
                is: true,
                text,
            }),
            other => self.fault(
                expr,
                &format!("`{text}` is {}, not a condition", other.name()),
                Some("compare it with something"),
            ),
        }
    }

    /// What stands here may be looked at more than once, and is reported once.
    fn tell<T>(&mut self, fault: Fault) -> Option<T> {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }
}
