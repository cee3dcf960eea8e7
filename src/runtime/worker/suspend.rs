//! A burst waits in its worker, as it was computed. What is revoked meanwhile is dropped from it by its
//! epoch; a process that ends drops it all. Either way its input is read again.

use super::{PendingCommit, Worker};
use crate::partition::Output;
use crate::runtime::fuse::{FuseRequest, TransitionCounts};
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;

impl<W: WorkerIo> Worker<W> {
    /// Whether the fuse holds these back.
    pub(super) fn must_suspend(&self, commits: &[PendingCommit]) -> bool {
        self.context
            .fuse
            .should_suspend(published_transitions(commits), &self.fuse_request(commits))
    }

    /// Makes visible what was held, once it may be.
    pub(super) fn resume_suspended(&mut self) -> Result<(), Error> {
        if self.suspended.is_empty() || self.has_stopped_committing {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.suspended);
        self.drop_revoked(&mut held);
        let asking = self.fuse_request(&held);
        if self
            .context
            .fuse
            .update_suspended(published_transitions(&held), &asking)
        {
            self.suspended = held;
            return Ok(());
        }
        self.finish_commit(held)
    }

    /// Nothing waits any more.
    pub(super) fn clear_suspended(&self) {
        self.context
            .fuse
            .update_suspended(TransitionCounts::default(), &self.fuse_request(&[]));
    }

    pub(super) fn count_published(&self, commits: &[PendingCommit]) {
        self.context
            .fuse
            .record_published(&published_transitions(commits), &self.fuse_request(commits));
    }

    pub(super) fn observe_bursts(&self) {
        self.context
            .fuse
            .refresh(&self.fuse_request(&self.suspended));
    }

    /// With the customers that there are after these commits.
    fn fuse_request(&self, commits: &[PendingCommit]) -> FuseRequest<'_> {
        let customers = self.partitions.iter().map(|(partition, own)| {
            let planned = commits.iter().find(|it| it.partition == *partition);
            planned
                .map_or(&own.progress, |it| &it.commit.progress)
                .customers()
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

/// The transitions that subscribers are told of.
fn published_transitions(commits: &[PendingCommit]) -> TransitionCounts {
    let mut moved = TransitionCounts::default();
    for planned in commits {
        for output in &planned.commit.outputs {
            let Output::StageChanged { change, .. } = output else {
                continue;
            };
            let model = &planned.models.current.list[change.model];
            if model.quiet(change.effective_at).is_none() {
                moved.increment(&model.name);
            }
        }
    }
    moved
}
