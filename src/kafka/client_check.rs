//! Checks the configuration of the clients without a broker.

use std::fs::File;

use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;

use super::delivery::DeliveryContext;
use super::log_throttle::LogThrottle;
use super::{Config, Error};

/// Creates one client of each kind and drops it, without a request.
///
/// # Errors
/// librdkafka refuses a property, or cannot read a file that one names.
pub(crate) fn check_clients(config: &Config) -> Result<(), Error> {
    check_files(config)?;
    let fail = |source| Error::from_client_creation("creating a Kafka client", source);
    for settings in [config.consumer(), config.uncommitted_reader()] {
        let _: BaseConsumer<LogThrottle> =
            settings.create_with_context(LogThrottle("check")).map_err(fail)?;
    }
    let producer = config.producer(0, 1).create_with_context(DeliveryContext::default());
    let _: BaseProducer<DeliveryContext> = producer.map_err(fail)?;
    Ok(())
}

/// librdkafka does not say which file it cannot read.
pub(super) fn check_files(config: &Config) -> Result<(), Error> {
    let security = &config.security;
    for (setting, file) in [
        ("ca_file", &security.ca_file),
        ("certificate_file", &security.certificate_file),
        ("key_file", &security.key_file),
    ] {
        if !file.is_empty()
            && let Err(error) = File::open(file)
        {
            return Err(Error::Misconfigured(format!(
                "kafka.security.{setting}: {file} cannot be read: {error}"
            )));
        }
    }
    Ok(())
}
