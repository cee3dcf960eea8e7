//! Windows: stretches of whole hours or days of UTC.

use crate::event::Millis;

/// The current bucket and the `buckets - 1` before it (`lifecycle.md` rule 10), or the same stretch as
/// it was a number of buckets ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// What a bucket is.
    pub bucket: Bucket,
    /// How many.
    pub buckets: u32,
    /// How many buckets ago it ended; 0 for a window that ends now.
    pub buckets_ago: u32,
}

/// A stretch of UTC time; it includes its start and excludes its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Bucket {
    /// Its length.
    pub fn length(self) -> Millis {
        match self {
            Bucket::Hour => Millis::HOUR,
            Bucket::Day => Millis::DAY,
        }
    }
}

/// Longest window, and the longest reach of one in days that ended a while ago.
const DAYS_MAX: i64 = 3660;
/// Longest window that counts hours.
const HOURS_MAX: i64 = 72;
/// Farthest back that a window in hours may have ended.
const HOURS_BEFORE_MAX: i64 = 31 * 24;

impl Window {
    /// Up to 72 hours in hours, longer ones in whole days; `None` for any other length.
    pub fn from_length(length: Millis) -> Option<Window> {
        let bucket = if length.0 <= HOURS_MAX * Millis::HOUR.0 {
            Bucket::Hour
        } else {
            Bucket::Day
        };
        let fits = length.0 > 0
            && length.0 % bucket.length().0 == 0
            && length.0 <= DAYS_MAX * Millis::DAY.0;
        fits.then(|| Window {
            bucket,
            buckets: (length.0 / bucket.length().0) as u32,
            buckets_ago: 0,
        })
    }

    /// The same as it was so long ago; `None` where that is not in whole buckets, or too far back.
    pub fn shifted_back(self, span: Millis) -> Option<Window> {
        let length = self.bucket.length().0;
        let buckets = span.0 / length;
        let most = match self.bucket {
            Bucket::Hour => HOURS_BEFORE_MAX,
            Bucket::Day => DAYS_MAX - i64::from(self.buckets),
        };
        let fits = span.0 % length == 0 && (1..=most).contains(&buckets);
        fits.then_some(Window {
            buckets_ago: buckets as u32,
            ..self
        })
    }

    /// How many buckets, the current one included, must be kept for it.
    pub fn retained_buckets(self) -> u32 {
        self.buckets + self.buckets_ago
    }
}
