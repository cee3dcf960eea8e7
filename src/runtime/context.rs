//! What the workers and the polling thread share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::assignment::Assignment;
use super::customers::Customers;
use super::fuse::Fuse;
use super::input_ends::InputEnds;
use super::partition_registry::{PartitionRegistry, PartitionState};
use super::restore_progress::RestoreProgress;
use super::settings::Settings;
use super::thread_heartbeats::ThreadHeartbeats;
use super::uncommitted::UncommittedWork;
use crate::kafka::TopicMetadata;
use crate::model::Models;
use crate::partition::{Progress, hash_models};
use crate::store::{self, StorageEngine, Store};
use crate::telemetry::Metrics;

/// Shared by all workers and the polling thread.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) models: Arc<Models>,
    pub(super) settings: Arc<Settings>,
    pub(super) topology: Arc<TopicMetadata>,
    pub(super) metrics: Metrics,
    pub(super) assignment: Arc<Assignment>,
    pub(super) restoring: Arc<RestoreProgress>,
    pub(super) partitions: Arc<PartitionRegistry>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) customers: Arc<Customers>,
    pub(super) uncommitted: Arc<UncommittedWork>,
    pub(super) heartbeats: Arc<ThreadHeartbeats>,
    pub(super) input_ends: Arc<InputEnds>,
    /// Whether the process is stopping, and the polling thread no longer polls.
    pub(super) stopping: Arc<AtomicBool>,
    /// Identifies this process in the offsets that it commits ([`super::offset_metadata`]).
    pub(super) writer_id: Arc<str>,
}

impl Context {
    /// The progress of a partition on disk.
    pub(super) fn progress<E: StorageEngine>(
        &self,
        store: &Store<E>,
        partition: u32,
    ) -> Result<Option<Progress>, store::Error> {
        store.progress(partition, &self.settings.identity, &hash_models(&self.models))
    }

    /// Identifies what local state belongs to: the changelog and the deployment.
    pub(super) fn origin(&self) -> String {
        let changelog = self.topology.changelog_origin();
        format!("{changelog}/{}", self.settings.outputs.app)
    }

    /// Whether local state with this origin belongs here. Earlier versions did not store the deployment.
    pub(super) fn is_own_origin(&self, origin: &str) -> bool {
        origin == self.origin() || origin == self.topology.changelog_origin()
    }

    pub(super) fn set_state(&self, partition: i32, state: PartitionState) {
        self.partitions.set(partition, state, &self.metrics);
    }
}
