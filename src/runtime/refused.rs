//! Records that brokers refuse for what they are, too large or invalid: they always would, and everything that
//! comes with them, so that one record could stop a process for ever. A small dead letter takes their place.

use super::report::Shared;
use super::world::World;
use crate::kafka::{Error, Outgoing};

/// The letter that takes the place of a refused record. A state or progress has no other form: `Err`.
pub(super) fn letter(
    shared: &Shared,
    refused: &Outgoing,
    topic: &str,
    why: &str,
) -> Result<Outgoing, Error> {
    let Some(letter) = shared.settings.outputs.last_resort(refused, why) else {
        return Err(Error::Topology(format!(
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
pub(super) fn tell<W: World>(
    world: &mut W,
    shared: &Shared,
    outputs: &mut [Outgoing],
) -> Result<(), Error> {
    loop {
        match world.tell(outputs) {
            Err(Error::Refused(refused)) => {
                let why = refused.source.to_string();
                for (_, record) in refused.records {
                    outputs[record] = letter(shared, &outputs[record], &refused.topic, &why)?;
                }
            }
            other => return other,
        }
    }
}
