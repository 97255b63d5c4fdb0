//! How columns are to be encoded.

use serde::{Deserialize, Serialize};

use crate::table::ColumnType;
use crate::task::Task;

/// How columns become numbers. The default infers what can be inferred; the target has to be named.
///
/// Values are checked where settings are read; a name that the table lacks is refused by
/// [`Encoder::fit`](super::Encoder::fit).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderOptions {
    /// What is to be learnt: one column or several.
    pub target: Vec<String>,
    /// The kind of target; `None`: inferred, as [`infer_task`](super::infer_task) says.
    pub task: Option<Task>,
    /// The column of row weights: finite, not negative, none missing.
    pub weight: Option<String>,
    /// Columns that are no features: those left out on request, and those that rows are split by.
    pub ignore: Vec<String>,
    /// Columns whose type is declared instead of taken from the table.
    pub types: Vec<(String, ColumnType)>,
    /// Columns of numbers (postcodes, codes) whose values are names, not quantities.
    pub categorical: Vec<String>,
    /// Keep columns that say nothing, having one value in all training rows or the same as another column: where the
    /// network's width must not depend on the rows (an image's pixels).
    pub keep_constant: bool,
    /// What a datetime is expanded into; empty: a datetime column is refused.
    pub datetime_parts: Vec<DatetimePart>,
    /// How numbers are brought to a common scale.
    pub scaling: Scaling,
    /// Whether numbers also enter piecewise.
    pub numeric_encoding: NumericEncoding,
    /// Columns of up to this many categories become one-hot; those of more pass through a learnt table.
    pub one_hot_limit: usize,
    /// One-hot columns of more categories than this stay codes, which the first layer's product takes sparsely; the
    /// others become 0/1 numbers. A dense row of 8 `f32` is half a cache line; beyond it the codes are smaller and the
    /// product skips the zeros.
    pub sparse_above: usize,
    /// Columns of more words than this are hashed into this many buckets.
    pub hash_limit: usize,
    /// How the targets of a regression are scaled.
    pub target_scaling: TargetScaling,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        use DatetimePart::{Hour, Month, Weekday, Year};
        Self {
            target: Vec::new(),
            task: None,
            weight: None,
            ignore: Vec::new(),
            types: Vec::new(),
            categorical: Vec::new(),
            keep_constant: false,
            datetime_parts: vec![Year, Month, Weekday, Hour],
            scaling: Scaling::Standard,
            numeric_encoding: NumericEncoding::Plain,
            one_hot_limit: 50,
            sparse_above: 8,
            hash_limit: 20_000,
            target_scaling: TargetScaling::Standard,
        }
    }
}

/// How a column of numbers is brought to a common scale; x′ = (x − centre) / spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Mean and (population) standard deviation.
    #[default]
    Standard,
    /// Median and interquartile range (half the range where that is 0), then x′/√(1 + (x′/3)²), which keeps values
    /// within ±3 (Holzmüller, Grinsztajn & Steinwart 2024, «Better by Default», RealMLP).
    Robust,
    /// Smallest value to 0, largest to 1; where all features are pixels (see
    /// [`pixel_like`](super::pixel_like)), one common range for all of them.
    Unit,
    /// As they are.
    None,
}

/// Whether a number enters as itself alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumericEncoding {
    /// One scaled number.
    #[default]
    Plain,
    /// The scaled number and, beside it, its piecewise linear encoding (Gorishniy, Rubachev & Babenko 2022, «On
    /// Embeddings for Numerical Features», §3.2): up to `bins` numbers in 0 … 1, the t-th of which grows from 0 to 1
    /// between the t-th and the next edge. Edges are quantiles of the training rows; a value that fills a bin's worth
    /// of rows by itself gets edges of its own.
    Piecewise {
        /// The most bins per column.
        bins: usize,
    },
}

/// How the targets of a regression are scaled before training; predictions are scaled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetScaling {
    /// Mean and standard deviation of the training rows.
    #[default]
    Standard,
    /// sign(y)·ln(1 + |y|/u), then as `Standard`; u is the 5 % quantile of the positive targets, so that almost all of
    /// them lie where this is a logarithm. For skewed targets that are not negative; others are refused.
    Log,
    /// `Log` where no training target is negative, their skewness is above 1 ("highly skewed", Bulmer 1979) and the
    /// logarithm brings it nearer to 0; otherwise `Standard`. Each target for itself.
    Auto,
    /// As they are.
    None,
}

/// What a datetime may be expanded into; UTC, the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatetimePart {
    /// The year.
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// Monday 0 to Sunday 6.
    Weekday,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 1 to 366.
    DayOfYear,
    /// Days since 1970-01-01T00:00:00Z, with their fraction.
    Elapsed,
}

impl DatetimePart {
    /// Every part, in the order in which messages list them.
    pub const ALL: [Self; 8] = [
        Self::Year,
        Self::Month,
        Self::Day,
        Self::Weekday,
        Self::Hour,
        Self::Minute,
        Self::DayOfYear,
        Self::Elapsed,
    ];

    /// The name in options and in feature names: `date.year`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::DayOfYear => "day_of_year",
            Self::Elapsed => "elapsed",
        }
    }

    /// This part of a point in time, given in microseconds since 1970.
    #[must_use]
    pub fn of(self, microseconds: i64) -> f64 {
        const DAY: i64 = 86_400_000_000;
        let (days, within) = (microseconds.div_euclid(DAY), microseconds.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        match self {
            Self::Year => year as f64,
            Self::Month => month as f64,
            Self::Day => day as f64,
            Self::Weekday => (days + 3).rem_euclid(7) as f64, // 1970-01-01 was a Thursday
            Self::Hour => (within / 3_600_000_000) as f64,
            Self::Minute => (within / 60_000_000 % 60) as f64,
            Self::DayOfYear => {
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize - 1];
                (before + day + i64::from(leap && month > 2)) as f64
            }
            Self::Elapsed => days as f64 + within as f64 / DAY as f64,
        }
    }
}

/// Year, month and day of a number of days since 1970-01-01 (Hinnant 2013, «chrono-compatible low-level date
/// algorithms», `civil_from_days`): years begin in March, so that a leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let era = days.div_euclid(146_097); // 400 years each
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // 0 is March
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn parts_of_known_days() {
        let parts = |microseconds| DatetimePart::ALL.map(|part| part.of(microseconds));
        assert_eq!(parts(0), [1970.0, 1.0, 1.0, 3.0, 0.0, 0.0, 1.0, 0.0]);
        // 2024-02-29 is 54 years of 365 days, 13 leap days, 31 days of January and 28 of February after 1970-01-01;
        // it was a Thursday. 13:45 is 13.75 hours.
        let leap_day = 54 * 365 + 13 + 31 + 28;
        let at = leap_day * DAY + (13 * 60 + 45) * 60_000_000;
        assert_eq!(parts(at), [2024.0, 2.0, 29.0, 3.0, 13.0, 45.0, 60.0, leap_day as f64 + 13.75 / 24.0]);
        // One microsecond before 1970: the last minute of Wednesday, 1969-12-31.
        assert_eq!(parts(-1)[..7], [1969.0, 12.0, 31.0, 2.0, 23.0, 59.0, 365.0]);
        // 2000 was a leap year, 1900 was not.
        assert_eq!(DatetimePart::DayOfYear.of(11_022 * DAY), 66.0); // 2000-03-06
        assert_eq!(civil(-25_509), (1900, 2, 28));
        assert_eq!(civil(-25_508), (1900, 3, 1));
    }

    #[test]
    fn parts_of_the_farthest_times_are_finite() {
        for at in [i64::MIN, i64::MIN + 1, i64::MAX] {
            assert!(DatetimePart::ALL.iter().all(|part| part.of(at).is_finite()));
        }
    }
}
