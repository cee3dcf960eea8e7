//! Messages as bytes, decoded and encoded.

use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use kafka_protocol::messages::{
    FindCoordinatorRequest, MetadataRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion as _, Request, StrBytes};

use super::api::FaultableRequest;

/// A message without its length prefix.
#[derive(Clone)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub(super) fn new(bytes: Vec<u8>) -> Frame {
        Frame(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The API key of a request.
    pub(super) fn api(&self) -> i16 {
        i16::from_be_bytes([self.0[0], self.0[1]])
    }

    /// The API version of a request.
    pub(super) fn version(&self) -> i16 {
        i16::from_be_bytes([self.0[2], self.0[3]])
    }

    /// The correlation id of a request.
    pub(super) fn correlation_id(&self) -> &[u8] {
        &self.0[4..8]
    }

    pub(super) fn response_correlation_id(&self) -> &[u8] {
        &self.0[..4]
    }

    pub(super) fn truncated(mut self, bytes: usize) -> Frame {
        assert!(bytes < self.0.len(), "the answer has only {}", self.0.len());
        self.0.truncate(bytes);
        self
    }

    /// With the last byte of each occurrence changed.
    pub(super) fn corrupted(mut self, bytes: &[u8]) -> Frame {
        let found = self.0.windows(bytes.len()).enumerate();
        let ends: Vec<usize> = found
            .filter(|(_, window)| *window == bytes)
            .map(|(at, _)| at + bytes.len() - 1)
            .collect();
        ends.into_iter().for_each(|at| self.0[at] ^= 1);
        self
    }

    /// The decoded request, if it is one of this kind.
    pub(super) fn request<R: Request>(&self) -> Option<R> {
        let mut rest = self.bytes();
        let version = self.version();
        RequestHeader::decode(&mut rest, R::header_version(version)).ok()?;
        R::decode(&mut rest, version).ok()
    }

    fn response<R: Request>(&self, version: i16) -> Option<R::Response> {
        let mut rest = self.bytes();
        ResponseHeader::decode(&mut rest, R::Response::header_version(version)).ok()?;
        R::Response::decode(&mut rest, version).ok()
    }

    fn encode_response<R: Request>(request: &Frame, response: &R::Response) -> Frame {
        let version = request.version();
        let correlation_id = request.correlation_id().try_into().unwrap();
        let header =
            ResponseHeader::default().with_correlation_id(i32::from_be_bytes(correlation_id));
        let mut bytes = Vec::new();
        let written = header.encode(&mut bytes, R::Response::header_version(version));
        written.and_then(|()| response.encode(&mut bytes, version)).unwrap();
        Frame(bytes)
    }
}

/// A response of the proxy: this error, for every part of the request.
pub(super) fn error_response<R: FaultableRequest>(request: &Frame, error: ResponseError) -> Frame {
    let request_body = request.request::<R>();
    let mut response = request_body.expect("a request that can be read").empty_response();
    R::set_error(&mut response, error);
    Frame::encode_response::<R>(request, &response)
}

/// The broker's response, with this error in every place.
pub(super) fn replace_with_error<R: FaultableRequest>(
    request: &Frame,
    response: &Frame,
    error: ResponseError,
) -> Frame {
    let response = response.response::<R>(request.version());
    let mut response = response.expect("an answer that can be read");
    R::set_error(&mut response, error);
    Frame::encode_response::<R>(request, &response)
}

/// The response, with this address for every broker that it names. The cluster has only one.
pub(super) fn with_broker_address(request: &Frame, response: Frame, address: SocketAddr) -> Frame {
    let host = || StrBytes::from_string(address.ip().to_string());
    let port = i32::from(address.port());
    match request.api() {
        MetadataRequest::KEY => rewrite::<MetadataRequest>(request, response, |metadata| {
            for broker in &mut metadata.brokers {
                (broker.host, broker.port) = (host(), port);
            }
        }),
        FindCoordinatorRequest::KEY => {
            rewrite::<FindCoordinatorRequest>(request, response, |found| {
                (found.host, found.port) = (host(), port);
                for coordinator in &mut found.coordinators {
                    (coordinator.host, coordinator.port) = (host(), port);
                }
            })
        }
        DescribeClusterRequest::KEY => {
            rewrite::<DescribeClusterRequest>(request, response, |cluster| {
                for broker in &mut cluster.brokers {
                    (broker.host, broker.port) = (host(), port);
                }
            })
        }
        _ => response,
    }
}

/// A response that cannot be decoded stays as it is.
fn rewrite<R: Request>(
    request: &Frame,
    response: Frame,
    change: impl FnOnce(&mut R::Response),
) -> Frame {
    match response.response::<R>(request.version()) {
        Some(mut readable) => {
            change(&mut readable);
            Frame::encode_response::<R>(request, &readable)
        }
        None => response,
    }
}
