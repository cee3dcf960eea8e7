//! Records that brokers refuse as too large or invalid. Brokers would refuse them on every attempt, together with everything
//! in the same transaction, so that one record could stop a process forever. A small dead letter replaces each.

use super::context::Context;
use super::worker_io::WorkerIo;
use crate::kafka::{Error, ProducerRecord, RefusedRecords};

/// The dead letter that replaces a refused output. A state or progress record cannot be replaced: `Err`.
pub(super) fn dead_letter(
    context: &Context,
    refused: &ProducerRecord,
    error: &RefusedRecords,
) -> Result<ProducerRecord, Error> {
    let (topic, reason, advice) = (&error.topic, error.source.to_string(), error.advice());
    let Some(letter) = context.settings.outputs.dead_letter_for_refused(refused, &reason) else {
        return Err(Error::Misconfigured(format!(
            "{topic} refuses a record that cannot be left out: {reason}; {advice}"
        )));
    };
    let counter = &context.metrics.input.refused_outputs;
    counter.with_label_values(&[topic.as_str()]).inc();
    tracing::error!(
        topic,
        reason,
        advice,
        "the brokers refuse an output as too large or invalid; a small dead letter replaces it"
    );
    Ok(letter)
}

/// Publishes outputs outside of any transaction; refused ones are replaced in `outputs`.
pub(super) fn publish<W: WorkerIo>(
    io: &mut W,
    context: &Context,
    outputs: &mut [ProducerRecord],
) -> Result<(), Error> {
    loop {
        match io.publish(outputs) {
            Err(Error::Refused(refused)) => {
                for (_, record) in &refused.records {
                    outputs[*record] = dead_letter(context, &outputs[*record], &refused)?;
                }
            }
            other => return other,
        }
    }
}
