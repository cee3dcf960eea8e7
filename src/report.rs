//! Reports as text, as JSON, and as HTML pages with charts. Pure: values in, strings out.

pub(crate) mod backtest;
mod chart;
mod format;
mod page;
mod table;
