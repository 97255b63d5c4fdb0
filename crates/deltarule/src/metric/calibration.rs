//! Whether probabilities are what they say: of the rows given 80 %, 80 % should be the case.

use serde::{Deserialize, Serialize};

/// The predictions whose probability lies in one stretch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Where the stretch begins; the last one holds its end, 1, too.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How many predictions lie in it.
    pub count: usize,
    /// Their mean probability; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The part of them that was the case; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
}

/// A reliability diagram's numbers (DeGroot & Fienberg 1983): probabilities in `bins` stretches of equal length, with
/// what they say beside what was the case.
///
/// | argument | shape |
/// |---|---|
/// | `probabilities` | `[predictions]`, from 0 to 1; NaN is left out |
/// | `was` | `[predictions]`: whether what was predicted was the case |
///
/// # Panics
/// Where lengths disagree, or there is no bin.
///
/// ```
/// use deltarule::metric::calibration;
/// let bins = calibration(&[0.1, 0.3, 0.9, 1.0], &[false, true, true, true], 2);
/// assert_eq!((bins[0].count, bins[0].mean, bins[0].observed), (2, Some(0.2), Some(0.5)));
/// assert_eq!((bins[1].count, bins[1].mean, bins[1].observed), (2, Some(0.95), Some(1.0)));
/// ```
#[must_use]
pub fn calibration(probabilities: &[f64], was: &[bool], bins: usize) -> Vec<CalibrationBin> {
    assert_eq!(probabilities.len(), was.len(), "one outcome for each probability");
    assert!(bins > 0, "at least one bin");
    let mut sums = vec![(0_usize, 0.0, 0_usize); bins];
    for (&p, &was) in probabilities.iter().zip(was).filter(|(p, _)| !p.is_nan()) {
        let (count, sum, positive) = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        *count += 1;
        *sum += p;
        *positive += usize::from(was);
    }
    let edge = |at: usize| at as f64 / bins as f64;
    let bin = |(at, (count, sum, positive)): (usize, (usize, f64, usize))| {
        let of_count = |number: f64| (count > 0).then(|| number / count as f64);
        let (mean, observed) = (of_count(sum), of_count(positive as f64));
        CalibrationBin { from: edge(at), to: edge(at + 1), count, mean, observed }
    };
    sums.into_iter().enumerate().map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_bin_above_but_the_last() {
        let bins = calibration(&[0.0, 0.25, 0.5, 0.75, 1.0], &[true; 5], 4);
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [1, 1, 1, 2]);
    }

    #[test]
    fn no_number_is_in_no_bin_and_an_empty_bin_says_nothing() {
        let bins = calibration(&[f64::NAN, 0.9], &[true, false], 2);
        assert_eq!((bins[0].count, bins[0].mean, bins[0].observed), (0, None, None));
        assert_eq!((bins[1].count, bins[1].observed), (1, Some(0.0)));
    }
}
