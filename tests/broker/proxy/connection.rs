//! One connection: requests go one way, answers the other, in the same order.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::Shared;
use super::fault::{Act, Rule};
use super::message::{Frame, with_address};

/// Both ends of it.
pub(super) struct Connection {
    client: TcpStream,
    broker: TcpStream,
    shared: Arc<Shared>,
}

/// A request whose answer is due.
struct Due {
    request: Frame,
    rule: Option<Arc<Rule>>,
    /// Made here; otherwise the broker's is to come.
    answer: Option<Frame>,
}

impl Connection {
    pub(super) fn start(client: TcpStream, broker: TcpStream, shared: Arc<Shared>) {
        for end in [&client, &broker] {
            end.set_nodelay(true).unwrap();
        }
        let connection = Arc::new(Connection {
            client,
            broker,
            shared,
        });
        // Bounded by what a client has in flight.
        let (due, to_answer) = channel();
        let answering = connection.clone();
        thread::spawn(move || connection.requests(&due));
        thread::spawn(move || answering.answers(&to_answer));
    }

    /// Until the client closes; what was forwarded is executed all the same.
    fn requests(&self, due: &Sender<Due>) {
        while let Some(request) = receive(&self.client) {
            let rule = self.shared.rule_for(&request);
            let mut answer = None;
            match rule.as_ref().map(|rule| (rule, &rule.act)) {
                Some((_, Act::CutBefore)) => return self.cut(),
                Some((rule, Act::Refuse(error) | Act::RefuseLate(error, _))) => {
                    answer = Some(rule.refuse(&request, *error));
                }
                Some((_, Act::HoldRequest(until))) => until.wait(),
                Some((_, Act::CutAndHold(until))) => {
                    drop(self.client.shutdown(Shutdown::Both));
                    until.wait();
                }
                _ => {}
            }
            let forwarded = answer.is_some() || send(&self.broker, &request);
            let accepted = due.send(Due {
                request,
                rule,
                answer,
            });
            if !forwarded || accepted.is_err() {
                return;
            }
        }
    }

    fn answers(&self, due: &Receiver<Due>) {
        while let Ok(due) = due.recv() {
            // A client that is gone is no reason to stop: what it asked for shall be executed.
            match self.answer(due) {
                Some(answer) => drop(send(&self.client, &answer)),
                None => break,
            }
        }
        self.cut();
    }

    /// What the client gets; nothing: the connection is to be closed.
    fn answer(&self, due: Due) -> Option<Frame> {
        let Due {
            request,
            rule,
            answer,
        } = due;
        if answer.is_some() {
            if let Some(Act::RefuseLate(_, until)) = rule.as_ref().map(|rule| &rule.act) {
                until.wait();
            }
            return answer;
        }
        let answer = receive(&self.broker)?;
        assert_eq!(answer.correlation_of_answer(), request.correlation());
        let answer = with_address(&request, answer, self.shared.address);
        let Some(rule) = rule else {
            return Some(answer);
        };
        rule.count_executed();
        match &rule.act {
            Act::Refuse(_)
            | Act::RefuseLate(..)
            | Act::CutBefore
            | Act::CutAndHold(_)
            | Act::HoldRequest(_) => Some(answer),
            Act::Spoil(error) => Some(rule.spoil(&request, &answer, *error)),
            Act::HoldAnswer(until) => {
                until.wait();
                Some(answer)
            }
            Act::Truncate(bytes) => Some(answer.truncated(*bytes)),
            Act::Corrupt(bytes) => Some(answer.corrupted(bytes)),
            Act::CutAfter => None,
        }
    }

    /// That one of the ends is closed already is no error.
    fn cut(&self) {
        for end in [&self.client, &self.broker] {
            drop(end.shutdown(Shutdown::Both));
        }
    }
}

/// The next message; nothing when the other side is gone.
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
                let gone = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
                assert!(gone.contains(&error.kind()), "{error}");
                None
            }
        }
    }
}

/// Whether somebody was there.
fn send(mut to: &TcpStream, frame: &Frame) -> bool {
    let length = u32::try_from(frame.bytes().len()).unwrap().to_be_bytes();
    to.write_all(&[&length, frame.bytes()].concat()).is_ok()
}
