//! Warns of transitions that no customer can ever take, as far as the model shows.

use super::declared::{DeclaredStages, DeclaredTransition, DeclaredTransitions};
use super::model_reader::ModelReader;
use crate::event::Millis;
use crate::model::analysis::{AnalyzedFact, is_unsatisfiable};
use crate::model::condition::{Comparison, Condition, Term, Unit};
use crate::model::lower::FactSymbols;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, StageId};

/// Longest plausible threshold; it is also the longest window.
const THRESHOLD_MAX: Millis = Millis(3660 * Millis::DAY.0);

impl ModelReader<'_> {
    pub(super) fn warn_of_condition(
        &mut self,
        node: &YamlNode,
        when: &Condition,
        facts: &FactSymbols,
    ) {
        if is_unsatisfiable(when, &AnalyzedFact::from_symbols(facts)) {
            let help = "no customer will take this transition";
            self.add_warning(node.location, "this is never true".to_owned(), Some(help));
        }
        let mut threshold = None;
        when.visit(&mut |part| {
            if let Condition::Compare(comparison) = part {
                threshold = threshold.or_else(|| long_threshold(comparison));
            }
        });
        if let Some(threshold) = threshold {
            let message = format!("{threshold} is longer than any history");
            let help = "is it in the right unit? there are days(), hours() and minutes()";
            self.add_warning(node.location, message, Some(help));
        }
    }

    /// Warns of a transition that an earlier one hides, or whose target stage no customer may enter again.
    pub(super) fn warn_of_hidden(
        &mut self,
        node: &YamlNode,
        stages: &DeclaredStages,
        initial: StageId,
        earlier: &DeclaredTransitions,
        transition: &DeclaredTransition,
    ) {
        let hides = |other: &DeclaredTransition| {
            other.when == transition.when
                && other.hold <= transition.hold
                && other.cooldown == Millis(0)
                && transition.from.iter().all(|from| other.from.contains(from))
                && stages.get(other.to).is_some_and(|to| to.reentry == Reentry::Always)
        };
        let to = stages.get(transition.to);
        if earlier.iter().any(hides) {
            let message =
                "an earlier transition has the same condition and is taken first".to_owned();
            let help = "this one is taken only after the target stage of the earlier one, in the same chain";
            self.add_warning(node.location, message, Some(help));
        } else if transition.to == initial && to.is_some_and(|to| to.reentry == Reentry::Never) {
            let message = "every customer has been in the initial stage, and `reentry: never` blocks entering it again";
            let help = "no customer will take this transition";
            self.add_warning(node.location, message.to_owned(), Some(help));
        }
    }
}

fn long_threshold(comparison: &Comparison) -> Option<Millis> {
    let (Unit::Duration, Term::Constant(limit)) = (comparison.unit, &comparison.right) else {
        return None;
    };
    let limit = Millis(limit.whole_part().unwrap_or(i64::MAX));
    (limit > THRESHOLD_MAX).then_some(limit.min(Millis::MAX))
}
