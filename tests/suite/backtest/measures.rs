//! Small histories, counted by hand.

use tenure::backtest::{DurationHistogram, FirstEntries, Flow, ReversalCounts};
use tenure::event::Millis;
use typed_index_collections::ti_vec;

use super::{DAY, at, history, measured, questions, version};

fn days(lengths: &DurationHistogram) -> (u64, Option<i64>, Option<i64>, Option<i64>) {
    let days = |it: Option<Millis>| it.map(|it| it.0 / DAY);
    let (median, most) = (lengths.percentile(50), lengths.percentile(90));
    (lengths.count, days(lengths.mean()), days(median), days(most))
}

#[test]
fn the_matrix_counts_all_customers_at_each_date_by_both_stages() {
    let versions = [version("a b", 0), version("a b", 0)];
    let histories =
        [history(0, &[], &[&[(10, 1)], &[(20, 1)]]), history(50, &[], &[&[], &[(60, 1)]])];
    let backtest = measured(&versions, questions(), &histories);
    let census = &backtest.census;
    assert_eq!(*census.dates.first().unwrap(), at(0));
    assert_eq!(*census.dates.last().unwrap(), at(100));
    // One hundred days in 47 steps: at midnight, two days apart or three.
    assert!(census.dates.windows(2).all(|it| it[1].duration_since(it[0]).0 % DAY == 0));
    let on = |day| census.dates.iter().position(|date| *date >= at(day)).unwrap();
    let matrix =
        |day| -> Vec<&[u64]> { census.matrix[on(day)].iter().map(|it| &*it.raw).collect() };
    assert_eq!(matrix(0), [[1, 0], [0, 0]]);
    assert_eq!(matrix(11), [[0, 0], [1, 0]]);
    assert_eq!(matrix(52), [[1, 0], [0, 1]]);
    assert_eq!(matrix(100), [[0, 1], [0, 1]]);
    assert_eq!(census.population[on(100)], [ti_vec![1, 1], ti_vec![0, 2]]);
    let shown = census.shown();
    assert_eq!((shown.len(), *shown.last().unwrap()), (12, census.dates.len() - 1));
}

#[test]
fn a_transition_on_a_date_counts_on_that_date() {
    let versions = [version("a b", 0)];
    let backtest = measured(&versions, questions(), &[history(0, &[], &[&[(100, 1)]])]);
    assert_eq!(*backtest.census.population.last().unwrap(), [ti_vec![0, 1]]);
    assert_eq!(backtest.stays[0].stages.raw[1].ongoing.count, 1);
}

#[test]
fn completed_and_ongoing_stays_are_measured_separately() {
    let versions = [version("a b c", 0)];
    let histories = [
        // a 0–10, b 10–10, c 10–30, b 30–
        history(0, &[], &[&[(10, 1), (10, 2), (30, 1)]]),
        // a 40–44
        history(40, &[], &[&[(44, 2)]]),
        // a 0–
        history(0, &[], &[&[]]),
    ];
    let backtest = measured(&versions, questions(), &histories);
    let [a, b, c] = &backtest.stays[0].stages.raw[..] else {
        panic!("three stages");
    };
    assert_eq!((a.entries, a.exits(), a.passed), (3, 2, 0));
    assert_eq!(days(&a.completed), (2, Some(7), Some(4), Some(10)));
    assert_eq!(days(&a.ongoing), (1, Some(100), Some(100), Some(100)));
    assert_eq!((b.entries, b.exits(), b.passed), (2, 1, 1));
    assert_eq!(days(&b.completed), (0, None, None, None));
    assert_eq!(days(&b.ongoing), (1, Some(70), Some(70), Some(70)));
    assert_eq!((c.entries, c.exits()), (2, 1));
    assert_eq!(days(&c.completed), (1, Some(20), Some(20), Some(20)));
}

#[test]
fn percentiles_are_by_nearest_rank_with_an_error_of_at_most_one_in_500() {
    let mut lengths = DurationHistogram::default();
    for day in (1..=10).rev() {
        lengths.add(Millis(day * DAY));
    }
    assert_eq!(lengths.mean(), Some(Millis(11 * DAY / 2)));
    let percentile = |percent| lengths.percentile(percent).unwrap().0 / DAY;
    assert_eq!([1, 10, 11, 50, 51, 90, 91, 100].map(percentile), [1, 1, 2, 5, 6, 9, 10, 10]);
    // A hundred thousand lengths, all different: from a second to three years.
    let mut lengths = DurationHistogram::default();
    let all: Vec<i64> = (1..=100_000).map(|n| n * 997_331).collect();
    all.iter().for_each(|length| lengths.add(Millis(*length)));
    for percent in 1..=100 {
        let exact = all[percent * 1000 - 1];
        let found = lengths.percentile(percent as u64).unwrap().0;
        assert!(found >= exact && (found - exact) * 500 <= exact, "{percent}: {found} {exact}");
    }
}

#[test]
fn a_flap_is_a_return_to_the_previous_stage_within_the_span() {
    let versions = [version("a b c", 0)];
    let histories = [
        // b–a after six days is a flap, and so is a–b one day later; b–a eight days later is none.
        history(0, &[], &[&[(10, 1), (16, 0), (17, 1), (25, 0)]]),
        // A return after exactly seven days is none, nor is one by way of c.
        history(0, &[], &[&[(10, 1), (17, 0), (25, 1), (26, 2), (27, 0)]]),
        // A chain of three.
        history(0, &[], &[&[(10, 1), (10, 2), (10, 0), (40, 1), (40, 2)]]),
    ];
    let backtest = measured(&versions, questions(), &histories);
    let flaps = &backtest.flaps[0];
    assert_eq!((flaps.transitions, flaps.flaps, flaps.customers, flaps.most), (14, 2, 1, 2));
    assert_eq!((flaps.chains, flaps.longest_chain), (2, 3));
    // The undone transition is the first of the two.
    assert_eq!(flaps.reversals[&(0.into(), 1.into())], ReversalCounts { made: 6, undone: 1 });
    assert_eq!(flaps.reversals[&(1.into(), 0.into())], ReversalCounts { made: 3, undone: 1 });
}

#[test]
fn differences_between_versions_are_measured() {
    let versions = [version("a b", 0), version("a b", 0)];
    let histories = [
        // Different from day 10 to 20, and equal at the end.
        history(0, &[], &[&[(10, 1)], &[(20, 1)]]),
        // Equal.
        history(0, &[], &[&[(30, 1)], &[(30, 1)]]),
        // Different from day 60 to the end.
        history(50, &[], &[&[], &[(60, 1)]]),
        // Different at one instant only: a difference without a duration.
        history(90, &[], &[&[(95, 1), (95, 0)], &[]]),
    ];
    let backtest = measured(&versions, questions(), &histories);
    let differences = backtest.differences.unwrap();
    assert!(differences.is_comparable);
    assert_eq!((differences.at_end, differences.histories), (1, 3));
    assert_eq!(differences.time_apart, i128::from(50 * DAY));
    assert_eq!(backtest.customer_time, i128::from(260 * DAY));
    assert_eq!(differences.flows[&(0.into(), 1.into())], Flow { both: 1, only: [2, 2] });
    assert_eq!(differences.flows[&(1.into(), 0.into())], Flow { both: 0, only: [1, 0] });
    let b: &FirstEntries = &differences.first_entries.raw[1];
    assert_eq!((b.same, b.only), (1, [1, 1]));
    assert_eq!(days(&b.earlier), (0, None, None, None));
    assert_eq!(days(&b.later), (1, Some(10), Some(10), Some(10)));
    let names: Vec<&str> = (differences.examples().iter()).map(|it| it.customer.as_str()).collect();
    assert_eq!(names, ["c0", "c2", "c3"]);
}

#[test]
fn renamed_and_merged_stages_are_compared_as_the_same() {
    let versions = [version("a b c", 0), version("first=a two=[b,c]", 0)];
    let histories = [
        history(0, &[], &[&[(10, 1)], &[(10, 1)]]),
        // There is no transition from b to c any more.
        history(0, &[], &[&[(10, 1), (20, 2)], &[(10, 1)]]),
    ];
    let backtest = measured(&versions, questions(), &histories);
    let differences = backtest.differences.unwrap();
    assert_eq!((differences.at_end, differences.histories), (0, 0));
    assert_eq!(differences.stages.raw, ["first", "two"]);
    assert_eq!(differences.flows[&(0.into(), 1.into())], Flow { both: 2, only: [0, 0] });
}

#[test]
fn examples_are_limited_and_deterministic() {
    let versions = [version("a b", 0), version("a b", 0)];
    let histories: Vec<_> = (0..200).map(|_| history(0, &[], &[&[], &[(5, 1)]])).collect();
    let mut asked = questions();
    asked.examples = 3;
    let chosen = |histories| {
        let backtest = measured(&versions, asked.clone(), histories);
        let differences = backtest.differences.unwrap();
        let ids = differences.examples().into_iter().map(|it| it.customer.as_str().to_owned());
        ids.collect::<Vec<String>>()
    };
    let all = chosen(&histories);
    assert_eq!(all.len(), 3);
    // Those of the first hundred that have the lowest hashes of all also have the lowest of the first hundred.
    let of_half = chosen(&histories[..100]);
    let numbers =
        |ids: &[String]| -> Vec<usize> { ids.iter().map(|id| id[1..].parse().unwrap()).collect() };
    assert!(numbers(&all).iter().filter(|it| **it < 100).all(|it| numbers(&of_half).contains(it)));
    asked.examples = 0;
    assert!(measured(&versions, asked, &histories).differences.unwrap().examples().is_empty());
}
