//! Checks the outputs of the engine, record by record: whether the rules allow them, whatever the values of the
//! conditions are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tenure::customer::{Cause, StageChange};
use tenure::event::{CustomerId, EventTime, Position, Watermark};
use tenure::model::{ModelId, Models, Reentry, StageId, TransitionId};
use tenure::partition::{Commit, Record, TimerKey};
use typed_index_collections::TiVec;

use super::engine::{Memory, Trial, event, stage_change};

pub(super) struct Watcher<'m> {
    models: &'m Models,
    customers: BTreeMap<CustomerId, Observed>,
    /// The previous transition, if the next one may be a further link of its chain.
    before: Option<(CustomerId, ModelId, Cause, EventTime)>,
}

/// What is known of a customer from events and outputs.
struct Observed {
    latest: EventTime,
    position: Position,
    /// By model.
    tracks: TiVec<ModelId, Track>,
}

struct Track {
    sequence: u64,
    stage: StageId,
    /// Unknown after a correction.
    entered: Option<EventTime>,
    /// Every stage of the last chain.
    chain: Vec<StageId>,
    /// When each transition was last taken.
    taken: BTreeMap<TransitionId, EventTime>,
    /// When each stage was last left.
    left: BTreeMap<StageId, EventTime>,
}

impl<'m> Watcher<'m> {
    pub(super) fn new(models: &'m Models) -> Watcher<'m> {
        Watcher { models, customers: BTreeMap::new(), before: None }
    }

    /// The outputs of one record, or of the end of time: first of the customer's own timers that are due before the event,
    /// then of the event, then of the timers that the watermark has passed.
    pub(super) fn step(&mut self, record: Option<&Record>, commit: &Commit) -> Trial<()> {
        let mut outputs = commit.outputs.iter().map(stage_change).peekable();
        self.before = None;
        if let Some(record) = record {
            let author = &event(record).customer;
            let due_before = Watermark(event(record).time.0);
            let known = self.customers.get(author).map(|observed| observed.position);
            while let Some((_, change)) = outputs
                .next_if(|(customer, change)| *customer == author && Some(change.position) == known)
            {
                self.timer(author, change, due_before)?;
            }
            // A duplicate only advances time.
            if commit.anomalies.duplicates == 0 {
                self.observe(record);
            }
            while let Some((customer, change)) =
                outputs.next_if(|(_, change)| change.cause != Cause::Timer)
            {
                prop_assert_eq!(customer, author);
                self.event(author, change)?;
            }
        }
        for (customer, change) in outputs {
            self.timer(customer, change, commit.progress.watermark)?;
        }
        Ok(())
    }

    fn observe(&mut self, record: &Record) {
        let event = event(record);
        let tracks = self.models.list.iter().map(|model| Track {
            sequence: 0,
            stage: model.initial,
            entered: Some(event.time),
            chain: Vec::new(),
            taken: BTreeMap::new(),
            left: BTreeMap::new(),
        });
        let observed = self.customers.entry(event.customer.clone());
        let observed = observed.or_insert_with(|| Observed {
            latest: event.time,
            position: record.position,
            tracks: tracks.collect(),
        });
        observed.latest = observed.latest.max(event.time);
        observed.position = record.position;
    }

    /// An event is evaluated at its own time, or a late one where the customer already is.
    fn event(&mut self, customer: &CustomerId, change: &StageChange) -> Trial<()> {
        let latest = self.customers[customer].latest;
        let track = &self.customers[customer].tracks[change.model];
        match track.entered {
            Some(entered) => {
                prop_assert_eq!(change.effective_at, latest.max(entered), "{:?}", change)
            }
            None => prop_assert!(change.effective_at >= latest, "{:?}", change),
        }
        match change.corrects {
            None => self.link(customer, change),
            Some(_) => self.correction(customer, change),
        }
    }

    /// A correction retracts the previous transition, whatever is declared.
    fn correction(&mut self, customer: &CustomerId, change: &StageChange) -> Trial<()> {
        self.before = None;
        let Some(observed) = self.customers.get_mut(customer) else {
            return Err(TestCaseError::fail(format!("unknown: {customer:?}")));
        };
        prop_assert_eq!(change.cause, Cause::Correction, "{:?}", change);
        prop_assert_eq!(change.position, observed.position, "{:?}", change);
        let track = &mut observed.tracks[change.model];
        prop_assert_eq!(change.from, track.stage, "{:?}", change);
        prop_assert!(change.to != change.from, "{change:?}");
        prop_assert_eq!(change.sequence, track.sequence + 1, "{:?}", change);
        let corrected = change.corrects.map(|corrected| corrected.sequence);
        prop_assert_eq!(corrected, Some(track.sequence), "{:?}", change);
        *track = Track {
            sequence: change.sequence,
            stage: change.to,
            entered: None,
            chain: Vec::new(),
            taken: BTreeMap::new(),
            left: BTreeMap::new(),
        };
        Ok(())
    }

    /// A timer is later than all events of the customer, and fires once its instant has passed.
    fn timer(
        &mut self,
        customer: &CustomerId,
        change: &StageChange,
        due_before: Watermark,
    ) -> Trial<()> {
        let latest = self.customers[customer].latest;
        prop_assert_eq!(change.cause, Cause::Timer, "{:?}", change);
        prop_assert!(due_before.has_passed(change.effective_at), "early: {change:?}");
        prop_assert!(change.effective_at > latest, "not later: {change:?}");
        self.link(customer, change)
    }

    /// A transition begins a chain or is the next link of one.
    fn link(&mut self, customer: &CustomerId, change: &StageChange) -> Trial<()> {
        let link = (customer.clone(), change.model, change.cause, change.effective_at);
        let continues = self.before.replace(link.clone()) == Some(link);
        let Some(observed) = self.customers.get_mut(customer) else {
            return Err(TestCaseError::fail(format!("unknown: {customer:?}")));
        };
        prop_assert_eq!(change.position, observed.position, "{:?}", change);
        let track = &mut observed.tracks[change.model];
        if continues {
            prop_assert!(!track.chain.contains(&change.to), "again: {change:?}");
        } else {
            // A timer fires once: the next one is later than the last entry.
            let timer = change.cause == Cause::Timer;
            let again = timer && Some(change.effective_at) <= track.entered;
            prop_assert!(!again, "again: {change:?}");
            track.chain = vec![change.from];
        }
        track.chain.push(change.to);
        track.follow(self.models, change)
    }
}

impl Track {
    fn follow(&mut self, models: &Models, change: &StageChange) -> Trial<()> {
        let model = &models.list[change.model];
        let declared = &model.transitions[change.transition];
        prop_assert!(declared.from.contains(&change.from), "{change:?}");
        prop_assert_eq!(declared.to, change.to, "{:?}", change);
        prop_assert_eq!(change.from, self.stage, "{:?}", change);
        prop_assert_eq!(change.entered, self.entered.unwrap_or(change.entered), "{:?}", change);
        prop_assert_eq!(change.sequence, self.sequence + 1, "{:?}", change);
        let stayed = change.effective_at.duration_since(change.entered);
        let min_dwell = model.stages[change.from].min_dwell;
        prop_assert!(stayed.0 >= 0 && stayed >= min_dwell, "too soon: {change:?}");
        if declared.hold.0 > 0 {
            let since = change.held_since;
            let hold = since.map(|since| change.effective_at.duration_since(since));
            prop_assert!(since >= self.entered, "the hold began before the entry: {change:?}");
            prop_assert!(hold >= Some(declared.hold), "the hold is too short: {change:?}");
        }
        if let Some(taken) = self.taken.insert(change.transition, change.effective_at) {
            let pause = change.effective_at.duration_since(taken);
            prop_assert!(pause >= declared.cooldown, "in cooldown: {change:?}");
        }
        if let Some(left) = self.left.get(&change.to) {
            let away = change.effective_at.duration_since(*left);
            let allowed = match model.stages[change.to].reentry {
                Reentry::Always => true,
                Reentry::After(span) => away >= span,
                Reentry::Never => false,
            };
            prop_assert!(allowed, "entered again: {change:?}");
        }
        self.left.insert(change.from, change.effective_at);
        self.sequence = change.sequence;
        self.stage = change.to;
        self.entered = Some(change.effective_at);
        Ok(())
    }
}

/// After a batch no timer is overdue, and all pending ones are in the timer index.
pub(super) fn check_timers(memory: &Memory, watermark: Watermark) -> Trial<()> {
    let mut armed = memory.timers.clone();
    for (customer, state) in &memory.states {
        let due = state.next_due();
        prop_assert!(!due.is_some_and(|due| watermark.has_passed(due)), "{state:?}");
        let early_enough = state.armed.is_some() && state.armed <= due;
        prop_assert!(due.is_none() || early_enough, "{state:?}");
        if let Some(due) = state.armed {
            let customer = customer.clone();
            prop_assert!(armed.remove(&TimerKey { due, customer }), "{state:?}");
        }
    }
    prop_assert!(armed.is_empty(), "without a customer: {armed:?}");
    Ok(())
}
