//! Which partitions are this process's, and in which epoch. The epoch of a partition is bumped
//! before a revoke is answered, so that whatever comes of an earlier one is recognised and dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// What the group decided, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AssignmentChange {
    Assigned {
        partition: i32,
        epoch: u64,
    },
    Revoked {
        partition: i32,
    },
    /// It stays assigned, and is read again from its last commit.
    Restarted {
        partition: i32,
        epoch: u64,
    },
}

/// The state of the assignment, shared by the polling thread and the workers.
#[derive(Debug, Default)]
pub(super) struct Assignment(Mutex<AssignmentState>);

#[derive(Debug, Default)]
struct AssignmentState {
    /// The last epoch of every partition that was ever assigned; odd while it is.
    epochs: BTreeMap<i32, u64>,
    changes: Vec<AssignmentChange>,
    /// Whether the group has decided at all.
    decided: bool,
    /// Whether the group refuses what this member commits, and has for too long.
    is_rejoin_requested: bool,
    closed: bool,
}

impl AssignmentState {
    fn bump_epoch(&mut self, partition: i32) -> Option<u64> {
        let current = self.epochs.get_mut(&partition);
        let current = current.filter(|epoch| **epoch % 2 == 1)?;
        *current += 2;
        Some(*current)
    }
}

impl Assignment {
    pub(super) fn assign(&self, partitions: &[i32]) {
        let mut inner = self.lock();
        inner.decided = true;
        for partition in partitions {
            let epoch = inner.epochs.entry(*partition).or_default();
            *epoch += 1 + *epoch % 2;
            let epoch = *epoch;
            inner.changes.push(AssignmentChange::Assigned {
                partition: *partition,
                epoch,
            });
        }
    }

    pub(super) fn revoke(&self, partitions: &[i32]) {
        let mut inner = self.lock();
        inner.is_rejoin_requested = false;
        for partition in partitions {
            let epoch = inner.epochs.entry(*partition).or_default();
            *epoch += *epoch % 2;
            inner.changes.push(AssignmentChange::Revoked {
                partition: *partition,
            });
        }
    }

    /// Has a partition read again from its last commit, unless it was revoked since: what comes of before is dropped.
    pub(super) fn restart(&self, partition: i32, epoch: u64) {
        let mut inner = self.lock();
        if inner.epochs.get(&partition) == Some(&epoch)
            && let Some(epoch) = inner.bump_epoch(partition)
        {
            inner
                .changes
                .push(AssignmentChange::Restarted { partition, epoch });
        }
    }

    /// Asks the polling thread to join the group anew, unless the partition was revoked since.
    pub(super) fn request_rejoin(&self, partition: i32, epoch: u64) {
        let mut inner = self.lock();
        let is_current = inner.epochs.get(&partition) == Some(&epoch);
        inner.is_rejoin_requested |= is_current;
    }

    /// Whether that was asked for since the last revocation.
    pub(super) fn is_rejoin_requested(&self) -> bool {
        self.lock().is_rejoin_requested
    }

    /// The next epoch of a partition that is this process's, for one that is read again from its last commit.
    pub(super) fn bump_epoch(&self, partition: i32) -> Option<u64> {
        self.lock().bump_epoch(partition)
    }

    /// Whether the partition is this process's, as it was in `epoch`.
    pub(super) fn is_current(&self, partition: i32, epoch: u64) -> bool {
        self.lock().epochs.get(&partition) == Some(&epoch)
    }

    /// All partitions that are this process's.
    pub(super) fn assigned(&self) -> Vec<i32> {
        let inner = self.lock();
        let own = inner.epochs.iter().filter(|(_, epoch)| *epoch % 2 == 1);
        own.map(|(partition, _)| *partition).collect()
    }

    /// Whether anything was assigned yet, be it nothing.
    pub(super) fn is_decided(&self) -> bool {
        self.lock().decided
    }

    /// A worker has ended, and nobody waits for one any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn take_changes(&self) -> Vec<AssignmentChange> {
        std::mem::take(&mut self.lock().changes)
    }

    fn lock(&self) -> MutexGuard<'_, AssignmentState> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_current_from_its_assignment_to_its_revocation() {
        let assignment = Assignment::default();
        let mut seen = Vec::new();
        for _ in 0..3 {
            assignment.assign(&[4]);
            let [
                AssignmentChange::Assigned {
                    partition: 4,
                    epoch,
                },
            ] = assignment.take_changes()[..]
            else {
                panic!()
            };
            assert!(assignment.is_current(4, epoch));
            assert!(!assignment.is_current(5, epoch));
            assignment.restart(4, epoch + 2);
            assert_eq!(assignment.take_changes(), []);
            assignment.restart(4, epoch);
            assert!(!assignment.is_current(4, epoch));
            let (partition, epoch) = (4, epoch + 2);
            let changes = assignment.take_changes();
            assert_eq!(changes, [AssignmentChange::Restarted { partition, epoch }]);
            assert!(assignment.is_current(4, epoch));
            assignment.revoke(&[4]);
            assert!(!assignment.is_current(4, epoch));
            assert_eq!(
                assignment.take_changes(),
                [AssignmentChange::Revoked { partition: 4 }]
            );
            seen.push(epoch);
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    }
}
