//! Converts the exact counts of a backtest into ratios.

use crate::backtest::Score;

/// The rates of a score; NaN if the divisor is zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// The share of flagged customers who stopped.
    pub(super) precision: f64,
    /// Wilson's 95 % interval of the precision.
    pub(super) interval: (f64, f64),
    /// The share of customers who stopped that was flagged.
    pub(super) recall: f64,
    /// The harmonic mean of precision and recall.
    pub(super) f1: f64,
    /// The share of all customers that was flagged.
    pub(super) flagged_share: f64,
    /// The share of all customers that stopped.
    pub(super) base_rate: f64,
}

impl Rates {
    pub(super) fn from_score(score: &Score) -> Rates {
        let hits = score.hits as f64 / Score::HIT_SCALE as f64;
        let (flagged, stopped) = (score.flagged as f64, score.stopped as f64);
        let population = score.population as f64;
        let precision = hits / flagged;
        Rates {
            precision,
            interval: wilson_interval(precision, flagged),
            recall: hits / stopped,
            f1: 2.0 * hits / (flagged + stopped),
            flagged_share: flagged / population,
            base_rate: stopped / population,
        }
    }
}

/// Wilson's 95 % score interval of a share of `count`.
fn wilson_interval(share: f64, count: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let square = Z * Z / count;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = Z / (1.0 + square) * (share * (1.0 - share) / count + square / (4.0 * count)).sqrt();
    (middle - half, middle + half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::format::format_ratio;

    #[test]
    fn rates_match_published_values() {
        // 40 customers: 20 stopped, 10 were flagged, 8 of the flagged stopped.
        let rates = Rates::from_score(&Score {
            population: 40,
            stopped: 20,
            flagged: 10,
            hits: 8 * Score::HIT_SCALE,
        });
        assert_eq!((rates.precision, rates.recall), (0.8, 0.4));
        assert_eq!((rates.flagged_share, rates.base_rate), (0.25, 0.5));
        assert!((rates.f1 - 2.0 * 0.8 * 0.4 / 1.2).abs() < 1e-12);
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662 without continuity correction.
        let (low, high) = wilson_interval(81.0 / 263.0, 263.0);
        assert_eq!(format!("{low:.4} {high:.4}"), "0.2553 0.3662");
        assert_eq!(format_ratio(Rates::from_score(&Score::default()).precision), "–");
    }
}
