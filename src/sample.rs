//! Proposes a mapping for the records of a file, from the names of their fields and the forms of their values.
//!
//! Pure: the beginning of a file in, settings out. A proposal is to be tried on the same records before it is shown.

mod amounts;
mod assemble;
mod column;
mod describe;
mod fields;
mod flatten;
mod headerless;
mod ids;
mod names;
mod proposal;
mod times;
mod types;

pub(crate) use assemble::{ProposalContext, proposals};
pub(crate) use column::Profile;
pub(crate) use headerless::{is_of_values, names_by_form};
pub(crate) use proposal::Proposal;

#[cfg(test)]
mod tests;
