//! Layer 3: one customer. State and an input in; state and stage changes out (`lifecycle.md`).
//!
//! `facts` (what is remembered), `evaluate` (what is true now, and when that can change),
//! `step` (the rules of transitions), `evidence` (why), `codec` (state as bytes).

#![deny(clippy::disallowed_types)]

mod codec;
mod evaluate;
mod evidence;
mod facts;
mod state;
mod step;

pub use codec::{Corrupt, armed, decode, encode};
pub use evidence::{Evidence, Shown};
pub use facts::FactState;
pub use state::{CustomerState, ModelState};
pub use step::{Cause, StageChange};
