//! The consumer that is the group member. One thread polls it; a listener receives rebalances.
//!
//! Every partition of every input has its own queue. So the end of one is not mistaken for the end of
//! another (rdkafka does not report the topic), and back-pressure only requires not to read from a
//! queue: librdkafka stops fetching when it is full.

mod fatal;
mod feed;
mod fetch;
mod group_context;
mod heartbeats;
mod member;
mod owned_partitions;

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Config, Error, GroupProtocol};
use group_context::{Client, RETRY_INTERVAL};
use member::{join_group, membership, serve, subscribe};

pub use feed::{Feed, Fetched};
pub use group_context::RebalanceListener;

/// The position from which a partition of an input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeekPosition {
    /// Index of the input.
    pub input: u32,
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
}

/// The consumer, shared by threads: one polls, others request metadata and offsets.
#[derive(Clone)]
pub struct Consumer {
    /// [`Consumer::rejoin`] replaces it; `None` meanwhile.
    client: Arc<Mutex<Option<Arc<Client>>>>,
    config: Arc<Config>,
    inputs: Vec<String>,
    /// Unparked when there is something to poll or to read from a feed.
    poll_thread: Thread,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Consumer").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

/// Longest wait for a response of the coordinator or a leader.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Consumer {
    /// Joins the group; the calling thread becomes the polling thread.
    ///
    /// Under `GroupProtocol::Consumer` the group refuses a new member while another one of the same
    /// name is in its session, such as a killed predecessor. Waits for the end of that, unless `stop`.
    pub fn join(
        config: &Config,
        inputs: &[String],
        listener: Arc<dyn RebalanceListener>,
        stop: impl Fn() -> bool,
    ) -> Result<Consumer, Error> {
        let client = join_group(config, inputs, listener, &stop)?;
        Ok(Consumer {
            client: Arc::new(Mutex::new(Some(Arc::new(client)))),
            config: Arc::new(config.clone()),
            inputs: inputs.to_vec(),
            poll_thread: std::thread::current(),
        })
    }

    /// Rejoins the group with a new client and the same `group.instance.id`. All partitions must have
    /// been revoked and their feeds dropped: rebalances of the old client are not reported. Must be
    /// called on the polling thread; until it returns, other calls fail with [`Error::Retry`].
    pub(crate) fn rejoin(&self, stop: impl Fn() -> bool) -> Result<(), Error> {
        let old = self.client()?;
        old.context().is_replaced.store(true, Ordering::Release);
        let listener = old.context().listener.clone();
        *self.lock() = None;
        // Dropping it leaves the group and waits for the coordinator, so another thread does that.
        std::thread::spawn(move || drop(old));
        let new = join_group(&self.config, &self.inputs, listener, &stop)?;
        *self.lock() = Some(Arc::new(new));
        Ok(())
    }

    /// Ends the membership, so that the partitions are assigned to others at once. [`Consumer::close`] alone leaves the group
    /// with the expectation that a member of this name returns within the session. Only under the classic protocol:
    /// librdkafka 2.12 has no request for it under the other one. Must be called on the polling thread, as the last call
    /// before `close`, and waits up to `timeout`.
    pub(crate) fn end_membership(&self, timeout: Duration) {
        let Ok(client) = self.client() else {
            return;
        };
        client.context().is_replaced.store(true, Ordering::Release);
        client.unsubscribe();
        let start = Instant::now();
        while membership(&client).is_some() && start.elapsed() < timeout {
            std::thread::park_timeout(RETRY_INTERVAL);
            if let Err(error) = serve(&client) {
                tracing::debug!(%error, "leaving the group");
            }
        }
    }

    /// Closes the membership, and waits for that up to `timeout`. Rebalances are not reported any more. All feeds must have
    /// been dropped.
    pub fn close(&self, timeout: Duration) {
        let Some(client) = self.lock().take() else {
            return;
        };
        client.context().is_replaced.store(true, Ordering::Release);
        // On its own thread: librdkafka 2.12 never answers an assignment that it has passed to the application before,
        // and that the application applies after, the group was closed.
        let (closed, is_closed) = sync_channel::<()>(0);
        std::thread::spawn(move || {
            drop(client);
            drop(closed);
        });
        if is_closed.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                "the group's coordinator does not respond; its session of this member ends later"
            );
        }
    }

    /// Whether this member has sent no heartbeats for so long that its membership is lost, although a
    /// broker was reachable: librdkafka 2.12 may stop sending them without an error.
    pub(crate) fn is_missing_heartbeats(&self) -> bool {
        self.client().is_ok_and(|client| {
            let heartbeats = client.context().heartbeats();
            heartbeats.are_missing(Instant::now())
        })
    }

    /// Whether no broker is left for this member: none was reachable lately, and a session that the client knows of has ended.
    pub fn is_cut_off(&self) -> bool {
        // A member of the classic protocol knows that its session has ended. One that joins has none yet.
        let has_session =
            self.config.group_protocol == GroupProtocol::Classic && self.membership().is_some();
        !has_session && self.client().is_ok_and(|client| client.context().heartbeats().is_cut_off())
    }

    fn client(&self) -> Result<Arc<Client>, Error> {
        self.lock().clone().ok_or(Error::Retry {
            action: "using the consumer while it rejoins the group",
            source: KafkaError::Canceled,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the group; rebalance callbacks run in here. First waits up to `timeout` for an event of
    /// the group, a record of an empty feed, or an unpark by another thread.
    pub fn poll(&self, timeout: Duration) -> Result<(), Error> {
        if !timeout.is_zero() {
            std::thread::park_timeout(timeout);
        }
        let client = self.client()?;
        serve(&client)?;
        if client.context().lacks_input.swap(false, Ordering::AcqRel) {
            self.resubscribe(&client)
        } else {
            Ok(())
        }
    }

    /// Leaves the group and joins again. A returning static member gets its previous assignment even if
    /// it now subscribes to more inputs; only after a leave is it assigned again.
    fn resubscribe(&self, client: &Client) -> Result<(), Error> {
        tracing::info!(
            "the group does not assign partitions of an added input; leaving and rejoining it"
        );
        client.context().has_resubscribed.store(true, Ordering::Release);
        client.unsubscribe();
        subscribe(client, &self.inputs)
    }

    pub fn poll_thread(&self) -> &Thread {
        &self.poll_thread
    }

    /// The partition of this number of every input.
    fn topic_partitions(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for topic in &self.inputs {
            list.add_partition(topic, partition);
        }
        list
    }

    /// The stable committed offset and its metadata for each input of a partition; `None` without a
    /// commit. Waits, bounded, while a transaction that could change them is open.
    pub fn committed(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        let list = self.topic_partitions(partition);
        let fail = |source| Error::from_request("requesting committed offsets", source);
        let committed = self.client()?.committed_offsets(list, TIMEOUT);
        let committed = committed.map_err(fail)?;
        let offset_of = |topic: &String| {
            let Some(element) = committed.find_partition(topic, partition) else {
                return Ok(None);
            };
            // librdkafka itself retries while a transaction is open. It reports other errors of one
            // partition only here: they must not be mistaken for "nothing was committed".
            element.error().map_err(fail)?;
            Ok(match element.offset() {
                Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
                _ => None,
            })
        };
        self.inputs.iter().map(offset_of).collect()
    }

    /// The membership to send with a transaction; `None` while this process is no member.
    pub fn membership(&self) -> Option<ConsumerGroupMetadata> {
        membership(&*self.client().ok()?)
    }
}
