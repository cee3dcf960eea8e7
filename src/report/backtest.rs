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

pub(crate) use findings::{ExcludedRows, Findings};
pub(crate) use html::to_html;
pub(crate) use json::to_json;
pub(crate) use text::to_text;
