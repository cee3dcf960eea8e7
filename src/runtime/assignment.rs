//! The partitions that this process owns, and their epochs. The epoch of a partition is bumped before a revocation is
//! acknowledged, so that the results of an earlier ownership are recognised and dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// A decision of the group, or a restart, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AssignmentChange {
    Assigned {
        partition: i32,
        epoch: u64,
    },
    Revoked {
        partition: i32,
    },
    /// The partition stays assigned, and is read again from its last commit.
    Restarted {
        partition: i32,
        epoch: u64,
    },
}

/// Shared by the polling thread and the workers.
#[derive(Debug, Default)]
pub(super) struct Assignment(Mutex<AssignmentState>);

#[derive(Debug, Default)]
struct AssignmentState {
    /// The last epoch of every partition that was ever assigned; odd while it is assigned.
    epochs: BTreeMap<i32, u64>,
    changes: Vec<AssignmentChange>,
    /// Whether the group has made a first assignment, even an empty one.
    decided: bool,
    /// Whether the group has refused this member's commits for too long.
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
        let mut state = self.lock();
        state.decided = true;
        for partition in partitions {
            let epoch = state.epochs.entry(*partition).or_default();
            *epoch += 1 + *epoch % 2;
            let epoch = *epoch;
            state.changes.push(AssignmentChange::Assigned { partition: *partition, epoch });
        }
    }

    pub(super) fn revoke(&self, partitions: &[i32]) {
        let mut state = self.lock();
        state.is_rejoin_requested = false;
        for partition in partitions {
            let epoch = state.epochs.entry(*partition).or_default();
            *epoch += *epoch % 2;
            state.changes.push(AssignmentChange::Revoked { partition: *partition });
        }
    }

    /// Has a partition read again from its last commit, unless it was revoked since. The new epoch drops the results of
    /// earlier reads.
    pub(super) fn restart(&self, partition: i32, epoch: u64) {
        let mut state = self.lock();
        if state.epochs.get(&partition) == Some(&epoch)
            && let Some(epoch) = state.bump_epoch(partition)
        {
            state.changes.push(AssignmentChange::Restarted { partition, epoch });
        }
    }

    /// Asks the polling thread to rejoin the group, unless the partition was revoked since.
    pub(super) fn request_rejoin(&self, partition: i32, epoch: u64) {
        let mut state = self.lock();
        let is_current = state.epochs.get(&partition) == Some(&epoch);
        state.is_rejoin_requested |= is_current;
    }

    /// Whether a rejoin was requested since the last revocation.
    pub(super) fn is_rejoin_requested(&self) -> bool {
        self.lock().is_rejoin_requested
    }

    /// Begins the next epoch of an assigned partition that is read again; `None` where it is not assigned.
    pub(super) fn bump_epoch(&self, partition: i32) -> Option<u64> {
        self.lock().bump_epoch(partition)
    }

    /// Whether the partition is still assigned in this epoch.
    pub(super) fn is_current(&self, partition: i32, epoch: u64) -> bool {
        self.lock().epochs.get(&partition) == Some(&epoch)
    }

    pub(super) fn assigned(&self) -> Vec<i32> {
        let state = self.lock();
        let assigned = state.epochs.iter().filter(|(_, epoch)| *epoch % 2 == 1);
        assigned.map(|(partition, _)| *partition).collect()
    }

    /// Whether the group has made a first assignment, even an empty one.
    pub(super) fn is_decided(&self) -> bool {
        self.lock().decided
    }

    /// A worker has ended: a revocation no longer waits for workers.
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
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
            let [AssignmentChange::Assigned { partition: 4, epoch }] =
                assignment.take_changes()[..]
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
            assert_eq!(assignment.take_changes(), [AssignmentChange::Revoked { partition: 4 }]);
            seen.push(epoch);
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    }
}
