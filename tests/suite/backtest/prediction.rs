//! Predictions, counted by hand.

use tenure::backtest::{Backtest, BacktestOptions, Prediction, PredictionTarget, Score};
use tenure::event::Millis;

use super::{DAY, at, history, measured, questions, version};

/// Days 0 to 100, outcomes within ten days: dates from day 10 to day 90.
fn asking() -> BacktestOptions {
    BacktestOptions {
        prediction: Some(PredictionTarget {
            outcome: "order".to_owned(),
            within: Millis(10 * DAY),
        }),
        ..questions()
    }
}

fn predicted(histories: &[tenure::backtest::History]) -> Prediction {
    let versions = [version("a risk", 0b10)];
    measured(&versions, asking(), histories).prediction.unwrap()
}

fn on(prediction: &Prediction, day: i64) -> (Score, Score) {
    let tally = prediction.dates.iter().find(|tally| tally.date == at(day));
    let tally = tally.unwrap_or_else(|| panic!("day {day} is no date"));
    (tally.score(0), tally.recency(0))
}

const ONE: u64 = Score::HIT_SCALE;

#[test]
fn prediction_dates_have_enough_history_before_and_after_them() {
    let prediction = predicted(&[]);
    let dates: Vec<i64> = prediction.dates.iter().map(|it| it.date.0 / DAY).collect();
    assert_eq!(dates.len(), 24);
    assert_eq!((dates[0], dates[23]), (10, 90));
    assert!(dates.windows(2).all(|it| (3..=4).contains(&(it[1] - it[0]))), "{dates:?}");
    let mut short = asking();
    short.end = at(19);
    let refused = Backtest::new(&[version("a risk", 0)], short).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the history of 19d is too short: a date for predictions needs 10d of history before it and after it"
    );
}

#[test]
fn flagged_and_stopped_customers_are_counted_among_those_with_the_outcome() {
    let prediction = predicted(&[
        // Flagged on day 10, and stopped: a hit.
        history(0, &[0], &[&[(5, 1)]]),
        // Flagged, and ordered ten days later: that is within, so a false alarm.
        history(0, &[1, 20], &[&[(5, 1)]]),
        // Not flagged, and ordered a day too late: missed.
        history(0, &[2, 21], &[&[]]),
        // Not flagged, and did not stop.
        history(0, &[10, 15], &[&[]]),
        // Flagged, without an order so far: not counted.
        history(0, &[12], &[&[(5, 1)]]),
        // Not a customer yet.
        history(11, &[11], &[&[]]),
    ]);
    let (own, recency) = on(&prediction, 10);
    let expected = Score { population: 4, stopped: 2, flagged: 2, hits: ONE };
    assert_eq!(own, expected);
    // Recency flags the two whose orders are oldest, days 0 and 1: one of them stopped.
    assert_eq!(recency, expected);
}

#[test]
fn a_retracted_outcome_counts_before_its_retraction_and_not_afterwards() {
    let taken_back = |mut history: tenure::backtest::History, outcome: usize, day: i64| {
        history.outcomes[outcome].retracted_at = Some(at(day));
        history
    };
    let prediction = predicted(&[
        // Retracted before day 10: not counted.
        taken_back(history(0, &[2], &[&[]]), 0, 8),
        // Retracted after it, which was not known on day 10.
        taken_back(history(0, &[2], &[&[]]), 0, 12),
        // The next one is retracted, too: it does not count, on whatever day it is retracted.
        taken_back(history(0, &[3, 14], &[&[(5, 1)]]), 1, 40),
        taken_back(history(0, &[3, 14, 19], &[&[]]), 1, 40),
        // As recent as the outcome before it.
        taken_back(history(0, &[0, 9], &[&[]]), 1, 9),
    ]);
    let (own, recency) = on(&prediction, 10);
    assert_eq!((own.population, own.stopped), (4, 3));
    assert_eq!((own.flagged, own.hits, recency.hits), (1, ONE, ONE));
}

#[test]
fn ties_at_the_cut_count_with_their_expected_share() {
    let flagged: &[(i64, usize)] = &[(10, 1)];
    let prediction = predicted(&[
        // Last on day 0, and stopped.
        history(0, &[0], &[&[]]),
        // Three with an order on day 4: two of them stopped.
        history(0, &[4], &[flagged]),
        history(0, &[4], &[flagged]),
        history(0, &[4, 12], &[&[]]),
        history(0, &[9, 12], &[&[]]),
    ]);
    let (own, recency) = on(&prediction, 10);
    assert_eq!((own.flagged, own.stopped, own.hits), (2, 3, 2 * ONE));
    // The longest inactive customer, and one of the three that tie: 1 + 2/3.
    assert_eq!(recency.hits, ONE + 2 * ONE / 3);
    assert_eq!(recency.flagged, 2);
}

#[test]
fn the_pooled_score_is_the_sum_of_all_dates() {
    let prediction = predicted(&[history(0, &[0], &[&[(50, 1)]])]);
    let dates = prediction.dates.len() as u64;
    let flagged = prediction.dates.iter().filter(|it| it.date >= at(50)).count() as u64;
    assert_eq!(
        prediction.score(0),
        Score { population: dates, stopped: dates, flagged, hits: flagged * ONE }
    );
    assert_eq!(prediction.recency(0).hits, flagged * ONE);
}

#[test]
fn lead_time_is_from_the_flag_to_the_end_of_the_inactivity_that_confirms_it() {
    let prediction = predicted(&[
        // Last order on day 20, flagged on day 24: confirmed on day 30, six days later.
        history(0, &[20], &[&[(24, 1)]]),
        // Flagged 12 days after the last order: no lead.
        history(0, &[20], &[&[(32, 1)]]),
        // A false alarm: an order within ten days after the flag.
        history(0, &[20, 33], &[&[(24, 1), (33, 0)]]),
        // Flagged after the last date, without an order, and for one instant only: not counted.
        history(0, &[20], &[&[(91, 1)]]),
        history(0, &[], &[&[(24, 1)]]),
        history(0, &[20], &[&[(24, 1), (24, 0)]]),
        // Twice: flagged correctly after three days, and again after two.
        history(0, &[10, 40], &[&[(13, 1), (40, 0), (42, 1)]]),
    ]);
    let leads = &prediction.lead_times[0];
    assert_eq!((leads.spells, leads.ahead.count, leads.late), (5, 4, 1));
    let lead = |percent| leads.ahead.percentile(percent).unwrap().0 / DAY;
    // 0, 6, 7 and 8 days.
    assert_eq!([25, 50, 75, 90].map(lead), [0, 6, 7, 8]);
}

#[test]
fn consecutive_flagged_stages_are_one_flag() {
    let versions = [version("a risk gone", 0b110)];
    let histories = [history(0, &[20], &[&[(24, 1), (28, 2)]])];
    let prediction = measured(&versions, asking(), &histories).prediction.unwrap();
    assert_eq!(prediction.lead_times[0].spells, 1);
    assert_eq!(on(&prediction, 90).0.flagged, 1);
}
