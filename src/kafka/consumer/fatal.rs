//! Errors of the group member that end its membership or its reading.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::error_class::ErrorClass;
use crate::kafka::permissions::Resource;
use crate::kafka::{Config, Error, log_throttle};

/// Returns errors that end the membership or the reading, and logs all others: librdkafka retries
/// those itself.
pub(super) fn fail_if_fatal(
    source: KafkaError,
    config: &Config,
    inputs: &[String],
) -> Result<(), Error> {
    let code = source.rdkafka_error_code();
    // While joining, `await_membership` handles this code. Later, another member has the name.
    let is_name_taken = matches!(
        source,
        KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::UnreleasedInstanceId)
    );
    if is_name_taken || code.map(ErrorClass::from_code) == Some(ErrorClass::Fenced) {
        return Err(Error::Fenced { action: "staying in the group", source });
    }
    match code {
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
            return Err(config.denied(Resource::Group));
        }
        // librdkafka does not pass on which of them.
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            return Err(config.denied(Resource::Input(&inputs.join(", "))));
        }
        _ => {}
    }
    let is_fatal = matches!(source, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            code,
            Some(
                RDKafkaErrorCode::Fatal
                    | RDKafkaErrorCode::AutoOffsetReset
                    | RDKafkaErrorCode::OffsetOutOfRange
                    | RDKafkaErrorCode::UnknownTopicOrPartition
            )
        );
    if is_fatal {
        return Err(Error::Fatal { action: "reading the inputs", source });
    }
    log_throttle::warn("consumer", &source, "reading the inputs");
    Ok(())
}

#[cfg(test)]
mod tests;
