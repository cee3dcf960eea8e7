//! librdkafka calls without a safe wrapper in rdkafka 0.39: the generation in the group metadata,
//! topic ids, and header names that are not UTF-8. The only file with `unsafe`.
#![allow(unsafe_code, reason = "the safe wrapper has no call for these")]

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as rd;
use rdkafka::client::Client;
use rdkafka::message::{BorrowedHeaders, Headers as _};

use crate::event::Headers;

/// The group generation (classic protocol) or member epoch (KIP-848) of this client; `None` while it
/// is no member. The coordinator accepts a commit with generation −1 and an empty member id
/// unchecked, so that must never be sent. Epoch 0 belongs to a client that is joining.
pub(super) fn group_generation<C: ClientContext>(client: &Client<C>) -> Option<i32> {
    // SAFETY: the client outlives the call; the metadata is owned here, read and destroyed here.
    unsafe {
        let metadata = rd::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let generation = rd::rd_kafka_consumer_group_metadata_generation_id(metadata);
        let member = rd::rd_kafka_consumer_group_metadata_member_id(metadata);
        let is_member = !member.is_null() && !CStr::from_ptr(member).is_empty();
        rd::rd_kafka_consumer_group_metadata_destroy(metadata);
        (generation > 0 && is_member).then_some(generation)
    }
}

/// The headers of a record. Producers may write any bytes as a name, and rdkafka panics if they are
/// not UTF-8: such a name is returned with its non-ASCII bytes escaped as `\xff`.
pub(super) fn headers(headers: &BorrowedHeaders) -> Headers {
    let pointer = ptr::from_ref(headers).cast::<rd::rd_kafka_headers_t>();
    let mut copied = Headers::with_capacity(headers.count());
    for index in 0..headers.count() {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `BorrowedHeaders` is librdkafka's own pointer cast to a reference, and outlives the
        // call; name and value are copied before the record can be dropped.
        unsafe {
            let error =
                rd::rd_kafka_header_get_all(pointer, index, &mut name, &mut value, &mut length);
            if error != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                break;
            }
            let name = CStr::from_ptr(name).to_bytes();
            let name = match std::str::from_utf8(name) {
                Ok(name) => name.to_owned(),
                Err(_) => name.escape_ascii().to_string(),
            };
            let value = (!value.is_null())
                .then(|| std::slice::from_raw_parts(value.cast::<u8>(), length).to_vec());
            copied.push((name, value));
        }
    }
    copied
}

/// The ids of topics, in the order of `topics`; a deleted and recreated topic has a new id. An
/// element is `None` if the topic has no id. The list is `None` if the request failed or some topic
/// was not described: that must not be mistaken for "has no id".
pub(super) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> Option<Vec<Option<[u8; 16]>>> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(*topic).ok()).collect();
    let mut pointers: Vec<*const std::ffi::c_char> =
        names.iter().map(|name| name.as_ptr()).collect();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: every object is created, used and destroyed here, in the order that librdkafka requires;
    // the names outlive the collection, and the event outlives the descriptions read from it.
    unsafe {
        let collection =
            rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let queue = rd::rd_kafka_queue_new(client.native_ptr());
        rd::rd_kafka_DescribeTopics(client.native_ptr(), collection, ptr::null(), queue);
        let event = rd::rd_kafka_queue_poll(queue, timeout_ms);
        let mut ids = vec![None; topics.len()];
        let no_error = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let succeeded = !event.is_null() && rd::rd_kafka_event_error(event) == no_error;
        let result =
            if succeeded { rd::rd_kafka_event_DescribeTopics_result(event) } else { ptr::null() };
        let mut described = 0;
        if !result.is_null() {
            let mut count = 0;
            let descriptions = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for index in 0..count.min(topics.len()) {
                let description = *descriptions.add(index);
                let error = rd::rd_kafka_TopicDescription_error(description);
                if rd::rd_kafka_error_code(error) == no_error {
                    described += 1;
                }
                let name = CStr::from_ptr(rd::rd_kafka_TopicDescription_name(description));
                let id = rd::rd_kafka_TopicDescription_topic_id(description);
                let slot = topics.iter().position(|topic| topic.as_bytes() == name.to_bytes());
                if let (Some(slot), false) = (slot, id.is_null()) {
                    let most = rd::rd_kafka_Uuid_most_significant_bits(id).to_be_bytes();
                    let least = rd::rd_kafka_Uuid_least_significant_bits(id).to_be_bytes();
                    let bytes =
                        u128::from_be_bytes([most, least].concat().try_into().unwrap_or_default());
                    ids[slot] = (bytes != 0).then(|| bytes.to_be_bytes());
                }
            }
        }
        if !event.is_null() {
            rd::rd_kafka_event_destroy(event);
        }
        rd::rd_kafka_queue_destroy(queue);
        rd::rd_kafka_TopicCollection_destroy(collection);
        (described == topics.len()).then_some(ids)
    }
}
