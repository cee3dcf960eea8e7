//! One customer. State and an input in; state and stage changes out (`config/models/RULES.md`).
//!
//! - Stored: `state` (all of a customer) and `model_state` (a customer in one model), `facts` (aggregates per slot;
//!   `distinct` and `gaps` are two kinds), `orders` (the orders that can be returned), `recent_ids` (deduplication),
//!   `last_transition`; `codec` (state as bytes), `migrate` (a state under newer models).
//! - Conditions: `view` (a customer in one model), `fact_reader` and `fact_source` (facts as conditions read them), `evaluate` (conditions at an instant,
//!   and their next change), `recorded_facts` (the facts of a taken transition).
//! - Rules: `receive` (an event), `timers`, `transitions`, `correction` and `correction_basis` (retraction of a transition).
//! - Results: `change` and `evidence` (what is emitted, and why), `explain` (why a customer is in a stage, and what
//!   time alone does next), `display_value`.

#![deny(clippy::disallowed_types)]

mod change;
mod codec;
mod correction;
mod correction_basis;
mod display_value;
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
mod model_state;
mod orders;
mod receive;
mod recent_ids;
mod recorded_facts;
mod state;
mod timers;
mod transitions;
mod view;

pub use change::{Cause, EventAnomalies, StageChange};
pub(crate) use codec::{StateDecodeError, decode_latest};
pub use codec::{decode, decode_armed, decode_generation, encode};
pub use display_value::DisplayValue;
pub(crate) use distinct::Distinct;
pub use evidence::Evidence;
pub(crate) use explain::{
    Arrival, Block, BlockKind, EvaluatedComparison, EvaluatedCondition, OutgoingTransition,
    TakenTransition, VariableSides,
};
pub use explain::{Explanation, NextChange};
pub use facts::FactState;
pub(crate) use gaps::Gaps;
pub(crate) use last_transition::LastTransition;
pub(crate) use migrate::Migration;
pub use model_state::Visits;
pub(crate) use model_state::{CorrectionBasis, ModelHistory, ModelState};
pub use orders::Ledger;
pub(crate) use orders::OpenOrder;
pub(crate) use recent_ids::RecentIds;
pub use state::CustomerState;
