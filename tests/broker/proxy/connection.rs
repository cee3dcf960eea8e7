//! One connection: requests go one way, answers the other, in the same order.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;

use super::ProxyContext;
use super::fault::{Action, Rule};
use super::message::{Frame, with_broker_address};

/// Both sockets of a connection.
pub(super) struct Connection {
    client: TcpStream,
    broker: TcpStream,
    context: Arc<ProxyContext>,
}

/// A request without a response yet.
struct PendingResponse {
    request: Frame,
    rule: Option<Arc<Rule>>,
    /// Made by the proxy; `None`: the broker's is expected.
    response: Option<Frame>,
}

impl Connection {
    pub(super) fn start(
        client: TcpStream,
        broker: TcpStream,
        context: Arc<ProxyContext>,
    ) -> Weak<Connection> {
        for end in [&client, &broker] {
            end.set_nodelay(true).unwrap();
        }
        let connection = Arc::new(Connection { client, broker, context });
        // Bounded by the client's requests in flight.
        let (pending, pending_responses) = channel();
        let (responses, started) = (connection.clone(), Arc::downgrade(&connection));
        thread::spawn(move || connection.forward_requests(&pending));
        thread::spawn(move || responses.forward_responses(&pending_responses));
        started
    }

    /// Until the client closes; forwarded requests are executed nevertheless.
    fn forward_requests(&self, pending: &Sender<PendingResponse>) {
        while let Some(request) = receive(&self.client) {
            let rule = self.context.claim_rule(&request);
            let mut response = None;
            match rule.as_ref().map(|rule| (rule, &rule.action)) {
                Some((_, Action::DisconnectBefore)) => return self.disconnect(),
                Some((rule, Action::Refuse(error) | Action::RefuseLater(error, _))) => {
                    response = Some(rule.error_response(&request, *error));
                }
                Some((_, Action::DelayRequest(delay))) => delay.wait(),
                Some((_, Action::DisconnectAndDelay(delay))) => {
                    drop(self.client.shutdown(Shutdown::Both));
                    delay.wait();
                }
                _ => {}
            }
            let forwarded = response.is_some() || send(&self.broker, &request);
            let accepted = pending.send(PendingResponse { request, rule, response });
            if !forwarded || accepted.is_err() {
                return;
            }
        }
    }

    fn forward_responses(&self, pending: &Receiver<PendingResponse>) {
        while let Ok(pending) = pending.recv() {
            // Continue after the client has closed: its requests must be executed.
            match self.response(pending) {
                Some(response) => drop(send(&self.client, &response)),
                None => break,
            }
        }
        self.disconnect();
    }

    /// The client's response; `None` closes the connection.
    fn response(&self, pending: PendingResponse) -> Option<Frame> {
        let PendingResponse { request, rule, response } = pending;
        if response.is_some() {
            if let Some(Action::RefuseLater(_, delay)) = rule.as_ref().map(|rule| &rule.action) {
                delay.wait();
            }
            return response;
        }
        let response = receive(&self.broker)?;
        assert_eq!(response.response_correlation_id(), request.correlation_id());
        let response = with_broker_address(&request, response, self.context.address);
        let Some(rule) = rule else {
            return Some(response);
        };
        rule.count_executed();
        match &rule.action {
            Action::Refuse(_)
            | Action::RefuseLater(..)
            | Action::DisconnectBefore
            | Action::DisconnectAndDelay(_)
            | Action::DelayRequest(_) => Some(response),
            Action::ExecuteThenRefuse(error) => {
                Some(rule.replace_with_error(&request, &response, *error))
            }
            Action::DelayResponse(delay) => {
                delay.wait();
                Some(response)
            }
            Action::Truncate(bytes) => Some(response.truncated(*bytes)),
            Action::Corrupt(bytes) => Some(response.corrupted(bytes)),
            Action::DisconnectAfter => None,
        }
    }

    /// One of the sockets may be closed already.
    pub(super) fn disconnect(&self) {
        for end in [&self.client, &self.broker] {
            drop(end.shutdown(Shutdown::Both));
        }
    }
}

/// The next message; `None` when the peer has closed.
fn receive(from: &TcpStream) -> Option<Frame> {
    let mut length = [0; 4];
    read(from, &mut length)?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    read(from, &mut bytes)?;
    return Some(Frame::new(bytes));

    fn read(mut from: &TcpStream, bytes: &mut [u8]) -> Option<()> {
        match from.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) => {
                let disconnected = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
                assert!(disconnected.contains(&error.kind()), "{error}");
                None
            }
        }
    }
}

/// Whether the peer is connected.
fn send(mut to: &TcpStream, frame: &Frame) -> bool {
    let length = u32::try_from(frame.bytes().len()).unwrap().to_be_bytes();
    to.write_all(&[&length, frame.bytes()].concat()).is_ok()
}
