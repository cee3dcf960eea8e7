//! Fact declarations: aggregates over a customer's events.

mod check;
mod declaration;
mod fault;
mod filter;
mod over;
mod parse;
mod window;

pub use declaration::{AGGREGATES, Aggregate, FactDeclaration};
pub(super) use fault::Fault;
pub use filter::Filter;
pub(super) use over::find_misplaced as misplaced_window;
pub(crate) use window::Bucket;
pub use window::Window;

#[cfg(test)]
mod tests;
