//! Figures of numbers, and where the errors lie.

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::{check_lengths, rows_of, total_weight, weight_of};
use crate::event::Figures;

/// The figures of numbers: `mae`, `r2`, `rmse`, each the unweighted mean over the outputs.
///
/// ```text
/// mae = Σ w|y−ŷ| / W      rmse = √(Σ w(y−ŷ)² / W)      r2 = 1 − Σ w(y−ŷ)² / Σ w(y−ȳ)²      ȳ = Σ wy / W
/// ```
///
/// | argument | shape |
/// |---|---|
/// | `predictions`, `targets` | `[rows × outputs]`, in the targets' own units |
/// | `weights` | `[rows]`, not negative; `None` means 1 each |
///
/// `r2` of a target that never changes is 1 where it is met exactly and else 0, as in scikit-learn; of fewer than two
/// rows it is absent.
///
/// # Panics
/// Where lengths disagree.
///
/// ```
/// // Errors −½, ½, 0, 1: mean |error| = 2/4; mean squared error = 1.5/4; around ȳ = 2.875 the targets spread 29.1875.
/// let figures = deltarule::metric::regression(&[2.5, 0.0, 2.0, 8.0], &[3.0, -0.5, 2.0, 7.0], 1, None);
/// assert_eq!((figures["mae"], figures["rmse"]), (0.5, 0.375_f64.sqrt()));
/// assert!((figures["r2"] - (1.0 - 1.5 / 29.1875)).abs() < 1e-15);
/// ```
#[must_use]
pub fn regression<F: Real>(
    predictions: &[F],
    targets: &[F],
    outputs: usize,
    weights: Option<&[F]>,
) -> Figures {
    let rows = rows_of(targets, outputs);
    check_lengths("targets", targets, rows, outputs, weights);
    check_lengths("predictions", predictions, rows, outputs, None);
    let Some(total) = total_weight(weights, rows) else { return Figures::new() };
    let (mut mae, mut rmse, mut r2) = (0.0, 0.0, 0.0);
    for output in 0..outputs {
        let sums = Sums::new(predictions, targets, outputs, output, weights, total);
        mae += sums.absolute / total;
        rmse += (sums.squared / total).sqrt();
        r2 += sums.r2();
    }
    let count = outputs as f64;
    let mut figures = Figures::from([("mae".to_owned(), mae / count), ("rmse".to_owned(), rmse / count)]);
    if rows >= 2 {
        figures.insert("r2".to_owned(), r2 / count);
    }
    figures
}

/// Weighted sums over the rows, of one output.
struct Sums {
    absolute: f64,
    squared: f64,
    /// Σ w(y−ȳ)², exactly 0 where all targets of weight above 0 are equal.
    spread: f64,
}

impl Sums {
    fn new<F: Real>(
        predictions: &[F],
        targets: &[F],
        outputs: usize,
        output: usize,
        weights: Option<&[F]>,
        total: f64,
    ) -> Self {
        let rows = || {
            let pairs = predictions[output..].iter().zip(&targets[output..]).step_by(outputs).enumerate();
            pairs
                .map(|(row, (prediction, target))| {
                    (prediction.to_f64(), target.to_f64(), weight_of(weights, row))
                })
                .filter(|&(.., weight)| weight != 0.0)
        };
        let mean = rows().map(|(_, target, weight)| weight * target).sum::<f64>() / total;
        let mut sums = Self { absolute: 0.0, squared: 0.0, spread: 0.0 };
        let (mut first, mut constant) = (None, true);
        for (prediction, target, weight) in rows() {
            let error = target - prediction;
            sums.absolute += weight * error.abs();
            sums.squared += weight * error * error;
            sums.spread += weight * (target - mean) * (target - mean);
            constant &= *first.get_or_insert(target) == target;
        }
        if constant {
            // The rounded mean of equal numbers can miss them by a little, and the quotient would be anything.
            sums.spread = 0.0;
        }
        sums
    }

    fn r2(&self) -> f64 {
        if self.spread != 0.0 {
            1.0 - self.squared / self.spread
        } else if self.squared == 0.0 {
            1.0
        } else if self.squared.is_nan() {
            f64::NAN
        } else {
            0.0
        }
    }
}

/// Where the residuals y − ŷ of one output lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidualSummary {
    /// Their weighted mean: above 0, predictions are too low on the whole.
    pub mean: f64,
    /// Their quantiles at [`QUANTILES`](Self::QUANTILES).
    pub quantiles: [f64; 5],
    /// Those of largest magnitude, largest first, at most [`LARGEST`](Self::LARGEST).
    pub largest: Vec<LargeResidual>,
}

impl ResidualSummary {
    /// Where quantiles are taken: 5, 25, 50, 75 and 95 %.
    pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
    /// How many of the largest residuals are listed.
    pub const LARGEST: usize = 10;
}

/// A row that is predicted badly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LargeResidual {
    /// The row's number in what was handed in, from 0.
    pub row: usize,
    /// y.
    pub target: f64,
    /// ŷ.
    pub prediction: f64,
    /// y − ŷ.
    pub residual: f64,
}

/// The residuals of each output, summed up; arguments as in [`regression`].
///
/// Quantiles interpolate linearly between the sorted residuals (definition 7 of Hyndman & Fan 1996, NumPy's default).
/// With weights, a residual lies at the middle of its weight, (Σ weights before it + half its own), stretched so that
/// the first lies at 0 and the last at 1; equal weights give the unweighted quantiles. Rows of weight 0 are left out.
/// NaN residuals are listed first, and make the mean NaN; quantiles are of the others.
///
/// Empty where no row has weight.
///
/// # Panics
/// Where lengths disagree.
///
/// ```
/// let summary = deltarule::metric::residual_summary(&[1.0, 2.0, 3.0], &[1.0, 4.0, 4.0], 1, None);
/// assert_eq!(summary[0].mean, 1.0); // residuals 0, 2, 1
/// assert_eq!(summary[0].quantiles, [0.1, 0.5, 1.0, 1.5, 1.9]);
/// assert_eq!(summary[0].largest[0].row, 1);
/// ```
#[must_use]
pub fn residual_summary<F: Real>(
    predictions: &[F],
    targets: &[F],
    outputs: usize,
    weights: Option<&[F]>,
) -> Vec<ResidualSummary> {
    let rows = rows_of(targets, outputs);
    check_lengths("targets", targets, rows, outputs, weights);
    check_lengths("predictions", predictions, rows, outputs, None);
    let Some(total) = total_weight(weights, rows) else { return Vec::new() };
    (0..outputs)
        .map(|output| {
            let mut residuals: Vec<(LargeResidual, f64)> = (0..rows)
                .map(|row| {
                    let target = targets[row * outputs + output].to_f64();
                    let prediction = predictions[row * outputs + output].to_f64();
                    let residual = LargeResidual { row, target, prediction, residual: target - prediction };
                    (residual, weight_of(weights, row))
                })
                .filter(|&(_, weight)| weight > 0.0)
                .collect();
            summary(&mut residuals, total)
        })
        .collect()
}

/// Of at least one residual with its weight.
fn summary(residuals: &mut [(LargeResidual, f64)], total: f64) -> ResidualSummary {
    let mean = residuals.iter().map(|(residual, weight)| weight * residual.residual).sum::<f64>() / total;
    // `abs` clears the sign of a NaN, and a positive NaN is above infinity in the total order.
    let magnitude = |a: &(LargeResidual, f64), b: &(LargeResidual, f64)| {
        b.0.residual.abs().total_cmp(&a.0.residual.abs()).then(a.0.row.cmp(&b.0.row))
    };
    let shown = residuals.len().min(ResidualSummary::LARGEST);
    if shown < residuals.len() {
        residuals.select_nth_unstable_by(shown - 1, magnitude);
    }
    residuals[..shown].sort_unstable_by(magnitude);
    let largest = residuals[..shown].iter().map(|(residual, _)| *residual).collect();

    let mut sorted: Vec<(f64, f64)> =
        residuals.iter().map(|(residual, weight)| (residual.residual, *weight)).collect();
    sorted.retain(|(residual, _)| !residual.is_nan());
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    ResidualSummary { mean, quantiles: quantiles(&sorted), largest }
}

/// The quantiles of sorted `(residual, weight)`; NaN of none.
fn quantiles(sorted: &[(f64, f64)]) -> [f64; 5] {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return [f64::NAN; 5];
    };
    let half_ends = 0.5 * (first.1 + last.1);
    let length = sorted.iter().map(|(_, weight)| weight).sum::<f64>() - half_ends;
    let mut found = [last.0; 5];
    let mut wanted = ResidualSummary::QUANTILES.iter().zip(&mut found).peekable();
    let mut position = 0.0;
    for pair in sorted.windows(2) {
        let [(from, from_weight), (to, to_weight)] = *pair else { unreachable!("windows of two") };
        let step = 0.5 * (from_weight + to_weight);
        while let Some((quantile, _)) = wanted.peek()
            && **quantile * length <= position + step
        {
            let part = (**quantile * length - position) / step;
            if let Some((_, slot)) = wanted.next() {
                // Not `from + part·(to − from)` where they are equal: infinities would give NaN.
                *slot = if from == to { from } else { from + part * (to - from) };
            }
        }
        position += step;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGETS: [f64; 8] = [3.0, -1.0, -0.5, 1.0, 2.0, 2.0, 7.0, 1.5];
    const PREDICTIONS: [f64; 8] = [2.5, -1.0, 0.0, 0.5, 2.0, 2.5, 8.0, 1.0];

    /// Values printed by scikit-learn 1.9.1 for the same numbers.
    #[test]
    fn two_outputs_agree_with_scikit_learn() {
        let close = |figures: &Figures, name: &str, value: f64| {
            assert!((figures[name] - value).abs() < 1e-14, "{name}: {} is not {value}", figures[name]);
        };
        let figures = regression(&PREDICTIONS, &TARGETS, 2, None);
        close(&figures, "mae", 0.4375);
        close(&figures, "r2", 0.902_014_911_895_978);
        close(&figures, "rmse", 0.522_692_568_794_006_9);
        let figures = regression(&PREDICTIONS, &TARGETS, 2, Some(&[1.0, 2.0, 0.0, 0.5]));
        close(&figures, "mae", 0.464_285_714_285_714_3);
        close(&figures, "r2", 0.879_198_266_522_210_2);
        close(&figures, "rmse", 0.510_095_716_015_727_6);
    }

    #[test]
    fn a_constant_target_is_met_or_not() {
        // The mean of three tenths is not 0.1 to the bit: the spread must be 0 all the same.
        let constant = [0.1; 3];
        assert_eq!(regression(&constant, &constant, 1, None)["r2"], 1.0);
        assert_eq!(regression(&[0.1, 0.1, 0.2], &constant, 1, None)["r2"], 0.0);
        assert!(regression(&[0.1, 0.1, f64::NAN], &constant, 1, None)["r2"].is_nan());
    }

    #[test]
    fn figures_that_are_not_defined_are_absent() {
        assert!(!regression(&[1.0], &[2.0], 1, None).contains_key("r2"));
        assert!(regression::<f32>(&[], &[], 1, None).is_empty());
        assert!(regression(&[1.0], &[2.0], 1, Some(&[0.0])).is_empty());
        assert!(residual_summary(&[1.0], &[2.0], 1, Some(&[0.0])).is_empty());
    }

    #[test]
    fn nan_comes_through() {
        let figures = regression(&[f32::NAN, 1.0], &[1.0, 2.0], 1, None);
        assert!(figures.values().all(|value| value.is_nan()));
        let summary = &residual_summary(&[f32::NAN, 1.0], &[1.0, 2.0], 1, None)[0];
        assert!(summary.mean.is_nan() && summary.largest[0].residual.is_nan());
        assert_eq!(summary.quantiles, [1.0; 5]);
    }

    #[test]
    fn the_largest_residuals_come_first_with_their_rows() {
        // Rows 0 … 29 with residuals 0, −1, 2, −3, …; the last has no weight.
        let targets: Vec<f64> =
            (0..30).map(|row| if row % 2 == 0 { row as f64 } else { -(row as f64) }).collect();
        let mut weights = vec![1.0; 30];
        weights[29] = 0.0;
        let summary = &residual_summary(&[0.0; 30], &targets, 1, Some(&weights))[0];
        let rows: Vec<usize> = summary.largest.iter().map(|residual| residual.row).collect();
        assert_eq!(rows, [28, 27, 26, 25, 24, 23, 22, 21, 20, 19]);
        assert_eq!((summary.largest[1].residual, summary.largest[1].target), (-27.0, -27.0));
    }

    #[test]
    fn weights_move_quantiles_to_the_middle_of_each_weight() {
        // Residuals 0, 10, 20 of weights 2, 1, 1 lie at 1, 2.5, 3.5, stretched to 0, 0.6, 1: the median at 10·0.5/0.6.
        let summary = &residual_summary(&[0.0; 3], &[0.0, 10.0, 20.0], 1, Some(&[2.0, 1.0, 1.0]))[0];
        assert!((summary.quantiles[2] - 25.0 / 3.0).abs() < 1e-12);
        assert_eq!(summary.mean, 7.5);
    }

    #[test]
    #[should_panic(expected = "predictions: 2 rows of 1")]
    fn a_prediction_per_target_is_wanted() {
        let _ = regression(&[1.0], &[1.0, 2.0], 1, None);
    }

    proptest! {
        /// Against definition 7 written out: the value at (n−1)·q between its neighbours in order.
        #[test]
        fn quantiles_interpolate_linearly(targets in proptest::collection::vec(-100.0..100.0, 1..50)) {
            let summary = &residual_summary(&vec![0.0; targets.len()], &targets, 1, None)[0];
            let mut sorted = targets;
            sorted.sort_by(f64::total_cmp);
            for (quantile, found) in ResidualSummary::QUANTILES.iter().zip(summary.quantiles) {
                let place = quantile * (sorted.len() - 1) as f64;
                let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
                prop_assert!((below + place.fract() * (above - below) - found).abs() < 1e-9);
            }
        }
    }
}
