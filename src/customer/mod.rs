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
mod correct;
mod distinct;
mod evaluate;
mod evidence;
mod explain;
mod facts;
mod gaps;
mod ground;
mod last;
mod looked;
mod migrate;
mod orders;
mod reading;
mod recent;
mod state;
mod step;

pub use change::{Cause, Corrected, Noticed, StageChange};
pub use codec::{Corrupt, armed, decode, encode, generation, latest};
pub use distinct::Distinct;
pub use evidence::{Evidence, Shown};
pub use explain::{
    Block, BlockKind, Came, Checked, Explanation, Hold, Next, Parts, Taken, Varies, Way,
};
pub use facts::FactState;
pub use gaps::Gaps;
pub use ground::Ground;
pub use last::Last;
pub use migrate::Migration;
pub use orders::{Ledger, OpenOrder};
pub use recent::Recent;
pub use state::{CustomerState, ModelState, Past, Visits};
