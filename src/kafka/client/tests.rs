use rdkafka::consumer::BaseConsumer;

use super::*;
use crate::kafka::REFUSED_PROPERTIES;

pub(in crate::kafka) fn with(properties: &[(&str, &str)]) -> Config {
    let properties = properties.iter();
    Config {
        brokers: "127.0.0.1:1".to_owned(),
        app: "app".to_owned(),
        instance: "0".to_owned(),
        group_protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(45),
        max_poll_interval: Duration::from_secs(300),
        security: SecurityConfig::default(),
        properties: properties
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        is_local: false,
        prefetch_bytes: PREFETCH_BYTES_MAX,
    }
}

#[test]
fn readers_check_checksums_whatever_the_properties_are() {
    let refused = REFUSED_PROPERTIES.map(|(name, _)| (name, "false"));
    for group_protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let config = Config { group_protocol, ..with(&refused) };
        for reader in [config.consumer(), config.reader(), config.uncommitted_reader()] {
            let native = reader.create_native_config().unwrap();
            assert_eq!(native.get("check.crcs").unwrap(), "true");
        }
    }
}

#[test]
fn fetch_sizes_fit_the_response_size_that_librdkafka_accepts() {
    let bounds = |properties: &[(&str, &str)]| {
        let reader = with(properties).reader();
        let created: Result<BaseConsumer, _> = reader.create();
        assert!(created.is_ok(), "{properties:?}: {:?}", created.err());
        let native = reader.create_native_config().unwrap();
        ["fetch.message.max.bytes", "fetch.max.bytes", "receive.message.max.bytes"]
            .map(|name| native.get(name).unwrap().parse::<u32>().unwrap())
    };
    let defaults = [FETCH_PARTITION_BYTES, FETCH_BYTES, RESPONSE_BYTES_MAX];
    assert_eq!(bounds(&[]), defaults);
    // For large outputs.
    assert_eq!(bounds(&[("message.max.bytes", "20000000")]), defaults);
    // For large inputs.
    let large =
        [("max.partition.fetch.bytes", "300000000"), ("receive.message.max.bytes", "400000000")];
    assert_eq!(bounds(&large), [300_000_000, FETCH_BYTES, 400_000_000]);
}

#[test]
fn an_interval_of_the_settings_stays() {
    let mut config = ClientConfig::new();
    assert_eq!(with_statistics(config.clone()).get(STATISTICS_INTERVAL), Some(STATISTICS_MILLIS));
    config.set(STATISTICS_INTERVAL, "10000");
    assert_eq!(with_statistics(config).get(STATISTICS_INTERVAL), Some("10000"));
}
