//! How far a long command is: a bar on a terminal, a line each ten seconds elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::say;

const LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    said: Instant,
}

impl Progress {
    pub(super) fn new() -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {human_pos} events, {per_sec}, {elapsed}");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Progress {
            bar,
            begun: Instant::now(),
            said: Instant::now(),
        }
    }

    pub(super) fn reached(&mut self, events: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(events);
        } else if self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            say(&format!(
                "{} events, {} per second",
                HumanCount(events),
                HumanCount(self.rate(events))
            ));
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn rate(&self, events: u64) -> u64 {
        (events as f64 / self.begun.elapsed().as_secs_f64().max(0.001)) as u64
    }
}
