//! Which requests a fault is for, what it does to them, and whether it did.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::api::Faulty;
use super::message::{Frame, refuse, spoil};
use crate::harness::eventually;

/// What happens to a request.
#[derive(Clone)]
pub(super) enum Act {
    /// It does not reach the broker; the answer is this error.
    Refuse(ResponseError),
    /// It does not reach the broker, later ones do; the answer is this error, and comes late.
    RefuseLate(ResponseError, Until),
    /// The broker executes it; the answer is this error all the same.
    Spoil(ResponseError),
    /// It reaches the broker late, even if nobody waits for it any more.
    HoldRequest(Until),
    /// The connection is closed, and it reaches the broker late.
    CutAndHold(Until),
    /// The broker executes it; the answer comes late.
    HoldAnswer(Until),
    /// It does not reach the broker; the connection is closed.
    CutBefore,
    /// The broker executes it; instead of the answer the connection is closed.
    CutAfter,
    /// The broker executes it; of the answer only so many bytes come, as if they were all.
    Truncate(usize),
    /// The broker executes it; where the answer has these bytes, one of them is changed.
    Corrupt(&'static [u8]),
}

/// When something that is held goes on.
#[derive(Clone)]
pub(super) enum Until {
    Passed(Duration),
    Released(Release),
}

impl Until {
    pub(super) fn wait(&self) {
        let (release, at_most) = match self {
            Until::Passed(time) => (&Release::default(), Some(*time)),
            Until::Released(release) => (release, None),
        };
        release.wait(at_most);
    }
}

/// Lets go what is held; dropped without that, it holds it for ever.
#[derive(Clone, Default)]
pub(crate) struct Release(Arc<(Mutex<bool>, Condvar)>);

impl Release {
    pub(crate) fn now(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self, at_most: Option<Duration>) {
        let released = self.0.0.lock().unwrap();
        let held = |released: &mut bool| !*released;
        match at_most {
            None => drop(self.0.1.wait_while(released, held).unwrap()),
            Some(time) => drop(self.0.1.wait_timeout_while(released, time, held).unwrap()),
        }
    }
}

/// A fault for some requests of one kind, known to the connections.
pub(super) struct Rule {
    pub(super) act: Act,
    api: i16,
    chosen: Box<dyn Fn(&Frame) -> bool + Send + Sync>,
    /// So many are passed over, then so many are taken.
    pass: AtomicUsize,
    take: AtomicUsize,
    fired: AtomicUsize,
    executed: AtomicUsize,
    refuse: fn(&Frame, ResponseError) -> Frame,
    spoil: fn(&Frame, &Frame, ResponseError) -> Frame,
}

impl Rule {
    /// Whether it is not through, and this is one of the requests that it counts.
    pub(super) fn is_for(&self, request: &Frame) -> bool {
        request.api() == self.api && !is_zero(&self.take) && (self.chosen)(request)
    }

    /// Counts a request: whether its turn has come. Rules are asked one at a time.
    pub(super) fn takes(&self) -> bool {
        let takes = is_zero(&self.pass);
        let counter = if takes { &self.take } else { &self.pass };
        counter.fetch_sub(1, Ordering::AcqRel);
        self.fired.fetch_add(usize::from(takes), Ordering::AcqRel);
        takes
    }

    pub(super) fn refuse(&self, request: &Frame, error: ResponseError) -> Frame {
        (self.refuse)(request, error)
    }

    pub(super) fn spoil(&self, request: &Frame, answer: &Frame, error: ResponseError) -> Frame {
        (self.spoil)(request, answer, error)
    }

    /// The broker has answered it.
    pub(super) fn count_executed(&self) {
        self.executed.fetch_add(1, Ordering::AcqRel);
    }
}

fn is_zero(counter: &AtomicUsize) -> bool {
    counter.load(Ordering::Acquire) == 0
}

/// How a test asks for its fault.
pub(crate) struct Fault(Arc<Rule>);

impl Fault {
    /// How many requests it was done to.
    pub(crate) fn fired(&self) -> usize {
        self.0.fired.load(Ordering::Acquire)
    }

    /// How many of those the broker has executed.
    pub(crate) fn executed(&self) -> usize {
        self.0.executed.load(Ordering::Acquire)
    }

    /// Returns once it was done to a request.
    pub(crate) fn await_fired(&self) {
        eventually("the fault fires", || self.fired() > 0);
    }

    /// Returns once the broker has executed a request that it was done to.
    pub(crate) fn await_executed(&self) {
        eventually("the broker has executed it", || self.executed() > 0);
    }
}

/// A fault in the making: for the first request of its kind, unless told otherwise. Faults for the
/// same requests come one after another, each counting from where the one before it has ended.
pub(crate) struct Choice<'p, R> {
    rules: &'p Mutex<Vec<Arc<Rule>>>,
    chosen: Box<dyn Fn(&Frame) -> bool + Send + Sync>,
    pass: usize,
    take: usize,
    kind: PhantomData<R>,
}

impl<'p, R: Faulty> Choice<'p, R> {
    pub(super) fn new(rules: &'p Mutex<Vec<Arc<Rule>>>) -> Self {
        Choice {
            rules,
            chosen: Box::new(|_| true),
            pass: 0,
            take: 1,
            kind: PhantomData,
        }
    }

    /// Only of those that are so.
    pub(crate) fn when(mut self, chosen: impl Fn(&R) -> bool + Send + Sync + 'static) -> Self {
        self.chosen = Box::new(move |frame| frame.request::<R>().is_some_and(|it| chosen(&it)));
        self
    }

    /// Begins with the nth from now on, counted from 1.
    pub(crate) fn nth(mut self, nth: usize) -> Self {
        self.pass = nth - 1;
        self
    }

    /// So many in a row.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.take = times;
        self
    }

    /// It does not reach the broker; the answer is this error.
    pub(crate) fn answer(self, error: ResponseError) -> Fault {
        self.make(Act::Refuse(error))
    }

    /// It does not reach the broker, later ones do; the answer is this error, once it is let go.
    pub(crate) fn answer_when(self, error: ResponseError, release: &Release) -> Fault {
        self.make(Act::RefuseLate(error, Until::Released(release.clone())))
    }

    /// The broker executes it; the answer is this error all the same.
    pub(crate) fn answer_after(self, error: ResponseError) -> Fault {
        self.make(Act::Spoil(error))
    }

    /// The broker executes it; the answer comes so much later.
    pub(crate) fn delay(self, time: Duration) -> Fault {
        self.make(Act::HoldAnswer(Until::Passed(time)))
    }

    /// The broker executes it; the answer comes when it is let go.
    pub(crate) fn delay_until(self, release: &Release) -> Fault {
        self.make(Act::HoldAnswer(Until::Released(release.clone())))
    }

    /// It reaches the broker when it is let go, even if its client is there no longer.
    pub(crate) fn hold_until(self, release: &Release) -> Fault {
        self.make(Act::HoldRequest(Until::Released(release.clone())))
    }

    /// The connection is closed; it reaches the broker when it is let go, after whatever its client
    /// sends on another one.
    pub(crate) fn cut_and_hold(self, release: &Release) -> Fault {
        self.make(Act::CutAndHold(Until::Released(release.clone())))
    }

    /// It does not reach the broker; the connection is closed.
    pub(crate) fn cut_before(self) -> Fault {
        self.make(Act::CutBefore)
    }

    /// The broker executes it; instead of the answer the connection is closed.
    pub(crate) fn cut_after(self) -> Fault {
        self.make(Act::CutAfter)
    }

    /// The broker executes it; of the answer only so many bytes come, as if they were all.
    pub(crate) fn truncate(self, bytes: usize) -> Fault {
        self.make(Act::Truncate(bytes))
    }

    /// The broker executes it; where the answer has this text, one letter of it is changed.
    pub(crate) fn corrupt(self, text: &'static str) -> Fault {
        self.make(Act::Corrupt(text.as_bytes()))
    }

    fn make(self, act: Act) -> Fault {
        let rule = Arc::new(Rule {
            act,
            api: R::KEY,
            chosen: self.chosen,
            pass: AtomicUsize::new(self.pass),
            take: AtomicUsize::new(self.take),
            fired: AtomicUsize::new(0),
            executed: AtomicUsize::new(0),
            refuse: refuse::<R>,
            spoil: spoil::<R>,
        });
        self.rules.lock().unwrap().push(rule.clone());
        Fault(rule)
    }
}
