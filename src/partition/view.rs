//! What was prefetched for a batch: the states it can touch and the timers it can make due.

use std::collections::{BTreeMap, BTreeSet};

use crate::customer::CustomerState;
use crate::event::{CustomerId, EventTime};

/// An entry of the timer index. One per customer: the earliest instant of all models; at that
/// instant the models are looked at in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerKey {
    /// When.
    pub due: EventTime,
    /// Whose.
    pub customer: CustomerId,
}

/// States and timers in memory. Whether they came from disk, from a cache or were made up by a
/// test is nobody's business here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateView {
    /// The state of every customer of the batch and of every customer in `timers`; customers who
    /// are not yet known are absent.
    pub states: BTreeMap<CustomerId, LoadedCustomer>,
    /// All timers before `loaded_to`, from the fired cursor on.
    pub timers: BTreeSet<TimerKey>,
    /// Where loading stopped because there were too many; `None` when all that the batch can make
    /// due are there.
    pub loaded_to: Option<TimerKey>,
    /// How far the customers are there who have still to be brought under the models: all of them before
    /// this one. `None` where there are none, or none were loaded.
    pub sweep: Option<Sweep>,
    /// Transitions with which the batch is cut before the next timer; `None`: however many.
    pub transitions_max: Option<usize>,
}

/// How far a sweep over all customers has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// To before this one.
    UpTo(CustomerId),
    /// To the last one.
    End,
}

/// A customer in a view.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedCustomer {
    /// The state.
    pub state: CustomerState,
    /// The customer's entry in the timer index before the batch.
    pub(super) armed_before: Option<EventTime>,
    /// Whether the state was made with the models before, which is all that it has been brought over from.
    pub(super) is_outdated: bool,
    /// Whether the batch did anything to the customer.
    pub(super) touched: bool,
}

impl From<CustomerState> for LoadedCustomer {
    fn from(state: CustomerState) -> LoadedCustomer {
        LoadedCustomer {
            armed_before: state.armed,
            state,
            is_outdated: false,
            touched: false,
        }
    }
}

impl LoadedCustomer {
    /// A state that was made with the models before, as one of the models of today.
    pub fn outdated(state: CustomerState) -> LoadedCustomer {
        LoadedCustomer {
            is_outdated: true,
            ..LoadedCustomer::from(state)
        }
    }
}
