//! Warns of stages that an inactive customer cycles through by time alone.

use typed_index_collections::TiSlice;

use super::declared::{DeclaredStages, DeclaredTransitions};
use super::model_reader::ModelReader;
use crate::event::Millis;
use crate::model::analysis::{
    AnalyzedFact, AnalyzedFacts, InactiveTruth, inactive_truth, is_contradiction,
};
use crate::model::condition::Condition;
use crate::model::lower::FactSymbols;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, StageId, TransitionId};

/// A cycle with a shorter period is taken for a mistake; one that takes this long may be an intended cadence.
const CYCLE_PERIOD_MIN: Millis = Millis::DAY;
/// Most steps of the search. In a model that needs more, a cycle may not be found.
const STEPS_MAX: usize = 10_000;
/// Most alternatives of a condition that are searched.
const ALTERNATIVES_MAX: usize = 8;

impl ModelReader<'_> {
    pub(super) fn warn_of_cycle(
        &mut self,
        nodes: &TiSlice<TransitionId, &YamlNode>,
        stages: &DeclaredStages,
        transitions: &DeclaredTransitions,
        facts: &FactSymbols,
    ) {
        let mut search = CycleSearch {
            stages,
            transitions,
            facts: &AnalyzedFact::from_symbols(facts),
            steps_left: STEPS_MAX,
            path: Vec::new(),
        };
        let Some(period) = stages.keys().find_map(|stage| search.find_cycle(stage)) else {
            return;
        };
        let name = |step: &CycleStep| stages[step.from].name.as_str();
        let mut names: Vec<&str> = search.path.iter().map(name).collect();
        names.extend(names.first().copied());
        let message =
            format!("an inactive customer cycles forever: {}, every {period}", names.join(" -> "));
        let help = "make one of the conditions depend on an event, or on more time in the stage";
        if let Some(first) = search.path.first() {
            self.add_warning(nodes[first.transition].location, message, Some(help));
        }
    }
}

/// Searches for a path from a stage back to it, through stages after it in the file.
struct CycleSearch<'w> {
    stages: &'w DeclaredStages,
    transitions: &'w DeclaredTransitions,
    facts: &'w AnalyzedFacts,
    steps_left: usize,
    path: Vec<CycleStep>,
}

/// A transition of the path, its source stage, and how long a customer stays there before it is taken.
struct CycleStep {
    transition: TransitionId,
    from: StageId,
    dwell: Millis,
}

impl CycleSearch<'_> {
    /// The period of the first endless cycle through `start`; `path` then has its steps.
    fn find_cycle(&mut self, start: StageId) -> Option<Millis> {
        self.path.clear();
        self.follow(start, start, &mut Vec::new())
    }

    /// Follows every transition out of `from`. `kept` are the conditions that must be true along the path.
    fn follow(
        &mut self,
        start: StageId,
        from: StageId,
        kept: &mut Vec<Condition>,
    ) -> Option<Millis> {
        let transitions = self.transitions;
        for (at, transition) in transitions.iter_enumerated() {
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
