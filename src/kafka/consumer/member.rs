//! A client as a member of the group.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;

use super::held::Held;
use super::{Client, Context, Heartbeats, Listener, TRY_AGAIN, quiet_unless_fatal, wake};
use crate::kafka::{Config, Error, GroupProtocol, native};

/// Between two tries to be let into the group under a name that is taken.
const KNOCK_AGAIN: Duration = Duration::from_secs(1);

/// A client that the group has let in, or is about to.
pub(super) fn member(
    config: &Config,
    inputs: &[String],
    listener: Arc<dyn Listener>,
    stop: &impl Fn() -> bool,
) -> Result<Client, Error> {
    loop {
        let client = subscribed(config, inputs, listener.clone())?;
        if config.group_protocol == GroupProtocol::Classic || is_let_in(&client, stop)? {
            return Ok(client);
        }
        tracing::warn!(
            instance = config.instance,
            "the group still has a member of this name; waiting until it has left or its session is over"
        );
        std::thread::park_timeout(KNOCK_AGAIN);
    }
}

/// Whether there is no other member of this name.
fn is_let_in(client: &Client, stop: &impl Fn() -> bool) -> Result<bool, Error> {
    while membership(client).is_none() && !stop() {
        std::thread::park_timeout(TRY_AGAIN);
        let served = serve(client);
        if fatal(client) == Some(RDKafkaErrorCode::UnreleasedInstanceId) {
            return Ok(false);
        }
        served?;
    }
    Ok(true)
}

fn subscribed(
    config: &Config,
    inputs: &[String],
    listener: Arc<dyn Listener>,
) -> Result<Client, Error> {
    let context = Context {
        listener,
        inputs: inputs.to_vec(),
        protocol: config.group_protocol,
        held: Mutex::new(Held::of(inputs.len())),
        heartbeats: Mutex::new(Heartbeats::default()),
        is_replaced: AtomicBool::new(false),
        lacks_an_input: AtomicBool::new(false),
        has_asked_anew: AtomicBool::new(false),
    };
    let mut client: BaseConsumer<Context> = config
        .consumer()
        .create_with_context(context)
        .map_err(|source| Error::making("making the consumer", source))?;
    client.set_nonempty_callback(wake(&std::thread::current()));
    subscribe(&client, inputs)?;
    Ok(client)
}

pub(super) fn subscribe(client: &Client, inputs: &[String]) -> Result<(), Error> {
    let topics: Vec<&str> = inputs.iter().map(String::as_str).collect();
    client.subscribe(&topics).map_err(|source| Error::Fatal {
        action: "subscribing to the inputs",
        source,
    })
}

/// Serves the group until there is nothing more to do.
pub(super) fn serve(client: &Client) -> Result<(), Error> {
    loop {
        match client.poll(Duration::ZERO) {
            None => return Ok(()),
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Ok(message)) => {
                return Err(Error::Topology(format!(
                    "a record of {} came before its partition was started",
                    message.topic()
                )));
            }
            // The event itself does not always say what is fatal.
            Some(Err(error)) => quiet_unless_fatal(match fatal(client) {
                Some(code) => KafkaError::MessageConsumptionFatal(code),
                None => error,
            })?,
        }
    }
}

/// What this client cannot go on from.
fn fatal(client: &Client) -> Option<RDKafkaErrorCode> {
    let (code, _) = client.client().fatal_error()?;
    Some(code)
}

/// The membership to send with a transaction, unless the client is no member right now.
pub(super) fn membership(client: &Client) -> Option<ConsumerGroupMetadata> {
    let before = native::generation(client.client())?;
    let metadata = client.group_metadata()?;
    (native::generation(client.client()) == Some(before)).then_some(metadata)
}
