//! State prefetched for a batch: the states it can touch and the timers it can make due.

use std::collections::{BTreeMap, BTreeSet};

use crate::customer::CustomerState;
use crate::event::{CustomerId, EventTime};

/// An entry of the timer index. One per customer: the earliest due time of all models. When it fires, the
/// models are evaluated in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerKey {
    pub due: EventTime,
    pub customer: CustomerId,
}

/// Prefetched states and timers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateView {
    /// The state of every customer of the batch and of every customer in `timers`. New customers are absent.
    pub states: BTreeMap<CustomerId, LoadedCustomer>,
    /// All timers from the fired cursor to before `loaded_to`.
    pub timers: BTreeSet<TimerKey>,
    /// Where loading stopped at the limit; `None` if all timers that the batch can make due are loaded.
    pub loaded_to: Option<TimerKey>,
    /// Up to where outdated customers are loaded; `None` if there are none, or none were loaded.
    pub sweep: Option<Sweep>,
    /// After this many transitions the batch is cut before the next timer; `None`: no limit.
    pub transitions_max: Option<usize>,
}

/// The end of the loaded part of a migration sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Before this customer.
    UpTo(CustomerId),
    /// After the last customer.
    End,
}

/// A customer in a view.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedCustomer {
    pub state: CustomerState,
    /// The customer's entry in the timer index before the batch.
    pub(super) armed_before: Option<EventTime>,
    /// Whether the state on disk has the previous generation: it is converted, but not yet re-evaluated.
    pub(super) is_outdated: bool,
    /// Whether the batch changed the customer, so that the commit must write it.
    pub(super) touched: bool,
}

impl From<CustomerState> for LoadedCustomer {
    fn from(state: CustomerState) -> LoadedCustomer {
        LoadedCustomer { armed_before: state.armed, state, is_outdated: false, touched: false }
    }
}

impl LoadedCustomer {
    /// A state of the previous generation, converted to the current models.
    pub fn outdated(state: CustomerState) -> LoadedCustomer {
        LoadedCustomer { is_outdated: true, ..LoadedCustomer::from(state) }
    }
}
