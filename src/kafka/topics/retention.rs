//! Input records that will be deleted before they are read.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::configs::describe_configs;
use crate::event::WallTime;
use crate::kafka::connection::REQUEST_TIMEOUT;
use crate::kafka::log_throttle::LogThrottle;
use crate::kafka::{Config, ConsumerRecord, PartitionReader};

/// Partitions of inputs whose next unread record is older than three quarters of the topic's
/// retention, each with what to do. `None` if the brokers do not respond.
pub fn find_expiring_partitions(
    config: &Config,
    inputs: &[String],
    partitions: &[i32],
    now: WallTime,
) -> Option<Vec<String>> {
    let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let configs = describe_configs(config, &names).ok()?;
    let client: BaseConsumer<LogThrottle> =
        config.reader().create_with_context(LogThrottle("retention")).ok()?;
    let mut warnings = Vec::new();
    for input in names {
        let setting = |name: &str| configs.get(input)?.get(name);
        let deletes = setting("cleanup.policy").is_some_and(|policy| policy.contains("delete"));
        let retention = setting("retention.ms").and_then(|millis| millis.parse::<i64>().ok());
        // −1 is unlimited.
        let Some(retention) = retention.filter(|retention| deletes && *retention > 0) else {
            continue;
        };
        let time = now.0.saturating_sub(retention - retention / 4);
        if time <= 0 {
            continue;
        }
        let mut reader = PartitionReader::new(config);
        for (partition, next) in find_unread(&client, &mut reader, input, partitions, time)? {
            warnings.push(format!(
                "the next record to read of {input} partition {partition}, at offset {next}, is older than three quarters of \
                retention.ms ({retention}): it will be deleted unread. Raise retention.ms of {input}, and find out what delays \
                processing"
            ));
        }
    }
    Some(warnings)
}

/// (partition, committed offset) pairs where the record at that offset is older than `time`.
fn find_unread(
    client: &BaseConsumer<LogThrottle>,
    reader: &mut PartitionReader,
    input: &str,
    partitions: &[i32],
    time: i64,
) -> Option<Vec<(i32, i64)>> {
    let list = |offset: Offset| {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(input, *partition, offset).ok()?;
        }
        Some(list)
    };
    let committed = client.committed_offsets(list(Offset::Invalid)?, REQUEST_TIMEOUT).ok()?;
    let first_newer =
        client.offsets_for_times(list(Offset::Offset(time))?, REQUEST_TIMEOUT).ok()?;
    let mut unread = Vec::new();
    for partition in partitions {
        let Offset::Offset(next) = committed.find_partition(input, *partition)?.offset() else {
            continue;
        };
        let is_old = match first_newer.find_partition(input, *partition)?.offset() {
            Offset::Offset(first) => next < first,
            // No record is newer. Up to the end there may be only transaction markers, so read one.
            Offset::End => {
                let (_, end) = client.fetch_watermarks(input, *partition, REQUEST_TIMEOUT).ok()?;
                let mut has_record = false;
                let mut take = |_: &ConsumerRecord<'_>| has_record = true;
                let read = reader.read(input, *partition, next, end, &mut take);
                read.is_ok() && has_record
            }
            _ => false,
        };
        if is_old {
            unread.push((*partition, next));
        }
    }
    Some(unread)
}
