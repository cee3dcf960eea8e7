//! The requests that a fault applies to, its action, and whether it has fired.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::api::FaultableRequest;
use super::message::{Frame, error_response, replace_with_error};
use crate::harness::eventually;

/// What the proxy does with a request.
#[derive(Clone)]
pub(super) enum Action {
    /// It is not forwarded; the response is this error.
    Refuse(ResponseError),
    /// It is not forwarded, later ones are; the response is this error, and late.
    RefuseLater(ResponseError, Delay),
    /// The broker executes it; the response is this error nevertheless.
    ExecuteThenRefuse(ResponseError),
    /// It is forwarded late, even if the client does not wait any more.
    DelayRequest(Delay),
    /// The connection is closed, and the request is forwarded late.
    DisconnectAndDelay(Delay),
    /// The broker executes it; the response is late.
    DelayResponse(Delay),
    /// It is not forwarded; the connection is closed.
    DisconnectBefore,
    /// The broker executes it; the connection is closed instead of a response.
    DisconnectAfter,
    /// The broker executes it; only this many bytes of the response are sent, as if they were all.
    Truncate(usize),
    /// The broker executes it; where the response contains these bytes, one of them is changed.
    Corrupt(&'static [u8]),
}

/// How long a delayed message waits.
#[derive(Clone)]
pub(super) enum Delay {
    Elapsed(Duration),
    Opened(Latch),
}

impl Delay {
    pub(super) fn wait(&self) {
        let (latch, at_most) = match self {
            Delay::Elapsed(time) => (&Latch::default(), Some(*time)),
            Delay::Opened(latch) => (latch, None),
        };
        latch.wait(at_most);
    }
}

/// A latch for which delayed messages wait; dropped without being opened, it blocks them for ever.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self, at_most: Option<Duration>) {
        let is_open = self.0.0.lock().unwrap();
        let is_closed = |is_open: &mut bool| !*is_open;
        match at_most {
            None => drop(self.0.1.wait_while(is_open, is_closed).unwrap()),
            Some(time) => drop(self.0.1.wait_timeout_while(is_open, time, is_closed).unwrap()),
        }
    }
}

/// A fault for some requests of one kind, as the connections see it.
pub(super) struct Rule {
    pub(super) action: Action,
    api: i16,
    filter: Box<dyn Fn(&Frame) -> bool + Send + Sync>,
    /// The next `skip` requests pass, and then the fault applies to `remaining`.
    skip: AtomicUsize,
    remaining: AtomicUsize,
    fired: AtomicUsize,
    executed: AtomicUsize,
    error_response: fn(&Frame, ResponseError) -> Frame,
    replace_with_error: fn(&Frame, &Frame, ResponseError) -> Frame,
}

impl Rule {
    /// Whether the rule is not exhausted and counts this request.
    pub(super) fn matches(&self, request: &Frame) -> bool {
        request.api() == self.api && !is_zero(&self.remaining) && (self.filter)(request)
    }

    /// Counts a request; returns whether the fault applies to it. The caller serializes calls.
    pub(super) fn claim(&self) -> bool {
        let claim = is_zero(&self.skip);
        let counter = if claim { &self.remaining } else { &self.skip };
        counter.fetch_sub(1, Ordering::AcqRel);
        self.fired.fetch_add(usize::from(claim), Ordering::AcqRel);
        claim
    }

    pub(super) fn error_response(&self, request: &Frame, error: ResponseError) -> Frame {
        (self.error_response)(request, error)
    }

    pub(super) fn replace_with_error(
        &self,
        request: &Frame,
        response: &Frame,
        error: ResponseError,
    ) -> Frame {
        (self.replace_with_error)(request, response, error)
    }

    pub(super) fn count_executed(&self) {
        self.executed.fetch_add(1, Ordering::AcqRel);
    }
}

fn is_zero(counter: &AtomicUsize) -> bool {
    counter.load(Ordering::Acquire) == 0
}

/// A test's view of its fault.
pub(crate) struct Fault(Arc<Rule>);

impl Fault {
    /// How many requests it was applied to.
    pub(crate) fn fired(&self) -> usize {
        self.0.fired.load(Ordering::Acquire)
    }

    /// How many of those the broker has executed.
    pub(crate) fn executed(&self) -> usize {
        self.0.executed.load(Ordering::Acquire)
    }

    /// Waits until it was applied to a request.
    pub(crate) fn await_fired(&self) {
        eventually("the fault fires", || self.fired() > 0);
    }

    /// Waits until the broker has executed a request that it was applied to.
    pub(crate) fn await_executed(&self) {
        eventually("the broker has executed it", || self.executed() > 0);
    }
}

/// Builds a fault: for the first request of its kind by default. Faults for the same requests apply
/// one after another; each starts to count where the one before it has ended.
pub(crate) struct FaultBuilder<'p, R> {
    rules: &'p Mutex<Vec<Arc<Rule>>>,
    filter: Box<dyn Fn(&Frame) -> bool + Send + Sync>,
    skip: usize,
    remaining: usize,
    kind: PhantomData<R>,
}

impl<'p, R: FaultableRequest> FaultBuilder<'p, R> {
    pub(super) fn new(rules: &'p Mutex<Vec<Arc<Rule>>>) -> Self {
        FaultBuilder { rules, filter: Box::new(|_| true), skip: 0, remaining: 1, kind: PhantomData }
    }

    /// Only for requests for which `filter` is true.
    pub(crate) fn when(mut self, filter: impl Fn(&R) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Box::new(move |frame| frame.request::<R>().is_some_and(|it| filter(&it)));
        self
    }

    /// Starts with the nth request from now on, counted from 1.
    pub(crate) fn nth(mut self, nth: usize) -> Self {
        self.skip = nth - 1;
        self
    }

    /// For this many requests in a row.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.remaining = times;
        self
    }

    /// It is not forwarded; the response is this error.
    pub(crate) fn refuse(self, error: ResponseError) -> Fault {
        self.build(Action::Refuse(error))
    }

    /// It is not forwarded, later ones are; the response is this error, sent when the latch is
    /// opened.
    pub(crate) fn refuse_when(self, error: ResponseError, latch: &Latch) -> Fault {
        self.build(Action::RefuseLater(error, Delay::Opened(latch.clone())))
    }

    /// The broker executes it; the response is this error nevertheless.
    pub(crate) fn execute_then_refuse(self, error: ResponseError) -> Fault {
        self.build(Action::ExecuteThenRefuse(error))
    }

    /// The broker executes it; the response is delayed by this time.
    pub(crate) fn delay_response(self, time: Duration) -> Fault {
        self.build(Action::DelayResponse(Delay::Elapsed(time)))
    }

    /// The broker executes it; the response is sent when the latch is opened.
    pub(crate) fn delay_response_until(self, latch: &Latch) -> Fault {
        self.build(Action::DelayResponse(Delay::Opened(latch.clone())))
    }

    /// It is forwarded when the latch is opened, even if its client is gone.
    pub(crate) fn delay_request_until(self, latch: &Latch) -> Fault {
        self.build(Action::DelayRequest(Delay::Opened(latch.clone())))
    }

    /// The connection is closed; the request is forwarded when the latch is opened, after the
    /// client's requests on another connection.
    pub(crate) fn disconnect_and_delay(self, latch: &Latch) -> Fault {
        self.build(Action::DisconnectAndDelay(Delay::Opened(latch.clone())))
    }

    /// It is not forwarded; the connection is closed.
    pub(crate) fn disconnect_before(self) -> Fault {
        self.build(Action::DisconnectBefore)
    }

    /// The broker executes it; the connection is closed instead of a response.
    pub(crate) fn disconnect_after(self) -> Fault {
        self.build(Action::DisconnectAfter)
    }

    /// The broker executes it; only this many bytes of the response are sent, as if they were all.
    pub(crate) fn truncate_response(self, bytes: usize) -> Fault {
        self.build(Action::Truncate(bytes))
    }

    /// The broker executes it; where the response contains this text, one byte of it is changed.
    pub(crate) fn corrupt_response(self, text: &'static str) -> Fault {
        self.build(Action::Corrupt(text.as_bytes()))
    }

    fn build(self, action: Action) -> Fault {
        let rule = Arc::new(Rule {
            action,
            api: R::KEY,
            filter: self.filter,
            skip: AtomicUsize::new(self.skip),
            remaining: AtomicUsize::new(self.remaining),
            fired: AtomicUsize::new(0),
            executed: AtomicUsize::new(0),
            error_response: error_response::<R>,
            replace_with_error: replace_with_error::<R>,
        });
        self.rules.lock().unwrap().push(rule.clone());
        Fault(rule)
    }
}
