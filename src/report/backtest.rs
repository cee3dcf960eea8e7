//! The report of a backtest: the same sentences and tables in all forms; JSON has all numbers.

mod counting;
mod definitions;
mod findings;
mod html;
mod json;
mod rates;
mod sentences;
mod strip;
mod tables;
mod text;

pub use findings::{ExcludedRows, Findings};
pub use html::to_html;
pub use json::to_json;
pub use text::to_text;
