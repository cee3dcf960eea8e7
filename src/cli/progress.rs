//! The progress of long commands: a bar on a terminal, a line every ten seconds elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::print_stderr;
use crate::runtime::RestoreSnapshot;
use crate::runtime::daemon::Handle;

const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct CommandProgress {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line_at: Instant,
}

impl CommandProgress {
    pub(super) fn new() -> CommandProgress {
        let bar = io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {human_pos} events, {per_sec}, {elapsed}");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        CommandProgress { bar, started: Instant::now(), last_line_at: Instant::now() }
    }

    pub(super) fn update(&mut self, events: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(events);
        } else if self.last_line_at.elapsed() >= LINE_INTERVAL {
            self.last_line_at = Instant::now();
            print_stderr(&format!(
                "{} events, {} per second",
                HumanCount(events),
                HumanCount(self.rate(events))
            ));
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn rate(&self, events: u64) -> u64 {
        (events as f64 / self.started.elapsed().as_secs_f64().max(0.001)) as u64
    }
}

const RESTORE_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Shows a bar on a terminal while partitions are being restored.
pub(super) fn watch_restore(handle: &Arc<Handle>) -> io::Result<()> {
    if !io::stderr().is_terminal() {
        return Ok(());
    }
    let handle = handle.clone();
    let watch = move || {
        let mut bar: Option<ProgressBar> = None;
        loop {
            std::thread::park_timeout(RESTORE_POLL_INTERVAL);
            let RestoreSnapshot { partitions, done, total } = handle.restoring.snapshot();
            if partitions == 0 {
                bar.take().iter().for_each(ProgressBar::finish_and_clear);
                continue;
            }
            let bar = bar.get_or_insert_with(restore_bar);
            bar.set_length(total);
            bar.set_position(done);
        }
    };
    std::thread::Builder::new().name("progress".to_owned()).spawn(watch)?;
    Ok(())
}

fn restore_bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "restoring {wide_bar} {human_pos}/{human_len} records, {per_sec}, {eta} left",
    );
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
