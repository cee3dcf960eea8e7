//! For every API with faults: an empty response, and the places of its errors.

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
    AddPartitionsToTxnResponse, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    EndTxnRequest, EndTxnResponse, FetchRequest, FetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, InitProducerIdRequest,
    InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse, ProduceRequest, ProduceResponse, SyncGroupRequest, SyncGroupResponse,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::Request;

/// A request whose response can be an error.
pub(crate) trait FaultableRequest: Request + 'static {
    /// A response that names every part of the request.
    fn empty_response(self) -> Self::Response;
    /// Sets the error wherever the response has an error code.
    fn set_error(response: &mut Self::Response, error: ResponseError);
}

/// A response with one error code at the top level.
macro_rules! with_one_error {
    ($($Request:ident: $Response:ident),* $(,)?) => {$(
        impl FaultableRequest for $Request {
            fn empty_response(self) -> $Response {
                $Response::default()
            }

            fn set_error(response: &mut $Response, error: ResponseError) {
                response.error_code = error.code();
            }
        }
    )*};
}

with_one_error! {
    AddOffsetsToTxnRequest: AddOffsetsToTxnResponse,
    ConsumerGroupHeartbeatRequest: ConsumerGroupHeartbeatResponse,
    EndTxnRequest: EndTxnResponse,
    HeartbeatRequest: HeartbeatResponse,
    InitProducerIdRequest: InitProducerIdResponse,
    JoinGroupRequest: JoinGroupResponse,
    SyncGroupRequest: SyncGroupResponse,
}

impl FaultableRequest for FindCoordinatorRequest {
    fn empty_response(self) -> FindCoordinatorResponse {
        let coordinators = self.coordinator_keys.into_iter();
        let coordinators = coordinators.map(|key| Coordinator::default().with_key(key));
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    }

    fn set_error(response: &mut FindCoordinatorResponse, error: ResponseError) {
        response.error_code = error.code();
        response.node_id = (-1).into();
        for coordinator in &mut response.coordinators {
            coordinator.error_code = error.code();
            coordinator.node_id = (-1).into();
        }
    }
}

impl FaultableRequest for ProduceRequest {
    fn empty_response(self) -> ProduceResponse {
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

    fn set_error(response: &mut ProduceResponse, error: ResponseError) {
        let topics = response.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partition_responses) {
            partition.error_code = error.code();
            partition.base_offset = -1;
        }
    }
}

impl FaultableRequest for FetchRequest {
    fn empty_response(self) -> FetchResponse {
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

    fn set_error(response: &mut FetchResponse, error: ResponseError) {
        let topics = response.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
            partition.high_watermark = -1;
            // librdkafka treats a missing value as damage.
            partition.records = Some(Default::default());
        }
    }
}

impl FaultableRequest for ListOffsetsRequest {
    fn empty_response(self) -> ListOffsetsResponse {
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

    fn set_error(response: &mut ListOffsetsResponse, error: ResponseError) {
        let topics = response.topics.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
            partition.offset = -1;
        }
    }
}

impl FaultableRequest for MetadataRequest {
    /// A response without brokers would be another fault.
    fn empty_response(self) -> MetadataResponse {
        unimplemented!("only the broker can answer this")
    }

    fn set_error(response: &mut MetadataResponse, error: ResponseError) {
        for topic in &mut response.topics {
            topic.error_code = error.code();
            topic.partitions.clear();
        }
    }
}

impl FaultableRequest for AddPartitionsToTxnRequest {
    /// Up to version 3, which clients use. Later ones are for brokers.
    fn empty_response(self) -> AddPartitionsToTxnResponse {
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

    fn set_error(response: &mut AddPartitionsToTxnResponse, error: ResponseError) {
        let topics = response.results_by_topic_v3_and_below.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.results_by_partition) {
            partition.partition_error_code = error.code();
        }
    }
}

impl FaultableRequest for TxnOffsetCommitRequest {
    fn empty_response(self) -> TxnOffsetCommitResponse {
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

    fn set_error(response: &mut TxnOffsetCommitResponse, error: ResponseError) {
        let topics = response.topics.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
}

impl FaultableRequest for OffsetFetchRequest {
    /// Since version 8, which has groups.
    fn empty_response(self) -> OffsetFetchResponse {
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

    /// Open transactions and forbidden topics are errors of partitions, others are errors of the
    /// group.
    fn set_error(response: &mut OffsetFetchResponse, error: ResponseError) {
        for group in &mut response.groups {
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
