//! Runs models over files of events, without Kafka: replays, timelines of single customers, backtests.

pub(crate) mod backtest;
pub(crate) mod replay;
pub(crate) mod timeline;
