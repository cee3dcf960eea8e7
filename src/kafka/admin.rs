//! Requests about topics that only the admin client of librdkafka has.

use rdkafka::admin::AdminClient;
use rdkafka::error::KafkaResult;

use super::log_throttle::LogThrottle;
use super::{Config, Error};

/// Waits for the response to one request. `Err` inside is that of the request.
pub(super) fn request_admin<T>(
    config: &Config,
    action: &'static str,
    request: impl AsyncFnOnce(&AdminClient<LogThrottle>) -> KafkaResult<T>,
) -> Result<KafkaResult<T>, Error> {
    let client: AdminClient<LogThrottle> = config
        .reader()
        .create_with_context(LogThrottle("admin"))
        .map_err(|source| Error::from_client_creation("creating a Kafka client", source))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Error::Unavailable(format!("{action}: {error}")))?;
    Ok(runtime.block_on(request(&client)))
}
