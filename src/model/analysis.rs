//! What is known of conditions without any customer: which values are possible, and how values change while nothing
//! happens. Its users warn of transitions that cannot be taken and of endless cycles, and draw what time causes.

mod drift;
mod fact;
mod inactive;
mod range;
mod satisfiable;

pub(crate) use drift::can_become_true_by_time;
pub(crate) use fact::{AnalyzedFact, AnalyzedFacts};
pub(super) use inactive::{InactiveTruth, inactive_truth};
pub(super) use satisfiable::{is_contradiction, is_unsatisfiable};
