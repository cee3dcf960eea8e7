//! `--map`: the paths of event fields in files of another format, and the limits of rows.

use clap::Args;

use crate::event::{EventTime, Mapping, Path, RecordLimits, TimeUnit};
use crate::model::{did_you_mean, sanitize_for_terminal};
use crate::runtime::clock;

/// The counterpart of `input.mapping` for files.
#[derive(Debug, Default, Args)]
pub(super) struct MappingArgs {
    /// The path of an event field, as FIELD=PATH; repeat for several. A path is a CSV column, or JSON keys separated by
    /// dots. Fields: customer_id, type, time, id, order_id, channel, value, currency, properties (the object with all
    /// other fields; an empty path is the record itself); time_unit is seconds, milliseconds or microseconds, for
    /// numeric times.
    #[arg(long = "map", value_name = "FIELD=PATH", value_parser = parse_mapping_entry)]
    entries: Vec<MappingEntry>,
    /// Accept events that are later than now. By default they are rejected, because a single one advances the time of
    /// all customers.
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
    pub(super) fn limits(&self) -> RecordLimits {
        let now = EventTime(clock::now().0);
        RecordLimits {
            time_ceiling: if self.allow_future { EventTime::MAX } else { now },
            ..RecordLimits::default()
        }
    }

    /// Fields without an entry keep the path of the native format. The last entry of a field wins.
    pub(super) fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::default();
        for entry in &self.entries {
            match entry {
                MappingEntry::Unit(unit) => mapping.time_unit = *unit,
                MappingEntry::Field(field, path) => mapping.set_path(field, path.clone()),
            }
        }
        mapping
    }
}

fn parse_mapping_entry(text: &str) -> Result<MappingEntry, String> {
    let (field, path) =
        text.split_once('=').ok_or("write FIELD=PATH, such as customer_id=user_id")?;
    if field == TIME_UNIT {
        return match path {
            "seconds" => Ok(MappingEntry::Unit(TimeUnit::Seconds)),
            "milliseconds" => Ok(MappingEntry::Unit(TimeUnit::Milliseconds)),
            "microseconds" => Ok(MappingEntry::Unit(TimeUnit::Microseconds)),
            _ => Err("write seconds, milliseconds or microseconds".to_owned()),
        };
    }
    if !Mapping::FIELDS.contains(&field) {
        let fields = Mapping::FIELDS.iter().copied().chain([TIME_UNIT]);
        let hint = did_you_mean(field, fields.clone());
        let fields: Vec<&str> = fields.collect();
        let hint = hint.unwrap_or_else(|| format!("the fields are {}", fields.join(", ")));
        return Err(format!("no field `{}`; {hint}", sanitize_for_terminal(field)));
    }
    if path.is_empty() && Mapping::is_required(field) {
        return Err(format!("every event needs {field}"));
    }
    Ok(MappingEntry::Field(field.to_owned(), Path::from(path)))
}
