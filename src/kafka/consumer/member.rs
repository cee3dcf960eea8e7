//! Joins the group and serves its member.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;

use super::fatal::fail_if_fatal;
use super::group_context::{Client, GroupContext, RETRY_INTERVAL, RebalanceListener, waker};
use super::heartbeats::Heartbeats;
use super::owned_partitions::OwnedPartitions;
use crate::kafka::client::with_statistics;
use crate::kafka::statistics::StatisticsReader;
use crate::kafka::{Config, Error, GroupProtocol, native};

/// Interval between attempts to join under a name that another member still has.
const JOIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Returns a client that is a member (KIP-848) or is joining (classic).
pub(super) fn join_group(
    config: &Config,
    inputs: &[String],
    listener: Arc<dyn RebalanceListener>,
    stop: &impl Fn() -> bool,
) -> Result<Client, Error> {
    loop {
        let client = create_client(config, inputs, listener.clone())?;
        if config.group_protocol == GroupProtocol::Classic || await_membership(&client, stop)? {
            return Ok(client);
        }
        tracing::warn!(
            instance = config.instance,
            "the group still has a member of this name; waiting until it leaves or its session ends"
        );
        std::thread::park_timeout(JOIN_RETRY_INTERVAL);
    }
}

/// Serves the client until it is a member, or `stop`; `false` if another member has its name.
fn await_membership(client: &Client, stop: &impl Fn() -> bool) -> Result<bool, Error> {
    while membership(client).is_none() && !stop() {
        std::thread::park_timeout(RETRY_INTERVAL);
        let served = serve(client);
        if fatal_code(client) == Some(RDKafkaErrorCode::UnreleasedInstanceId) {
            return Ok(false);
        }
        served?;
    }
    Ok(true)
}

fn create_client(
    config: &Config,
    inputs: &[String],
    listener: Arc<dyn RebalanceListener>,
) -> Result<Client, Error> {
    let context = GroupContext {
        listener,
        inputs: inputs.to_vec(),
        config: config.clone(),
        owned: Mutex::new(OwnedPartitions::new(inputs.len())),
        heartbeats: Mutex::new(Heartbeats::default()),
        statistics: StatisticsReader::default(),
        is_replaced: AtomicBool::new(false),
        lacks_input: AtomicBool::new(false),
        has_resubscribed: AtomicBool::new(false),
    };
    let mut client: BaseConsumer<GroupContext> = with_statistics(config.consumer())
        .create_with_context(context)
        .map_err(|source| Error::from_client_creation("creating the consumer", source))?;
    client.set_nonempty_callback(waker(&std::thread::current()));
    subscribe(&client, inputs)?;
    Ok(client)
}

pub(super) fn subscribe(client: &Client, inputs: &[String]) -> Result<(), Error> {
    let topics: Vec<&str> = inputs.iter().map(String::as_str).collect();
    client
        .subscribe(&topics)
        .map_err(|source| Error::Fatal { action: "subscribing to the inputs", source })
}

/// Serves the group until no event is pending.
pub(super) fn serve(client: &Client) -> Result<(), Error> {
    loop {
        match client.poll(Duration::ZERO) {
            None => return Ok(()),
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            // Each partition has its own queue, made before it is resumed: the main queue has no records.
            Some(Ok(message)) => {
                return Err(Error::Misconfigured(format!(
                    "received a record of {} before its partition was started",
                    message.topic()
                )));
            }
            // The event itself does not always contain the fatal code.
            Some(Err(error)) => {
                let error = match fatal_code(client) {
                    Some(code) => KafkaError::MessageConsumptionFatal(code),
                    None => error,
                };
                let context = client.context();
                fail_if_fatal(error, &context.config, &context.inputs)?;
            }
        }
    }
}

/// The fatal error of this client, which it cannot recover from.
fn fatal_code(client: &Client) -> Option<RDKafkaErrorCode> {
    let (code, _) = client.client().fatal_error()?;
    Some(code)
}

/// The membership to send with a transaction; `None` while the client is no member. Compares the
/// generation before and after, since a rebalance may happen between the calls.
pub(super) fn membership(client: &Client) -> Option<ConsumerGroupMetadata> {
    let before = native::group_generation(client.client())?;
    let metadata = client.group_metadata()?;
    (native::group_generation(client.client()) == Some(before)).then_some(metadata)
}
