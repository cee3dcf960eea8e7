//! A record batch that is damaged on the broker's disk or in transit is neither read nor skipped.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, FetchRequest, FetchResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion as _, Request};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tenure::kafka::{self, Error, GroupProtocol, PartitionReader, SecurityConfig};

const TOPIC: &str = "changelog";
/// In two batches.
const RECORDS: i64 = 6;

/// Starts a broker with one partition that contains these bytes.
fn broker(batches: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, batches) = (stream.unwrap(), batches.clone());
            std::thread::spawn(move || serve(stream, address.port(), &batches));
        }
    });
    address.to_string()
}

/// Responds until the client disconnects.
fn serve(mut stream: TcpStream, port: u16, batches: &[u8]) -> Option<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request).ok()?;
        let response = match i16::from_be_bytes([request[0], request[1]]) {
            ApiVersionsRequest::KEY => respond::<ApiVersionsRequest>(&request, |_| versions()),
            MetadataRequest::KEY => respond::<MetadataRequest>(&request, |_| metadata(port)),
            FetchRequest::KEY => respond::<FetchRequest>(&request, |it| fetched(&it, batches)),
            _ => return None,
        };
        let length = u32::try_from(response.len()).unwrap();
        stream.write_all(&length.to_be_bytes()).ok()?;
        stream.write_all(&response).ok()?;
    }
}

fn respond<R: Request>(request: &[u8], handle: impl Fn(R) -> R::Response) -> Vec<u8> {
    let version = i16::from_be_bytes([request[2], request[3]]);
    let mut rest = request;
    let header = RequestHeader::decode(&mut rest, R::header_version(version)).unwrap();
    let response = handle(R::decode(&mut rest, version).unwrap());
    let begin = ResponseHeader::default().with_correlation_id(header.correlation_id);
    let mut bytes = Vec::new();
    let written = begin.encode(&mut bytes, R::Response::header_version(version));
    written.unwrap();
    response.encode(&mut bytes, version).unwrap();
    bytes
}

/// Versions from which librdkafka infers a broker with the current record format.
fn versions() -> ApiVersionsResponse {
    let known = [
        (ApiVersionsRequest::KEY, 0, 3),
        (MetadataRequest::KEY, 4, 4),
        (FetchRequest::KEY, 4, 4),
        (ProduceRequest::KEY, 3, 3),
    ];
    let known = known.map(|(key, min, max)| {
        let known = ApiVersion::default().with_api_key(key);
        known.with_min_version(min).with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(known.into())
}

fn metadata(port: u16) -> MetadataResponse {
    let broker = MetadataResponseBroker::default()
        .with_node_id(1.into())
        .with_host("127.0.0.1".into())
        .with_port(port.into());
    let partition = MetadataResponsePartition::default()
        .with_leader_id(1.into())
        .with_replica_nodes(vec![1.into()])
        .with_isr_nodes(vec![1.into()]);
    let topic =
        MetadataResponseTopic::default().with_name(Some(name())).with_partitions(vec![partition]);
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_controller_id(1.into())
        .with_topics(vec![topic])
}

fn name() -> kafka_protocol::messages::TopicName {
    kafka_protocol::protocol::StrBytes::from_static_str(TOPIC).into()
}

fn fetched(request: &FetchRequest, batches: &[u8]) -> FetchResponse {
    let from = request.topics[0].partitions[0].fetch_offset;
    let records = if from < RECORDS { batches } else { &[] };
    let partition = PartitionData::default()
        .with_high_watermark(RECORDS)
        .with_last_stable_offset(RECORDS)
        .with_records(Some(records.to_vec().into()));
    let topic =
        FetchableTopicResponse::default().with_topic(name()).with_partitions(vec![partition]);
    FetchResponse::default().with_responses(vec![topic])
}

/// After a damaged batch librdkafka 2.12 continues at a wrong byte. If there is text, it finds no batch; other bytes
/// may fail one of its own assertions.
fn value(offset: i64) -> String {
    format!(r#"{{"type":"order_completed","customer_id":"customer-{offset}"}}"#)
}

/// Each batch as bytes.
fn batches() -> [Vec<u8>; 2] {
    let record = |offset: i64| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset,
        // Otherwise each would have a batch of its own.
        sequence: offset.try_into().unwrap(),
        timestamp: 1_767_225_600_000,
        key: Some(b"key".to_vec().into()),
        value: Some(value(offset).into_bytes().into()),
        headers: Default::default(),
    };
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    [0..3, 3..RECORDS].map(|offsets| {
        let mut bytes = Vec::new();
        let records: Vec<Record> = offsets.map(record).collect();
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        bytes
    })
}

/// Reads all records; returns their offsets and the result.
fn read(batches: &[Vec<u8>; 2]) -> (Vec<i64>, Result<(), Error>) {
    let config = kafka::Config {
        brokers: broker(batches.concat()),
        app: "app".to_owned(),
        instance: "0".to_owned(),
        group_protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(45),
        max_poll_interval: Duration::from_secs(300),
        security: SecurityConfig::default(),
        properties: [("check.crcs".to_owned(), "false".to_owned())].into(),
        is_local: false,
        prefetch_bytes: tenure::kafka::PREFETCH_BYTES_MAX,
    };
    let mut reader = PartitionReader::new(&config);
    let (mut position, mut offsets) = (0, Vec::new());
    while position < RECORDS {
        let mut take = |received: &kafka::ConsumerRecord<'_>| {
            assert_eq!(received.value, Some(value(received.offset).as_bytes()));
            offsets.push(received.offset);
        };
        match reader.read(TOPIC, 0, position, RECORDS, &mut take) {
            Ok(reached) => position = reached,
            Err(error) => return (offsets, Err(error)),
        }
    }
    (offsets, Ok(()))
}

#[test]
fn a_damaged_batch_is_neither_read_nor_skipped() {
    let (offsets, result) = read(&batches());
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(offsets, Vec::from_iter(0..RECORDS));
    for damaged in 0..2 {
        let mut batches = batches();
        // In the value of its last record, which stays text.
        let at = batches[damaged].len() - 40;
        batches[damaged][at] ^= 1;
        let (offsets, result) = read(&batches);
        assert_eq!(offsets, Vec::from_iter(0..[0, 3][damaged]));
        let error = result.unwrap_err();
        let offset = [0, 3][damaged];
        assert!(matches!(error, Error::Damaged { offset: at, .. } if at == offset), "{error:?}");
    }
}
