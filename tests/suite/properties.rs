//! The rules of lifecycles as laws, over random models and histories: the real engine is compared with the reference,
//! and with itself.

mod backtest;
mod engine;
mod evaluations;
mod explained;
mod order_variety;
mod variety;
mod watcher;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tenure::customer::{self, CustomerState};
use tenure::event::{CustomerId, EventTime};
use tenure::partition::codec::Identity;
use tenure::partition::{Batch, Commit, Output, Progress, StateView, TimerKey, apply};
use tenure::store::{Config, PartitionCommit, Store};

use crate::histories::{self, Case};
use crate::reference::Change;
use engine::{Cuts, Engine, Memory, Trial, stage_change};
use watcher::Watcher;

/// Variables such as `PROPTEST_CASES` apply. A failure prints its models and events, so that no file of seeds is
/// needed to reproduce it.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

/// For errors in rare combinations of rules.
fn thorough() -> ProptestConfig {
    let config = config();
    ProptestConfig { cases: config.cases * 8, ..config }
}

/// For tests that use the disk.
fn slow() -> ProptestConfig {
    let config = config();
    ProptestConfig { cases: config.cases.div_ceil(20), max_shrink_iters: 200, ..config }
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let records = prop::collection::vec(1..=6_usize, 1..=4);
    let timers = prop_oneof![1..=3_usize, Just(usize::MAX)];
    (records, timers).prop_map(|(records, timers)| Cuts { records, timers })
}

proptest! {
    #![proptest_config(thorough())]

    #[test]
    fn in_order_histories_agree_with_the_reference(case in histories::in_order()) {
        agrees_with_reference(&case)?;
    }

    #[test]
    fn out_of_order_histories_agree_with_the_reference(
        case in histories::out_of_order(),
    ) {
        agrees_with_reference(&case)?;
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn batch_boundaries_do_not_change_the_outputs(
        case in histories::out_of_order(),
        cuts in cuts(),
    ) {
        let engine = Engine::of(&case)?;
        let whole = engine.run(&Cuts::none())?;
        let cut = engine.run(&cuts)?;
        same(&engine, &cut.outputs, &whole.outputs)?;
        prop_assert_eq!(cut.progress.timers, cut.memory.timers.len() as u64);
        prop_assert_eq!(unarmed(cut.memory)?, unarmed(whole.memory)?);
        prop_assert_eq!(uncounted(cut.progress), uncounted(whole.progress));
    }

    #[test]
    fn a_backtest_takes_the_same_transitions_as_a_replay(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        backtest::agrees_with_replay(&case)?;
    }

    #[test]
    fn a_backtest_counts_the_same_outcomes_as_a_model(case in histories::in_order()) {
        backtest::outcomes_are_those_that_models_count(&case)?;
    }

    #[test]
    fn a_customer_does_not_depend_on_other_customers(
        case in prop_oneof![histories::in_order(), histories::within_lateness()],
    ) {
        let engine = Engine::of(&case)?;
        let together = engine.run(&Cuts::none())?;
        for customer in together.memory.states.keys() {
            let own = together.outputs.iter().filter(|output| stage_change(output).0 == customer);
            let own: Vec<_> = own.cloned().collect();
            let alone = engine.only(customer).run(&Cuts::none())?;
            same(&engine, &alone.outputs, &own)?;
        }
    }

    #[test]
    fn transitions_are_declared_and_gapless_and_timers_fire_once_and_never_early(
        case in prop_oneof![histories::in_order(), histories::out_of_order()],
    ) {
        let engine = Engine::of(&case)?;
        let mut watcher = Watcher::new(&engine.models);
        let mut memory = Memory::default();
        engine.drive(&Cuts::one_by_one(), |progress, batch| {
            let record = batch.records.first().cloned();
            let commit = memory.step(&engine, usize::MAX, progress, batch)?;
            watcher.step(record.as_ref(), &commit)?;
            watcher::check_timers(&memory, commit.progress.watermark)?;
            Ok(commit)
        })?;
    }

    #[test]
    fn a_state_is_the_same_after_encoding_and_decoding(case in histories::out_of_order()) {
        let engine = Engine::of(&case)?;
        for state in states(&engine)? {
            let decoded = customer::decode(&encoded(&state), &engine.models);
            prop_assert_eq!(decoded, Ok(state));
        }
    }

    #[test]
    fn damaged_state_bytes_cause_no_panic(
        case in histories::out_of_order(),
        end in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..=4),
    ) {
        let engine = Engine::of(&case)?;
        for state in states(&engine)? {
            let mut bytes = encoded(&state);
            let cut = &bytes[..end.index(bytes.len())];
            prop_assert!(customer::decode(cut, &engine.models).is_err());
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            drop(customer::decode(&bytes, &engine.models)); // It may be another good state.
        }
    }
}

proptest! {
    #![proptest_config(slow())]

    #[test]
    fn a_store_on_disk_gives_the_same_as_one_batch_in_memory(
        case in histories::out_of_order(),
        cuts in cuts(),
    ) {
        let engine = Engine::of(&case)?;
        let whole = engine.run(&Cuts::none())?;
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).with_timers_per_batch(cuts.timers);
        let (outputs, progress) = engine.drive(&cuts, |progress, batch| {
            Ok(step(&engine, &store, progress, batch))
        })?;
        same(&engine, &outputs, &whole.outputs)?;
        prop_assert_eq!(uncounted(progress.clone()), uncounted(whole.progress));
        store.flush().unwrap();
        drop(store);
        let store = open(folder.path());
        let stored = store.progress(PARTITION, &Identity::default(), "").unwrap();
        prop_assert_eq!(stored.as_ref(), Some(&progress));
        let found = found(&engine, &store, &progress);
        prop_assert_eq!(unarmed(found)?, unarmed(whole.memory)?);
    }
}

// ---- comparing

fn agrees_with_reference(case: &Case) -> Trial<()> {
    let engine = Engine::of(case)?;
    let run = engine.run(&Cuts::none())?;
    let (found, expected) = (engine.changes(&run.outputs), case.expected());
    prop_assert!(
        found == expected,
        "the engine has\n{}and the reference has\n{}",
        lines(&found),
        lines(&expected)
    );
    Ok(())
}

/// Equal in all details; a difference is shown in short form first.
fn same(engine: &Engine, found: &[Output], expected: &[Output]) -> Trial<()> {
    let (short, wanted) = (engine.changes(found), engine.changes(expected));
    prop_assert!(short == wanted, "found\n{}instead of\n{}", lines(&short), lines(&wanted));
    prop_assert_eq!(found, expected);
    Ok(())
}

fn lines(changes: &[Change]) -> String {
    let line = |change: &Change| {
        let Change { customer, model, sequence, from, to, .. } = change;
        let (name, cause) = (&change.transition, change.cause);
        let at = EventTime(change.effective_at);
        let since = EventTime(change.entered_previous_at);
        let stages = format!("{from} (since {since}) -> {to}");
        format!("  {at} {customer} {model} #{sequence}: {stages}, `{name}` by {cause:?}\n")
    };
    changes.iter().map(line).collect()
}

/// Progress without the number of batches and of timer entries, which may differ.
fn uncounted(progress: Progress) -> Progress {
    Progress { batch: 0, timers: 0, ..progress }
}

// ---- states and stores

/// The states without their entries in the timer index: an entry is never later than its timer, and may be obsolete,
/// which is detected when it fires.
fn unarmed(memory: Memory) -> Trial<BTreeMap<CustomerId, CustomerState>> {
    let Memory { mut states, timers } = memory;
    let mut armed = BTreeSet::new();
    for (customer, state) in &mut states {
        let entry = state.armed.take();
        if let Some(due) = state.next_due() {
            prop_assert!(entry.is_some_and(|entry| entry <= due), "{customer:?}");
        }
        armed.extend(entry.map(|due| TimerKey { due, customer: customer.clone() }));
    }
    prop_assert_eq!(timers, armed);
    Ok(states)
}

/// Every state during the history.
fn states(engine: &Engine) -> Trial<Vec<CustomerState>> {
    let mut memory = Memory::default();
    let mut states = Vec::new();
    engine.drive(&Cuts::one_by_one(), |progress, batch| {
        let commit = memory.step(engine, usize::MAX, progress, batch)?;
        states.extend(commit.states.iter().map(|(_, state)| state.clone()));
        Ok(commit)
    })?;
    Ok(states)
}

fn encoded(state: &CustomerState) -> Vec<u8> {
    let mut bytes = Vec::new();
    customer::encode(state, &mut bytes);
    bytes
}

const PARTITION: u32 = 3;

fn open(folder: &Path) -> Store {
    let config = Config { memory_bytes: 8 << 20, durable: false };
    Store::open(folder, &config).unwrap()
}

fn step(engine: &Engine, store: &Store, progress: &Progress, batch: Batch) -> Commit {
    let (models, lateness) = (&engine.models, engine.lateness);
    let view = store.prefetch(models, PARTITION, lateness, progress, &batch);
    let commit = apply(models, lateness, progress, view.unwrap(), batch);
    let written = PartitionCommit {
        partition: PARTITION,
        commit: &commit,
        changelog_offset: None,
        generation: None,
    };
    store.write(&Identity::default(), &[written]).unwrap();
    commit
}

/// Everything that is in the store.
fn found(engine: &Engine, store: &Store, progress: &Progress) -> Memory {
    let all = Batch {
        records: engine.records.clone(),
        advance_to: Some(EventTime::MAX),
        ..Batch::default()
    };
    let (models, lateness) = (&engine.models, engine.lateness);
    let view = store.prefetch(models, PARTITION, lateness, progress, &all);
    let StateView { states, timers, .. } = view.unwrap();
    let states = states.into_iter().map(|(id, known)| (id, known.state));
    Memory { states: states.collect(), timers }
}
