//! Records that brokers refuse for what they are, too large or invalid: they always would, and everything that
//! comes with them, so that one record could stop a process for ever. A small dead letter takes their place.

use super::context::Context;
use super::worker_io::WorkerIo;
use crate::kafka::{Error, ProducerRecord};

/// The letter that takes the place of a refused record. A state or progress has no other form: `Err`.
pub(super) fn dead_letter(
    shared: &Context,
    refused: &ProducerRecord,
    topic: &str,
    why: &str,
) -> Result<ProducerRecord, Error> {
    let Some(letter) = shared
        .settings
        .outputs
        .dead_letter_for_refused(refused, why)
    else {
        return Err(Error::Misconfigured(format!(
            "{topic} refuses a record that cannot be left out: {why}. Raise max.message.bytes of {topic}, or see what \
             else the brokers ask of its records"
        )));
    };
    let counter = &shared.metrics.input.refused_outputs;
    counter.with_label_values(&[topic]).inc();
    tracing::error!(
        topic,
        reason = why,
        "the brokers refuse an output for what it is; a small dead letter takes its place"
    );
    Ok(letter)
}

/// Tells outputs outside of any transaction.
pub(super) fn publish<W: WorkerIo>(
    world: &mut W,
    shared: &Context,
    outputs: &mut [ProducerRecord],
) -> Result<(), Error> {
    loop {
        match world.publish(outputs) {
            Err(Error::Refused(refused)) => {
                let why = refused.source.to_string();
                for (_, record) in refused.records {
                    outputs[record] = dead_letter(shared, &outputs[record], &refused.topic, &why)?;
                }
            }
            other => return other,
        }
    }
}
