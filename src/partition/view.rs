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
pub struct View {
    /// The state of every customer of the batch and of every customer in `timers`; customers who
    /// are not yet known are absent.
    pub states: BTreeMap<CustomerId, Known>,
    /// All timers before `loaded_to`, from the fired cursor on.
    pub timers: BTreeSet<TimerKey>,
    /// Where loading stopped because there were too many; `None` when all that the batch can make
    /// due are there.
    pub loaded_to: Option<TimerKey>,
    /// Transitions with which the batch is cut before the next timer; `None`: however many.
    pub changes_max: Option<usize>,
}

/// A customer in a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The state.
    pub state: CustomerState,
    /// The customer's entry in the timer index before the batch.
    pub(super) armed_before: Option<EventTime>,
    /// Whether the batch did anything to the customer.
    pub(super) touched: bool,
}

impl From<CustomerState> for Known {
    fn from(state: CustomerState) -> Known {
        Known {
            armed_before: state.armed,
            state,
            touched: false,
        }
    }
}
