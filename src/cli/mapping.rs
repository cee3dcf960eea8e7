//! `--map`: where the fields of events stand in files that were written for something else; and what such files
//! may contain.

use clap::Args;

use crate::event::{EventTime, Mapping, Path, RecordLimits, TimeUnit};
use crate::model::{did_you_mean, sanitize_for_terminal};
use crate::runtime::clock;

/// What `input.mapping` is to topics.
#[derive(Debug, Default, Args)]
pub(super) struct MappingArgs {
    /// Where a field of events stands, as FIELD=PLACE; repeat for several. A place is a column, or keys of JSON with
    /// dots between them. Fields: customer_id, type, time, id, order_id, channel, value, currency, properties (the
    /// object of all others; nothing after the =: the record itself); time_unit is seconds, milliseconds or
    /// microseconds, for times that are numbers.
    #[arg(long = "map", value_name = "FIELD=PLACE", value_parser = parse_mapping_entry)]
    entries: Vec<MappingEntry>,
    /// Read events that are later than now, too: without it they are rejected, since one of them alone moves
    /// everybody's time.
    #[arg(long)]
    allow_future: bool,
}

#[derive(Clone, Debug)]
enum MappingEntry {
    Field(String, Path),
    Unit(TimeUnit),
}

const TIME_UNIT: &str = "time_unit";

impl MappingArgs {
    /// What a row may contain.
    pub(super) fn limits(&self) -> RecordLimits {
        let now = EventTime(clock::now().0);
        RecordLimits {
            time_ceiling: if self.allow_future {
                EventTime::MAX
            } else {
                now
            },
            ..RecordLimits::default()
        }
    }

    /// What is not said stands where the native form has it. Of what is said twice the last counts.
    pub(super) fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::default();
        for place in &self.entries {
            match place {
                MappingEntry::Unit(unit) => mapping.time_unit = *unit,
                MappingEntry::Field(field, path) => mapping.set_path(field, path.clone()),
            }
        }
        mapping
    }
}

fn parse_mapping_entry(text: &str) -> Result<MappingEntry, String> {
    let (field, place) = text
        .split_once('=')
        .ok_or("write FIELD=PLACE, such as customer_id=user_id")?;
    if field == TIME_UNIT {
        return match place {
            "seconds" => Ok(MappingEntry::Unit(TimeUnit::Seconds)),
            "milliseconds" => Ok(MappingEntry::Unit(TimeUnit::Milliseconds)),
            "microseconds" => Ok(MappingEntry::Unit(TimeUnit::Microseconds)),
            _ => Err("write seconds, milliseconds or microseconds".to_owned()),
        };
    }
    if !Mapping::FIELDS.contains(&field) {
        let fields = Mapping::FIELDS.iter().copied().chain([TIME_UNIT]);
        let meant = did_you_mean(field, fields.clone());
        let fields: Vec<&str> = fields.collect();
        let meant = meant.unwrap_or_else(|| format!("there are {}", fields.join(", ")));
        return Err(format!(
            "no field `{}`; {meant}",
            sanitize_for_terminal(field)
        ));
    }
    if place.is_empty() && Mapping::is_required(field) {
        return Err(format!("no event can do without {field}"));
    }
    Ok(MappingEntry::Field(field.to_owned(), Path::from(place)))
}
