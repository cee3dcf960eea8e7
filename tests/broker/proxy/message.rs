//! Messages as bytes, and what is read from them and written into them.

use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use kafka_protocol::messages::{
    FindCoordinatorRequest, MetadataRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion as _, Request, StrBytes};

use super::api::Faulty;

/// A message without its length.
#[derive(Clone)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub(super) fn new(bytes: Vec<u8>) -> Frame {
        Frame(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of a request: which API.
    pub(super) fn api(&self) -> i16 {
        i16::from_be_bytes([self.0[0], self.0[1]])
    }

    /// Of a request: in which version.
    pub(super) fn version(&self) -> i16 {
        i16::from_be_bytes([self.0[2], self.0[3]])
    }

    /// Of a request: what its answer begins with.
    pub(super) fn correlation(&self) -> &[u8] {
        &self.0[4..8]
    }

    pub(super) fn correlation_of_answer(&self) -> &[u8] {
        &self.0[..4]
    }

    pub(super) fn truncated(mut self, bytes: usize) -> Frame {
        assert!(bytes < self.0.len(), "the answer has only {}", self.0.len());
        self.0.truncate(bytes);
        self
    }

    /// With another byte at the end of each of these.
    pub(super) fn corrupted(mut self, bytes: &[u8]) -> Frame {
        let found = self.0.windows(bytes.len()).enumerate();
        let places: Vec<usize> = found
            .filter(|(_, window)| *window == bytes)
            .map(|(at, _)| at + bytes.len() - 1)
            .collect();
        places.into_iter().for_each(|at| self.0[at] ^= 1);
        self
    }

    /// The request, if it can be read as one.
    pub(super) fn request<R: Request>(&self) -> Option<R> {
        let mut rest = self.bytes();
        let version = self.version();
        RequestHeader::decode(&mut rest, R::header_version(version)).ok()?;
        R::decode(&mut rest, version).ok()
    }

    fn answer<R: Request>(&self, version: i16) -> Option<R::Response> {
        let mut rest = self.bytes();
        ResponseHeader::decode(&mut rest, R::Response::header_version(version)).ok()?;
        R::Response::decode(&mut rest, version).ok()
    }

    fn answering<R: Request>(request: &Frame, answer: &R::Response) -> Frame {
        let version = request.version();
        let correlation = request.correlation().try_into().unwrap();
        let header = ResponseHeader::default().with_correlation_id(i32::from_be_bytes(correlation));
        let mut bytes = Vec::new();
        let written = header.encode(&mut bytes, R::Response::header_version(version));
        written
            .and_then(|()| answer.encode(&mut bytes, version))
            .unwrap();
        Frame(bytes)
    }
}

/// An answer made here: this error, for all that was asked.
pub(super) fn refuse<R: Faulty>(request: &Frame, error: ResponseError) -> Frame {
    let asked = request.request::<R>();
    let mut answer = asked.expect("a request that can be read").answer();
    R::spoil(&mut answer, error);
    Frame::answering::<R>(request, &answer)
}

/// The broker's answer, with this error instead of its own.
pub(super) fn spoil<R: Faulty>(request: &Frame, answer: &Frame, error: ResponseError) -> Frame {
    let answer = answer.answer::<R>(request.version());
    let mut answer = answer.expect("an answer that can be read");
    R::spoil(&mut answer, error);
    Frame::answering::<R>(request, &answer)
}

/// The answer, with this address for every broker that it names. The cluster has only one.
pub(super) fn with_address(request: &Frame, answer: Frame, address: SocketAddr) -> Frame {
    let host = || StrBytes::from_string(address.ip().to_string());
    let port = i32::from(address.port());
    match request.api() {
        MetadataRequest::KEY => rewrite::<MetadataRequest>(request, answer, |metadata| {
            for broker in &mut metadata.brokers {
                (broker.host, broker.port) = (host(), port);
            }
        }),
        FindCoordinatorRequest::KEY => {
            rewrite::<FindCoordinatorRequest>(request, answer, |found| {
                (found.host, found.port) = (host(), port);
                for coordinator in &mut found.coordinators {
                    (coordinator.host, coordinator.port) = (host(), port);
                }
            })
        }
        DescribeClusterRequest::KEY => {
            rewrite::<DescribeClusterRequest>(request, answer, |cluster| {
                for broker in &mut cluster.brokers {
                    (broker.host, broker.port) = (host(), port);
                }
            })
        }
        _ => answer,
    }
}

/// What cannot be read is left as it is.
fn rewrite<R: Request>(
    request: &Frame,
    answer: Frame,
    change: impl FnOnce(&mut R::Response),
) -> Frame {
    match answer.answer::<R>(request.version()) {
        Some(mut readable) => {
            change(&mut readable);
            Frame::answering::<R>(request, &readable)
        }
        None => answer,
    }
}
