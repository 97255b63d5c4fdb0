//! How numbers are spread.

use serde::{Deserialize, Serialize};

/// Counts of numbers in stretches of equal length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The least number.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// How many lie in each stretch; the last one holds its end too.
    pub counts: Vec<usize>,
}

/// Counts numbers in `bins` stretches from the least to the greatest. What is not finite is left out; `None` where nothing
/// is left. Numbers that are all the same are in the first stretch.
///
/// # Panics
/// Where there is no bin.
///
/// ```
/// let histogram = deltarule::metric::histogram(&[-1.0, 0.0, 0.5, 1.0], 4).unwrap();
/// assert_eq!((histogram.from, histogram.to, histogram.counts), (-1.0, 1.0, vec![1, 0, 1, 2]));
/// ```
#[must_use]
pub fn histogram(numbers: &[f64], bins: usize) -> Option<Histogram> {
    assert!(bins > 0, "at least one bin");
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let (from, to) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), number| {
        (least.min(number), most.max(number))
    });
    if from > to {
        return None;
    }
    let mut counts = vec![0; bins];
    for number in finite() {
        // Halves, since the whole stretch may be longer than the largest number.
        let share = if to > from { (number / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0) } else { 0.0 };
        counts[((share * bins as f64) as usize).min(bins - 1)] += 1;
    }
    Some(Histogram { from, to, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_left_out() {
        assert_eq!(histogram(&[f64::NAN, f64::INFINITY], 3), None);
        assert_eq!(histogram(&[f64::NAN, 2.0], 2).map(|of| of.counts), Some(vec![1, 0]));
    }

    #[test]
    fn the_widest_numbers_there_are_do_not_overflow() {
        let of = histogram(&[f64::MIN, 0.0, f64::MAX], 2).map(|of| of.counts);
        assert_eq!(of, Some(vec![1, 2]));
    }
}
