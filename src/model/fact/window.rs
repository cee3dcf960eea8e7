//! Windows of facts: ranges of whole hours or days in UTC.

use crate::event::Millis;

/// The current bucket and the `buckets - 1` before it (`config/models/RULES.md` rule 10), or the same window as it was
/// `buckets_ago` buckets ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    pub bucket: Bucket,
    /// The number of buckets.
    pub buckets: u32,
    /// How many buckets ago it ended; 0 for a window that ends now.
    pub buckets_ago: u32,
}

/// A range of UTC time, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    Hour,
    Day,
}

impl Bucket {
    pub fn length(self) -> Millis {
        match self {
            Bucket::Hour => Millis::HOUR,
            Bucket::Day => Millis::DAY,
        }
    }
}

/// The longest window; for a window in days, length and shift together.
const DAYS_MAX: i64 = 3660;
/// The longest window with buckets of an hour.
const HOURS_MAX: i64 = 72;
/// The largest shift of a window with buckets of an hour.
const HOURS_BEFORE_MAX: i64 = 31 * 24;

impl Window {
    /// Up to 72 hours in whole hours, longer ones in whole days; `None` for any other length.
    pub(crate) fn from_length(length: Millis) -> Option<Window> {
        let bucket =
            if length.0 <= HOURS_MAX * Millis::HOUR.0 { Bucket::Hour } else { Bucket::Day };
        let fits = length.0 > 0
            && length.0 % bucket.length().0 == 0
            && length.0 <= DAYS_MAX * Millis::DAY.0;
        fits.then(|| Window {
            bucket,
            buckets: (length.0 / bucket.length().0) as u32,
            buckets_ago: 0,
        })
    }

    /// The window as it was `shift` ago; `None` if `shift` is not whole buckets, or too far back.
    pub(crate) fn shifted_back(self, shift: Millis) -> Option<Window> {
        let length = self.bucket.length().0;
        let buckets = shift.0 / length;
        let max = match self.bucket {
            Bucket::Hour => HOURS_BEFORE_MAX,
            Bucket::Day => DAYS_MAX - i64::from(self.buckets),
        };
        let fits = shift.0 % length == 0 && (1..=max).contains(&buckets);
        fits.then_some(Window { buckets_ago: buckets as u32, ..self })
    }

    /// The number of buckets, the current one included, that a slot must retain for the window.
    pub(crate) fn retained_buckets(self) -> u32 {
        self.buckets + self.buckets_ago
    }
}
