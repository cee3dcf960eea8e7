//! A burst is suspended in its worker, as it was computed, until an operator resumes it. Commits of revoked partitions are
//! dropped from it by their epochs; the end of the process drops all of it. Either way their records are read again.

use super::Worker;
use super::pending_commit::PendingCommit;
use crate::partition::Output;
use crate::runtime::fuse::{FuseRequest, TransitionCounts};
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;

impl<W: WorkerIo> Worker<W> {
    /// Whether the circuit breaker suspends these commits.
    pub(super) fn must_suspend(&self, commits: &[PendingCommit]) -> bool {
        self.context
            .fuse
            .should_suspend(published_transitions(commits), &self.fuse_request(commits))
    }

    /// Commits the suspended burst once the circuit breaker lets it pass.
    pub(super) fn resume_suspended(&mut self) -> Result<(), Error> {
        if self.suspended.is_empty() || self.has_stopped_committing {
            return Ok(());
        }
        let mut commits = std::mem::take(&mut self.suspended);
        self.drop_revoked(&mut commits);
        let request = self.fuse_request(&commits);
        if self.context.fuse.update_suspended(published_transitions(&commits), &request) {
            self.suspended = commits;
            return Ok(());
        }
        self.finish_commit(commits)
    }

    /// Reports to the circuit breaker that nothing is suspended any more.
    pub(super) fn clear_suspended(&self) {
        self.context.fuse.update_suspended(TransitionCounts::default(), &self.fuse_request(&[]));
    }

    pub(super) fn count_published(&self, commits: &[PendingCommit]) {
        self.context
            .fuse
            .record_published(&published_transitions(commits), &self.fuse_request(commits));
    }

    pub(super) fn observe_bursts(&self) {
        self.context.fuse.refresh(&self.fuse_request(&self.suspended));
    }

    /// A request that counts the customers as of these commits.
    fn fuse_request(&self, commits: &[PendingCommit]) -> FuseRequest<'_> {
        let customers = self.partitions.iter().map(|(partition, owned)| {
            let pending = commits.iter().find(|it| it.partition == *partition);
            pending.map_or(&owned.progress, |pending| &pending.commit.progress).customers()
        });
        FuseRequest {
            worker: self.number,
            customers: customers.sum(),
            uptime: self.io.uptime(),
            wall: self.io.wall_time(),
            burst: &self.context.settings.burst,
            metrics: &self.context.metrics,
        }
    }
}

/// The transitions that subscribers receive: all but the quiet ones.
fn published_transitions(commits: &[PendingCommit]) -> TransitionCounts {
    let mut counts = TransitionCounts::default();
    for pending in commits {
        for output in &pending.commit.outputs {
            let Output::StageChanged { change, .. } = output else {
                continue;
            };
            let model = &pending.models.current.list[change.model];
            if model.quiet(change.effective_at).is_none() {
                counts.increment(&model.name);
            }
        }
    }
    counts
}
