//! A burst waits in its worker, as it was computed. What is revoked meanwhile is dropped from it by its
//! epoch; a process that ends drops it all. Either way its input is read again.

use super::{Planned, Worker};
use crate::partition::Output;
use crate::runtime::fuse::{Asking, Moved};
use crate::runtime::restore::Error;
use crate::runtime::world::World;

impl<W: World> Worker<W> {
    /// Whether the fuse holds these back.
    pub(super) fn holds(&self, commits: &[Planned]) -> bool {
        self.shared.fuse.holds(told(commits), &self.asking(commits))
    }

    /// Makes visible what was held, once it may be.
    pub(super) fn let_go_on(&mut self) -> Result<(), Error> {
        if self.held.is_empty() || self.has_given_up {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        self.drop_what_is_elsewhere(&mut held);
        let asking = self.asking(&held);
        if self.shared.fuse.still_holds(told(&held), &asking) {
            self.held = held;
            return Ok(());
        }
        self.make_visible(held)
    }

    /// Nothing waits any more.
    pub(super) fn forget_held(&self) {
        self.shared
            .fuse
            .still_holds(Moved::default(), &self.asking(&[]));
    }

    pub(super) fn count_told(&self, commits: &[Planned]) {
        self.shared.fuse.told(&told(commits), &self.asking(commits));
    }

    pub(super) fn look_on_bursts(&self) {
        self.shared.fuse.look_on(&self.asking(&self.held));
    }

    /// With the customers that there are after these commits.
    fn asking(&self, commits: &[Planned]) -> Asking<'_> {
        let customers = self.partitions.iter().map(|(partition, own)| {
            let planned = commits.iter().find(|it| it.partition == *partition);
            planned
                .map_or(&own.progress, |it| &it.commit.progress)
                .customers()
        });
        Asking {
            worker: self.number,
            customers: customers.sum(),
            uptime: self.world.uptime(),
            wall: self.world.wall(),
            burst: &self.shared.settings.burst,
            metrics: &self.shared.metrics,
        }
    }
}

/// The transitions that subscribers are told of.
fn told(commits: &[Planned]) -> Moved {
    let mut moved = Moved::default();
    for planned in commits {
        for output in &planned.commit.outputs {
            let Output::StageChanged { change, .. } = output else {
                continue;
            };
            let model = &planned.under.models.list[change.model];
            if model.quiet(change.effective_at).is_none() {
                moved.one(&model.name);
            }
        }
    }
    moved
}
