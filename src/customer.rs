//! Layer 3: one customer. State and an input in; state and stage changes out (`config/models/RULES.md`).
//!
//! `facts` (aggregates per slot; `distinct` and `gaps` are two kinds, `orders` the orders that can be returned),
//! `recent_ids` (deduplication), `fact_reader` and `fact_source` (facts as conditions read them), `evaluate`
//! (conditions at an instant, and their next change), `transitions` (the transition rules), `correction` and
//! `correction_basis` (retraction of a transition), `migrate` (a state under newer models), `change` and `evidence`
//! (what is emitted, and why), `last_transition` and `explain` (why a customer is in a stage, and what time alone
//! does next), `codec` (state as bytes).

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
