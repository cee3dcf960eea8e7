//! Warns of stages that an inactive customer cycles through by time alone.

use super::declared::{DeclaredStage, DeclaredTransition};
use super::model_reader::ModelReader;
use super::unsatisfiable::is_unsatisfiable;
use crate::event::{Millis, Quantity};
use crate::model::Reentry;
use crate::model::condition::{Comparison, Condition, Operator, Term, TimeDependentSides};
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::slots::StageFact;
use crate::model::yaml::YamlNode;

/// A cycle with a shorter period is taken for a mistake; one that takes this long may be an intended cadence.
const CYCLE_PERIOD_MIN: Millis = Millis::DAY;
/// Most steps of the search. In a model that needs more, a cycle may not be found.
const STEPS_MAX: usize = 10_000;
/// Most alternatives of a condition that are searched.
const ALTERNATIVES_MAX: usize = 8;

impl ModelReader<'_> {
    pub(super) fn warn_of_cycle(
        &mut self,
        nodes: &[&YamlNode],
        stages: &[DeclaredStage],
        transitions: &[DeclaredTransition],
        facts: &[FactSymbol],
    ) {
        let mut search = CycleSearch {
            stages,
            transitions,
            facts,
            steps_left: STEPS_MAX,
            path: Vec::new(),
        };
        let Some(period) = (0..stages.len()).find_map(|stage| search.find_cycle(stage)) else {
            return;
        };
        let name = |step: &CycleStep| stages[step.from].name.as_str();
        let mut names: Vec<&str> = search.path.iter().map(name).collect();
        names.extend(names.first().copied());
        let message = format!(
            "an inactive customer cycles forever: {}, every {period}",
            names.join(" -> ")
        );
        let help = "make one of the conditions depend on an event, or on more time in the stage";
        let first = search.path.first().map_or(0, |step| step.transition);
        self.add_warning(nodes[first].location, message, Some(help));
    }
}

/// Whether and when a part of a condition is true for a customer without events.
enum InactiveTruth {
    /// It becomes true after this time in the stage, and stays true.
    TrueAfter(Millis),
    /// Its value does not change.
    Unchanged,
    /// It is false, becomes false, or is not known.
    NotTrue,
}

/// Searches for a path from a stage back to it, through stages after it in the file.
struct CycleSearch<'w> {
    stages: &'w [DeclaredStage],
    transitions: &'w [DeclaredTransition],
    facts: &'w [FactSymbol],
    steps_left: usize,
    path: Vec<CycleStep>,
}

/// A transition of the path, its source stage, and how long a customer stays there before it is taken.
struct CycleStep {
    transition: usize,
    from: usize,
    dwell: Millis,
}

impl CycleSearch<'_> {
    /// The period of the first endless cycle through `start`; `path` then has its steps.
    fn find_cycle(&mut self, start: usize) -> Option<Millis> {
        self.path.clear();
        self.follow(start, start, &mut Vec::new())
    }

    /// Follows every transition out of `from`. `kept` are the conditions that must be true along the path.
    fn follow(&mut self, start: usize, from: usize, kept: &mut Vec<Condition>) -> Option<Millis> {
        let transitions = self.transitions;
        for (at, transition) in transitions.iter().enumerate() {
            let is_on_path = self.path.iter().any(|step| step.from == transition.to);
            // Lower stages were searched as starts before.
            let is_candidate = transition.to == start || (transition.to > start && !is_on_path);
            if !transition.from.contains(&from) || !is_candidate {
                continue;
            }
            for alternative in alternatives(&transition.when) {
                self.steps_left = self.steps_left.checked_sub(1)?;
                let kept_before = kept.len();
                let wait = self.dwell_until_true(alternative, kept);
                if let Some(wait) = wait.filter(|_| !is_contradiction(kept, self.facts)) {
                    let minimums = [transition.hold, self.stages[from].min_dwell];
                    self.path.push(CycleStep {
                        transition: at,
                        from,
                        dwell: minimums.into_iter().fold(wait, Millis::max),
                    });
                    let period = if transition.to == start {
                        self.cycle_period()
                    } else {
                        self.follow(start, transition.to, kept)
                    };
                    if period.is_some() {
                        return period;
                    }
                    self.path.pop();
                }
                kept.truncate(kept_before);
            }
        }
        None
    }

    /// How long a customer stays until all parts are true by time alone. Parts that must be true from the start
    /// are added to `kept`.
    fn dwell_until_true(
        &self,
        parts: Vec<&Condition>,
        kept: &mut Vec<Condition>,
    ) -> Option<Millis> {
        let mut dwell = Millis(0);
        for part in parts {
            match inactive_truth(part, self.facts) {
                InactiveTruth::TrueAfter(wait) => dwell = dwell.max(wait),
                InactiveTruth::Unchanged => kept.push(part.clone()),
                InactiveTruth::NotTrue => return None,
            }
        }
        Some(dwell)
    }

    /// The period of the cycle, if it repeats endlessly and faster than [`CYCLE_PERIOD_MIN`]. No stage is entered
    /// twice in one chain, its start included, so a customer must stay in at least two stages; otherwise the
    /// chain stops.
    fn cycle_period(&self) -> Option<Millis> {
        let stays = self.path.iter().filter(|step| step.dwell > Millis(0));
        let mut period = Millis(0);
        for step in &self.path {
            period = Millis(period.0.saturating_add(step.dwell.0));
        }
        for step in &self.path {
            let absence = match self.stages[step.from].reentry {
                Reentry::Always => Millis(0),
                Reentry::After(absence) => absence,
                Reentry::Never => return None,
            };
            let cooldown = self.transitions[step.transition].cooldown;
            period = period.max(absence).max(cooldown);
        }
        (stays.count() >= 2 && period < CYCLE_PERIOD_MIN).then_some(period)
    }
}

/// The alternatives by which a condition can be true, each as parts that must all be true.
fn alternatives(condition: &Condition) -> Vec<Vec<&Condition>> {
    match condition {
        Condition::Any(parts) => {
            let parts = parts.iter().take(ALTERNATIVES_MAX);
            parts.flat_map(alternatives).collect()
        }
        Condition::All(parts) => vec![parts.iter().collect()],
        single => vec![vec![single]],
    }
}

fn inactive_truth(condition: &Condition, facts: &[FactSymbol]) -> InactiveTruth {
    match condition {
        Condition::Constant(true) => InactiveTruth::TrueAfter(Millis(0)),
        Condition::Has(fact) | Condition::Bool { fact, .. } => event_fact_truth(*fact, facts),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Has(fact) | Condition::Bool { fact, .. } => event_fact_truth(*fact, facts),
            _ => InactiveTruth::NotTrue,
        },
        Condition::Compare(comparison) => comparison_truth(comparison, facts),
        Condition::CompareText(texts) => {
            let sides = [&texts.left, &texts.right].into_iter();
            let mut sides = sides.filter_map(|side| side.fact());
            if sides.all(|fact| is_unchanged(fact, facts)) {
                InactiveTruth::Unchanged
            } else {
                InactiveTruth::NotTrue
            }
        }
        Condition::Constant(false)
        | Condition::OnEvent(_)
        | Condition::All(_)
        | Condition::Any(_) => InactiveTruth::NotTrue,
    }
}

/// Facts about events do not change without events, except those with a window.
fn event_fact_truth(fact: usize, facts: &[FactSymbol]) -> InactiveTruth {
    match &facts[fact].origin {
        FactOrigin::Events(declaration) if declaration.window.is_none() => InactiveTruth::Unchanged,
        _ => InactiveTruth::NotTrue,
    }
}

fn is_unchanged(fact: usize, facts: &[FactSymbol]) -> bool {
    matches!(event_fact_truth(fact, facts), InactiveTruth::Unchanged)
}

fn comparison_truth(comparison: &Comparison, facts: &[FactSymbol]) -> InactiveTruth {
    let (term, operator, limit) = match (&comparison.left, &comparison.right) {
        (term, Term::Constant(limit)) => (term, comparison.operator, Some(*limit)),
        (Term::Constant(limit), term) => (term, comparison.operator.mirrored(), Some(*limit)),
        (term, _) => (term, comparison.operator, None),
    };
    let grows = matches!(operator, Operator::AtLeast | Operator::Greater) && limit.is_some();
    match term {
        Term::Fact(fact) => match &facts[*fact].origin {
            FactOrigin::Stages(StageFact::DaysIn) if grows => {
                let wait =
                    limit.and_then(|days| days.checked_mul(Quantity::from_whole(Millis::DAY.0)));
                let wait = wait.and_then(Quantity::whole_part).unwrap_or(i64::MAX);
                // `>` is true one millisecond later than `>=`.
                let extra = i64::from(operator == Operator::Greater);
                InactiveTruth::TrueAfter(Millis(wait.saturating_add(extra)))
            }
            FactOrigin::Stages(StageFact::TimeIn(_) | StageFact::Visits(_)) if grows => {
                InactiveTruth::TrueAfter(Millis(0))
            }
            FactOrigin::Stages(_) => InactiveTruth::NotTrue,
            FactOrigin::Events(_) | FactOrigin::Invalid => {
                time_independent_truth(comparison, facts)
            }
        },
        Term::Since(fact) if grows && is_unchanged(*fact, facts) => {
            InactiveTruth::TrueAfter(Millis(0))
        }
        Term::Since(_) => InactiveTruth::NotTrue,
        _ => time_independent_truth(comparison, facts),
    }
}

/// A comparison is unchanged if no side depends on the time and all its facts are unchanged.
fn time_independent_truth(comparison: &Comparison, facts: &[FactSymbol]) -> InactiveTruth {
    let is_fixed = comparison.time_dependent == TimeDependentSides::Neither;
    if is_fixed
        && comparison
            .facts
            .iter()
            .all(|fact| is_unchanged(*fact, facts))
    {
        InactiveTruth::Unchanged
    } else {
        InactiveTruth::NotTrue
    }
}

/// Whether these conditions cannot all be true.
fn is_contradiction(kept: &[Condition], facts: &[FactSymbol]) -> bool {
    let is_opposite = |left: &Condition, right: &Condition| match (left, right) {
        (Condition::Not(inner), right) => **inner == *right,
        (
            Condition::Bool { fact, is, .. },
            Condition::Bool {
                fact: right_fact,
                is: right_is,
                ..
            },
        ) => fact == right_fact && is != right_is,
        _ => false,
    };
    let has_opposite = |left: &Condition| kept.iter().any(|right| is_opposite(left, right));
    kept.iter().any(has_opposite) || is_unsatisfiable(&Condition::All(kept.to_vec()), facts)
}
