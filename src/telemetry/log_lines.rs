//! Counts the lines of the log by level. Logging starts before there are metrics, so that the counts wait here.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const LEVELS: [(Level, &str); 5] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
    (Level::DEBUG, "debug"),
    (Level::TRACE, "trace"),
];

/// Lines by level.
type Lines = [AtomicU64; LEVELS.len()];

static LINES: Lines = [const { AtomicU64::new(0) }; LEVELS.len()];

/// Counts each event that the filter accepts.
pub(super) struct CountLines(&'static Lines);

impl CountLines {
    /// Counts the lines of the process.
    pub(super) fn of_process() -> CountLines {
        CountLines(&LINES)
    }
}

impl<S: Subscriber> Layer<S> for CountLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = LEVELS.iter().position(|(level, _)| level == event.metadata().level());
        if let Some(lines) = level.and_then(|at| self.0.get(at)) {
            lines.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The lines of each level since the last call.
pub(super) fn take() -> impl Iterator<Item = (&'static str, u64)> {
    take_from(&LINES)
}

fn take_from(lines: &'static Lines) -> impl Iterator<Item = (&'static str, u64)> {
    LEVELS.iter().zip(lines).map(|((_, name), lines)| (*name, lines.swap(0, Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::catalogue;

    #[test]
    fn lines_are_counted_by_level_once_and_only_if_they_are_logged() {
        let lines: &'static Lines = Box::leak(Box::default());
        let filter = EnvFilter::new("info");
        let subscriber = tracing_subscriber::registry().with(filter).with(CountLines(lines));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("one");
            tracing::warn!("two");
            tracing::warn!("three");
            tracing::debug!("not logged");
        });
        let counts: Vec<_> = take_from(lines).collect();
        let expected = [("error", 1), ("warn", 2), ("info", 0), ("debug", 0), ("trace", 0)];
        assert_eq!(counts, expected);
        assert!(take_from(lines).all(|(_, count)| count == 0));
        let levels = catalogue::closed_values("tenure_log_lines_total", "level");
        assert_eq!(levels, expected.map(|(level, _)| level));
    }
}
