//! Layer 3: one customer. State and an input in; state and stage changes out (`lifecycle.md`).
//!
//! `facts` (what is remembered; `distinct` and `gaps` are two kinds of it, `recent` the ids of events,
//! `orders` what can be taken back of it, `ground` what the last transition stood on, `last` what its condition saw),
//! `reading` (what conditions see of it), `evaluate` (what is true now, and when that can change),
//! `step` (the rules of transitions; `correct` takes them back; `migrate` brings them under other models),
//! `change` and `evidence` (what is told, and why), `explain` (why somebody is where they are, and what comes
//! next), `codec` (state as bytes).

#![deny(clippy::disallowed_types)]

mod change;
mod codec;
mod correction;
mod correction_basis;
mod distinct;
mod evaluate;
mod evidence;
mod explain;
mod fact_reader;
mod fact_source;
mod facts;
mod gaps;
mod last_transition;
mod migrate;
mod orders;
mod recent_ids;
mod state;
mod transitions;

pub use change::{Cause, EventAnomalies, RetractedTransition, StageChange};
pub use codec::{StateDecodeError, decode, decode_armed, decode_generation, decode_latest, encode};
pub use correction_basis::CorrectionBasis;
pub use distinct::Distinct;
pub use evidence::{DisplayValue, Evidence};
pub use explain::{
    Arrival, Block, BlockKind, EvaluatedComparison, EvaluatedCondition, Explanation, Hold,
    NextChange, OutgoingTransition, TakenTransition, VariableSides,
};
pub use facts::FactState;
pub use gaps::Gaps;
pub use last_transition::LastTransition;
pub use migrate::Migration;
pub use orders::{Ledger, OpenOrder};
pub use recent_ids::RecentIds;
pub use state::{CustomerState, ModelHistory, ModelState, Visits};
