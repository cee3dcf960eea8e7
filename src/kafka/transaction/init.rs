//! Producers are initialised: the coordinator ends what the previous one of the same id left open.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::kafka::client::with_statistics;
use crate::kafka::delivery::DeliveryContext;
use crate::kafka::permissions::Resource;
use crate::kafka::statistics::ProducerObserver;
use crate::kafka::{Config, Error};
use crate::telemetry::ClientMetrics;

/// Longest wait for the coordinator to accept this producer and end its predecessor's transaction.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
const INIT_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Pause before the call is resumed: an error may be returned at once.
const INIT_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn create_producer(
    config: &Config,
    worker: usize,
    batch_bytes: usize,
    metrics: Option<&ClientMetrics>,
) -> Result<BaseProducer<DeliveryContext>, Error> {
    let settings = with_statistics(config.producer(worker, batch_bytes));
    init_producer(config, &settings, delivery_context(worker, metrics))
}

pub(super) fn delivery_context(worker: usize, metrics: Option<&ClientMetrics>) -> DeliveryContext {
    DeliveryContext::observed(metrics.map(|metrics| ProducerObserver::new(worker, metrics)))
}

/// Whether transactional ids of this app may be used. The id is one that no worker has, so that no process is fenced.
pub(in crate::kafka) fn check_transactional_id(config: &Config) -> Result<String, Error> {
    let mut settings = config.producer(0, 1);
    settings.set("transactional.id", format!("{}-preflight", config.app));
    init_producer(config, &settings, DeliveryContext::default())?;
    Ok(format!("transactional ids with the prefix {} may be used", config.app))
}

pub(super) fn init_producer(
    config: &Config,
    settings: &ClientConfig,
    context: DeliveryContext,
) -> Result<BaseProducer<DeliveryContext>, Error> {
    let producer: BaseProducer<DeliveryContext> = settings
        .create_with_context(context)
        .map_err(|source| Error::from_client_creation("creating a producer", source))?;
    init_while_polling(&producer).map_err(|source| {
        if source.rdkafka_error_code() == Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed)
        {
            let id = settings.get("transactional.id").unwrap_or_default();
            return config.denied(Resource::TransactionalId(id));
        }
        match Error::from_transaction_call("initialising the producer", source) {
            // Without a transaction yet, the next attempt repeats the init.
            Error::Indefinite { action, source } => Error::Retry { action, source },
            other => other,
        }
    })?;
    Ok(producer)
}

/// Resumes the call, which serves no events: what the client reports meanwhile is why it takes long.
fn init_while_polling(producer: &BaseProducer<DeliveryContext>) -> Result<(), KafkaError> {
    let start = Instant::now();
    loop {
        match producer.init_transactions(INIT_POLL_INTERVAL) {
            Err(KafkaError::Transaction(error))
                // Also while the coordinator still ends the transaction of the former producer.
                if error.is_retriable() && start.elapsed() < INIT_TIMEOUT =>
            {
                producer.poll(INIT_PAUSE);
            }
            other => return other,
        }
    }
}
