//! For every API with faults: an empty answer, and where its errors stand.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse, ProduceRequest, ProduceResponse, SyncGroupRequest, SyncGroupResponse,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::Request;

/// A request whose answer can be an error.
pub(crate) trait Faulty: Request + 'static {
    /// An answer that names everything that was asked for.
    fn answer(self) -> Self::Response;
    /// Puts the error wherever the API has a place for one.
    fn spoil(answer: &mut Self::Response, error: ResponseError);
}

/// An answer has one error, at its top.
macro_rules! with_one_error {
    ($($Request:ident: $Response:ident),* $(,)?) => {$(
        impl Faulty for $Request {
            fn answer(self) -> $Response {
                $Response::default()
            }

            fn spoil(answer: &mut $Response, error: ResponseError) {
                answer.error_code = error.code();
            }
        }
    )*};
}

with_one_error! {
    AddOffsetsToTxnRequest: AddOffsetsToTxnResponse,
    EndTxnRequest: EndTxnResponse,
    HeartbeatRequest: HeartbeatResponse,
    InitProducerIdRequest: InitProducerIdResponse,
    JoinGroupRequest: JoinGroupResponse,
    SyncGroupRequest: SyncGroupResponse,
}

impl Faulty for FindCoordinatorRequest {
    fn answer(self) -> FindCoordinatorResponse {
        let coordinators = self.coordinator_keys.into_iter();
        let coordinators = coordinators.map(|key| Coordinator::default().with_key(key));
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    }

    fn spoil(answer: &mut FindCoordinatorResponse, error: ResponseError) {
        answer.error_code = error.code();
        answer.node_id = (-1).into();
        for coordinator in &mut answer.coordinators {
            coordinator.error_code = error.code();
            coordinator.node_id = (-1).into();
        }
    }
}

impl Faulty for ProduceRequest {
    fn answer(self) -> ProduceResponse {
        let topics = self.topic_data.into_iter().map(|topic| {
            let partitions = topic.partition_data.iter();
            let partitions =
                partitions.map(|it| PartitionProduceResponse::default().with_index(it.index));
            TopicProduceResponse::default()
                .with_name(topic.name)
                .with_topic_id(topic.topic_id)
                .with_partition_responses(partitions.collect())
        });
        ProduceResponse::default().with_responses(topics.collect())
    }

    fn spoil(answer: &mut ProduceResponse, error: ResponseError) {
        let topics = answer.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partition_responses) {
            partition.error_code = error.code();
            partition.base_offset = -1;
        }
    }
}

impl Faulty for FetchRequest {
    fn answer(self) -> FetchResponse {
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions =
                partitions.map(|it| PartitionData::default().with_partition_index(it.partition));
            FetchableTopicResponse::default()
                .with_topic(topic.topic)
                .with_topic_id(topic.topic_id)
                .with_partitions(partitions.collect())
        });
        FetchResponse::default().with_responses(topics.collect())
    }

    fn spoil(answer: &mut FetchResponse, error: ResponseError) {
        let topics = answer.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
            partition.high_watermark = -1;
            // librdkafka takes none at all for damage.
            partition.records = Some(Default::default());
        }
    }
}

impl Faulty for ListOffsetsRequest {
    fn answer(self) -> ListOffsetsResponse {
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions = partitions.map(|it| {
                ListOffsetsPartitionResponse::default().with_partition_index(it.partition_index)
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name)
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn spoil(answer: &mut ListOffsetsResponse, error: ResponseError) {
        let topics = answer.topics.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
            partition.offset = -1;
        }
    }
}

impl Faulty for MetadataRequest {
    /// One that knows no broker would be another fault.
    fn answer(self) -> MetadataResponse {
        unimplemented!("only the broker can answer this")
    }

    fn spoil(answer: &mut MetadataResponse, error: ResponseError) {
        for topic in &mut answer.topics {
            topic.error_code = error.code();
            topic.partitions.clear();
        }
    }
}

impl Faulty for AddPartitionsToTxnRequest {
    /// As far as version 3: that of clients. Later ones are for brokers among themselves.
    fn answer(self) -> AddPartitionsToTxnResponse {
        let topics = self.v3_and_below_topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter();
            let partitions = partitions
                .map(|it| AddPartitionsToTxnPartitionResult::default().with_partition_index(it));
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name)
                .with_results_by_partition(partitions.collect())
        });
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics.collect())
    }

    fn spoil(answer: &mut AddPartitionsToTxnResponse, error: ResponseError) {
        let topics = answer.results_by_topic_v3_and_below.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.results_by_partition) {
            partition.partition_error_code = error.code();
        }
    }
}

impl Faulty for TxnOffsetCommitRequest {
    fn answer(self) -> TxnOffsetCommitResponse {
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions = partitions.map(|it| {
                TxnOffsetCommitResponsePartition::default().with_partition_index(it.partition_index)
            });
            TxnOffsetCommitResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(partitions.collect())
        });
        TxnOffsetCommitResponse::default().with_topics(topics.collect())
    }

    fn spoil(answer: &mut TxnOffsetCommitResponse, error: ResponseError) {
        let topics = answer.topics.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
}

impl Faulty for OffsetFetchRequest {
    /// Since version 8, where groups are asked for.
    fn answer(self) -> OffsetFetchResponse {
        let groups = self.groups.into_iter().map(|group| {
            let topics = group.topics.into_iter().flatten().map(|topic| {
                let partitions = topic.partition_indexes.into_iter();
                let partitions = partitions
                    .map(|it| OffsetFetchResponsePartitions::default().with_partition_index(it));
                OffsetFetchResponseTopics::default()
                    .with_name(topic.name)
                    .with_partitions(partitions.collect())
            });
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id)
                .with_topics(topics.collect())
        });
        OffsetFetchResponse::default().with_groups(groups.collect())
    }

    /// Open transactions and forbidden topics are errors of partitions, the rest is the group's.
    fn spoil(answer: &mut OffsetFetchResponse, error: ResponseError) {
        for group in &mut answer.groups {
            use ResponseError::{TopicAuthorizationFailed, UnstableOffsetCommit};
            if ![TopicAuthorizationFailed, UnstableOffsetCommit].contains(&error) {
                group.error_code = error.code();
                group.topics.clear();
            }
            for partition in group.topics.iter_mut().flat_map(|it| &mut it.partitions) {
                partition.error_code = error.code();
                partition.committed_offset = -1;
                partition.metadata = Some("".into());
            }
        }
    }
}
