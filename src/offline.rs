//! Runs models over files of events, without Kafka: replays, timelines of single customers, backtests.

pub mod backtest;
pub mod replay;
pub mod timeline;
