//! Layer 3: one customer. State and an input in; state and stage changes out (`lifecycle.md`).
//!
//! `facts` (what is remembered; `distinct` and `gaps` are two kinds of it, `recent` the ids of events),
//! `reading` (what conditions see of it), `evaluate` (what is true now, and when that can change),
//! `step` (the rules of transitions), `evidence` (why), `codec` (state as bytes).

#![deny(clippy::disallowed_types)]

mod codec;
mod distinct;
mod evaluate;
mod evidence;
mod facts;
mod gaps;
mod reading;
mod recent;
mod state;
mod step;

pub use codec::{Corrupt, armed, decode, encode};
pub use distinct::Distinct;
pub use evidence::{Evidence, Shown};
pub use facts::FactState;
pub use gaps::Gaps;
pub use recent::Recent;
pub use state::{CustomerState, ModelState, Visits};
pub use step::{Cause, StageChange};
